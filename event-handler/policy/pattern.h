#ifndef EVENT_HANDLER_POLICY_PATTERN_H
#define EVENT_HANDLER_POLICY_PATTERN_H
/*
 * Regular expressions that an operator writes and strangers' texts are searched with: no text makes
 * the search take longer than in proportion to its length, whatever the expressions are.
 *
 * Understood are: literals; . [a-z] [^a-z] \d \w \s \D \W \S; ( ) (?: ) |; * + ? {n} {n,} {n,m};
 * ^ and $ (beginning and end of the text); \b \B; \t \n \r \xHH \x{HHHHHH}; and \ before any
 * punctuation. Characters are Unicode's; case does not matter, unless an expression begins with
 * (?-i). What is not understood is refused: nothing is silently taken for something else.
 *
 * Expressions become instructions (pattern_code.h), which are searched for all at once. Where
 * possible a table is made of them beforehand, and a search is one look-up per character;
 * expressions for which that table would grow too large are followed instruction by instruction.
 *
 * A set is filled by one thread and then read by any.
 */
#include "base/buf.h"

struct pattern_set;

enum {
    PATTERNS_MOST = 4096,      /* in a set */
    PATTERN_CODE_MOST = 1000,  /* instructions of one expression */
    PATTERN_FOLLOW_MOST = 4000 /* instructions of all expressions that have no table */
};

/* NULL without memory. */
struct pattern_set *pattern_set_new(void);
void pattern_set_free(struct pattern_set *s); /* NULL is fine */

/* Both number what they add from 0 on. False after saying in *error (static) what is wrong. */
NODISCARD bool pattern_set_add(struct pattern_set *s, struct slice expression, const char **error);
/* A word as it is, found where it stands alone. */
NODISCARD bool pattern_set_add_word(struct pattern_set *s, struct slice word, const char **error);
/* Once, after the last of them. *culprit is the number of the first that is too much. */
NODISCARD bool pattern_set_seal(struct pattern_set *s, size_t *culprit, const char **error);

size_t pattern_set_count(const struct pattern_set *s);
/* The number of one that text, which is UTF-8, contains, or -1. */
int pattern_set_find(const struct pattern_set *s, struct slice text);

/* For tests: as if no table could be made. Instead of pattern_set_seal(). */
NODISCARD bool pattern_set_seal_untabled(struct pattern_set *s, size_t *culprit,
                                         const char **error);

#endif
