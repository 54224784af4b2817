/* Batches of events and their verdicts: what is written is read back, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/ingest_wire.h"

#define TIMES8(s) s s s s s s s s
#define ID TIMES8(TIMES8("a"))

static struct pubkey keys[INGEST_MAX_AUTH];

static const struct ingest_record records[] = {
    {.auth = keys, .n_auth = 0, .address = {"192.0.2.1", 9}, .event = {"{\"id\":\"1\"}", 10}},
    {.auth = keys, .n_auth = 2, .address = {"2001:db8::1", 11}, .event = {"{}", 2}},
    {.auth = keys, .n_auth = INGEST_MAX_AUTH, .address = {"", 0}, .event = {"", 0}},
    {.auth = keys,
     .n_auth = 1,
     .address = {"123456789012345678901234567890123456789012345678901234567890123",
                 INGEST_MAX_ADDRESS},
     .event = {"x\0y", 3}},
};

static void write_records(struct buf *body)
{
    for (size_t i = 0; i < INGEST_MAX_AUTH; i++)
        memset(keys[i].b, (int)(i + 1), sizeof keys[i].b);
    buf_init(body, 64 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        ingest_record_write(body, &records[i]);
    assert_false(body->failed);
}

static void test_records_round_trip(void **state)
{
    struct ingest_record rec;
    struct slice rest;
    struct buf body;

    (void)state;
    write_records(&body);
    rest = buf_slice(&body);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        assert_true(ingest_record_next(&rest, &rec));
        assert_int_equal(rec.n_auth, records[i].n_auth);
        for (size_t k = 0; k < rec.n_auth; k++)
            assert_true(pubkey_eq(&rec.auth[k], &keys[k]));
        assert_true(slice_eq(rec.address, records[i].address));
        assert_true(slice_eq(rec.event, records[i].event));
    }
    assert_false(ingest_record_next(&rest, &rec));
    assert_int_equal(rest.len, 0);
    buf_deinit(&body);
}

static void test_record_bytes(void **state)
{
    static const char expected[] = "\0\0\0\x0b\0\x07"
                                   "1.2.3.4{}";
    const struct ingest_record rec = {.address = SLICE("1.2.3.4"), .event = SLICE("{}")};
    struct buf body;

    (void)state;
    buf_init(&body, KIB);
    ingest_record_write(&body, &rec);
    assert_true(slice_eq(buf_slice(&body), SLICE(expected)));
    buf_deinit(&body);
}

/* A body that ends inside a record is malformed there, wherever it is cut. */
static void test_truncated_records(void **state)
{
    struct ingest_record rec;
    struct buf body;
    size_t whole = 0;

    (void)state;
    write_records(&body);
    for (size_t n = 0; n < body.len; n++) {
        struct slice rest = slice_of(body.ptr, n);
        size_t got = 0;

        while (ingest_record_next(&rest, &rec))
            got++;
        assert_true(got < ARRAY_LEN(records));
        assert_true(got >= whole);
        whole = got;
    }
    assert_int_equal(whole, ARRAY_LEN(records) - 1);
    buf_deinit(&body);
}

static void test_bad_records(void **state)
{
    static const struct slice rows[] = {
        SLICE("\0\0\0"),
        SLICE("\0\0\0\0"),               /* no counts */
        SLICE("\0\0\0\1\0"),             /* no address count */
        SLICE("\0\0\0\2\1\0"),           /* a pubkey is announced and missing */
        SLICE("\0\0\0\2\0\1"),           /* an address is announced and missing */
        SLICE("\0\0\0\5\0\0{}"),         /* shorter than announced */
        SLICE("\xff\xff\xff\xff\0\0{}"), /* much shorter */
        SLICE("\0\0\0\4\0\x40{}"),       /* address too long */
        SLICE("\0\0\0\4\x11\0{}"),       /* too many pubkeys */
    };
    struct ingest_record rec;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = rows[i];

        assert_false(ingest_record_next(&rest, &rec));
        assert_int_equal(rest.len, rows[i].len);
    }
}

static void test_verdict_bytes(void **state)
{
    static const struct {
        uint64_t seq;
        const char *id;
        enum verdict verdict;
        const char *message, *line;
        bool accepted;
    } rows[] = {
        {7, ID, VERDICT_ACCEPTED, "", "7 [\"" ID "\",true,\"\"]\n", true},
        {0, ID, VERDICT_DUPLICATE, "already have this event",
         "0 [\"" ID "\",true,\"duplicate: already have this event\"]\n", true},
        {9, ID, VERDICT_STALE, "a newer version is stored",
         "9 [\"" ID "\",false,\"duplicate: a newer version is stored\"]\n", false},
        {UINT64_MAX, "", VERDICT_INVALID, "say \"what\"\n",
         "18446744073709551615 [\"\",false,\"invalid: say \\\"what\\\"\\n\"]\n", false},
        {1, ID, VERDICT_AUTH_REQUIRED, "x\\", "1 [\"" ID "\",false,\"auth-required: x\\\\\"]\n",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ingest_verdict got;
        struct slice rest;
        struct buf body;
        const char *ok;

        buf_init(&body, KIB);
        ingest_verdict_write(&body, rows[i].seq, slice_str(rows[i].id), rows[i].verdict,
                             rows[i].message);
        assert_true(slice_eq(buf_slice(&body), slice_str(rows[i].line)));
        rest = buf_slice(&body);
        assert_true(ingest_verdict_next(&rest, &got));
        assert_int_equal(rest.len, 0);
        assert_true(got.seq == rows[i].seq);
        assert_int_equal(got.accepted, rows[i].accepted);
        ok = strchr(rows[i].line, '[');
        assert_true(slice_eq(got.ok, slice_of(ok, strlen(ok) - 1)));
        assert_false(ingest_verdict_next(&rest, &got));
        buf_deinit(&body);
    }
}

static void test_bad_verdicts(void **state)
{
    static const char *const rows[] = {
        "7 [\"" ID "\",true,\"\"]",    /* no newline */
        " [\"" ID "\",true,\"\"]\n",   /* no seq */
        "07 [\"" ID "\",true,\"\"]\n", /* leading zero */
        "-7 [\"" ID "\",true,\"\"]\n",
        "18446744073709551616 [\"\",true,\"\"]\n",
        "7[\"" ID "\",true,\"\"]\n",
        "7  [\"" ID "\",true,\"\"]\n",
        "7 [\"" ID "a\",true,\"\"]\n", /* 65 digits */
        "7 [\"abc\",true,\"\"]\n",
        "7 [\"" ID "\",yes,\"\"]\n",
        "7 [\"" ID "\",true]\n",
        "7 [\"" ID "\",true,\"]\n",
        "7 [\"" ID "\",true,\"a\"b\"]\n",
        "7 [\"" ID "\",true,\"a\\\"]\n", /* the quote is escaped */
        "7 [\"" ID "\",true,\"a\tb\"]\n",
        "7 [\"" ID "\",true,\"\"] \n",
        "7 [\"" ID "\",true,\"\"],[]\n",
        "\n",
        "\n7 [\"" ID "\",true,\"\"]\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_str(rows[i]);
        struct ingest_verdict got;

        if (ingest_verdict_next(&rest, &got))
            fail_msg("%s", rows[i]);
        assert_int_equal(rest.len, strlen(rows[i]));
    }
}

/* As split lines, and whole ones in between which have no place. */
static void test_split(void **state)
{
    struct ingest_verdict got;
    struct slice rest, cut;
    struct buf body;
    uint64_t place;

    (void)state;
    buf_init(&body, KIB);
    ingest_split_write(&body);
    ingest_verdict_write_at(&body, 12, 7, SLICE(ID), VERDICT_ACCEPTED, "");
    ingest_verdict_write_at(&body, 0, 8, SLICE(""), VERDICT_BLOCKED, "no");
    rest = buf_slice(&body);
    assert_false(ingest_verdict_next(&rest, &got));
    assert_false(ingest_verdict_next_at(&rest, &place, &got));
    assert_true(ingest_split_take(&rest));
    assert_false(ingest_split_take(&rest));
    cut = rest;
    assert_true(ingest_verdict_next_at(&rest, &place, &got));
    assert_true(place == 12 && got.seq == 7 && got.accepted);
    assert_true(slice_eq(got.ok, SLICE("[\"" ID "\",true,\"\"]")));
    for (cut.len -= rest.len + 1; cut.len > 0; cut.len--) /* not whole yet */
        assert_false(ingest_verdict_next_at(&cut, &place, &got));
    assert_true(ingest_verdict_next_at(&rest, &place, &got));
    assert_true(place == 0 && got.seq == 8 && !got.accepted);
    assert_false(ingest_verdict_next_at(&rest, &place, &got));
    assert_int_equal(rest.len, 0);
    rest = SLICE("7 [\"\",true,\"\"]\n"); /* without a place */
    assert_false(ingest_verdict_next_at(&rest, &place, &got));
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_round_trip),
        cmocka_unit_test(test_record_bytes),
        cmocka_unit_test(test_truncated_records),
        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_verdict_bytes),
        cmocka_unit_test(test_bad_verdicts),
        cmocka_unit_test(test_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
