#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture.h"
#include "ops/settings.h"

struct config {
    char *host;
    int64_t port;
    bool enabled;
    int64_t level;
    char *admin;
    char *password;
};

/* clang-format off */
static const struct setting table[] = {
    {.name = "T_HOST", .alias = "OLD_HOST", .type = SETTING_STRING,
     .offset = offsetof(struct config, host), .def = "localhost", .reload = true, .group = "Net",
     .help = "Where."},
    {.name = "T_LEVEL", .type = SETTING_ENUM, .offset = offsetof(struct config, level),
     .def = "info", .choices = "error|warn|info", .group = "Other", .help = "How much | how."},
    {.name = "T_PORT", .type = SETTING_INT, .offset = offsetof(struct config, port), .def = "8008",
     .min = 1, .max = 65535, .reload = true, .group = "Net", .help = "Its port."},
    {.name = "T_ENABLED", .type = SETTING_BOOL, .offset = offsetof(struct config, enabled),
     .def = "True", .group = "Other", .help = "Whether."},
    {.name = "T_ADMIN", .type = SETTING_PUBKEY, .offset = offsetof(struct config, admin),
     .def = "", .group = "Other", .help = "Who."},
    {.name = "T_PASSWORD", .type = SETTING_STRING, .offset = offsetof(struct config, password),
     .def = "", .secret = true, .group = "Net", .help = "Its password."},
};
/* clang-format on */
static const char *const prefixes[] = {"T_", NULL};
static const char *const variables[] = {
    "T_HOST",  "OLD_HOST",   "T_LEVEL",         "T_PORT", "T_ENABLED",
    "T_ADMIN", "T_PASSWORD", "T_PASSWORD_FILE", "T_PROT", "T_PORT_FILE",
};

static struct capture captured;

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

/* Loads with one variable set, and gives what was printed. */
static enum err load(struct config *cfg, const char *name, const char *value, const char **printed)
{
    enum err err;

    clear_environment(NULL);
    if (name)
        setenv(name, value, 1);
    memset(cfg, 0, sizeof(*cfg));
    capture_begin(&captured);
    err = settings_load(table, ARRAY_LEN(table), prefixes, cfg);
    *printed = capture_end(&captured);
    return err;
}

static void unload(struct config *cfg)
{
    settings_free(table, ARRAY_LEN(table), cfg);
    assert_null(cfg->host);
}

static void test_defaults(void **state)
{
    struct config cfg;
    const char *printed;
    (void)state;

    assert_int_equal(load(&cfg, NULL, NULL, &printed), OK);
    assert_string_equal(printed, "");
    assert_string_equal(cfg.host, "localhost");
    assert_int_equal(cfg.port, 8008);
    assert_true(cfg.enabled);
    assert_int_equal(cfg.level, 2);
    assert_string_equal(cfg.admin, "");
    assert_string_equal(cfg.password, "");
    unload(&cfg);
}

static void test_numbers_and_words(void **state)
{
    static const struct {
        const char *name, *value;
        int64_t port;
        bool enabled;
        int64_t level;
    } rows[] = {
        {"T_PORT", "1", 1, true, 2},
        {"T_PORT", "65535", 65535, true, 2},
        {"T_PORT", "", 8008, true, 2},
        {"T_ENABLED", "False", 8008, false, 2},
        {"T_ENABLED", "false", 8008, false, 2},
        {"T_ENABLED", "0", 8008, false, 2},
        {"T_ENABLED", "NO", 8008, false, 2},
        {"T_ENABLED", "off", 8008, false, 2},
        {"T_ENABLED", "TRUE", 8008, true, 2},
        {"T_ENABLED", "1", 8008, true, 2},
        {"T_LEVEL", "error", 8008, true, 0},
        {"T_LEVEL", "WARN", 8008, true, 1},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg;
        const char *printed;

        assert_int_equal(load(&cfg, rows[i].name, rows[i].value, &printed), OK);
        assert_int_equal(cfg.port, rows[i].port);
        assert_int_equal(cfg.enabled, rows[i].enabled);
        assert_int_equal(cfg.level, rows[i].level);
        unload(&cfg);
    }
}

static void test_refusals_name_the_setting(void **state)
{
    static const struct {
        const char *name, *value, *printed;
    } rows[] = {
        {"T_PORT", "x", "config: T_PORT: must be a number from 1 to 65535 (got \"x\")\n"},
        {"T_PORT", "0", "config: T_PORT: must be a number from 1 to 65535 (got \"0\")\n"},
        {"T_PORT", "65536", "config: T_PORT: must be a number from 1 to 65535 (got \"65536\")\n"},
        {"T_PORT", "80 ", "config: T_PORT: must be a number from 1 to 65535 (got \"80 \")\n"},
        {"T_PORT", "99999999999999999999",
         "config: T_PORT: must be a number from 1 to 65535 (got \"99999999999999999999\")\n"},
        {"T_PORT", "1\n2", "config: T_PORT: must be a number from 1 to 65535 (got \"1\\n2\")\n"},
        {"T_ENABLED", "maybe", "config: T_ENABLED: must be True or False (got \"maybe\")\n"},
        {"T_LEVEL", "inf", "config: T_LEVEL: must be one of error, warn, info (got \"inf\")\n"},
        {"T_ADMIN", "me",
         "config: T_ADMIN: must be a public key, as 64 hex digits or npub (got \"me\")\n"},
        {"T_ADMIN", "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
         "config: T_ADMIN: must be the public key, not the secret one\n"},
        {"T_PROT", "1", "config: T_PROT: is not a setting; --help lists them all\n"},
        {"T_PORT_FILE", "/dev/null",
         "config: T_PORT_FILE: is not a setting; --help lists them all\n"},
        {"T_PASSWORD_FILE", "/nonexistent/secret",
         "config: T_PASSWORD_FILE: cannot open /nonexistent/secret: No such file or directory\n"},
        {"T_PASSWORD_FILE", "/proc", "config: T_PASSWORD_FILE: cannot read /proc\n"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg;
        const char *printed;

        assert_int_equal(load(&cfg, rows[i].name, rows[i].value, &printed), ERR_CONFIG);
        assert_string_equal(printed, rows[i].printed);
        unload(&cfg);
    }
}

static void test_pubkey_is_hex_in_the_end(void **state)
{
    static const char hex[] = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
    static const char *const rows[] = {
        hex,
        "7E7E9C42A91BFEF19FA929E5FDA1B72E0EBC1A4C1141673E2794234D86ADDF4E",
        "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg;
        const char *printed;

        assert_int_equal(load(&cfg, "T_ADMIN", rows[i], &printed), OK);
        assert_string_equal(cfg.admin, hex);
        unload(&cfg);
    }
}

static void test_alias_yields_to_the_name(void **state)
{
    struct config cfg;
    const char *printed;
    (void)state;

    assert_int_equal(load(&cfg, "OLD_HOST", "old", &printed), OK);
    assert_string_equal(cfg.host, "old");
    unload(&cfg);
    setenv("T_HOST", "new", 1);
    assert_int_equal(settings_load(table, ARRAY_LEN(table), prefixes, &cfg), OK);
    assert_string_equal(cfg.host, "new");
    unload(&cfg);
}

static void write_secret(char path[], const void *bytes, size_t n)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void test_secret_from_a_file(void **state)
{
    char path[] = "/tmp/tandem-settings-XXXXXX";
    struct config cfg;
    const char *printed;
    (void)state;

    write_secret(path, " s3cret \r\n", 10);
    assert_int_equal(load(&cfg, "T_PASSWORD_FILE", path, &printed), OK);
    assert_string_equal(cfg.password, " s3cret ");
    unload(&cfg);

    setenv("T_PASSWORD", "other", 1);
    capture_begin(&captured);
    assert_int_equal(settings_load(table, ARRAY_LEN(table), prefixes, &cfg), ERR_CONFIG);
    assert_string_equal(capture_end(&captured),
                        "config: T_PASSWORD_FILE: is set as well as T_PASSWORD; choose one\n");
    unload(&cfg);
    unlink(path);
}

static void test_a_secrets_file_is_short_text(void **state)
{
    static char bytes[5000];
    char longer[] = "/tmp/tandem-settings-XXXXXX", binary[] = "/tmp/tandem-settings-XXXXXX";
    struct config cfg;
    const char *printed;
    (void)state;

    write_secret(binary, "a\0b", 3);
    assert_int_equal(load(&cfg, "T_PASSWORD_FILE", binary, &printed), ERR_CONFIG);
    unload(&cfg);
    unlink(binary);

    memset(bytes, 'a', sizeof(bytes));
    write_secret(longer, bytes, sizeof(bytes));
    assert_int_equal(load(&cfg, "T_PASSWORD_FILE", longer, &printed), ERR_CONFIG);
    assert_non_null(strstr(printed, "must hold at most 4096 bytes of text"));
    unload(&cfg);
    unlink(longer);
}

static void test_help_and_markdown(void **state)
{
    struct buf out;
    (void)state;

    buf_init(&out, 64 * KIB);
    settings_help(table, ARRAY_LEN(table), &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.ptr,
                           "\nNet\n  T_HOST (localhost)\n      Where. OLD_HOST is read when "
                           "this is unset. Taken over on SIGHUP.\n  T_PORT (8008)\n      Its "
                           "port. From 1 to 65535. Taken over on SIGHUP.\n  T_PASSWORD\n"));
    buf_reset(&out);
    settings_markdown(table, ARRAY_LEN(table), &out);
    buf_add_char(&out, '\0');
    assert_string_equal(
        out.ptr,
        "\n### Net\n\n| Variable | Default | Meaning |\n|---|---|---|\n"
        "| `T_HOST` | `localhost` | Where. `OLD_HOST` is read when this is unset. Taken over "
        "on SIGHUP. |\n"
        "| `T_PORT` | `8008` | Its port. From 1 to 65535. Taken over on SIGHUP. |\n"
        "| `T_PASSWORD` | | Its password. A secret: `T_PASSWORD_FILE` may name a file "
        "that holds it. |\n"
        "\n### Other\n\n| Variable | Default | Meaning |\n|---|---|---|\n"
        "| `T_LEVEL` | `info` | How much \\| how. One of error, warn, info. |\n"
        "| `T_ENABLED` | `True` | Whether. True or False. |\n"
        "| `T_ADMIN` | | Who. |\n");
    buf_deinit(&out);
}

/* ---- SETTINGS_FILE ---- */

static char settings_path[] = "/tmp/tandem-settings-XXXXXX";

static void write_settings(const char *text)
{
    FILE *f;

    if (strstr(settings_path, "XXXXXX"))
        close(mkstemp(settings_path));
    f = fopen(settings_path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    setenv("SETTINGS_FILE", settings_path, 1);
}

static int remove_settings(void **state)
{
    (void)state;
    unlink(settings_path);
    unsetenv("SETTINGS_FILE");
    return clear_environment(NULL);
}

static void test_file(void **state)
{
    struct config cfg;
    const char *printed;

    (void)state;
    write_settings("# a comment\n\n T_HOST = \"from file\" \nT_PORT=1\nT_PORT=7\r\nOTHER_NAME=x\n"
                   "T_LEVEL='warn'");
    assert_int_equal(load(&cfg, "T_HOST", "from environment", &printed), OK);
    assert_string_equal(cfg.host, "from environment");
    assert_int_equal(cfg.port, 7);
    assert_int_equal(cfg.level, 1);
    unload(&cfg);
    assert_int_equal(load(&cfg, NULL, NULL, &printed), OK);
    assert_string_equal(cfg.host, "from file");
    unload(&cfg);
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"T_HOST=a\nnonsense\n", "line 2 is not NAME=value\n"},
        {"t host=a\n", "line 1 does not begin with the name of a setting\n"},
        {"T_PROT=1\n", "config: T_PROT: is not a setting; --help lists them all\n"},
        {"T_PORT=x\n", "config: T_PORT: must be a number from 1 to 65535 (got \"x\")\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg;
        const char *printed;

        write_settings(rows[i].text);
        assert_int_equal(load(&cfg, NULL, NULL, &printed), ERR_CONFIG);
        if (!strstr(printed, rows[i].printed))
            fail_msg("%s: %s", rows[i].text, printed);
        settings_free(table, ARRAY_LEN(table), &cfg);
    }
    setenv("SETTINGS_FILE", "/nowhere/at/all", 1);
    {
        struct config cfg;
        const char *printed;

        assert_int_equal(load(&cfg, NULL, NULL, &printed), ERR_CONFIG);
        assert_non_null(strstr(printed, "cannot open /nowhere/at/all"));
    }
}

static void test_adopt(void **state)
{
    struct config cfg, fresh;
    const char *printed;

    (void)state;
    write_settings("T_PORT=1\nT_PASSWORD=one\nT_LEVEL=warn\n");
    assert_int_equal(load(&cfg, NULL, NULL, &printed), OK);
    write_settings("T_HOST=elsewhere\nT_PORT=2\nT_PASSWORD=two\nT_ENABLED=no\n");
    assert_int_equal(load(&fresh, NULL, NULL, &printed), OK);
    capture_begin(&captured);
    assert_int_equal(settings_adopt(table, ARRAY_LEN(table), &cfg, &fresh), 2);
    printed = capture_end(&captured);
    assert_string_equal(cfg.host, "elsewhere");
    assert_int_equal(cfg.port, 2);
    assert_string_equal(cfg.password, "one");
    assert_true(cfg.enabled);
    assert_non_null(
        strstr(printed, "msg=\"changed\" name=T_HOST old=\"localhost\" new=\"elsewhere\""));
    assert_non_null(strstr(printed, "msg=\"changed\" name=T_PORT old=1 new=2"));
    assert_non_null(strstr(printed, "needs a restart\" name=T_PASSWORD old=(secret) new=(secret)"));
    assert_non_null(strstr(printed, "needs a restart\" name=T_LEVEL old=warn new=info"));
    assert_non_null(strstr(printed, "name=T_ENABLED old=True new=False"));
    assert_non_null(strstr(printed, "changed=2 need_restart=3"));
    assert_null(strstr(printed, "two"));
    unload(&cfg);
    settings_free(table, ARRAY_LEN(table), &fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear_environment),
        cmocka_unit_test_setup(test_numbers_and_words, clear_environment),
        cmocka_unit_test_setup(test_refusals_name_the_setting, clear_environment),
        cmocka_unit_test_setup(test_pubkey_is_hex_in_the_end, clear_environment),
        cmocka_unit_test_setup(test_alias_yields_to_the_name, clear_environment),
        cmocka_unit_test_setup(test_secret_from_a_file, clear_environment),
        cmocka_unit_test_setup(test_a_secrets_file_is_short_text, clear_environment),
        cmocka_unit_test_setup(test_help_and_markdown, clear_environment),
        cmocka_unit_test_teardown(test_file, remove_settings),
        cmocka_unit_test_teardown(test_bad_files, remove_settings),
        cmocka_unit_test_teardown(test_adopt, remove_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
