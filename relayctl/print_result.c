#include "print_result.h"

#include <stdlib.h>

#include "base/buf.h"
#include "output.h"

enum { MAX_COLUMNS = 12, MAX_TEXT = 64 * 1024, WIDEST_COLUMN = 64 };

/* One value as it stands in a line: strings bare, everything else as JSON. */
static void add_value(struct buf *out, const json_t *value)
{
    char *text;

    if (json_is_string(value)) {
        buf_add(out, json_string_value(value), json_string_length(value));
        return;
    }
    text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    buf_add_str(out, text ? text : "");
    free(text);
}

/* Appends value and, unless it is the last of its line, blanks up to width and two more. */
static void add_cell(struct buf *line, const json_t *value, size_t width, bool last)
{
    size_t start = line->len, len;

    add_value(line, value);
    len = line->len - start;
    while (!last && len++ < width + 2)
        buf_add_char(line, ' ');
}

static void print_line(struct buf *line)
{
    output_line(SLICE_FMT, SLICE_ARG(buf_slice(line)));
    buf_reset(line);
}

/* ---- an object ---- */

static void print_object(const json_t *object, unsigned depth)
{
    size_t width = 0;
    const char *key;
    json_t *value;
    struct buf line;

    json_object_foreach((json_t *)object, key, value) width =
        strlen(key) > width ? strlen(key) : width;
    buf_init(&line, MAX_TEXT);
    json_object_foreach((json_t *)object, key, value)
    {
        buf_printf(&line, "%*s%-*s", (int)(2 * depth), "", (int)width + 2, key);
        if (json_is_object(value) && json_object_size(value) > 0) {
            print_line(&line);
            print_object(value, depth + 1);
            continue;
        }
        if (!json_is_array(value) || !json_is_object(json_array_get(value, 0))) {
            add_value(&line, value);
            print_line(&line);
            continue;
        }
        print_line(&line);
        print_result(value);
    }
    buf_deinit(&line);
}

/* ---- a list ---- */

struct columns {
    const char *key[MAX_COLUMNS];
    size_t width[MAX_COLUMNS];
    size_t n;
};

static void add_column(struct columns *c, const char *key)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->key[i], key) == 0)
            return;
    if (c->n < MAX_COLUMNS)
        c->key[c->n++] = key;
}

static void measure(struct columns *c, const json_t *row)
{
    struct buf cell;

    buf_init(&cell, MAX_TEXT);
    for (size_t i = 0; i < c->n; i++) {
        buf_reset(&cell);
        add_value(&cell, json_object_get(row, c->key[i]));
        if (cell.len > c->width[i])
            c->width[i] = cell.len < WIDEST_COLUMN ? cell.len : WIDEST_COLUMN;
    }
    buf_deinit(&cell);
}

static void print_table(const json_t *rows)
{
    struct columns c = {0};
    struct buf line;
    const char *key;
    json_t *row, *value;
    size_t index;

    json_array_foreach(rows, index, row) json_object_foreach(row, key, value) add_column(&c, key);
    for (size_t i = 0; i < c.n; i++)
        c.width[i] = strlen(c.key[i]);
    json_array_foreach(rows, index, row) measure(&c, row);
    buf_init(&line, MAX_TEXT);
    for (size_t i = 0; i < c.n; i++)
        buf_printf(&line, "%-*s", i + 1 < c.n ? (int)c.width[i] + 2 : 0, c.key[i]);
    print_line(&line);
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < c.n; i++)
            add_cell(&line, json_object_get(row, c.key[i]), c.width[i], i + 1 == c.n);
        print_line(&line);
    }
    buf_deinit(&line);
}

static void print_list(const json_t *list)
{
    size_t index;
    json_t *item;
    struct buf line;

    buf_init(&line, MAX_TEXT);
    json_array_foreach(list, index, item)
    {
        add_value(&line, item);
        print_line(&line);
    }
    buf_deinit(&line);
}

void print_result(const json_t *result)
{
    struct buf line;

    if (json_is_true(result)) {
        output_line("done");
    } else if (json_is_object(result)) {
        print_object(result, 0);
    } else if (json_is_array(result) && json_array_size(result) == 0) {
        output_line("none");
    } else if (json_is_array(result) && json_is_object(json_array_get(result, 0))) {
        print_table(result);
    } else if (json_is_array(result)) {
        print_list(result);
    } else {
        buf_init(&line, MAX_TEXT);
        add_value(&line, result);
        print_line(&line);
        buf_deinit(&line);
    }
}
