/*
 * The table of a program: a row per state, a column per class of characters and one for the end. An
 * entry is the next state, or ~number of a pattern that was found. It is made by taking every step
 * from every state that can be reached, as far as the bounds allow.
 */
#include <stdlib.h>

#include "base/siphash.h"
#include "policy/pattern_code.h"

enum {
    STATES_MOST = 8192,
    ENTRIES_MOST = 512 * 1024, /* 2 MiB */
    WORK_MOST = 100000000,     /* a few tenths of a second */
    SLOTS = 2 * STATES_MOST,
};

struct builder {
    struct program *p;
    struct program_scratch scratch;
    uint64_t *states; /* words each */
    enum code_side *before;
    size_t n, room, columns;
    uint32_t *slot; /* a hash table of states, each plus one */
    struct siphash_key key;
    uint64_t *to, *sparse; /* what is not zero of a state, each word behind its place */
    bool failed;           /* no memory, or a bound was reached */
};

static uint64_t *state_at(const struct builder *b, size_t i)
{
    return b->states + i * b->p->words;
}

static bool grow(struct builder *b)
{
    size_t room = b->room ? 2 * b->room : 64;
    uint64_t *states = realloc(b->states, room * b->p->words * sizeof *states);
    enum code_side *before;
    int32_t *table;

    if (states)
        b->states = states;
    before = realloc(b->before, room * sizeof *before);
    if (before)
        b->before = before;
    table = realloc(b->p->table, room * b->columns * sizeof *table);
    if (table)
        b->p->table = table;
    b->room = room;
    return states && before && table;
}

/* Of thousands of instructions a state has but a few. */
static uint64_t hash_state(struct builder *b, const uint64_t *bits)
{
    size_t n = 0;

    for (size_t w = 0; w < b->p->words; w++) {
        if (bits[w] == 0)
            continue;
        b->sparse[n++] = w;
        b->sparse[n++] = bits[w];
    }
    return siphash(&b->key, b->sparse, n * sizeof *b->sparse);
}

/* The number of the state, which is added when it is new. */
static int32_t find_state(struct builder *b, const uint64_t *bits, enum code_side before)
{
    size_t size = b->p->words * sizeof *bits;
    size_t at = (hash_state(b, bits) + before) % SLOTS;

    for (; b->slot[at] != 0; at = (at + 1) % SLOTS) {
        size_t i = b->slot[at] - 1;

        if (b->before[i] == before && memcmp(state_at(b, i), bits, size) == 0)
            return (int32_t)i;
    }
    if (b->n == STATES_MOST || (b->n + 1) * b->columns > ENTRIES_MOST ||
        (b->n == b->room && !grow(b))) {
        b->failed = true;
        return 0;
    }
    memcpy(state_at(b, b->n), bits, size);
    b->before[b->n] = before;
    b->slot[at] = (uint32_t)++b->n;
    return (int32_t)(b->n - 1);
}

static void set_entry(struct builder *b, size_t state, size_t column, int32_t entry)
{
    b->p->table[state * b->columns + column] = entry;
}

/* All steps from a state over characters on that side. */
static void take_steps(struct builder *b, size_t state, enum code_side side)
{
    const struct program *p = b->p;
    size_t n;
    int found = code_close(p, &b->scratch, state_at(b, state), b->before[state], side, &n);

    for (size_t class = 0; class < p->n_classes && !b->failed; class ++) {
        int32_t next = ~found;

        if (p->side[class] != side)
            continue;
        if (found < 0) {
            code_step(p, &b->scratch, n, class, b->to);
            next = find_state(b, b->to, side);
        }
        set_entry(b, state, class, next);
    }
}

static void end_here(struct builder *b, size_t state)
{
    size_t n;
    int found =
        code_close(b->p, &b->scratch, state_at(b, state), b->before[state], SIDE_OUTSIDE, &n);

    set_entry(b, state, b->p->n_classes, found < 0 ? 0 : ~found);
}

static void build(struct builder *b)
{
    find_state(b, b->to, SIDE_OUTSIDE); /* nothing reached: the beginning */
    for (size_t i = 0; i < b->n && !b->failed; i++) {
        take_steps(b, i, SIDE_WORD);
        take_steps(b, i, SIDE_OTHER);
        end_here(b, i);
        b->failed |= b->scratch.work > WORK_MOST;
    }
}

void program_tabulate(struct program *p)
{
    struct builder b = {.p = p, .columns = p->n_classes + 1, .key = siphash_random_key()};

    b.slot = calloc(SLOTS, sizeof *b.slot);
    b.to = calloc(p->words, sizeof *b.to);
    b.sparse = calloc(2 * p->words, sizeof *b.sparse);
    if (b.slot && b.to && b.sparse && scratch_init(&b.scratch, p)) {
        build(&b);
        scratch_deinit(&b.scratch);
    } else {
        b.failed = true;
    }
    if (b.failed) {
        free(p->table);
        p->table = NULL;
    }
    free(b.states);
    free(b.before);
    free(b.slot);
    free(b.to);
    free(b.sparse);
}

int program_look_up(const struct program *p, struct slice text)
{
    size_t columns = p->n_classes + 1;
    const int32_t *table = p->table;
    int32_t state = 0;

    while (text.len > 0) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t class;

        if (c < 0x80) {
            class = p->ascii[c];
            text.ptr++;
            text.len--;
        } else {
            class = program_class(p, char_next(&text));
        }
        state = table[(size_t)state * columns + class];
        if (state < 0)
            return ~state;
    }
    state = table[(size_t)state * columns + p->n_classes];
    return state < 0 ? ~state : -1;
}
