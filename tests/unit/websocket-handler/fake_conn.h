#ifndef TESTS_UNIT_WEBSOCKET_HANDLER_FAKE_CONN_H
#define TESTS_UNIT_WEBSOCKET_HANDLER_FAKE_CONN_H
/*
 * conn/conn.h without sockets: what is sent is written down, a line per message. A test says when
 * the connection is congested and after how many messages it ends.
 */
#include <string.h>

#include "base/buf.h"
#include "conn/conn.h"

struct conn {
    struct session *session;
    uint32_t number;
    bool congested, closing, reading_paused;
    int sends_left; /* then the connection ends; negative: never */
    enum conn_close_reason reason;
    struct buf sent;
};

enum { FAKE_CONNS = 64 };
static struct conn fake_conns[FAKE_CONNS];

static inline struct conn *fake_conn_open(uint32_t number)
{
    struct conn *c = &fake_conns[number];

    buf_deinit(&c->sent);
    *c = (struct conn){.number = number, .sends_left = -1};
    buf_init(&c->sent, 64 * MIB);
    return c;
}

/* All that was sent since the last call, NUL-terminated, good until the next message. */
static inline const char *fake_conn_take(struct conn *c)
{
    buf_add_char(&c->sent, '\0');
    c->sent.len = 0;
    return c->sent.ptr;
}

const struct ip *conn_address(const struct conn *c)
{
    static const struct ip address;

    (void)c;
    return &address;
}

struct conn_handle conn_handle_of(const struct conn *c)
{
    return (struct conn_handle){c->number, 1};
}

struct conn *conn_lookup(struct conn_handle h)
{
    return fake_conns[h.slot].closing ? NULL : &fake_conns[h.slot];
}

struct session *conn_session(struct conn *c)
{
    return c->session;
}

void conn_each(void (*fn)(struct conn *c))
{
    for (uint32_t i = 0; i < FAKE_CONNS; i++) {
        if (fake_conns[i].session && !fake_conns[i].closing)
            fn(&fake_conns[i]);
    }
}

bool conn_send(struct conn *c, struct slice head, struct slice tail)
{
    if (c->closing || c->sends_left == 0) {
        c->closing = true;
        return false;
    }
    if (c->sends_left > 0)
        c->sends_left--;
    buf_add_slice(&c->sent, head);
    buf_add_slice(&c->sent, tail);
    buf_add_char(&c->sent, '\n');
    return true;
}

bool conn_send_shared(struct conn *c, struct slice head, struct refbuf *tail)
{
    return conn_send(c, head, refbuf_slice(tail));
}

bool conn_is_congested(const struct conn *c)
{
    return c->congested;
}

void conn_pause_reading(struct conn *c)
{
    c->reading_paused = true;
}

void conn_resume_reading(struct conn *c)
{
    c->reading_paused = false;
}

void conn_close(struct conn *c, enum conn_close_reason reason)
{
    c->closing = true;
    c->reason = reason;
}

#endif
