#ifndef EVENT_HANDLER_POLICY_POLICY_LISTS_H
#define EVENT_HANDLER_POLICY_POLICY_LISTS_H
/*
 * The POLICY_* settings in the form that rules use: made once at start, then read by any thread.
 */
#include "ops/key_set.h"
#include "ops/kind_set.h"
#include "policy/blocked.h"

struct config;

enum { POLICY_MAX_POW = 64 };

struct policy_pow { /* kinds first..last ask for so many bits */
    int first, last, bits;
};

struct policy_lists {
    struct kind_set allow_kinds, deny_kinds; /* an empty allow_kinds restricts nothing */
    struct key_set allow_pubkeys, deny_pubkeys;
    struct policy_pow pow[POLICY_MAX_POW]; /* the first that covers a kind counts */
    size_t n_pow;
    struct blocked words, patterns;
};

/* NULL after one line on stderr that names the setting and the entry at fault. */
struct policy_lists *policy_lists_new(const struct config *cfg);
void policy_lists_free(struct policy_lists *l); /* NULL is fine */

/* The bits that a kind asks for beyond MIN_POW_DIFFICULTY; 0 for none. */
int policy_pow_for(const struct policy_lists *l, int kind);

#endif
