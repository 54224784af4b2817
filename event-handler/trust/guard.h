#ifndef EVENT_HANDLER_TRUST_GUARD_H
#define EVENT_HANDLER_TRUST_GUARD_H
/* What a new generation changes, and whether it had better not be believed. Pure: any thread. */
#include "trust/trust_table.h"

enum {
    GUARD_SHRINK_PERCENT = 30, /* of the circle that may be lost at once */
    GUARD_SHRINK_LEAST = 20,   /* people; a smaller circle may shrink as it likes */
};

/*
 * Why fresh should not replace old unless somebody says so: an admin's list has gone or become
 * empty, or too many people were lost. A static phrase; NULL when all is well, and for the first
 * generation.
 */
const char *guard_fault(const struct trust_table *old, const struct trust_table *fresh);
/* How many are trusted in a and not in b. */
size_t guard_missing(const struct trust_table *a, const struct trust_table *b);
/* Do both say the same of everybody? */
bool guard_same(const struct trust_table *a, const struct trust_table *b);

#endif
