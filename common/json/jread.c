/*
 * Strings are scanned once for their end, their UTF-8 and their escapes; only those with escapes
 * are scanned a second time, to decode them, and that pass may trust the first. Skipping a value
 * checks the same grammar with a stack of one bit per open bracket, so nothing recurses.
 */
#include "json/jread.h"

#include "json/scan.h"

enum { MAX_DEPTH = 32 };

void jread_init(struct jread *r, struct slice text, struct arena *arena)
{
    const char *start = text.len > 0 ? text.ptr : "";

    *r = (struct jread){.start = start, .pos = start, .end = start + text.len, .arena = arena};
}

bool jread_fail(struct jread *r, const char *error)
{
    if (!r->error)
        r->error = error;
    return false;
}

static bool fail_at(struct jread *r, const char *pos, const char *error)
{
    r->pos = pos;
    return jread_fail(r, error);
}

/* Skips white space; false at the end of the text or when the reader has failed. */
static bool more(struct jread *r)
{
    if (r->error)
        return false;
    while (r->pos < r->end) {
        char c = *r->pos;

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return true;
        r->pos++;
    }
    return false;
}

/* Consumes the character c, or fails with error. */
static bool expect(struct jread *r, char c, const char *error)
{
    if (!more(r) || *r->pos != c)
        return jread_fail(r, error);
    r->pos++;
    return true;
}

enum jtype jread_peek(struct jread *r)
{
    if (!more(r))
        return J_NONE;
    switch (*r->pos) {
    case '{':
        return J_OBJECT;
    case '[':
        return J_ARRAY;
    case '"':
        return J_STRING;
    case 't':
        return J_TRUE;
    case 'f':
        return J_FALSE;
    case 'n':
        return J_NULL;
    case '-':
        return J_NUMBER;
    default:
        return *r->pos >= '0' && *r->pos <= '9' ? J_NUMBER : J_NONE;
    }
}

/* Strings. */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Length of the UTF-8 sequence of two to four bytes at p, or 0 when it is not one (RFC 3629:
 * neither overlong, nor a surrogate, nor above U+10FFFF). */
static size_t utf8_sequence(const char *p, size_t left)
{
    unsigned char lead = (unsigned char)p[0];
    unsigned char second = left > 1 ? (unsigned char)p[1] : 0;

    if (lead < 0xc2 || lead > 0xf4 || (second & 0xc0) != 0x80)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (left < 3 || !is_continuation(p[2]))
        return 0;
    if (lead < 0xf0) {
        bool overlong = lead == 0xe0 && second < 0xa0;
        bool surrogate = lead == 0xed && second > 0x9f;

        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !is_continuation(p[3]))
        return 0;
    if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
        return 0;
    return 4;
}

/* The four hex digits of either case at p, or -1. */
static int hex4(const char *p, size_t left)
{
    int value = 0;

    if (left < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            value = value << 4 | (c - 'A' + 10);
        else
            return -1;
    }
    return value;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Length of the escape that starts with the backslash at p: 2, 6, or 12 for a surrogate pair; 0
 * when it is not one. */
static size_t escape_length(const char *p, size_t left)
{
    int unit;

    if (left < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    unit = hex4(p + 2, left - 2);
    if (unit < 0 || is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    if (left < 12 || p[6] != '\\' || p[7] != 'u' || !is_low_surrogate(hex4(p + 8, 4)))
        return 0;
    return 12;
}

/* Consumes a string; *raw is what stands between its quotes, checked but not decoded. */
static bool scan_string(struct jread *r, struct slice *raw, bool *has_escapes)
{
    const char *p;

    *has_escapes = false;
    if (!expect(r, '"', "expected a string"))
        return false;
    for (p = r->pos;;) {
        size_t n;

        p = scan_ascii(p, r->end);
        if (p == r->end)
            return fail_at(r, p, "a string does not end");
        if (*p == '"')
            break;
        if (*p == '\\') {
            n = escape_length(p, (size_t)(r->end - p));
            if (n == 0)
                return fail_at(r, p, "a string contains a bad escape");
            *has_escapes = true;
        } else if ((unsigned char)*p < 0x20) {
            return fail_at(r, p, "a string contains a bare control character");
        } else {
            n = utf8_sequence(p, (size_t)(r->end - p));
            if (n == 0)
                return fail_at(r, p, "a string is not valid UTF-8");
        }
        p += n;
    }
    *raw = slice_of(r->pos, (size_t)(p - r->pos));
    r->pos = p + 1;
    return true;
}

static char *put_utf8(char *out, int cp)
{
    if (cp < 0x80) {
        *out++ = (char)cp;
    } else if (cp < 0x800) {
        *out++ = (char)(0xc0 | cp >> 6);
        *out++ = (char)(0x80 | (cp & 0x3f));
    } else if (cp < 0x10000) {
        *out++ = (char)(0xe0 | cp >> 12);
        *out++ = (char)(0x80 | (cp >> 6 & 0x3f));
        *out++ = (char)(0x80 | (cp & 0x3f));
    } else {
        *out++ = (char)(0xf0 | cp >> 18);
        *out++ = (char)(0x80 | (cp >> 12 & 0x3f));
        *out++ = (char)(0x80 | (cp >> 6 & 0x3f));
        *out++ = (char)(0x80 | (cp & 0x3f));
    }
    return out;
}

/* Decodes the valid escape at p and moves *p behind it; returns the end of what it wrote. */
static char *decode_escape(const char **p, char *out)
{
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    const char *escape = *p;
    int unit;

    if (escape[1] != 'u') {
        *out = meaning[(unsigned char)escape[1]];
        *p = escape + 2;
        return out + 1;
    }
    unit = hex4(escape + 2, 4);
    *p = escape + 6;
    if (is_high_surrogate(unit)) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (hex4(escape + 8, 4) - 0xdc00);
        *p = escape + 12;
    }
    return put_utf8(out, unit);
}

/* Decodes a checked string with escapes; the result is never longer than raw. */
static bool decode(struct jread *r, struct slice raw, struct slice *out)
{
    const char *p = raw.ptr;
    const char *end = raw.ptr + raw.len;
    char *start = arena_alloc(r->arena, raw.len);
    char *to = start;

    if (!start)
        return jread_fail(r, "the text is too large");
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((escape ? escape : end) - p);

        memcpy(to, p, plain);
        to += plain;
        p += plain;
        if (escape)
            to = decode_escape(&p, to);
    }
    *out = slice_of(start, (size_t)(to - start));
    return true;
}

bool jread_string(struct jread *r, struct slice *out)
{
    struct slice raw;
    bool has_escapes;

    if (!scan_string(r, &raw, &has_escapes))
        return false;
    r->first = false;
    if (has_escapes)
        return decode(r, raw, out);
    *out = raw;
    return true;
}

/* Objects and arrays. */

static bool open_bracket(struct jread *r, char bracket, const char *error)
{
    if (!expect(r, bracket, error))
        return false;
    r->first = true;
    return true;
}

bool jread_object(struct jread *r)
{
    return open_bracket(r, '{', "expected an object");
}

bool jread_array(struct jread *r)
{
    return open_bracket(r, '[', "expected an array");
}

/* Comma or closing bracket: true when another element is due, false when the bracket was consumed
 * (or the text is bad). */
static bool next_element(struct jread *r, char closing, const char *error)
{
    if (!more(r))
        return jread_fail(r, "the text ends too early");
    if (*r->pos == closing) {
        r->pos++;
        r->first = false; /* the closed value is an element of what surrounds it */
        return false;
    }
    if (!r->first && !expect(r, ',', error))
        return false;
    r->first = false;
    return true;
}

/* Consumes the next raw key and its colon, or the closing brace. */
static bool next_key(struct jread *r, struct slice *raw, bool *has_escapes)
{
    return next_element(r, '}', "expected a comma or '}'") && scan_string(r, raw, has_escapes) &&
           expect(r, ':', "expected a colon behind a key");
}

bool jread_key(struct jread *r, struct slice *key)
{
    bool has_escapes;

    if (!next_key(r, key, &has_escapes))
        return false;
    return !has_escapes || decode(r, *key, key);
}

bool jread_item(struct jread *r)
{
    return next_element(r, ']', "expected a comma or ']'");
}

/* Numbers and literals. */

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (is_digit(p, end))
        p++;
    return p;
}

bool jread_int(struct jread *r, int64_t *out)
{
    static const char error[] = "expected a plain integer";
    const char *p, *digits;
    uint64_t value = 0;
    uint64_t limit = INT64_MAX;
    bool negative;

    if (!more(r))
        return jread_fail(r, error);
    p = r->pos;
    negative = *p == '-';
    if (negative) {
        p++;
        limit++;
    }
    for (digits = p; is_digit(p, r->end); p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (value > (limit - digit) / 10)
            return jread_fail(r, error);
        value = value * 10 + digit;
    }
    if (p == digits || (*digits == '0' && p - digits > 1))
        return jread_fail(r, error);
    if (p < r->end && (*p == '.' || *p == 'e' || *p == 'E'))
        return jread_fail(r, error);
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    r->pos = p;
    r->first = false;
    return true;
}

/* Any number of RFC 8259, without its value. */
static bool skip_number(struct jread *r)
{
    static const char error[] = "a number is malformed";
    const char *p = r->pos;
    const char *digits;

    if (*p == '-')
        p++;
    digits = p;
    p = skip_digits(p, r->end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return jread_fail(r, error);
    if (p < r->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return jread_fail(r, error);
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < r->end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return jread_fail(r, error);
    }
    r->pos = p;
    return true;
}

static bool literal(struct jread *r, struct slice word)
{
    if (!more(r) || !slice_has_prefix(slice_of(r->pos, (size_t)(r->end - r->pos)), word))
        return false;
    r->pos += word.len;
    r->first = false;
    return true;
}

bool jread_bool(struct jread *r, bool *out)
{
    *out = literal(r, SLICE("true"));
    return *out || literal(r, SLICE("false")) || jread_fail(r, "expected true or false");
}

bool jread_null(struct jread *r)
{
    return literal(r, SLICE("null")) || jread_fail(r, "expected null");
}

/* Skipping. */

static bool skip_scalar(struct jread *r, enum jtype type)
{
    struct slice raw;
    bool has_escapes, value;

    switch (type) {
    case J_STRING:
        return scan_string(r, &raw, &has_escapes);
    case J_NUMBER:
        return skip_number(r);
    case J_TRUE:
    case J_FALSE:
        return jread_bool(r, &value);
    case J_NULL:
        return jread_null(r);
    default:
        return jread_fail(r, "expected a value");
    }
}

/* The brackets open around the value being skipped: bit i of is_object tells a brace. */
struct open_brackets {
    uint32_t is_object;
    unsigned depth;
};

static bool push_bracket(struct jread *r, struct open_brackets *open, bool is_object)
{
    if (open->depth == MAX_DEPTH)
        return jread_fail(r, "the text is nested too deeply");
    open->is_object &= ~(UINT32_C(1) << open->depth);
    open->is_object |= (uint32_t)is_object << open->depth;
    open->depth++;
    r->pos++;
    r->first = true;
    return true;
}

/* Consumes the brackets that close here; true when another value is due behind them, false when
 * none is open any more or the text is bad. */
static bool pop_brackets(struct jread *r, struct open_brackets *open)
{
    for (; open->depth > 0; open->depth--) {
        bool is_object = open->is_object >> (open->depth - 1) & 1;
        struct slice key;
        bool has_escapes;

        if (is_object ? next_key(r, &key, &has_escapes) : jread_item(r))
            return true;
        if (!jread_ok(r))
            return false;
    }
    return false;
}

bool jread_skip(struct jread *r, struct slice *raw)
{
    struct open_brackets open = {0};
    const char *start = more(r) ? r->pos : r->end;

    do {
        enum jtype type = jread_peek(r);

        if (type == J_OBJECT || type == J_ARRAY) {
            if (!push_bracket(r, &open, type == J_OBJECT))
                return false;
        } else {
            if (!skip_scalar(r, type))
                return false;
            r->first = false;
        }
    } while (pop_brackets(r, &open));
    if (!jread_ok(r))
        return false;
    if (raw)
        *raw = slice_of(start, (size_t)(r->pos - start));
    return true;
}

bool jread_end(struct jread *r)
{
    return !more(r) && jread_ok(r);
}
