#include "wire/take.h"

static void advance(struct slice *s, size_t n)
{
    s->ptr += n;
    s->len -= n;
}

bool take_text(struct slice *s, struct slice text)
{
    if (!slice_has_prefix(*s, text))
        return false;
    advance(s, text.len);
    return true;
}

bool take_u64(struct slice *s, uint64_t *out)
{
    uint64_t value = 0;
    size_t n = 0;

    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) {
        unsigned digit = (unsigned)(s->ptr[n] - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (n == 0 || (n > 1 && s->ptr[0] == '0'))
        return false;
    *out = value;
    advance(s, n);
    return true;
}

bool take_bool(struct slice *s, bool *out)
{
    *out = take_text(s, SLICE("true"));
    return *out || take_text(s, SLICE("false"));
}

bool take_line(struct slice *s, struct slice *line)
{
    const char *end = s->len > 0 ? memchr(s->ptr, '\n', s->len) : NULL;

    if (!end)
        return false;
    *line = slice_of(s->ptr, (size_t)(end - s->ptr));
    advance(s, line->len + 1);
    return true;
}
