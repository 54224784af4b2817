/* Programs: several pieces of code put together, and following them. */
#include <stdlib.h>

#include "policy/pattern_code.h"

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool has_bit(const uint64_t *bits, size_t i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}

/* ---- classes of characters ---- */

static bool uses_words(const struct program *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->inst[i].op == CODE_ASSERT && p->inst[i].a >= ASSERT_WORD_EDGE)
            return true;
    }
    return false;
}

static int compare_bounds(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static size_t add_bounds(uint32_t *bound, size_t n, const struct code_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        if (bound) {
            bound[n] = set->range[i].first;
            bound[n + 1] = set->range[i].last + 1;
        }
        n += 2;
    }
    return n;
}

/* With bound NULL it only counts. */
static size_t collect_bounds(const struct code *codes, size_t n_codes, const struct code_set *words,
                             uint32_t *bound)
{
    size_t n = 1;

    if (bound)
        bound[0] = 0;
    for (size_t i = 0; i < n_codes; i++) {
        for (size_t k = 0; k < codes[i].n_sets; k++)
            n = add_bounds(bound, n, &codes[i].set[k]);
    }
    return add_bounds(bound, n, words);
}

static bool find_bounds(struct program *p, const struct code *codes, size_t n_codes,
                        const struct code_set *words)
{
    size_t n = collect_bounds(codes, n_codes, words, NULL), kept = 0;

    p->bound = calloc(n, sizeof *p->bound);
    if (!p->bound)
        return false;
    collect_bounds(codes, n_codes, words, p->bound);
    qsort(p->bound, n, sizeof *p->bound, compare_bounds);
    for (size_t i = 1; i < n; i++) {
        if (p->bound[i] != p->bound[kept] && p->bound[i] <= CODEPOINT_MAX)
            p->bound[++kept] = p->bound[i];
    }
    p->n_bounds = kept + 1;
    return true;
}

/* Which sets hold a character, and on which side of words it is: one row of bits. */
static void describe(const struct code *codes, size_t n_codes, const struct code_set *words,
                     uint32_t c, uint64_t *bits)
{
    size_t set = 0;

    for (size_t i = 0; i < n_codes; i++) {
        for (size_t k = 0; k < codes[i].n_sets; k++, set++) {
            if (set_has(&codes[i].set[k], c))
                set_bit(bits, set);
        }
    }
    if (set_has(words, c))
        set_bit(bits, set);
}

static size_t class_like(const uint64_t *rows, size_t n, size_t words, const uint64_t *row)
{
    size_t i = 0;

    while (i < n && memcmp(rows + i * words, row, words * sizeof *row) != 0)
        i++;
    return i;
}

/* rows holds what describes each class. */
static void fill_classes(struct program *p, size_t n_sets, const uint64_t *rows, size_t words)
{
    for (size_t c = 0; c < p->n_classes; c++) {
        for (size_t set = 0; set < n_sets; set++) {
            if (has_bit(rows + c * words, set))
                set_bit(p->member + set * p->row, c);
        }
        p->side[c] = has_bit(rows + c * words, n_sets) ? SIDE_WORD : SIDE_OTHER;
    }
    for (size_t c = 0; c < ARRAY_LEN(p->ascii); c++) {
        size_t at = 0;

        while (at + 1 < p->n_bounds && p->bound[at + 1] <= c)
            at++;
        p->ascii[c] = p->class[at];
    }
}

static bool find_classes(struct program *p, const struct code *codes, size_t n_codes, size_t n_sets,
                         const struct code_set *words)
{
    size_t row = n_sets / 64 + 1;
    uint64_t *rows = calloc(p->n_bounds + 1, row * sizeof *rows);

    p->class = calloc(p->n_bounds, sizeof *p->class);
    if (!rows || !p->class) {
        free(rows);
        return false;
    }
    for (size_t i = 0; i < p->n_bounds; i++) {
        uint64_t *fresh = rows + p->n_classes * row;
        size_t c;

        memset(fresh, 0, row * sizeof *fresh);
        describe(codes, n_codes, words, p->bound[i], fresh);
        c = class_like(rows, p->n_classes, row, fresh);
        p->class[i] = (uint16_t)c;
        p->n_classes += c == p->n_classes;
    }
    p->row = p->n_classes / 64 + 1;
    p->side = calloc(p->n_classes, sizeof *p->side);
    p->member = calloc(n_sets ? n_sets : 1, p->row * sizeof *p->member);
    if (p->side && p->member)
        fill_classes(p, n_sets, rows, row);
    free(rows);
    return p->side && p->member;
}

size_t program_class(const struct program *p, uint32_t c)
{
    size_t low = 0, high = p->n_bounds; /* bound[low] <= c < bound[high] */

    if (c < ARRAY_LEN(p->ascii))
        return p->ascii[c];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (p->bound[middle] <= c)
            low = middle;
        else
            high = middle;
    }
    return p->class[low];
}

/* ---- life ---- */

static bool join_codes(struct program *p, const struct code *codes, size_t n_codes, size_t *n_sets)
{
    size_t n = 0;

    for (size_t i = 0; i < n_codes; i++)
        n += codes[i].n;
    p->inst = calloc(n ? n : 1, sizeof *p->inst);
    p->start = calloc(n_codes ? n_codes : 1, sizeof *p->start);
    if (!p->inst || !p->start)
        return false;
    for (size_t i = 0; i < n_codes; i++) {
        p->start[p->n_starts++] = p->n;
        for (size_t k = 0; k < codes[i].n; k++, p->n++) {
            p->inst[p->n] = codes[i].inst[k];
            if (p->inst[p->n].op == CODE_SET)
                p->inst[p->n].a += (int)*n_sets;
        }
        *n_sets += codes[i].n_sets;
    }
    p->words = p->n / 64 + 1;
    return true;
}

bool program_init(struct program *p, const struct code *codes, size_t n)
{
    struct code_set words = {0};
    size_t n_sets = 0;
    bool good;

    *p = (struct program){0};
    good = join_codes(p, codes, n, &n_sets) && (!uses_words(p) || set_add_words(&words)) &&
           find_bounds(p, codes, n, &words) && p->n_bounds <= UINT16_MAX &&
           find_classes(p, codes, n, n_sets, &words);
    free(words.range);
    if (!good)
        program_deinit(p);
    return good;
}

void program_deinit(struct program *p)
{
    free(p->inst);
    free(p->start);
    free(p->bound);
    free(p->class);
    free(p->side);
    free(p->member);
    free(p->table);
    *p = (struct program){0};
}

/* ---- running ---- */

bool scratch_init(struct program_scratch *s, const struct program *p)
{
    *s = (struct program_scratch){.from = calloc(p->words, sizeof *s->from),
                                  .to = calloc(p->words, sizeof *s->to),
                                  .seen = calloc(p->words, sizeof *s->seen),
                                  .stack = calloc(p->n, sizeof *s->stack),
                                  .sets = calloc(p->n, sizeof *s->sets)};
    if (s->from && s->to && s->seen && s->stack && s->sets)
        return true;
    scratch_deinit(s);
    return false;
}

void scratch_deinit(struct program_scratch *s)
{
    free(s->from);
    free(s->to);
    free(s->seen);
    free(s->stack);
    free(s->sets);
}

static bool holds(int assertion, enum code_side before, enum code_side behind)
{
    switch ((enum code_assertion)assertion) {
    case ASSERT_BEGIN:
        return before == SIDE_OUTSIDE;
    case ASSERT_END:
        return behind == SIDE_OUTSIDE;
    case ASSERT_WORD_EDGE:
        return (before == SIDE_WORD) != (behind == SIDE_WORD);
    case ASSERT_NO_WORD_EDGE:
        return (before == SIDE_WORD) == (behind == SIDE_WORD);
    }
    return false;
}

struct closing { /* one code_close() */
    const struct program *p;
    struct program_scratch *s;
    enum code_side before, behind;
    size_t depth, n;
    int found;
};

static void reach(struct closing *c, size_t at)
{
    if (has_bit(c->s->seen, at))
        return;
    set_bit(c->s->seen, at);
    c->s->stack[c->depth++] = (uint32_t)at;
}

/* Offsets are relative to the instruction that has them. */
static size_t target(size_t at, int offset)
{
    return offset < 0 ? at - (size_t)-offset : at + (size_t)offset;
}

static void visit(struct closing *c, size_t at)
{
    const struct code_inst *inst = &c->p->inst[at];

    switch (inst->op) {
    case CODE_SET:
        c->s->sets[c->n++] = (uint32_t)at;
        break;
    case CODE_SPLIT:
        reach(c, target(at, inst->b));
        reach(c, target(at, inst->a));
        break;
    case CODE_JUMP:
        reach(c, target(at, inst->a));
        break;
    case CODE_ASSERT:
        if (holds(inst->a, c->before, c->behind))
            reach(c, at + 1);
        break;
    case CODE_MATCH:
        if (c->found < 0 || inst->a < c->found)
            c->found = inst->a;
        break;
    }
}

static void visit_all(struct closing *c, size_t from)
{
    reach(c, from);
    while (c->depth > 0) {
        visit(c, c->s->stack[--c->depth]);
        c->s->work++;
    }
}

int code_close(const struct program *p, struct program_scratch *s, const uint64_t *from,
               enum code_side before, enum code_side behind, size_t *n)
{
    struct closing c = {.p = p, .s = s, .before = before, .behind = behind, .found = -1};

    memset(s->seen, 0, p->words * sizeof *s->seen);
    for (size_t w = 0; w < p->words; w++) {
        for (uint64_t bits = from[w]; bits; bits &= bits - 1)
            visit_all(&c, w * 64 + (size_t)__builtin_ctzll(bits));
    }
    for (size_t i = 0; i < p->n_starts; i++) /* it may begin anywhere */
        visit_all(&c, p->start[i]);
    *n = c.n;
    return c.found;
}

void code_step(const struct program *p, struct program_scratch *s, size_t n, size_t class,
               uint64_t *to)
{
    memset(to, 0, p->words * sizeof *to);
    for (size_t i = 0; i < n; i++) {
        size_t at = s->sets[i];

        if (has_bit(p->member + (size_t)p->inst[at].a * p->row, class))
            set_bit(to, at + 1);
    }
    s->work += n;
}

int program_follow(const struct program *p, struct slice text)
{
    enum code_side before = SIDE_OUTSIDE;
    struct program_scratch s;
    int found = -1;
    size_t n;

    if (!scratch_init(&s, p))
        return -1;
    while (found < 0 && text.len > 0) {
        size_t class = program_class(p, char_next(&text));
        uint64_t *from = s.from;

        found = code_close(p, &s, from, before, p->side[class], &n);
        code_step(p, &s, n, class, s.to);
        s.from = s.to;
        s.to = from;
        before = p->side[class];
    }
    if (found < 0)
        found = code_close(p, &s, s.from, before, SIDE_OUTSIDE, &n);
    scratch_deinit(&s);
    return found;
}
