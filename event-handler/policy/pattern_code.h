#ifndef EVENT_HANDLER_POLICY_PATTERN_CODE_H
#define EVENT_HANDLER_POLICY_PATTERN_CODE_H
/*
 * Between the parts of pattern.h. An expression is a piece of code whose jumps are relative, so
 * that pieces can be moved and repeated as they are:
 *
 *   SET     the next character must be in a set
 *   SPLIT   go on at both places
 *   JUMP    go on there
 *   ASSERT  go on if what is on either side of here allows it
 *   MATCH   found
 *
 * A place is between two characters. The state of a search at a place is the set of instructions
 * that were reached there, and what kind of character was read last. code_step() is the whole
 * meaning of the code: it leads from one state to the next.
 */
#include "base/buf.h"

enum { CODEPOINT_MAX = 0x10ffff };

enum code_op { CODE_SET, CODE_SPLIT, CODE_JUMP, CODE_ASSERT, CODE_MATCH };

struct code_inst {
    enum code_op op;
    int a; /* SET: the set; SPLIT and JUMP: how far to go; ASSERT: which; MATCH: the number */
    int b; /* SPLIT: how far to go as well */
};

enum code_assertion { ASSERT_BEGIN, ASSERT_END, ASSERT_WORD_EDGE, ASSERT_NO_WORD_EDGE };

/* What is on one side of a place. */
enum code_side { SIDE_OUTSIDE, SIDE_WORD, SIDE_OTHER, SIDES };

struct code_range {
    uint32_t first, last;
};

struct code_set { /* of characters */
    struct code_range *range;
    size_t n, room;
};

struct code { /* of one expression */
    struct code_inst *inst;
    size_t n;
    struct code_set *set;
    size_t n_sets;
};

void code_deinit(struct code *c);
/* pattern_parse.c; *error is static. */
NODISCARD bool code_parse(struct code *c, struct slice expression, int number, const char **error);
NODISCARD bool code_parse_word(struct code *c, struct slice word, int number, const char **error);

/* ---- sets of characters: pattern_chars.c ---- */

NODISCARD bool set_add(struct code_set *s, uint32_t first, uint32_t last);
/* Adds the other case of all that is in it. */
NODISCARD bool set_fold(struct code_set *s);
NODISCARD bool set_invert(struct code_set *s);
NODISCARD bool set_add_words(struct code_set *s); /* \w */
bool set_has(const struct code_set *s, uint32_t c);
bool char_is_word(uint32_t c);
/* Of a script that is written without blanks between words. */
bool char_is_unspaced(uint32_t c);
/* Reads one character of valid UTF-8; text must not be empty. */
uint32_t char_next(struct slice *text);

/* ---- several expressions, ready to be followed: pattern_run.c ---- */

/*
 * Characters that no set tells apart are one class. A program's states are bit sets over its
 * instructions.
 */
struct program {
    struct code_inst *inst; /* SET: a is the row in member */
    size_t n;
    size_t words; /* of a state, 64 instructions each */
    size_t *start;
    size_t n_starts;
    uint32_t *bound; /* from each to the next all characters are of class[i]; the first is 0 */
    uint16_t *class;
    size_t n_bounds, n_classes;
    uint16_t ascii[128];  /* the class of each of these */
    enum code_side *side; /* of each class */
    uint64_t *member;     /* rows of class bits, one row per set */
    size_t row;           /* words in such a row */
    int32_t *table;       /* n_classes + 1 per state, the last for the end; NULL: none */
};

struct program_scratch { /* of one search */
    uint64_t *from, *to, *seen;
    uint32_t *stack, *sets; /* instructions */
    uint64_t work;          /* instructions looked at so far */
};

NODISCARD bool program_init(struct program *p, const struct code *codes, size_t n);
void program_deinit(struct program *p);
size_t program_class(const struct program *p, uint32_t c);
NODISCARD bool scratch_init(struct program_scratch *s, const struct program *p);
void scratch_deinit(struct program_scratch *s);

/*
 * Where can one be at a place with these sides, coming from `from`? Writes the SET instructions to
 * s->sets and their number to *n. Returns the number of a pattern that ends here, or -1.
 */
int code_close(const struct program *p, struct program_scratch *s, const uint64_t *from,
               enum code_side before, enum code_side behind, size_t *n);
/* Reads a character of that class from s->sets into `to`. */
void code_step(const struct program *p, struct program_scratch *s, size_t n, size_t class,
               uint64_t *to);
/* Follows the instructions. -1: not found, or no memory. */
int program_follow(const struct program *p, struct slice text);

/* pattern_table.c: makes p->table, unless it would become too large. */
void program_tabulate(struct program *p);
int program_look_up(const struct program *p, struct slice text);

#endif
