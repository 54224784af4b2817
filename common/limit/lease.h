#ifndef COMMON_LIMIT_LEASE_H
#define COMMON_LIMIT_LEASE_H
/*
 * What the processes of a relay tell each other about limits, through Redis: two scripts, written
 * as commands and read as replies. Pure: no I/O. Any thread.
 *
 * LEASE: a token bucket per subject, "tandem:limit:<class>:<hex>" = {level, at}, by Redis' own
 * clock. A process reports what it has spent and is told what is left in the shared bucket. A
 * bucket that is full again expires, so Redis holds only who was busy a moment ago, and losing it
 * all (FLUSHALL) means that every process goes on with what it knows itself.
 *
 * COUNT: how many are open at the same time, "tandem:open:<class>:<hex>" = {process: count and
 * expiry}. A process reports its own number and is told that of all the others; what a dead process
 * has left there expires by itself.
 */
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "limit/subject_table.h"

enum { LEASE_BATCH = 64, COUNT_TTL_MS = 30000 };

struct lease { /* one subject's part of a command, kept until its reply */
    struct subject subject;
    const char *class_name;
    int64_t amount, period_ms; /* LEASE: a full bucket, and how long an empty one takes to fill */
    double spent;              /* LEASE: since the last report */
    int64_t count;             /* COUNT: open here now */
};

enum { LEASE_PROCESS_CHARS = 16 };

/* The command in Redis' protocol, for redis*FormattedCommand(). n is at most LEASE_BATCH. */
void lease_write_spent(struct buf *out, const struct lease *leases, size_t n);
/* process: the name of this process, LEASE_PROCESS_CHARS of hex. */
void lease_write_counts(struct buf *out, const char *process, const struct lease *leases, size_t n);

/* The reply to either: n integers. False when it is anything else, an error included. */
NODISCARD bool lease_read_reply(const redisReply *reply, int64_t *values, size_t n);
/* Of a reply to lease_write_spent(): tokens left, below zero for a debt. */
double lease_tokens(int64_t value);

#endif
