#ifndef WEBSOCKET_HANDLER_CONN_CONN_INTERNAL_H
#define WEBSOCKET_HANDLER_CONN_CONN_INTERNAL_H
/*
 * Shared by conn.c (one connection), conn_upgrade.c (its HTTP beginning), conn_rpc.c (management
 * requests) and conns.c (all of them); nobody else includes this.
 *
 *   accepted      +--> BODY --> WAITING +
 *      |          | POST                | answer
 *    HEAD --------+-- plain HTTP answer-+
 *      | 101                            |
 *    OPEN                               |
 *      | conn_close()                   v
 *    ENDING ----- end of turn -----> FLUSHING ----- written -----> LINGERING
 *      | cut                            | deadline                     | end of input, deadline
 *      +--------------------------------+---------> GONE <-------------+
 *
 * ENDING: the session is still to be told, which happens at the end of the loop turn, so that no
 * function of conn.h ever calls back. FLUSHING: what is queued is written out, within a deadline.
 * LINGERING: our side is shut down, and what still comes is dropped until the peer closes too or a
 * short deadline passes; closing at once would let the kernel send a reset, which can destroy the
 * farewell before the peer has read it. BODY: a management request's body is read. WAITING: it has
 * been handed on.
 */
#include <uv.h>

#include "base/list.h"
#include "conn/client_origin.h"
#include "conn/conn.h"
#include "conn/conn_table.h"
#include "conn/frames.h"
#include "conn/outq.h"
#include "conn/plain_http.h"
#include "conn/timer_wheel.h"
#include "ops/log.h"

enum conn_state {
    CONN_HEAD,
    CONN_BODY,
    CONN_WAITING,
    CONN_OPEN,
    CONN_ENDING,
    CONN_FLUSHING,
    CONN_LINGERING,
    CONN_GONE
};

struct conn {
    uv_poll_t poll;
    struct timer timer;
    struct list link; /* in conns.dirty, in conns.lobby, or unlinked */
    struct outq out;
    struct session *session; /* from OPEN until it has been told of the end */
    struct frames *frames;   /* while a frame or message is incomplete */
    char *head;              /* HEAD: the beginning of an incomplete request, or NULL */
    struct conn_rpc *rpc;    /* BODY, WAITING */
    uint32_t last_seen;      /* tick of the last sign of life */
    uint32_t partial_since;  /* tick when `frames` was borrowed */
    struct conn_handle handle;
    struct ip address; /* of the client: the peer's until its request says more (client_origin.h) */
    int fd;
    uint16_t head_len;
    uint8_t state;      /* enum conn_state */
    uint8_t port;       /* enum http_port */
    uint8_t events;     /* what the poll handle waits for */
    bool blocked : 1;   /* the kernel took no more: wait for writable */
    bool congested : 1; /* above the soft mark, and not yet below the low one */
    bool drained : 1;   /* the session is to be told that it may produce again */
    bool paused : 1;    /* by the session */
    bool dismissed : 1; /* nothing more is read: ends when it is settled */
    bool cut : 1;       /* ends without a farewell */
    bool announced : 1; /* a PROXY header comes before the request */
    bool counted : 1;   /* among its address' connections (limit/limits.h) */
};

/* Deadlines are counted in ticks of half a second. */
enum { TICK_MS = 500, TICKS_PER_SECOND = 1000 / TICK_MS };
enum { READ_BYTES = 64 * 1024 };

/* What all connections share. */
struct conns {
    uv_loop_t *loop;
    const struct site *site;
    const struct conn_ops *ops;
    const struct conn_rpc_ops *rpc_ops;
    struct limits *limits; /* limit/limits.h; NULL: none */
    struct cidr_list proxies;
    struct proxy_trust trust;
    struct log_gate proxy_gate;
    uv_prepare_t before_sleep;
    uv_idle_t keep_awake; /* runs while a turn has left something to write */
    uv_timer_t clock;
    struct conn_table table;
    struct timer_wheel wheel;
    struct frames_pool frames;
    struct outq_pool chunks;
    struct list lobby; /* in HEAD or LINGERING, oldest first: owed nothing, and the first to go */
    struct list dirty; /* to be written, or ended, at the end of the turn */
    size_t unflushed;  /* bytes queued since the dirty connections were last written */
    size_t n_clients;  /* WebSocket clients that are OPEN */
    size_t n_all;
    size_t n_rpcs;      /* connections in BODY or WAITING */
    size_t queued;      /* bytes in all queues */
    uint32_t dismissed; /* slots below this one have been dismissed */
    bool draining;      /* nobody is let in */
    /* Settings, as numbers of the right kind. */
    size_t soft_bytes, low_bytes, hard_bytes, total_bytes, stop_reading_bytes;
    size_t max_clients;
    uint32_t ping_ticks, silence_ticks, head_ticks, message_ticks;
    /* Counted here, and passed on to the metrics once per turn. */
    struct {
        int64_t messages_in, bytes_in, messages_out, bytes_out;
    } tally;
    char read_buffer[READ_BYTES];
};

extern struct conns conns;

static inline uint32_t conns_tick(void)
{
    return (uint32_t)(uv_now(conns.loop) / TICK_MS);
}

/* conn.c */
extern const struct frames_ops conn_frames_ops;
void conn_start(struct conn *c); /* begins to wait for its request */
void conn_mark_dirty(struct conn *c);
void conn_flush(
    struct conn *c); /* writes what the kernel takes; on failure marks the connection for its end */
void conn_end_turn(
    struct conn *c); /* writes, tells the session what it must know, goes on ending */
bool conn_queue(struct conn *c, struct slice bytes); /* raw bytes; false without memory */
void conn_feed(struct conn *c, struct slice bytes);  /* frames from an OPEN connection */
void conn_finish(struct conn *c);  /* what is queued is all: flush, linger, gone */
void conn_destroy(struct conn *c); /* gone, now */
timer_fn conn_on_timer;

/* conn_upgrade.c */
void conn_read_head(struct conn *c, struct slice bytes);
/* out holds the whole answer of that status; the connection ends behind it. */
void conn_answer_and_finish(struct conn *c, const struct buf *out, int status);

/* conn_rpc.c */
bool conn_rpc_is_meant(const struct http_head *head); /* a management request? */
void conn_rpc_begin(struct conn *c, const struct http_head *head);
void conn_rpc_feed(struct conn *c, struct slice bytes); /* in BODY */
void conn_rpc_end(struct conn *c);                      /* frees what there is of one */

#endif
