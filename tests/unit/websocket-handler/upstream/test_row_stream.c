#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "upstream/row_stream.h"

/* Writes the rows down, and pauses or stops after some. */
struct recorder {
    struct row_reader reader;
    char text[4096];
    int rows, pause_after, stop_after;
};

static enum row_wish on_row(struct row_reader *reader, struct slice row)
{
    struct recorder *rec = container_of(reader, struct recorder, reader);

    strncat(rec->text, row.ptr, row.len);
    strcat(rec->text, " ");
    rec->rows++;
    if (rec->rows == rec->stop_after)
        return ROW_STOP;
    return rec->pause_after && rec->rows % rec->pause_after == 0 ? ROW_PAUSE : ROW_GO_ON;
}

/* Feeds body in pieces of so many bytes, resuming whenever it pauses. */
static enum row_result run(struct recorder *rec, struct row_stream *rs, const char *body,
                           size_t piece)
{
    enum row_result result = ROWS_MORE;
    char copy[4096];
    size_t n = strlen(body);

    memcpy(copy, body, n);
    row_stream_init(rs, 1000);
    rec->reader.row = on_row;
    for (size_t i = 0; i < n; i += piece) {
        result = row_stream_feed(rs, copy + i, n - i < piece ? n - i : piece, &rec->reader);
        while (result == ROWS_PAUSED)
            result = row_stream_resume(rs, &rec->reader);
        if (result == ROWS_BROKEN || result == ROWS_STOPPED)
            break;
    }
    return result;
}

#define END "{\"end\":true,\"seq\":77,\"more\":true,\"hidden\":false,\"cost\":3}\n"

static void in_any_pieces(void **state)
{
    static const char body[] = "{\"id\":\"a\"}\n{\"id\":\"bb\"}\n{\"id\":\"ccc\"}\n{}\n" END;

    (void)state;
    for (size_t piece = 1; piece <= sizeof body; piece++)
        for (int pause = 0; pause < 4; pause++) {
            struct recorder rec = {.pause_after = pause};
            struct row_stream rs;

            assert_int_equal(run(&rec, &rs, body, piece), ROWS_END);
            assert_string_equal(rec.text,
                                "{\"id\":\"a\"}] {\"id\":\"bb\"}] {\"id\":\"ccc\"}] {}] ");
            assert_true(rs.has_end && rs.end.seq == 77 && rs.end.more && !rs.end.hidden);
            row_stream_deinit(&rs);
        }
}

static void what_is_no_answer(void **state)
{
    static const struct {
        const char *body;
        enum row_result result;
    } rows[] = {
        {"", ROWS_MORE},
        {"{}\n", ROWS_MORE},
        {"{}\n{", ROWS_MORE},
        {"\n", ROWS_BROKEN},
        {"x\n", ROWS_BROKEN},
        {"{}\nx\n", ROWS_BROKEN},
        {END "{}\n", ROWS_BROKEN},
        {END "x", ROWS_BROKEN},
        {END END, ROWS_BROKEN},
        {END, ROWS_END},
        {"{\"end\":true}\n", ROWS_MORE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recorder rec = {0};
        struct row_stream rs;

        assert_int_equal(run(&rec, &rs, rows[i].body, 4096), rows[i].result);
        row_stream_deinit(&rs);
    }
}

static void line_over_the_cap(void **state)
{
    struct recorder rec = {0};
    struct row_stream rs;
    char body[3000];

    (void)state;
    memset(body, 'x', sizeof body);
    body[0] = '{';
    body[sizeof body - 1] = '\0';
    assert_int_equal(run(&rec, &rs, body, 100), ROWS_BROKEN);
    row_stream_deinit(&rs);
}

static void reader_stops(void **state)
{
    struct recorder rec = {.stop_after = 2};
    struct row_stream rs;

    (void)state;
    assert_int_equal(run(&rec, &rs, "{}\n{}\n{}\n" END, 5), ROWS_STOPPED);
    assert_int_equal(rec.rows, 2);
    row_stream_deinit(&rs);
}

/* While paused, nothing is handed out and later bytes are kept. */
static void keeps_bytes_while_paused(void **state)
{
    struct recorder rec = {.reader.row = on_row, .pause_after = 1};
    struct row_stream rs;
    char first[] = "{\"a\":1}\n{\"b\":1}\n{\"c\"", second[] = ":1}\n" END;

    (void)state;
    row_stream_init(&rs, 1000);
    assert_int_equal(row_stream_feed(&rs, first, strlen(first), &rec.reader), ROWS_PAUSED);
    assert_string_equal(rec.text, "{\"a\":1}] ");
    assert_int_equal(row_stream_resume(&rs, &rec.reader), ROWS_PAUSED);
    assert_int_equal(row_stream_resume(&rs, &rec.reader), ROWS_MORE);
    assert_int_equal(row_stream_feed(&rs, second, strlen(second), &rec.reader), ROWS_PAUSED);
    assert_int_equal(row_stream_resume(&rs, &rec.reader), ROWS_END);
    assert_string_equal(rec.text, "{\"a\":1}] {\"b\":1}] {\"c\":1}] ");
    row_stream_deinit(&rs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_any_pieces),
        cmocka_unit_test(what_is_no_answer),
        cmocka_unit_test(line_over_the_cap),
        cmocka_unit_test(reader_stops),
        cmocka_unit_test(keeps_bytes_while_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
