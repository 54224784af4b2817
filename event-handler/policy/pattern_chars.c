/* Sets of characters, and what of Unicode blocked words need: case, words, scripts without blanks.
 */
#include <stdlib.h>

#include "policy/pattern_code.h"

enum { RANGES_MOST = 4096, FIRST_ROOM = 4 };

static int compare(const void *a, const void *b)
{
    const struct code_range *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/* Ascending, without overlaps. */
static void tidy(struct code_set *s)
{
    size_t kept = 0;

    if (s->n == 0)
        return;
    qsort(s->range, s->n, sizeof *s->range, compare);
    for (size_t i = 1; i < s->n; i++) {
        if (s->range[i].first <= s->range[kept].last + 1) {
            if (s->range[i].last > s->range[kept].last)
                s->range[kept].last = s->range[i].last;
        } else {
            s->range[++kept] = s->range[i];
        }
    }
    s->n = kept + 1;
}

/* Thousands of sets are kept, most of them small. */
static void shrink(struct code_set *s)
{
    struct code_range *fitting = realloc(s->range, s->n * sizeof *fitting);

    if (!fitting)
        return;
    s->range = fitting;
    s->room = s->n;
}

static bool push(struct code_set *s, uint32_t first, uint32_t last)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : FIRST_ROOM;
        struct code_range *grown;

        if (room > RANGES_MOST || !(grown = realloc(s->range, room * sizeof *grown)))
            return false;
        s->range = grown;
        s->room = room;
    }
    s->range[s->n++] = (struct code_range){first, last};
    return true;
}

bool set_add(struct code_set *s, uint32_t first, uint32_t last)
{
    if (!push(s, first, last))
        return false;
    tidy(s);
    return true;
}

bool set_has(const struct code_set *s, uint32_t c)
{
    for (size_t i = 0; i < s->n; i++) {
        if (c >= s->range[i].first && c <= s->range[i].last)
            return true;
    }
    return false;
}

bool set_invert(struct code_set *s)
{
    struct code_set rest = {0};
    uint32_t next = 0;
    bool good = true;

    for (size_t i = 0; i < s->n; i++) {
        if (s->range[i].first > next)
            good = good && push(&rest, next, s->range[i].first - 1);
        next = s->range[i].last + 1;
    }
    if (next <= CODEPOINT_MAX)
        good = good && push(&rest, next, CODEPOINT_MAX);
    free(s->range);
    *s = rest;
    return good;
}

/* ---- case ---- */

/* Upper-case letters and how far their lower case is; step 2: upper and lower take turns. */
static const struct {
    uint32_t first, last;
    int32_t distance;
    uint32_t step;
} cases[] = {
    {'A', 'Z', 32, 1},       {0xc0, 0xd6, 32, 1},     {0xd8, 0xde, 32, 1},
    {0x100, 0x12e, 1, 2},    {0x132, 0x136, 1, 2},    {0x139, 0x147, 1, 2},
    {0x14a, 0x176, 1, 2},    {0x178, 0x178, -121, 1}, {0x179, 0x17d, 1, 2},
    {0x1cd, 0x1db, 1, 2},    {0x1de, 0x1ee, 1, 2},    {0x1f8, 0x21e, 1, 2},
    {0x222, 0x232, 1, 2},    {0x386, 0x386, 38, 1},   {0x388, 0x38a, 37, 1},
    {0x38c, 0x38c, 64, 1},   {0x38e, 0x38f, 63, 1},   {0x391, 0x3a1, 32, 1},
    {0x3a3, 0x3ab, 32, 1},   {0x400, 0x40f, 80, 1},   {0x410, 0x42f, 32, 1},
    {0x460, 0x480, 1, 2},    {0x48a, 0x4be, 1, 2},    {0x4c1, 0x4cd, 1, 2},
    {0x4d0, 0x52e, 1, 2},    {0x531, 0x556, 48, 1},   {0x10a0, 0x10c5, 7264, 1},
    {0x1e00, 0x1e94, 1, 2},  {0x1ea0, 0x1efe, 1, 2},  {0x2160, 0x216f, 16, 1},
    {0x24b6, 0x24cf, 26, 1}, {0xff21, 0xff3a, 32, 1}, {0x10400, 0x10427, 40, 1},
};

/* Adds the other case of what lies both in r and between first and last, which are distance away
 * from it. */
static bool add_shifted(struct code_set *s, struct code_range r, uint32_t first, uint32_t last,
                        int32_t distance, uint32_t step)
{
    uint32_t from = r.first > first ? r.first : first, to = r.last < last ? r.last : last;

    if (from > to)
        return true;
    if (step == 1)
        return push(s, (uint32_t)((int32_t)from + distance), (uint32_t)((int32_t)to + distance));
    for (uint32_t c = from + (from - first) % step; c <= to; c += step) {
        if (!push(s, (uint32_t)((int32_t)c + distance), (uint32_t)((int32_t)c + distance)))
            return false;
        if (s->n >= RANGES_MOST / 2)
            tidy(s);
    }
    return true;
}

bool set_fold(struct code_set *s)
{
    size_t n = s->n;
    struct code_range *range = calloc(n ? n : 1, sizeof *range);
    bool good = range != NULL;

    if (good && n > 0)
        memcpy(range, s->range, n * sizeof *range); /* s grows meanwhile */
    for (size_t i = 0; good && i < n; i++) {
        for (size_t k = 0; good && k < ARRAY_LEN(cases); k++) {
            int32_t d = cases[k].distance;

            good = add_shifted(s, range[i], cases[k].first, cases[k].last, d, cases[k].step) &&
                   add_shifted(s, range[i], (uint32_t)((int32_t)cases[k].first + d),
                               (uint32_t)((int32_t)cases[k].last + d), -d, cases[k].step);
        }
    }
    tidy(s);
    if (s->n > 0)
        shrink(s);
    free(range);
    return good;
}

/* ---- words ---- */

/* All that is no word: ASCII aside from letters, digits and _; beyond it punctuation, symbols,
 * blanks and emoji. */
static const struct code_range no_words[] = {
    {0, '0' - 1},       {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1},
    {'_' + 1, 'a' - 1}, {'z' + 1, 0xa9},    {0xab, 0xb1},
    {0xb4, 0xb4},       {0xb6, 0xb8},       {0xbb, 0xbf},
    {0xd7, 0xd7},       {0xf7, 0xf7},       {0x2000, 0x206f},
    {0x20a0, 0x20cf},   {0x2190, 0x245f},   {0x2500, 0x2bff},
    {0x2e00, 0x2e7f},   {0x3000, 0x3004},   {0x3008, 0x3020},
    {0x3030, 0x3030},   {0xfe00, 0xfe6f},   {0xfeff, 0xff0f},
    {0xff1a, 0xff20},   {0xff3b, 0xff40},   {0xff5b, 0xff65},
    {0xffe0, 0xffff},   {0x1f000, 0x1faff}, {0xe0000, CODEPOINT_MAX},
};

bool set_add_words(struct code_set *s)
{
    for (size_t i = 1; i < ARRAY_LEN(no_words); i++) {
        if (!push(s, no_words[i - 1].last + 1, no_words[i].first - 1))
            return false;
    }
    tidy(s);
    return true;
}

bool char_is_word(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(no_words); i++) {
        if (c >= no_words[i].first && c <= no_words[i].last)
            return false;
    }
    return true;
}

static const struct code_range unspaced[] = {
    {0xe00, 0xeff},     /* Thai, Lao */
    {0xf00, 0xfff},     /* Tibetan */
    {0x1000, 0x109f},   /* Myanmar */
    {0x1780, 0x17ff},   /* Khmer */
    {0x3040, 0x31ff},   /* Japanese syllables, Bopomofo */
    {0x3400, 0x9fff},   /* Han */
    {0xf900, 0xfaff},   /* Han, again */
    {0x20000, 0x3ffff}, /* Han, rare */
};

bool char_is_unspaced(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(unspaced); i++) {
        if (c >= unspaced[i].first && c <= unspaced[i].last)
            return true;
    }
    return false;
}

/* ---- UTF-8 ---- */

uint32_t char_next(struct slice *text)
{
    static const uint32_t lead_bits[] = {0, 0, 0x1f, 0x0f, 0x07};
    const unsigned char *s = (const unsigned char *)text->ptr;
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t c = s[0];

    if (n > text->len) /* no text that was checked ends like this */
        n = 1;
    if (n > 1)
        c &= lead_bits[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3f);
    text->ptr += n;
    text->len -= n;
    return c <= CODEPOINT_MAX ? c : CODEPOINT_MAX;
}
