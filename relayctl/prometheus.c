#include "prometheus.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_NUMBER = 63 };

/* Takes the next line off *text; false when there is none left. */
static bool next_line(struct slice *text, struct slice *line)
{
    const char *end = text->len > 0 ? memchr(text->ptr, '\n', text->len) : NULL;
    size_t n = end ? (size_t)(end - text->ptr) : text->len;

    if (text->len == 0)
        return false;
    *line = slice_of(text->ptr, n);
    if (end)
        n++;
    *text = slice_of(text->ptr + n, text->len - n);
    return true;
}

/* name="value" with this value somewhere between the braces; our values need no escapes. */
static bool has_label(struct slice labels, const char *value)
{
    size_t n = strlen(value);

    for (size_t i = 0; i + n + 3 <= labels.len; i++) {
        if (labels.ptr[i] == '=' && labels.ptr[i + 1] == '"' &&
            memcmp(labels.ptr + i + 2, value, n) == 0 && labels.ptr[i + 2 + n] == '"')
            return true;
    }
    return false;
}

static bool read_number(struct slice text, double *out)
{
    char digits[MAX_NUMBER + 1];
    char *end;

    if (text.len == 0 || text.len > MAX_NUMBER)
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    *out = strtod(digits, &end);
    return end != digits && (*end == '\0' || *end == ' ') &&
           isfinite(*out); /* ' ': a time follows */
}

/* A sample is name{labels} value, or name value. */
static bool read_sample(struct slice line, const char *metric, const char *label, double *value)
{
    size_t n = strlen(metric);
    struct slice labels = SLICE("");

    if (!slice_has_prefix(line, slice_of(metric, n)) || line.len == n)
        return false;
    line = slice_of(line.ptr + n, line.len - n);
    if (line.ptr[0] == '{') {
        const char *end = memchr(line.ptr, '}', line.len);

        if (!end)
            return false;
        labels = slice_of(line.ptr, (size_t)(end - line.ptr));
        line = slice_of(end + 1, line.len - labels.len - 1);
    }
    if (line.len == 0 || line.ptr[0] != ' ' || (label && !has_label(labels, label)))
        return false;
    return read_number(slice_of(line.ptr + 1, line.len - 1), value);
}

bool prometheus_sum(struct slice text, const char *metric, const char *label, double *sum)
{
    struct slice line;
    bool found = false;

    *sum = 0;
    while (next_line(&text, &line)) {
        double value;

        if (!read_sample(line, metric, label, &value))
            continue;
        *sum += value;
        found = true;
    }
    return found;
}
