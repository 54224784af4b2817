#ifndef RELAYCTL_ASK_H
#define RELAYCTL_ASK_H
/*
 * A question to the relay, REQ or COUNT, with the filters of the command line; asked again when the
 * relay wanted us to authenticate first. One thread.
 */
#include "relay.h"

struct ask {
    struct relay *relay;
    struct signer *signer;
    struct buf question;
    bool patient; /* wait for good: set it when the stored events are through */
};

/* Connects and asks. Returns the exit status, after saying what went wrong if it is not STATUS_OK;
 * ask_close() in any case. */
NODISCARD int ask_open(struct ask *a, const char *verb, const struct options *o);
void ask_close(struct ask *a);

enum ask_result {
    ASK_ANSWER,      /* *m: EVENT, EOSE or COUNT */
    ASK_INTERRUPTED, /* interrupt.h */
    ASK_FAILED,      /* the user has been told */
};

enum ask_result ask_next(struct ask *a, struct relay_message *m);

/* Appends filter, one JSON object, with its limit replaced (limit < 0: as it is). False when it is
 * no JSON object. */
NODISCARD bool ask_write_filter(struct buf *out, struct slice filter, int64_t limit);

#endif
