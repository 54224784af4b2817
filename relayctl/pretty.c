#include "pretty.h"

#include "json/jread.h"
#include "json/jwrite.h"

enum { INDENT = 2 };

static void new_line(struct buf *out, int depth)
{
    buf_printf(out, "\n%*s", INDENT * depth, "");
}

static void write_value(struct jread *r, int depth, struct buf *out);

static void write_object(struct jread *r, int depth, struct buf *out)
{
    const char *comma = "";
    struct slice key;

    jread_object(r);
    buf_add_char(out, '{');
    while (jread_key(r, &key)) {
        buf_add_str(out, comma);
        new_line(out, depth + 1);
        jwrite_string(out, key);
        buf_add_str(out, ": ");
        write_value(r, depth + 1, out);
        comma = ",";
    }
    if (*comma)
        new_line(out, depth);
    buf_add_char(out, '}');
}

static void write_array(struct jread *r, int depth, struct buf *out)
{
    const char *comma = "";

    jread_array(r);
    buf_add_char(out, '[');
    while (jread_item(r)) {
        buf_add_str(out, comma);
        write_value(r, depth, out);
        comma = ", ";
    }
    buf_add_char(out, ']');
}

/* Recursion ends at the depth that jread_skip() has allowed. */
static void write_value(struct jread *r, int depth, struct buf *out)
{
    struct slice raw;

    switch (jread_peek(r)) {
    case J_OBJECT:
        write_object(r, depth, out);
        break;
    case J_ARRAY:
        write_array(r, depth, out);
        break;
    default:
        if (jread_skip(r, &raw))
            buf_add_slice(out, raw);
    }
}

bool pretty_json(struct slice json, struct buf *out, const char **error)
{
    struct arena arena;
    struct jread r;

    arena_init(&arena, json.len + 64 * KIB);
    jread_init(&r, json, &arena);
    if (jread_skip(&r, NULL) && !jread_end(&r))
        jread_fail(&r, "something follows the JSON text");
    if (jread_ok(&r)) {
        jread_init(&r, json, &arena);
        write_value(&r, 0, out);
    }
    if (jread_ok(&r) && out->failed)
        jread_fail(&r, "the text is too large");
    *error = r.error;
    arena_deinit(&arena);
    return jread_ok(&r);
}
