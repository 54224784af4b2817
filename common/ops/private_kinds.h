#ifndef COMMON_OPS_PRIVATE_KINDS_H
#define COMMON_OPS_PRIVATE_KINDS_H
/*
 * PRIVATE_KINDS: further kinds that are served to their parties only, on every path. Both services
 * call private_kinds_configure() once at start, before there are other threads.
 */
#include "base/buf.h"

/* A list as kind_set.h describes it, of at most KIND_PRIVATE_FURTHER kinds. False after saying in
 * error what is wrong. */
bool private_kinds_check(const char *text, struct buf *error);
/* text has passed the check. */
void private_kinds_configure(const char *text);

#endif
