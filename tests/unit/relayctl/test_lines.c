#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "lines.h"

enum { MAX_LINE = 10 };

/* Writes text into a pipe in pieces of n bytes, reading as it goes; out gets what lines_next()
 * said: each line and a bar, "!" for one too long. */
static void run(const char *text, size_t n, struct buf *out)
{
    struct slice line;
    struct lines l;
    int ends[2];
    enum lines_result result;

    assert_int_equal(pipe(ends), 0);
    lines_init(&l, ends[0], MAX_LINE);
    while ((result = lines_next(&l, &line)) != LINES_END) {
        if (result == LINES_LINE) {
            buf_add_slice(out, line);
            buf_add_char(out, '|');
        } else if (result == LINES_TOO_LONG) {
            buf_add_char(out, '!');
        } else {
            size_t piece = strlen(text) < n ? strlen(text) : n;

            assert_int_equal(write(ends[1], text, piece), (ssize_t)piece);
            text += piece;
            if (piece == 0)
                close(ends[1]);
            assert_true(lines_read(&l));
        }
    }
    lines_deinit(&l);
    close(ends[0]);
}

static void test_lines(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"\n", "|"},
        {"one\ntwo\n", "one|two|"},
        {"one\n\ntwo", "one||two|"},
        {"0123456789\n", "0123456789|"},
        {"0123456789", "0123456789|"},
        {"0123456789a\nnext\n", "!next|"},
        {"0123456789a", "!"},
        {"a\n0123456789012345678901234567890\nb\n0123456789012345678901", "a|!b|!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t n = 1; n < 40; n++) {
            struct buf out;

            buf_init(&out, KIB);
            run(rows[i].text, n, &out);
            if (!slice_eq(buf_slice(&out), slice_str(rows[i].expected)))
                fail_msg("\"%s\" in pieces of %zu: " SLICE_FMT, rows[i].text, n,
                         SLICE_ARG(buf_slice(&out)));
            buf_deinit(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
