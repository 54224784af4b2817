#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { MAX_LINE = 2048 };

static bool continues(const char *p, const char *end)
{
    return p < end && ((unsigned char)*p & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence at p, or 0 when it is not one. */
static size_t utf8_sequence(const char *p, const char *end)
{
    unsigned char lead = (unsigned char)*p;
    size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (!continues(p + i, end))
            return 0;
    }
    /* The shortest form only: a control character may not hide in a longer one. */
    if ((lead == 0xe0 && (unsigned char)p[1] < 0xa0) ||
        (lead == 0xf0 && (unsigned char)p[1] < 0x90))
        return 0;
    return n;
}

/* How many bytes at p a terminal must not see: a control character (U+0080 to U+009F take two
 * bytes) or a byte that is not UTF-8; 0 when the next character is harmless. */
static size_t harmful_length(const char *p, const char *end, size_t *character)
{
    unsigned char c = (unsigned char)*p;

    *character = utf8_sequence(p, end);
    if (*character == 0 || c < 0x20 || c == 0x7f)
        return 1;
    return c == 0xc2 && (unsigned char)p[1] <= 0x9f ? 2 : 0;
}

void output_visible(struct buf *out, struct slice text, const char *keep)
{
    const char *plain = text.ptr; /* start of what is copied as it is */
    const char *end;
    size_t character;

    if (text.len == 0)
        return;
    end = text.ptr + text.len;
    for (const char *p = text.ptr; p < end;) {
        size_t n = harmful_length(p, end, &character);

        if (n == 0 || (*p != '\0' && strchr(keep, *p))) {
            p += character;
            continue;
        }
        buf_add(out, plain, (size_t)(p - plain));
        buf_printf(out, "\\u%04x", (unsigned)(unsigned char)p[n - 1]);
        p += n;
        plain = p;
    }
    if (plain < end)
        buf_add(out, plain, (size_t)(end - plain));
}

static void PRINTF_LIKE(3, 0) put_line(FILE *to, const char *head, const char *fmt, va_list args)
{
    char text[MAX_LINE];
    struct buf line;
    int n = vsnprintf(text, sizeof(text), fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

    buf_init(&line, 8 * MAX_LINE);
    output_visible(&line, slice_of(text, len), "");
    fprintf(to, "%s" SLICE_FMT "\n", head, SLICE_ARG(buf_slice(&line)));
    buf_deinit(&line);
}

void output_error(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_line(stderr, "relayctl: ", fmt, args);
    va_end(args);
}

void output_line(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_line(stdout, "", fmt, args);
    va_end(args);
}

void output_json(struct slice json)
{
    struct buf line;

    buf_init(&line, 6 * json.len + 1);
    output_visible(&line, json, "\n"); /* a line break may stand between values, never inside one */
    buf_add_char(&line, '\n');
    if (line.failed)
        output_error("out of memory");
    else
        fwrite(line.ptr, 1, line.len, stdout);
    buf_deinit(&line);
}

bool output_finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    output_error("cannot write: %s", strerror(errno));
    return false;
}
