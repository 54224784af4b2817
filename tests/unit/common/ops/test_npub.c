#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "ops/npub.h"

static const struct {
    const char *name, *npub, *hex; /* hex NULL: refused */
} rows[] = {
    {"NIP-19's own example", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
     "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"},
    {"another key", "npub1sg6plzptd64u62a878hep2kev88swjh3tw00gjsfl8f237lmu63q0uf63m",
     "82341f882b6eabcd2ba7f1ef90aad961cf074af15b9ef44a09f9d2a8fbfbe6a2"},
    {"upper case", "NPUB10ELFCS4FR0L0R8AF98JLMGDH9C8TCXJVZ9QKW038JS35MP4DMA8QZVJPTG",
     "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"},
    {"mixed case", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptG", NULL},
    {"one letter mistyped", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptq",
     NULL},
    {"two letters swapped", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjtpg",
     NULL},
    {"a letter outside the alphabet",
     "npub1belfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", NULL},
    {"a letter missing", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjpt", NULL},
    {"a letter too many", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptgg", NULL},
    {"a secret key", "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5", NULL},
    {"another prefix with the same letters",
     "note10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", NULL},
    {"hex", "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4", NULL},
    {"nothing", "", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char hex[65] = "";
        uint8_t key[32];
        bool ok = npub_decode(slice_str(rows[i].npub), key);

        if (ok != (rows[i].hex != NULL))
            fail_msg("%s: %s", rows[i].name, ok ? "accepted" : "refused");
        if (!ok)
            continue;
        hex_encode(key, sizeof(key), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void test_every_single_mistyped_letter_is_found(void **state)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    char text[64];
    uint8_t key[32];
    (void)state;

    for (size_t at = 5; at < 63; at++) {
        for (size_t c = 0; c < sizeof(alphabet) - 1; c++) {
            memcpy(text, rows[0].npub, sizeof(text));
            if (text[at] == alphabet[c])
                continue;
            text[at] = alphabet[c];
            assert_false(npub_decode(slice_str(text), key));
        }
    }
}

/* NIP-19's examples, both ways. */
static void test_nsec(void **state)
{
    static const char nsec[] = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5";
    static const uint8_t zeros[32];
    char hex[65] = "", text[NPUB_LETTERS + 1];
    uint8_t key[32];

    (void)state;
    assert_true(nsec_decode(SLICE(nsec), key));
    hex_encode(key, sizeof(key), hex);
    assert_string_equal(hex, "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa");
    nsec_encode(key, text);
    assert_string_equal(text, nsec);

    assert_false(nsec_decode(slice_str(rows[0].npub), key));
    assert_memory_equal(key, zeros, sizeof(key));
}

static void test_encoding_is_the_inverse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[NPUB_LETTERS + 1];
        uint8_t key[32];

        if (!rows[i].hex || rows[i].npub[0] != 'n')
            continue;
        assert_true(hex_decode(slice_str(rows[i].hex), key, sizeof(key)));
        npub_encode(key, text);
        assert_string_equal(text, rows[i].npub);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nsec),
        cmocka_unit_test(test_encoding_is_the_inverse),
        cmocka_unit_test(test_every_single_mistyped_letter_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
