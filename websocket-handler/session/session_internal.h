#ifndef WEBSOCKET_HANDLER_SESSION_SESSION_INTERNAL_H
#define WEBSOCKET_HANDLER_SESSION_SESSION_INTERNAL_H
/*
 * What the files of this folder share: the session itself and the handlers of its verbs.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "control/control_state.h"
#include "limit/limits.h"
#include "live/subscriber.h"
#include "nostr/event.h"
#include "nostr/message.h"
#include "nostr/tier.h"
#include "nostr/verdict.h"
#include "session/session.h"
#include "session/subs.h"
#include "upstream/query_queue.h"

enum {
    CHALLENGE_BYTES = 16,
    MAX_AUTH_FAILURES =
        32, /* signatures that were checked and wrong; after these none is checked any more */
    MAX_COUNTS = 20, /* of one connection at a time */
    MAX_PENDING_BYTES =
        4 * 1024 * 1024, /* of EVENTs without an OK: the client is not read from above this */
    MAX_FILTER_BYTES = 16 * 1024 * 1024, /* of all subscriptions of one connection */
    MAX_SUB_ID_CHARS = 64,
    MAX_ECHO_BYTES = 1024, /* a longer subscription id is refused without naming it */
};

/* membership.c */
struct membership {
    struct list sessions; /* session.membership: nothing to be asked about */
    struct list due;      /* session.membership: to be asked about again */
    uint32_t calls;       /* access_calls of all sessions */
};

/* Shared by all sessions of the process. From the arena on: used by one message at a time. */
struct session_shared {
    struct session_env env;
    struct membership membership;
    const struct control_state *control; /* never NULL */
    struct event_limits event_limits;
    struct filter_limits filter_limits;
    size_t filter_bytes; /* of all subscriptions */
    struct arena arena;  /* what one message is parsed into */
    struct buf out;      /* reply.c */
    struct buf id_json;  /* the subscription id of the current message, escaped and in quotes */
    struct buf preimage; /* verify_event() */
};

struct session {
    struct conn *conn;
    struct session_shared *shared;
    struct readers auth; /* authenticated pubkeys, at most INGEST_MAX_AUTH */
    struct subs subs;
    struct list counts;       /* count_call.node */
    struct list access_calls; /* access_call.node */
    struct list membership;   /* in one of struct membership's, once somebody has authenticated */
    struct query_lane lane;
    uint64_t newest_seq; /* of the verdicts it has had, in the numbering named epoch */
    uint32_t epoch;
    uint32_t n_counts;
    uint32_t pending_events, pending_bytes; /* EVENTs without an OK */
    enum tier tier;                         /* the best of its authenticated pubkeys' */
    uint16_t members;                       /* which of them are members, a bit for each */
    bool reading_paused;
    uint8_t auth_failures;
    uint8_t address_len, host_len;
    uint8_t challenge[CHALLENGE_BYTES];
    char text[]; /* the client's address, then the Host it asked for */
};

static inline struct slice session_address(const struct session *s)
{
    return slice_of(s->text, s->address_len);
}
static inline struct slice session_host(const struct session *s)
{
    return slice_of(s->text + s->address_len, s->host_len);
}
/* The oldest snapshot that a query of this session may be answered from: it has seen that much. */
uint64_t session_min_seq(const struct session *s);

/* Says why with a NOTICE, and closes the connection. The session must not be used any more. */
void session_expel(struct session *s, struct slice notice);

/* One per verb. msg lives in the shared arena and is valid for the call. */
typedef void verb_fn(struct session *s, const struct client_message *msg);
verb_fn on_event, on_req, on_count, on_close, on_auth;

/* dispatch.c: one text message. */
void session_dispatch(struct session *s, struct slice text);
/* on_event.c: the event handler's answer, see batcher.h. */
struct batch_sender;
struct ingest_verdict;
void session_on_verdict(const struct batch_sender *sender, const struct ingest_verdict *verdict,
                        const char *sentence);
/* on_count.c: cancels what runs. */
void session_cancel_counts(struct session *s);

/* access.c: asks who auth.key[key] is. With an id, the OK of this AUTH waits for the answer: false
 * when it cannot be asked for now. */
NODISCARD bool session_ask_access(struct session *s, uint32_t key, const struct event_id *id);
void session_cancel_access(struct session *s);

/* on_auth.c: the OK of an AUTH. */
void session_answer_auth(struct session *s, const struct event_id *id, enum verdict v,
                         const char *sentence);

/* membership.c: AUTH_MODE=members. */
bool session_for_members(const struct session *s);
/* Somebody has authenticated for the first time. */
void membership_enter(struct session *s);
void membership_leave(struct session *s);
/* Who auth.key[key] is has been answered. False: was the last member, and the connection is closed.
 */
NODISCARD bool membership_answered(struct session *s, uint32_t key, bool member);
/* An access_call has ended, or was cancelled. */
void membership_call_ended(struct session_shared *shared);
/* Something may have changed for anybody: asks about all, some at a time. */
void membership_review(struct session_shared *shared);

/* on_req.c, for REQ and COUNT: checks the id and leaves it in shared->id_json. False: answered. */
NODISCARD bool session_take_id(struct session *s, const struct client_message *msg);
/* The filters of a REQ or COUNT, in the shared arena; also refuses what an unauthenticated client
 * may not ask. False: answered with CLOSED. */
NODISCARD bool session_take_filters(struct session *s, const struct client_message *msg,
                                    struct filter **filters, size_t *n);

/* allowance.c: what rate limits say (limit/limits.h). */
struct limit_who session_who(const struct session *s);
/* Is cost within this rate? If not the message has been answered, as its verb asks. */
NODISCARD bool session_within(struct session *s, const struct client_message *msg,
                              enum limit_rate rate, double cost, const char *what);
/* The same for a query with these filters; its id is in shared->id_json. */
NODISCARD bool session_within_queries(struct session *s, const struct filter *filters, size_t n);
/* Charges what queries have cost since the last time. */
void session_settle_queries(struct session *s);
/* For whom the event handler is to take turns; empty without limits. */
struct slice session_turn(const struct session *s, char out[IP_TEXT_BYTES]);

/* The text of the member "id" of a malformed event if it is a short string, so that OK can name it.
 */
bool event_id_text(struct slice object, struct arena *arena, struct slice *id);

#endif
