#include "policy/pattern.h"

#include <stdlib.h>

#include "policy/pattern_code.h"

enum { PROGRAM_CODE_MOST = 16384 /* instructions */ };

struct pattern_set {
    struct code *code;
    size_t n, room;
    struct program *program;
    size_t n_programs;
    size_t followed; /* instructions of those without a table */
};

static const char no_memory[] = "not enough memory";

struct pattern_set *pattern_set_new(void)
{
    return calloc(1, sizeof(struct pattern_set));
}

static void free_codes(struct pattern_set *s)
{
    for (size_t i = 0; s->code && i < s->n; i++)
        code_deinit(&s->code[i]);
    free(s->code);
    s->code = NULL;
}

void pattern_set_free(struct pattern_set *s)
{
    if (!s)
        return;
    free_codes(s);
    for (size_t i = 0; i < s->n_programs; i++)
        program_deinit(&s->program[i]);
    free(s->program);
    free(s);
}

size_t pattern_set_count(const struct pattern_set *s)
{
    return s->n;
}

/* ---- filling ---- */

typedef bool parse_fn(struct code *c, struct slice text, int number, const char **error);

static bool add(struct pattern_set *s, parse_fn *parse, struct slice text, const char **error)
{
    if (s->n == PATTERNS_MOST) {
        *error = "is one more than can be had";
        return false;
    }
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        struct code *grown = realloc(s->code, room * sizeof *grown);

        if (!grown) {
            *error = no_memory;
            return false;
        }
        s->code = grown;
        s->room = room;
    }
    if (!parse(&s->code[s->n], text, (int)s->n, error))
        return false;
    s->n++;
    return true;
}

bool pattern_set_add(struct pattern_set *s, struct slice expression, const char **error)
{
    return add(s, code_parse, expression, error);
}

bool pattern_set_add_word(struct pattern_set *s, struct slice word, const char **error)
{
    return add(s, code_parse_word, word, error);
}

/* ---- making programs ---- */

static size_t count_code(const struct pattern_set *s, size_t from, size_t n)
{
    size_t sum = 0;

    for (size_t i = from; i < from + n; i++)
        sum += s->code[i].n;
    return sum;
}

static bool refuse(size_t which, const char *why, size_t *culprit, const char **error)
{
    *culprit = which;
    *error = why;
    return false;
}

/* Makes one program of n expressions, or, where its table would be too large, one of each half. */
static bool make_programs(struct pattern_set *s, size_t from, size_t n, bool tables,
                          size_t *culprit, const char **error)
{
    struct program *p = &s->program[s->n_programs];

    if (n == 1 || count_code(s, from, n) <= PROGRAM_CODE_MOST) {
        if (!program_init(p, &s->code[from], n))
            return refuse(from, no_memory, culprit, error);
        if (tables)
            program_tabulate(p);
        if (p->table || n == 1) {
            s->n_programs++;
            if (!p->table)
                s->followed += p->n;
            return s->followed <= PATTERN_FOLLOW_MOST ||
                   refuse(from, "is too complex, or all are together", culprit, error);
        }
        program_deinit(p);
    }
    return make_programs(s, from, n / 2, tables, culprit, error) &&
           make_programs(s, from + n / 2, n - n / 2, tables, culprit, error);
}

static bool seal(struct pattern_set *s, bool tables, size_t *culprit, const char **error)
{
    bool good = true;

    if (s->n > 0) {
        s->program = calloc(s->n + 1, sizeof *s->program);
        good = s->program ? make_programs(s, 0, s->n, tables, culprit, error)
                          : refuse(0, no_memory, culprit, error);
    }
    free_codes(s);
    return good;
}

bool pattern_set_seal(struct pattern_set *s, size_t *culprit, const char **error)
{
    return seal(s, true, culprit, error);
}

bool pattern_set_seal_untabled(struct pattern_set *s, size_t *culprit, const char **error)
{
    return seal(s, false, culprit, error);
}

/* ---- searching ---- */

int pattern_set_find(const struct pattern_set *s, struct slice text)
{
    for (size_t i = 0; i < s->n_programs; i++) {
        const struct program *p = &s->program[i];
        int found = p->table ? program_look_up(p, text) : program_follow(p, text);

        if (found >= 0)
            return found;
    }
    return -1;
}
