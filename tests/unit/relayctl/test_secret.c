#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "capture.h"
#include "secret.h"

#define HEX "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
#define NSEC "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"

static void assert_is_the_key(const uint8_t secret[SECRET_BYTES])
{
    char hex[65] = "";

    hex_encode(secret, SECRET_BYTES, hex);
    assert_string_equal(hex, HEX);
}

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {HEX, true},
        {NSEC, true},
        {"  " HEX "\r\n", true},
        {"\n" NSEC "\n", true},
        {HEX "0", false},
        {"", false},
        {HEX " " HEX, false},
        {NSEC "\nmore", false},
        {"0x" HEX, false},
        {"\n", false},
        {"67DEA2ED018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa", false},
        {"npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t secret[SECRET_BYTES];

        if (secret_parse(slice_str(rows[i].text), secret) != rows[i].good)
            fail_msg("\"%s\"", rows[i].text);
        if (rows[i].good)
            assert_is_the_key(secret);
    }
}

static void test_argument_and_environment_are_wiped(void **state)
{
    static const char zeros[sizeof(NSEC)] = "";
    char given[] = NSEC;
    uint8_t secret[SECRET_BYTES];
    struct capture c;

    (void)state;
    capture_begin(&c);
    assert_int_equal(secret_load(given, secret), OK);
    assert_non_null(strstr(capture_end(&c), "warning: a key on the command line"));
    assert_is_the_key(secret);
    assert_memory_equal(given, zeros, sizeof(given));

    setenv("TANDEM_KEY", HEX, 1);
    assert_int_equal(secret_load(NULL, secret), OK);
    assert_is_the_key(secret);
    assert_string_equal(getenv("TANDEM_KEY"), "");
    assert_int_equal(secret_load(NULL, secret), ERR_GONE);
    unsetenv("TANDEM_KEY");
    assert_int_equal(secret_load(NULL, secret), ERR_GONE);
}

static void test_files(void **state)
{
    char folder[] = "/tmp/test_secret.XXXXXX", path[64];
    uint8_t secret[SECRET_BYTES] = {0}, back[SECRET_BYTES];
    struct capture c;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/key", folder);
    assert_true(hex_decode(SLICE(HEX), secret, sizeof(secret)));
    assert_true(secret_store(path, secret));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    capture_begin(&c);
    assert_false(secret_store(path, secret));
    assert_non_null(strstr(capture_end(&c), "File exists"));

    capture_begin(&c);
    assert_int_equal(secret_load(path, back), OK);
    assert_string_equal(capture_end(&c), "");
    assert_is_the_key(back);

    assert_int_equal(chmod(path, 0640), 0);
    capture_begin(&c);
    assert_int_equal(secret_load(path, back), OK);
    assert_non_null(strstr(capture_end(&c), "warning: others may read"));

    assert_int_equal(unlink(path), 0);
    capture_begin(&c);
    assert_int_equal(secret_load(path, back), ERR_IO);
    assert_non_null(strstr(capture_end(&c), "No such file"));
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_argument_and_environment_are_wiped),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
