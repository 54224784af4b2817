#ifndef EVENT_HANDLER_POLICY_BLOCKED_H
#define EVENT_HANDLER_POLICY_BLOCKED_H
/*
 * POLICY_BLOCKED_WORDS and POLICY_BLOCKED_PATTERNS: what texts must not contain (pattern.h). Made
 * once at start, then read by any thread. The readers name the entry at fault in error.
 */
#include "policy/pattern.h"

struct blocked {
    struct pattern_set *set; /* NULL: nothing is blocked */
    char **name;             /* of each: the word itself, or "line 12" */
    size_t n;
};

/* Words and phrases with commas between them. */
NODISCARD bool blocked_read_words(const char *text, struct blocked *out, struct buf *error);
/* A file of expressions, one per line; empty lines and those that begin with # aside. "" for none.
 */
NODISCARD bool blocked_read_patterns(const char *path, struct blocked *out, struct buf *error);
void blocked_deinit(struct blocked *b); /* of a zeroed or filled one */

/* The name of one that text contains, or NULL. */
static inline const char *blocked_find(const struct blocked *b, struct slice text)
{
    int found = b->set ? pattern_set_find(b->set, text) : -1;

    return found < 0 ? NULL : b->name[found];
}

#endif
