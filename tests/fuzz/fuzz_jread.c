/*
 * Our JSON reader against jansson: what one accepts the other must accept, and both must see the
 * same values. The only differences allowed are limits: our nesting depth; jansson's number ranges,
 * its keys without NUL, and doubled keys, which it is told to refuse because it could keep only one
 * of them.
 */
#include <jansson.h>
#include <stdlib.h>

#include "json/jread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct jread *r, const json_t *value);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void compare_string(struct jread *r, const json_t *value)
{
    struct slice s;

    require(jread_string(r, &s));
    require(slice_eq(s, slice_of(json_string_value(value), json_string_length(value))));
}

static void compare_number(struct jread *r, const json_t *value)
{
    struct jread attempt = *r;
    int64_t n;

    if (!json_is_integer(value)) {
        require(!jread_int(&attempt, &n)); /* a fraction or an exponent is no plain integer */
        require(jread_skip(r, NULL));
        return;
    }
    require(jread_int(r, &n) && n == json_integer_value(value));
}

static void compare_array(struct jread *r, const json_t *value)
{
    size_t n = 0;

    require(jread_array(r));
    for (; jread_item(r); n++)
        compare(r, json_array_get(value, n));
    require(jread_ok(r) && n == json_array_size(value));
}

static void compare_object(struct jread *r, const json_t *value)
{
    struct slice key;
    size_t n = 0;

    require(jread_object(r));
    for (; jread_key(r, &key); n++)
        compare(r, json_object_getn(value, key.ptr, key.len));
    require(jread_ok(r) && n == json_object_size(value));
}

/* Reads the next value, which is nested at most as deeply as jread_skip() takes it. */
static void compare(struct jread *r, const json_t *value)
{
    bool b;

    require(value != NULL);
    switch (jread_peek(r)) {
    case J_OBJECT:
        require(json_is_object(value));
        compare_object(r, value);
        break;
    case J_ARRAY:
        require(json_is_array(value));
        compare_array(r, value);
        break;
    case J_STRING:
        require(json_is_string(value));
        compare_string(r, value);
        break;
    case J_NUMBER:
        require(json_is_number(value));
        compare_number(r, value);
        break;
    case J_TRUE:
    case J_FALSE:
        require(json_is_boolean(value));
        require(jread_bool(r, &b) && b == json_is_true(value));
        break;
    case J_NULL:
        require(json_is_null(value) && jread_null(r));
        break;
    case J_NONE:
        abort();
    }
}

static bool is_jansson_limit(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_numeric_overflow:
    case json_error_null_byte_in_key:
    case json_error_duplicate_key:
        return true;
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    struct arena arena;
    struct jread r;
    json_error_t error;
    json_t *value;
    bool ours;

    arena_init(&arena, MIB);
    jread_init(&r, text, &arena);
    ours = jread_skip(&r, NULL) && jread_end(&r);
    value = json_loadb(text.ptr, text.len,
                       JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (ours && value) {
        jread_init(&r, text, &arena);
        compare(&r, value);
        require(jread_end(&r));
    } else if (ours) {
        require(is_jansson_limit(&error));
    } else if (value && !memchr(data, '\0', size)) {
        /* A text with a NUL byte is never JSON, yet jansson overlooks it between tokens. */
        require(r.error && strcmp(r.error, "the text is nested too deeply") == 0);
    }
    json_decref(value);
    arena_deinit(&arena);
    return 0;
}
