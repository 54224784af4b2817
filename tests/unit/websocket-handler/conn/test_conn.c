#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "conn/conn.h"
#include "conn/conn_rpc.h"
#include "conn/conns.h"
#include "conn/listener.h"

/*
 * Real connections over loopback: the relay's loop and its clients take turns in one thread. The
 * session below it echoes text; a few words make it do other things.
 */
struct session {
    struct conn *conn;
    struct conn_handle handle;
    int n_binary, n_drained;
};

static struct {
    uv_loop_t loop;
    struct config cfg;
    struct site site;
    struct listener listener;
    int port;
    struct session *newest;
    int n_opened, n_closed, n_drained;
    char host[64], address[64];
    bool refuse, unsettled;
    struct refbuf *body;
} relay;

static struct session *opened(struct conn *c, struct slice host, struct slice address)
{
    struct session *s;

    snprintf(relay.host, sizeof(relay.host), SLICE_FMT, SLICE_ARG(host));
    snprintf(relay.address, sizeof(relay.address), SLICE_FMT, SLICE_ARG(address));
    if (relay.refuse)
        return NULL;
    s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->conn = c;
    s->handle = conn_handle_of(c);
    relay.newest = s;
    relay.n_opened++;
    assert_true(conn_send(c, SLICE("hel"), SLICE("lo")));
    return s;
}

static void message(struct session *s, struct slice text)
{
    assert_ptr_equal(conn_session(s->conn), s);
    if (slice_eq(text, SLICE("bye"))) {
        conn_send(s->conn, SLICE("farewell"), SLICE(""));
        conn_close(s->conn, CONN_CLOSE_POLICY);
        assert_null(conn_lookup(s->handle));
        assert_false(conn_send(s->conn, SLICE("too late"), SLICE("")));
    } else if (slice_eq(text, SLICE("shared"))) {
        conn_send_shared(s->conn, SLICE("head:"), relay.body);
    } else if (slice_eq(text, SLICE("flood"))) {
        while (conn_send_shared(s->conn, SLICE("x"), relay.body))
            ;
    } else if (slice_eq(text, SLICE("fill"))) {
        while (!conn_is_congested(s->conn) && conn_send_shared(s->conn, SLICE("x"), relay.body))
            ;
    } else if (slice_eq(text, SLICE("pause"))) {
        conn_pause_reading(s->conn);
    } else {
        conn_send(s->conn, text, SLICE(""));
    }
}

static void binary(struct session *s)
{
    s->n_binary++;
}

static void drained(struct session *s)
{
    s->n_drained++;
    relay.n_drained++;
}

static bool settled(const struct session *s)
{
    assert_ptr_equal(conn_session(s->conn), s);
    return !relay.unsettled;
}

static void closed(struct session *s)
{
    if (relay.newest == s)
        relay.newest = NULL;
    relay.n_closed++;
    free(s);
}

static const struct conn_ops ops = {opened, message, binary, drained, settled, closed};

static int start(int64_t total_bytes)
{
    int fd;
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    char *body = malloc(50000);

    memset(&relay, 0, sizeof(relay));
    relay.cfg = (struct config){
        .relay_name = "Test",
        .relay_description = "",
        .relay_icon = "",
        .contact = "",
        .trusted_proxies = "",
        .shared = {.admin_pubkey = "", .co_admin_pubkeys = ""},
        .max_message_bytes = 100000,
        .max_connections = 3,
        .ping_seconds = 1,
        .silence_seconds = 3,
        .handshake_seconds = 1,
        .message_seconds = 2,
        .send_soft_bytes = 100000,
        .send_hard_bytes = 1000000,
        .send_total_bytes = total_bytes,
    };
    memset(body, 'b', 50000);
    relay.body = refbuf_new(slice_of(body, 50000));
    free(body);
    assert_int_equal(uv_loop_init(&relay.loop), 0);
    assert_int_equal(site_init(&relay.site, &relay.cfg, NULL, NULL, 0), OK);
    conn_set_ops(&ops);
    assert_int_equal(conns_open(&relay.loop, &relay.site), OK);
    assert_int_equal(listener_bind("127.0.0.1", 0, &fd, 1), OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    relay.port = ntohs(address.sin_port);
    assert_int_equal(listener_open(&relay.listener, &relay.loop, fd, HTTP_PUBLIC), OK);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return start(100000000);
}

static int setup_with_a_small_total(void **state)
{
    (void)state;
    return start(1);
}

static int teardown(void **state)
{
    (void)state;
    listener_close(&relay.listener);
    conns_close();
    uv_run(&relay.loop, UV_RUN_DEFAULT);
    assert_int_equal(relay.n_opened, relay.n_closed);
    assert_int_equal(relay.body->refs, 1);
    refbuf_unref(relay.body);
    conns_deinit();
    site_deinit(&relay.site);
    assert_int_equal(uv_loop_close(&relay.loop), 0);
    return 0;
}

/* ---- a client ---- */

struct client {
    int fd;
    char *in;
    size_t n_in;
    bool ended;
};

enum { CLIENT_ROOM = 8 * 1024 * 1024 };

static void client_connect(struct client *cl)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)relay.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *cl = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0), .in = malloc(CLIENT_ROOM)};
    assert_true(cl->fd >= 0 && cl->in);
    assert_int_equal(connect(cl->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void client_close(struct client *cl)
{
    close(cl->fd);
    free(cl->in);
}

static void client_write(struct client *cl, const void *bytes, size_t n)
{
    assert_int_equal(send(cl->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void client_say(struct client *cl, const char *text)
{
    client_write(cl, text, strlen(text));
}

/* A masked frame; the key is zero, so that the payload is itself. */
static void client_frame(struct client *cl, unsigned first_byte, const char *payload)
{
    char frame[256] = {(char)first_byte, (char)(0x80 | strlen(payload))};

    memcpy(frame + 6, payload, strlen(payload));
    client_write(cl, frame, 6 + strlen(payload));
}

static void client_read(struct client *cl)
{
    ssize_t n = recv(cl->fd, cl->in + cl->n_in, CLIENT_ROOM - cl->n_in, MSG_DONTWAIT);

    if (n > 0)
        cl->n_in += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        cl->ended = true;
}

static bool client_has(const struct client *cl, const char *text)
{
    return cl->n_in > 0 && memmem(cl->in, cl->n_in, text, strlen(text)) != NULL;
}

/* Turns the loop, without and then with reading, for ms. */
static void turn(struct client *cl, bool reading, uint64_t ms)
{
    uint64_t end = clock_mono_ms() + ms;

    do {
        uv_run(&relay.loop, UV_RUN_NOWAIT);
        if (cl && reading)
            client_read(cl);
        usleep(200);
    } while (clock_mono_ms() < end);
}

static void wait_text(struct client *cl, const char *text)
{
    for (int i = 0; i < 500 && !client_has(cl, text); i++)
        turn(cl, true, 10);
    if (!client_has(cl, text))
        fail_msg("'%s' has not come", text);
}

static void wait_end(struct client *cl, int seconds)
{
    for (int i = 0; i < seconds * 100 && !cl->ended; i++)
        turn(cl, true, 10);
    assert_true(cl->ended);
}

#define UPGRADE                                                                                    \
    "GET / HTTP/1.1\r\nHost: relay.example:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"     \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void client_open(struct client *cl)
{
    client_connect(cl);
    client_say(cl, UPGRADE);
    wait_text(cl, "\r\n\r\n\x81\x05hello");
}

/* ---- tests ---- */

static void a_client_upgrades_and_talks(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    assert_true(client_has(&cl, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_string_equal(relay.host, "relay.example:1");
    assert_string_equal(relay.address, "127.0.0.1");
    client_frame(&cl, 0x81, "echo");
    wait_text(&cl, "\x81\x04"
                   "echo");
    client_frame(&cl, 0x82, "binary");
    client_frame(&cl, 0x89, "ping");
    wait_text(&cl, "\x8a\x04ping");
    assert_int_equal(relay.newest->n_binary, 1);
    client_frame(&cl, 0x88, "\x03\xe8");
    wait_text(&cl, "\x88\x02\x03\xe8");
    wait_end(&cl, 2);
    assert_int_equal(relay.n_closed, 1);
    assert_int_equal(conns_clients(), 0);
    client_close(&cl);
}

static void bytes_may_come_singly_or_all_at_once(void **state)
{
    static const char frame[] = "\x81\x85\0\0\0\0first";
    struct client cl;

    (void)state;
    client_connect(&cl);
    client_write(&cl, UPGRADE "\x81\x85\0\0\0\0first", sizeof(UPGRADE) - 1 + sizeof(frame) - 1);
    wait_text(&cl, "\x81\x05"
                   "first");
    client_close(&cl);

    client_connect(&cl);
    for (size_t i = 0; i < sizeof(UPGRADE) - 1; i++) {
        client_write(&cl, &UPGRADE[i], 1);
        turn(&cl, true, 1);
    }
    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        client_write(&cl, &frame[i], 1);
        turn(&cl, true, 1);
    }
    wait_text(&cl, "\x81\x05"
                   "first");
    client_close(&cl);
    turn(NULL, false, 20);
}

static void the_session_may_close(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    client_frame(&cl, 0x81, "bye");
    client_frame(&cl, 0x81, "never answered");
    wait_text(&cl, "\x81\x08"
                   "farewell\x88");
    wait_end(&cl, 2);
    assert_true(client_has(&cl, "\x03\xf0"
                                "too many violations"));
    assert_false(client_has(&cl, "never"));
    assert_int_equal(relay.n_closed, 1);
    client_close(&cl);
}

static void a_refused_session_ends_the_connection(void **state)
{
    struct client cl;

    (void)state;
    relay.refuse = true;
    client_connect(&cl);
    client_say(&cl, UPGRADE);
    wait_end(&cl, 2);
    assert_true(client_has(&cl, "\x03\xf3")); /* 1011 */
    client_close(&cl);
}

static void plain_requests_are_answered_and_closed(void **state)
{
    static const struct {
        const char *request, *expected;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
        {"GET /missing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345", "HTTP/1.1 405 Method"},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad"},
        {"GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: x\r\n\r\n", "HTTP/1.1 426 Upgrade"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client cl;

        client_connect(&cl);
        client_say(&cl, rows[i].request);
        wait_text(&cl, rows[i].expected);
        wait_end(&cl, 2);
        client_close(&cl);
    }
}

static void an_endless_head_is_refused(void **state)
{
    static char junk[20000];
    struct client cl;

    (void)state;
    memset(junk, 'y', sizeof(junk));
    client_connect(&cl);
    client_say(&cl, "GET / HTTP/1.1\r\nX: ");
    turn(&cl, true, 5);
    client_write(&cl, junk, sizeof(junk));
    wait_text(&cl, "HTTP/1.1 431 ");
    wait_end(&cl, 2);
    client_close(&cl);
}

static void a_full_relay_says_so(void **state)
{
    struct client clients[3], late;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        client_open(&clients[i]);
    client_connect(&late);
    client_say(&late, UPGRADE);
    wait_text(&late, "HTTP/1.1 503 ");
    client_close(&late);
    client_connect(&late);
    client_say(&late, "GET /healthz HTTP/1.1\r\n\r\n");
    wait_text(&late, "HTTP/1.1 200 ");
    client_close(&late);
    for (size_t i = 0; i < 3; i++)
        client_close(&clients[i]);
    turn(NULL, false, 20);
    client_open(&late);
    client_close(&late);
    turn(NULL, false, 20);
}

static void large_bodies_arrive_whole(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    cl.n_in = 0;
    for (int i = 0; i < 20; i++)
        client_frame(&cl, 0x81, "shared");
    for (int i = 0; i < 200 && cl.n_in < 20 * (4 + 5 + 50000); i++)
        turn(&cl, true, 10);
    assert_int_equal(cl.n_in, 20 * (4 + 5 + 50000));
    for (size_t i = 0; i < 20; i++)
        assert_memory_equal(cl.in + i * 50009, "\x81\x7e\xc3\x55head:bbb", 12);
    client_close(&cl);
    turn(NULL, false, 20);
}

static void a_congested_session_hears_when_it_may_go_on(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    client_frame(&cl, 0x81, "fill");
    turn(&cl, false, 50);
    assert_true(conn_is_congested(relay.newest->conn));
    assert_int_equal(relay.n_drained, 0);
    for (int i = 0; i < 200 && relay.n_drained == 0; i++)
        turn(&cl, true, 10);
    assert_int_equal(relay.newest->n_drained, 1);
    assert_false(conn_is_congested(relay.newest->conn));
    client_close(&cl);
    turn(NULL, false, 20);
}

static void a_slow_reader_is_cut(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    client_frame(&cl, 0x81, "flood");
    turn(&cl, false, 50);
    assert_int_equal(relay.n_closed, 1);
    assert_int_equal(conns_count(), 0);
    assert_int_equal(relay.body->refs, 1);
    client_close(&cl);
}

static void slow_readers_go_early_when_all_have_too_much(void **state)
{
    struct client slow, other;
    struct conn_handle h;

    (void)state;
    client_open(&slow);
    h = relay.newest->handle;
    client_frame(&slow, 0x81, "fill"); /* to just above the soft mark */
    turn(&slow, false, 50);
    assert_null(conn_lookup(h));
    client_open(&other);
    client_frame(&other, 0x81, "echo");
    wait_text(&other, "echo");
    client_close(&slow);
    client_close(&other);
    turn(NULL, false, 20);
}

static void a_paused_client_is_heard_later(void **state)
{
    struct client cl;

    (void)state;
    client_open(&cl);
    client_frame(&cl, 0x81, "pause");
    turn(&cl, true, 20);
    client_frame(&cl, 0x81, "later");
    turn(&cl, true, 50);
    assert_false(client_has(&cl, "later"));
    conn_resume_reading(relay.newest->conn);
    wait_text(&cl, "later");
    client_close(&cl);
    turn(NULL, false, 20);
}

static void silent_clients_are_pinged_then_cut(void **state)
{
    struct client cl;
    uint64_t start = clock_mono_ms();

    (void)state;
    client_open(&cl);
    wait_text(&cl, "\x89"); /* ping */
    wait_end(&cl, 6);
    assert_true(clock_mono_ms() - start >= 2000);
    assert_int_equal(relay.n_closed, 1);
    client_close(&cl);
}

static void a_request_and_a_message_must_come_in_time(void **state)
{
    struct client head, half;

    (void)state;
    client_connect(&head);
    client_say(&head, "GET / HT");
    wait_end(&head, 4);
    assert_int_equal(head.n_in, 0);
    client_close(&head);

    client_open(&half);
    client_write(&half, "\x81\x85", 2);
    for (int i = 0; i < 60 && !half.ended; i++) {
        turn(&half, true, 100);
        if (i % 10 == 0 && !half.ended)
            send(half.fd, "\0", 1, MSG_NOSIGNAL); /* alive, but never done */
        if (i == 20)
            assert_int_equal(relay.n_closed, 0);
    }
    assert_true(half.ended);
    client_close(&half);
}

static void peers_that_vanish_are_forgotten(void **state)
{
    static const char *const beginnings[] = {"", "GET / HT", UPGRADE, UPGRADE "\x81\xfe"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        struct linger reset = {.l_onoff = 1};
        struct client cl;

        client_connect(&cl);
        client_say(&cl, beginnings[i]);
        turn(&cl, i % 2, 20);
        if (i % 2)
            setsockopt(cl.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        client_close(&cl);
        turn(NULL, false, 50);
        assert_int_equal(conns_count(), 0);
    }
}

static void a_drain_lets_clients_go_with_1012(void **state)
{
    struct client clients[3], late;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        client_open(&clients[i]);
    client_connect(&late);
    turn(&late, true, 10);
    conns_drain();
    turn(&late, true, 10);
    client_say(&late, UPGRADE);
    wait_text(&late, "HTTP/1.1 503 ");
    client_close(&late);
    client_frame(&clients[0], 0x81, "heard");
    wait_text(&clients[0], "heard");
    conns_close_dismissed(true);
    assert_int_equal(conns_clients(), 3);
    relay.unsettled = true;
    conns_dismiss(1);
    conns_close_dismissed(false);
    assert_int_equal(conns_clients(), 3);
    turn(&clients[0], true, 10);
    client_frame(&clients[0], 0x81, "unread");
    turn(&clients[0], true, 20);
    assert_false(client_has(&clients[0], "unread"));
    conns_close_dismissed(true);
    assert_int_equal(conns_clients(), 2);
    relay.unsettled = false;
    conns_dismiss(5);
    assert_int_equal(conns_clients(), 2);
    conns_close_dismissed(false);
    assert_int_equal(conns_clients(), 0);
    for (size_t i = 0; i < 3; i++) {
        wait_text(&clients[i], "\x03\xf4"); /* 1012 */
        client_close(&clients[i]);
    }
    turn(NULL, false, 20);
    assert_int_equal(conns_count(), 0);
}

/* ---- management requests ---- */

static struct {
    struct conn_handle client;
    char envelope[4096];
    int n_asked, n_cancelled;
    bool busy;
} rpc;

static bool rpc_ask(struct conn_handle h, struct slice envelope)
{
    if (rpc.busy)
        return false;
    rpc.client = h;
    rpc.n_asked++;
    snprintf(rpc.envelope, sizeof(rpc.envelope), SLICE_FMT, SLICE_ARG(envelope));
    return true;
}

static void rpc_cancel(struct conn_handle h)
{
    assert_true(h.slot == rpc.client.slot && h.generation == rpc.client.generation);
    rpc.n_cancelled++;
}

static const struct conn_rpc_ops rpc_ops = {rpc_ask, rpc_cancel};

static int setup_rpc(void **state)
{
    memset(&rpc, 0, sizeof(rpc));
    conn_set_rpc_ops(&rpc_ops);
    return setup(state);
}

#define RPC_TYPE "Content-Type: application/nostr+json+rpc; charset=utf-8\r\n"
#define RPC_HEAD "POST /?a=b HTTP/1.1\r\nHost: relay.example:1\r\n" RPC_TYPE
#define RPC_AUTH "authorization: nostr e30=\r\n"

static void a_management_request_is_handed_on_and_answered(void **state)
{
    static const char request[] =
        RPC_HEAD RPC_AUTH "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n";
    static const char body[] = "{\"method\":\"\xc3\xa4\"}";
    struct client cl;

    (void)state;
    client_connect(&cl);
    client_say(&cl, request);
    wait_text(&cl, "100 Continue");
    for (size_t i = 0; i < sizeof(body) - 1; i++) {
        assert_int_equal(rpc.n_asked, 0);
        client_write(&cl, &body[i], 1);
        turn(&cl, true, 2);
    }
    for (int i = 0; i < 100 && rpc.n_asked == 0; i++)
        turn(&cl, true, 10);
    assert_int_equal(rpc.n_asked, 1);
    assert_string_equal(rpc.envelope,
                        "{\"authorization\":\"nostr e30=\",\"url\":\"http://relay.example:1/?a=b\","
                        "\"http_method\":\"POST\",\"address\":\"127.0.0.1\","
                        "\"body\":\"{\\\"method\\\":\\\"\xc3\xa4\\\"}\"}");
    turn(&cl, true, 2500); /* longer than a request may take to come */
    assert_false(cl.ended);
    conn_rpc_answer(rpc.client, 200, SLICE("{\"result\":true}"));
    wait_end(&cl, 2);
    assert_true(client_has(&cl, "HTTP/1.1 200 OK\r\nContent-Type: application/nostr+json+rpc\r\n"));
    assert_true(client_has(&cl, "Access-Control-Allow-Origin: *\r\n"));
    assert_true(client_has(&cl, "\r\n\r\n{\"result\":true}"));
    conn_rpc_answer(rpc.client, 200, SLICE("{}")); /* the client has gone */
    assert_int_equal(rpc.n_cancelled, 0);
    client_close(&cl);
}

static void what_is_no_management_request_is_refused(void **state)
{
    static const struct {
        const char *request, *status, *says;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" RPC_TYPE "\r\n", "405 ", "Allow: GET, HEAD, POST, OPTIONS\r\n"},
        {RPC_HEAD RPC_AUTH "\r\n", "411 ", "Content-Length"},
        {RPC_HEAD RPC_AUTH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411 ", ""},
        {RPC_HEAD RPC_AUTH "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "411 ", ""},
        {RPC_HEAD RPC_AUTH "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "411 ", ""},
        {RPC_HEAD RPC_AUTH "Content-Length: +2\r\n\r\n{}", "411 ", ""},
        {RPC_HEAD RPC_AUTH "Content-Length: 65537\r\n\r\n", "413 ", "64 KiB"},
        {RPC_HEAD RPC_AUTH "Content-Length: 99999999999999999999999\r\n\r\n", "413 ", ""},
        {RPC_HEAD "Content-Length: 2\r\n\r\n{}", "401 ", "WWW-Authenticate: Nostr\r\n"},
        {RPC_HEAD "Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}", "401 ", ""},
        {RPC_HEAD "Authorization: Nostr\r\nContent-Length: 2\r\n\r\n{}", "401 ", ""},
        {RPC_HEAD RPC_AUTH RPC_AUTH "Content-Length: 2\r\n\r\n{}", "401 ", ""},
        {RPC_HEAD "Authorization: Nostr \xff\r\nContent-Length: 2\r\n\r\n{}", "401 ", ""},
        {RPC_HEAD RPC_AUTH "Content-Length: 2\r\n\r\n\"\xff", "400 ", "UTF-8"},
        {"POST /other HTTP/1.1\r\n" RPC_TYPE RPC_AUTH "Content-Length: 2\r\n\r\n{}", "404 ", ""},
        {"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "405 ",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client cl;

        client_connect(&cl);
        client_say(&cl, rows[i].request);
        wait_end(&cl, 2);
        if (!client_has(&cl, rows[i].status) || !client_has(&cl, rows[i].says) ||
            !client_has(&cl, "Access-Control-Allow-Headers"))
            fail_msg("%s\n%.*s", rows[i].request, (int)cl.n_in, cl.in);
        client_close(&cl);
    }
    assert_int_equal(rpc.n_asked, 0);
}

#define RPC_REQUEST RPC_HEAD RPC_AUTH "Content-Length: 2\r\n\r\n{}"

static void a_management_request_goes_with_its_client(void **state)
{
    struct client cl;

    (void)state;
    client_connect(&cl); /* while it is waiting */
    client_say(&cl, RPC_REQUEST);
    turn(&cl, true, 50);
    assert_int_equal(rpc.n_asked, 1);
    client_close(&cl);
    turn(NULL, false, 50);
    assert_int_equal(rpc.n_cancelled, 1);
    conn_rpc_answer(rpc.client, 200, SLICE("{}"));

    client_connect(&cl); /* while it is being sent */
    client_say(&cl, RPC_HEAD RPC_AUTH "Content-Length: 2\r\n\r\n{");
    turn(&cl, true, 50);
    client_close(&cl);
    turn(NULL, false, 50);

    client_connect(&cl); /* too slow */
    client_say(&cl, RPC_HEAD RPC_AUTH "Content-Length: 2\r\n\r\n{");
    wait_end(&cl, 4);
    client_close(&cl);
    assert_int_equal(rpc.n_asked, 1);
    assert_int_equal(rpc.n_cancelled, 1);

    rpc.busy = true;
    client_connect(&cl);
    client_say(&cl, RPC_REQUEST);
    wait_end(&cl, 2);
    assert_true(client_has(&cl, "503 Service Unavailable"));
    client_close(&cl);

    rpc.busy = false; /* the process ends */
    client_connect(&cl);
    client_say(&cl, RPC_REQUEST);
    turn(&cl, true, 50);
    client_close(&cl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_client_upgrades_and_talks),
        TEST(bytes_may_come_singly_or_all_at_once),
        TEST(the_session_may_close),
        TEST(a_refused_session_ends_the_connection),
        TEST(plain_requests_are_answered_and_closed),
        TEST(an_endless_head_is_refused),
        TEST(a_full_relay_says_so),
        TEST(large_bodies_arrive_whole),
        TEST(a_congested_session_hears_when_it_may_go_on),
        TEST(a_slow_reader_is_cut),
        cmocka_unit_test_setup_teardown(slow_readers_go_early_when_all_have_too_much,
                                        setup_with_a_small_total, teardown),
        TEST(a_paused_client_is_heard_later),
        TEST(silent_clients_are_pinged_then_cut),
        TEST(a_request_and_a_message_must_come_in_time),
        TEST(peers_that_vanish_are_forgotten),
        TEST(a_drain_lets_clients_go_with_1012),
        cmocka_unit_test_setup_teardown(a_management_request_is_handed_on_and_answered, setup_rpc,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_management_request_is_refused, setup_rpc,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_management_request_goes_with_its_client, setup_rpc,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
