#ifndef COMMON_WIRE_TAKE_H
#define COMMON_WIRE_TAKE_H
/*
 * Taking fixed pieces off the front of a text, for the line formats of common/wire. Each call moves
 * *s behind what it took, or returns false and leaves *s as it was. Any thread.
 */
#include "base/slice.h"

/* Exactly this text. */
NODISCARD bool take_text(struct slice *s, struct slice text);
/* A decimal number: digits, no sign, no leading zero, below 2^64. */
NODISCARD bool take_u64(struct slice *s, uint64_t *out);
/* "true" or "false". */
NODISCARD bool take_bool(struct slice *s, bool *out);
/* Everything up to the next newline, which is taken too but is not in *line; false when there is
 * none. */
NODISCARD bool take_line(struct slice *s, struct slice *line);

#endif
