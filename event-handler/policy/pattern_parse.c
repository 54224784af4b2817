/* Expressions to instructions, by recursive descent. */
#include <stdlib.h>

#include "policy/pattern.h"
#include "policy/pattern_code.h"

enum { DEPTH_MOST = 32, REPEAT_MOST = 255, SETS_MOST = PATTERN_CODE_MOST, UNLIMITED = -1 };

static const char no_memory[] = "not enough memory";
static const char too_long[] = "is too long, or repeats too much";

struct parser {
    struct code *code;
    struct slice rest;
    bool fold;
    int depth;
    const char *error; /* static; the first one counts */
};

static bool fail(struct parser *p, const char *error)
{
    if (!p->error)
        p->error = error;
    return false;
}

void code_deinit(struct code *c)
{
    for (size_t i = 0; i < c->n_sets; i++)
        free(c->set[i].range);
    free(c->set);
    free(c->inst);
    *c = (struct code){0};
}

/* ---- emitting ---- */

/* Makes room for n instructions at `at`. */
static bool insert(struct parser *p, size_t at, size_t n)
{
    struct code *c = p->code;

    if (c->n + n > PATTERN_CODE_MOST)
        return fail(p, too_long);
    if (!c->inst) {
        c->inst = calloc(PATTERN_CODE_MOST, sizeof *c->inst);
        if (!c->inst)
            return fail(p, no_memory);
    }
    memmove(c->inst + at + n, c->inst + at, (c->n - at) * sizeof *c->inst);
    c->n += n;
    return true;
}

static bool insert_one(struct parser *p, size_t at, enum code_op op, size_t a, size_t b)
{
    if (!insert(p, at, 1))
        return false;
    p->code->inst[at] = (struct code_inst){op, (int)a, (int)b};
    return true;
}

static bool emit(struct parser *p, enum code_op op, int a)
{
    return insert_one(p, p->code->n, op, (size_t)a, 0);
}

/* Takes set over. */
static bool emit_set(struct parser *p, struct code_set *set)
{
    struct code *c = p->code;

    if (!c->set)
        c->set = calloc(SETS_MOST, sizeof *c->set);
    if (!c->set || c->n_sets == SETS_MOST || (p->fold && !set_fold(set))) {
        free(set->range);
        return fail(p, c->set ? too_long : no_memory);
    }
    c->set[c->n_sets++] = *set;
    return emit(p, CODE_SET, (int)c->n_sets - 1);
}

static bool emit_char(struct parser *p, uint32_t c)
{
    struct code_set set = {0};

    if (!set_add(&set, c, c))
        return fail(p, no_memory);
    return emit_set(p, &set);
}

/* Puts n copies of the n_piece instructions that begin at `at` behind them. */
static bool repeat(struct parser *p, size_t at, size_t n_piece, size_t n)
{
    if (n_piece * n > PATTERN_CODE_MOST)
        return fail(p, too_long);
    for (size_t i = 0; i < n; i++) {
        size_t end = p->code->n;

        if (!insert(p, end, n_piece))
            return false;
        memcpy(p->code->inst + end, p->code->inst + at, n_piece * sizeof *p->code->inst);
    }
    return true;
}

/* ---- repetition ---- */

/* Whatever is from `at` on, any number of times: SPLIT piece JUMP. */
static bool make_star(struct parser *p, size_t at)
{
    size_t n = p->code->n - at;

    if (!insert_one(p, at, CODE_SPLIT, 1, n + 2))
        return false;
    return emit(p, CODE_JUMP, -(int)(n + 1));
}

/* From `at` on there is the piece once: makes it `most` times, each of which may be the last. */
static bool make_optional(struct parser *p, size_t at, size_t most)
{
    size_t unit;

    if (!insert_one(p, at, CODE_SPLIT, 1, 0))
        return false;
    unit = p->code->n - at;
    if (!repeat(p, at, unit, most - 1))
        return false;
    for (size_t i = 0; i < most; i++)
        p->code->inst[at + i * unit].b = (int)((most - i) * unit);
    return true;
}

static bool make_repeated(struct parser *p, size_t at, int least, int most)
{
    size_t n = p->code->n - at, tail = at + (size_t)least * n;

    if (most == 0) {
        p->code->n = at;
        return true;
    }
    if (least > 0 && !repeat(p, at, n, (size_t)least - 1 + (most != least)))
        return false;
    if (most == least)
        return true;
    return most == UNLIMITED ? make_star(p, tail) : make_optional(p, tail, (size_t)(most - least));
}

static bool at_char(const struct parser *p, char c)
{
    return p->rest.len > 0 && p->rest.ptr[0] == c;
}

static bool take(struct parser *p, char c)
{
    if (!at_char(p, c))
        return false;
    p->rest.ptr++;
    p->rest.len--;
    return true;
}

static bool take_text(struct parser *p, const char *text)
{
    struct slice s = slice_str(text);

    if (!slice_has_prefix(p->rest, s))
        return false;
    p->rest.ptr += s.len;
    p->rest.len -= s.len;
    return true;
}

static bool take_number(struct parser *p, int *out)
{
    size_t digits = 0;

    *out = 0;
    for (; p->rest.len > 0 && p->rest.ptr[0] >= '0' && p->rest.ptr[0] <= '9'; digits++) {
        if (*out <= REPEAT_MOST)
            *out = *out * 10 + (p->rest.ptr[0] - '0');
        p->rest.ptr++;
        p->rest.len--;
    }
    return digits > 0;
}

/* Behind '{'. */
static bool parse_counts(struct parser *p, int *least, int *most)
{
    if (!take_number(p, least))
        return fail(p, "needs a number behind {");
    *most = *least;
    if (take(p, ',') && !take_number(p, most))
        *most = UNLIMITED;
    if (!take(p, '}'))
        return fail(p, "has a { without its }");
    if (*least > REPEAT_MOST || *most > REPEAT_MOST)
        return fail(p, "repeats something more than 255 times");
    if (*most != UNLIMITED && *most < *least)
        return fail(p, "has a repetition whose end is before its beginning");
    return true;
}

/* False also when there is none. */
static bool parse_quantifier(struct parser *p, int *least, int *most)
{
    *least = 0;
    *most = UNLIMITED;
    if (take(p, '*'))
        return true;
    if (take(p, '+')) {
        *least = 1;
        return true;
    }
    if (take(p, '?')) {
        *most = 1;
        return true;
    }
    return take(p, '{') && parse_counts(p, least, most);
}

static bool parse_repetition(struct parser *p, size_t at)
{
    int least, most;

    if (!parse_quantifier(p, &least, &most))
        return !p->error;
    take(p, '?'); /* reluctant: finds the same */
    if (at_char(p, '*') || at_char(p, '+') || at_char(p, '?') || at_char(p, '{'))
        return fail(p, "repeats a repetition");
    return make_repeated(p, at, least, most);
}

/* ---- characters ---- */

static bool add_blanks(struct code_set *set)
{
    return set_add(set, '\t', '\r') && set_add(set, ' ', ' ') && set_add(set, 0xa0, 0xa0) &&
           set_add(set, 0x2000, 0x200b) && set_add(set, 0x2028, 0x2029) &&
           set_add(set, 0x3000, 0x3000);
}

/* \d and its kin; false when c is none of them. */
static bool add_named(struct parser *p, char c, struct code_set *set)
{
    struct code_set named = {0};
    bool good = true;

    switch (c) {
    case 'd':
    case 'D':
        good = set_add(&named, '0', '9');
        break;
    case 'w':
    case 'W':
        good = set_add_words(&named);
        break;
    case 's':
    case 'S':
        good = add_blanks(&named);
        break;
    default:
        return false;
    }
    if (good && c < 'a')
        good = set_invert(&named);
    for (size_t i = 0; good && i < named.n; i++)
        good = set_add(set, named.range[i].first, named.range[i].last);
    free(named.range);
    if (!good)
        fail(p, no_memory);
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind \x: HH or {H...}. */
static bool parse_hex(struct parser *p, uint32_t *out)
{
    bool braces = take(p, '{');
    size_t digits = 0, most = braces ? 6 : 2;

    *out = 0;
    for (; digits < most && p->rest.len > 0; digits++) {
        int value = hex_value(p->rest.ptr[0]);

        if (value < 0)
            break;
        *out = *out * 16 + (uint32_t)value;
        p->rest.ptr++;
        p->rest.len--;
    }
    if (digits == 0 || (braces ? !take(p, '}') : digits != 2) || *out > CODEPOINT_MAX)
        return fail(p, "has a \\x that is not followed by a character's number");
    return true;
}

/* A character after '\', which is not one of the names of a set. */
static bool parse_escape(struct parser *p, uint32_t *out)
{
    char c;

    if (p->rest.len == 0)
        return fail(p, "ends with a single \\");
    c = p->rest.ptr[0];
    if ((c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
        return fail(p, "has a \\ before something that it does not go with");
    p->rest.ptr++;
    p->rest.len--;
    *out = (unsigned char)c;
    switch (c) {
    case 't':
        *out = '\t';
        return true;
    case 'n':
        *out = '\n';
        return true;
    case 'r':
        *out = '\r';
        return true;
    case 'x':
        return parse_hex(p, out);
    default:
        break;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return fail(p, "has a \\ before something that it does not go with");
    return true;
}

/* One member of [...]; *set_name: it was a whole set, and no range can begin or end with it. */
static bool parse_member(struct parser *p, struct code_set *set, uint32_t *c, bool *set_name)
{
    *set_name = false;
    if (slice_has_prefix(p->rest, SLICE("[:")))
        return fail(p, "has a [: class, which is written \\w, \\d or \\s here");
    if (!take(p, '\\')) {
        *c = char_next(&p->rest);
        return true;
    }
    if (p->rest.len > 0 && add_named(p, p->rest.ptr[0], set)) {
        p->rest.ptr++;
        p->rest.len--;
        *set_name = true;
        return !p->error;
    }
    return parse_escape(p, c);
}

static bool parse_member_range(struct parser *p, struct code_set *set)
{
    uint32_t first, last;
    bool name, last_name = false;

    if (!parse_member(p, set, &first, &name))
        return false;
    if (name)
        return true;
    last = first;
    if (p->rest.len >= 2 && p->rest.ptr[0] == '-' && p->rest.ptr[1] != ']') {
        take(p, '-');
        if (!parse_member(p, set, &last, &last_name))
            return false;
    }
    if (last_name || last < first)
        return fail(p, "has a range in [] whose end is before its beginning");
    return set_add(set, first, last) || fail(p, too_long);
}

/* Behind '['. */
static bool parse_members(struct parser *p, struct code_set *set)
{
    bool invert = take(p, '^'), any = false;

    while (p->rest.len > 0 && (!at_char(p, ']') || !any)) {
        if (!parse_member_range(p, set))
            return false;
        any = true;
    }
    if (!take(p, ']'))
        return fail(p, "has a [ without its ]");
    /* Case first: [^a] with case ignored is neither a nor A. */
    if (invert && ((p->fold && !set_fold(set)) || !set_invert(set)))
        return fail(p, no_memory);
    return true;
}

static bool parse_set(struct parser *p)
{
    struct code_set set = {0};
    bool fold = p->fold, inverted = at_char(p, '^'), good;

    if (!parse_members(p, &set)) {
        free(set.range);
        return false;
    }
    p->fold = fold && !inverted;
    good = emit_set(p, &set);
    p->fold = fold;
    return good;
}

static bool emit_any(struct parser *p)
{
    struct code_set set = {0};

    if (!set_add(&set, '\n', '\n') || !set_invert(&set))
        return fail(p, no_memory);
    return emit_set(p, &set);
}

/* ---- structure ---- */

static bool parse_either(struct parser *p);

static bool parse_group(struct parser *p)
{
    if (!take_text(p, "?:") && at_char(p, '?'))
        return fail(p, "has a (? of a kind that is not understood; only (?: is, and (?-i) at the "
                       "beginning");
    if (p->depth == DEPTH_MOST)
        return fail(p, "has too many ( within each other");
    p->depth++;
    if (!parse_either(p))
        return false;
    p->depth--;
    return take(p, ')') || fail(p, "has a ( without its )");
}

/* Behind '\'. */
static bool parse_backslash(struct parser *p)
{
    struct code_set set = {0};
    uint32_t c;

    if (take(p, 'b'))
        return emit(p, CODE_ASSERT, ASSERT_WORD_EDGE);
    if (take(p, 'B'))
        return emit(p, CODE_ASSERT, ASSERT_NO_WORD_EDGE);
    if (p->rest.len > 0 && add_named(p, p->rest.ptr[0], &set)) {
        p->rest.ptr++;
        p->rest.len--;
        if (p->error) {
            free(set.range);
            return false;
        }
        return emit_set(p, &set);
    }
    return parse_escape(p, &c) && emit_char(p, c);
}

static bool parse_atom(struct parser *p)
{
    if (take(p, '('))
        return parse_group(p);
    if (take(p, '['))
        return parse_set(p);
    if (take(p, '.'))
        return emit_any(p);
    if (take(p, '^'))
        return emit(p, CODE_ASSERT, ASSERT_BEGIN);
    if (take(p, '$'))
        return emit(p, CODE_ASSERT, ASSERT_END);
    if (take(p, '\\'))
        return parse_backslash(p);
    if (at_char(p, '*') || at_char(p, '+') || at_char(p, '?') || at_char(p, '{'))
        return fail(p, "repeats nothing");
    return emit_char(p, char_next(&p->rest));
}

static bool parse_sequence(struct parser *p)
{
    while (p->rest.len > 0 && !at_char(p, '|') && !at_char(p, ')')) {
        size_t at = p->code->n;

        if (!parse_atom(p) || !parse_repetition(p, at))
            return false;
    }
    return true;
}

/* a|b: SPLIT a JUMP b */
static bool parse_either(struct parser *p)
{
    size_t at = p->code->n, n;

    if (!parse_sequence(p))
        return false;
    while (take(p, '|')) {
        size_t jump;

        n = p->code->n - at;
        if (!insert_one(p, at, CODE_SPLIT, 1, n + 2) || !emit(p, CODE_JUMP, 0))
            return false;
        jump = p->code->n - 1;
        if (!parse_sequence(p))
            return false;
        p->code->inst[jump].a = (int)(p->code->n - jump);
    }
    return true;
}

/* Thousands of expressions are kept, most of them short. */
static void shrink(struct code *c)
{
    struct code_inst *inst = realloc(c->inst, c->n * sizeof *inst);
    struct code_set *set = c->n_sets > 0 ? realloc(c->set, c->n_sets * sizeof *set) : NULL;

    if (inst)
        c->inst = inst;
    if (set)
        c->set = set;
}

static bool finish(struct parser *p, int number, const char **error)
{
    if (!p->error && p->rest.len > 0)
        fail(p, "has a ) without its (");
    if (!p->error)
        emit(p, CODE_MATCH, number);
    *error = p->error;
    if (p->error)
        code_deinit(p->code);
    else
        shrink(p->code);
    return !p->error;
}

bool code_parse(struct code *c, struct slice expression, int number, const char **error)
{
    struct parser p = {.code = c, .rest = expression, .fold = true};

    *c = (struct code){0};
    if (take_text(&p, "(?-i)"))
        p.fold = false;
    else
        take_text(&p, "(?i)");
    if (p.rest.len == 0)
        fail(&p, "is empty");
    else
        parse_either(&p);
    return finish(&p, number, error);
}

static bool emit_edge(struct parser *p, uint32_t c)
{
    return !char_is_word(c) || char_is_unspaced(c) || emit(p, CODE_ASSERT, ASSERT_WORD_EDGE);
}

bool code_parse_word(struct code *c, struct slice word, int number, const char **error)
{
    struct parser p = {.code = c, .rest = word, .fold = true};
    uint32_t last = 0;
    bool good = true;

    *c = (struct code){0};
    if (word.len == 0)
        good = fail(&p, "is empty");
    while (good && p.rest.len > 0) {
        bool first = p.rest.len == word.len;

        last = char_next(&p.rest);
        good = (!first || emit_edge(&p, last)) && emit_char(&p, last);
    }
    if (good)
        emit_edge(&p, last);
    return finish(&p, number, error);
}
