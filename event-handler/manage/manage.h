#ifndef EVENT_HANDLER_MANAGE_MANAGE_H
#define EVENT_HANDLER_MANAGE_MANAGE_H
/*
 * Management of the relay (NIP-86, docs/PROTOCOL.md): one thread with a database connection of its
 * own answers POST /v1/manage, one request after the other, and in between does what follows from
 * moderation and cannot be done at once (moves.h, membership.h). Its methods are in method.h.
 */
#include "base/buf.h"

struct access;
struct config;
struct ingest;
struct manage;
struct manage_request; /* one call on its way */

struct manage_setup { /* all borrowed until manage_free() */
    const struct config *cfg;
    struct access *access;
    struct ingest *ingest; /* where the relay's own events go; NULL in tests */
};

/* Runs on the manage thread, exactly once per submitted request; must only hand over. */
typedef void manage_done_fn(struct manage_request *r, void *ctx);

/* NULL without a thread or memory. */
struct manage *manage_start(const struct manage_setup *setup);
/* Ends the thread; what waits is answered with 503, and so is what comes later. False when it hangs
 * in the database: then nothing may be freed. */
NODISCARD bool manage_stop(struct manage *m, uint64_t deadline_ms);
void manage_free(struct manage *m); /* after manage_stop(), and after the ingest */

/* Any thread. Takes body over, also on an error. ERR_BUSY: too many wait; ERR_NOMEM; done is not
 * called then. done may run before this returns; *out is set before. */
NODISCARD enum err manage_submit(struct manage *m, struct buf *body, manage_done_fn *done,
                                 void *ctx, struct manage_request **out);
/* 200 with the answer, 400 when the envelope is malformed, 503; the text is valid until
 * manage_request_free(). */
int manage_request_status(const struct manage_request *r);
struct slice manage_request_answer(const struct manage_request *r);
void manage_request_free(struct manage_request *r); /* after done */

#endif
