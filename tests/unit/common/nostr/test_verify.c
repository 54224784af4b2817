/* Ids and signatures: the vectors of NIP-01's serialisation, and what must not verify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "nostr/verify.h"

#define PUBKEY "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
#define ANY_SIG                                                                                    \
    "3ed440e88bd49699e7827e60db9eaee0af7468afdb3b2c253301aa592d00c7e0"                             \
    "8c5e0f64811944b6151f8959d21c1b0b484f0f6d396bce6285e2445496e75e28"

static const struct event_limits limits = {
    .max_event_bytes = 1 << 18,
    .max_tags = 5000,
    .max_content_chars = 1 << 18,
};

/* The key is secret 3, created_at 1700000000, kind 1. */
static const struct {
    const char *name, *tags, *content, *id, *sig; /* tags and content as on the wire */
} vectors[] = {
    {"plain", "[]", "hello", "a9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128",
     ANY_SIG},
    {"DEL stays raw", "[]", "\x7f",
     "19d451f01bb257f059a829089dd3b81a5582e4f2116cdb7e944ebf866c47b3b1",
     "e8ea8c60d35b3bd0c318ded642523506d5e799dbf0157fcc1273a40b11b09887"
     "6f2c2f0cbf4cd27554c2e32bb07c0eac448a2be68d0a749c4b2f434ab45ddf32"},
    {"DEL escaped on the wire", "[]", "\\u007f",
     "19d451f01bb257f059a829089dd3b81a5582e4f2116cdb7e944ebf866c47b3b1",
     "e8ea8c60d35b3bd0c318ded642523506d5e799dbf0157fcc1273a40b11b09887"
     "6f2c2f0cbf4cd27554c2e32bb07c0eac448a2be68d0a749c4b2f434ab45ddf32"},
    {"the seven escapes", "[[\"t\",\"x\\\"y\\\\z\"]]", "a\\nb\\\"c\\\\d\\re\\tf\\bg\\fh",
     "c37689023ec57d293a226710686288d3c0011e8ca6b93f2964b370560c679243",
     "130e0bb3104f14b365074b1349b324665aeecb65bea83065d488de747afeb910"
     "12ce3048170d13ac0839472f1b43ee82afdf5124adb110a4f8165fee951fc1b0"},
    {"the same, escaped otherwise", "[[\"\\u0074\",\"\\u0078\\u0022y\\u005cz\"]]",
     "a\\u000ab\\u0022c\\u005Cd\\u000De\\u0009f\\u0008g\\u000ch",
     "c37689023ec57d293a226710686288d3c0011e8ca6b93f2964b370560c679243",
     "130e0bb3104f14b365074b1349b324665aeecb65bea83065d488de747afeb910"
     "12ce3048170d13ac0839472f1b43ee82afdf5124adb110a4f8165fee951fc1b0"},
    {"no other escapes", "[]", "\\/<>&\\u2028\\u2029\\u007f",
     "348b3916575f35b83f653e444fe8f68fdd39ae49fb91e047b4ee5a2d431d76d3", NULL},
    {"the same, raw", "[]", "/<>&\xe2\x80\xa8\xe2\x80\xa9\x7f",
     "348b3916575f35b83f653e444fe8f68fdd39ae49fb91e047b4ee5a2d431d76d3", NULL},
    {"surrogate pair, no normalisation", "[]", "\\ud83d\\ude00e\\u0301",
     "45bc034f64d20a741a82d709f0f7a6f981ea608586733c6c7483ab5abbb96e3f", NULL},
    {"control characters as clients hash them", "[]", "\\u0001\\u001f",
     "6f43ce7ecb2c84169e20fa05a7a67c586ec7105e8083e50bdc5bba79e9b00bb9", NULL},
    {"control characters to the letter of NIP-01", "[]", "\\u0001\\u001F",
     "d61484b6efec13c38b8bdfde5a88d6cd083a6c90c4c321a94d8a7ef257b4e9c4", NULL},
};

struct fixture {
    struct arena arena;
    struct buf text, scratch;
    struct event ev;
};

static int setup(void **state)
{
    static struct fixture f;

    verify_setup();
    arena_init(&f.arena, MIB);
    buf_init(&f.text, MIB);
    buf_init(&f.scratch, MIB);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_deinit(&f->arena);
    buf_deinit(&f->text);
    buf_deinit(&f->scratch);
    return 0;
}

/* Parses the event of a vector into f->ev. */
static void load(struct fixture *f, const char *tags, const char *content, const char *id,
                 const char *sig)
{
    bool has_id;
    const char *error = "";

    arena_reset(&f->arena);
    buf_reset(&f->text);
    buf_printf(
        &f->text,
        "{\"sig\":\"%s\",\"content\":\"%s\",\"tags\":%s, \"kind\":1,\"created_at\":1700000000,"
        "\"pubkey\":\"" PUBKEY "\",\"id\":\"%s\"}",
        sig ? sig : ANY_SIG, content, tags, id);
    if (!event_parse(buf_slice(&f->text), &limits, &f->arena, &f->ev, &has_id, &error))
        fail_msg("%s", error);
}

static void vectors_verify(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        enum verify_result r;

        load(f, vectors[i].tags, vectors[i].content, vectors[i].id, vectors[i].sig);
        r = verify_event(&f->ev, &f->scratch);
        /* Without a signature of its own a vector gets as far as the signature check. */
        if (r != (vectors[i].sig ? VERIFY_OK : VERIFY_BAD_SIG))
            fail_msg("%s: %s", vectors[i].name, verify_result_text(r));
    }
}

static void one_bit_off_is_refused(void **state)
{
    struct fixture *f = *state;
    struct slice content = SLICE("hellp");

    load(f, "[]", "hello", vectors[0].id, ANY_SIG);
    f->ev.id.b[0] ^= 1;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
    f->ev.id.b[0] ^= 1;
    f->ev.sig.b[63] ^= 1;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_SIG);
    f->ev.sig.b[63] ^= 1;
    f->ev.pubkey.b[5] ^= 1;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
    f->ev.pubkey.b[5] ^= 1;
    f->ev.content = content;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
    f->ev.content = SLICE("hello");
    f->ev.created_at++;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
    f->ev.created_at--;
    f->ev.kind = 2;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
    f->ev.kind = 1;
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_OK);
}

static void a_changed_tag_is_refused(void **state)
{
    struct fixture *f = *state;

    load(f, vectors[3].tags, vectors[3].content, vectors[3].id, vectors[3].sig);
    f->ev.tag[0].item[0] = SLICE("T");
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
}

static void a_pubkey_off_the_curve_is_refused(void **state)
{
    struct fixture *f = *state;

    load(f, "[]", "hello", vectors[0].id, ANY_SIG);
    memset(f->ev.pubkey.b, 0xff, sizeof f->ev.pubkey.b); /* above the field's prime */
    buf_reset(&f->scratch);
    event_write_preimage(&f->ev, false, &f->scratch);
    sha256(f->scratch.ptr, f->scratch.len, f->ev.id.b);
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_PUBKEY);
}

static void a_literal_backslash_u_is_no_control_character(void **state)
{
    struct fixture *f = *state;

    load(f, "[]", "\\\\u0001", vectors[0].id, ANY_SIG);
    assert_int_equal(verify_event(&f->ev, &f->scratch), VERIFY_BAD_ID);
}

static void a_full_scratch_buffer_is_told(void **state)
{
    struct fixture *f = *state;
    struct buf small;

    load(f, "[]", "hello", vectors[0].id, ANY_SIG);
    buf_init(&small, 50);
    assert_int_equal(verify_event(&f->ev, &small), VERIFY_NOMEM);
    buf_deinit(&small);
}

static void each_result_has_its_words(void **state)
{
    (void)state;
    for (int r = VERIFY_OK; r <= VERIFY_NOMEM; r++)
        assert_true(strlen(verify_result_text((enum verify_result)r)) > 0);
}

static void sha256_of_known_texts(void **state)
{
    static const struct {
        const char *text, *hash;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = slice_str(rows[i].text);
        struct slice halves[2] = {
            slice_of(text.ptr, text.len / 2),
            slice_of(text.ptr + text.len / 2, text.len - text.len / 2),
        };
        uint8_t expected[32], got[32];

        assert_true(hex_decode(slice_str(rows[i].hash), expected, sizeof expected));
        sha256(text.ptr, text.len, got);
        assert_memory_equal(got, expected, sizeof got);
        sha256_parts(halves, 2, got);
        assert_memory_equal(got, expected, sizeof got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_verify),
        cmocka_unit_test(one_bit_off_is_refused),
        cmocka_unit_test(a_changed_tag_is_refused),
        cmocka_unit_test(a_pubkey_off_the_curve_is_refused),
        cmocka_unit_test(a_literal_backslash_u_is_no_control_character),
        cmocka_unit_test(a_full_scratch_buffer_is_told),
        cmocka_unit_test(each_result_has_its_words),
        cmocka_unit_test(sha256_of_known_texts),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
