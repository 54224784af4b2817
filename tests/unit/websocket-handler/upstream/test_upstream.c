#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "upstream/batcher.h"
#include "upstream/handler_client.h"
#include "upstream/query_queue.h"
#include "upstream/upstream.h"

/*
 * The upstream against scripted event handlers: tiny HTTP servers on loopback, in the same loop. A
 * server answers a path with what the test has put there.
 */
enum { SERVERS = 2, MAX_BODY = 8 * 1024 * 1024 };

struct script {
    const char *response; /* "HTTP/...": as it is; else the body of a 200; NULL: none */
    bool cut;             /* then the connection is cut */
};

struct server {
    uv_tcp_t listener;
    int port;
    bool open;
    struct script events, query, count, feed, readyz;
    int n_events, n_query, n_count, n_connections;
    char head[2048]; /* of the last request that was no probe */
    char body[4096];
    size_t body_len;
};

struct client {
    uv_tcp_t tcp;
    struct server *server;
    char *bytes;
    size_t len;
};

static uv_loop_t loop;
static struct config cfg;
static struct server servers[SERVERS];
static struct upstream *up;

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;

    free(c->bytes);
    free(c);
}

static void client_close(struct client *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, client_closed);
}

struct reply {
    uv_write_t req;
    struct client *client;
    bool cut;
    char head[64];
};

static void on_written(uv_write_t *req, int status)
{
    struct reply *reply = (struct reply *)req;

    (void)status;
    if (reply->cut)
        client_close(reply->client);
    free(reply);
}

static void send_script(struct client *c, const struct script *script)
{
    struct reply *reply;
    uv_buf_t parts[2];
    size_t len;

    if (!script->response) {
        if (script->cut)
            client_close(c);
        return;
    }
    reply = calloc(1, sizeof *reply);
    assert_non_null(reply);
    reply->client = c;
    reply->cut = script->cut;
    len = strlen(script->response);
    if (strncmp(script->response, "HTTP/", 5) != 0)
        snprintf(reply->head, sizeof reply->head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                 len);
    parts[0] = uv_buf_init(reply->head, (unsigned)strlen(reply->head));
    parts[1] = uv_buf_init((char *)script->response, (unsigned)len);
    assert_int_equal(uv_write(&reply->req, (uv_stream_t *)&c->tcp, parts, 2, on_written), 0);
}

/* A whole request is there: head_len bytes of head, then the body. */
static void take_request(struct client *c, size_t head_len, size_t body_len)
{
    struct server *s = c->server;
    const char *path = strchr(c->bytes, ' ') + 1;

    if (strncmp(path, "/readyz", 7) == 0) {
        send_script(c, &s->readyz);
        return;
    }
    snprintf(s->head, sizeof s->head, "%.*s", (int)head_len, c->bytes);
    s->body_len = body_len;
    memcpy(s->body, c->bytes + head_len, body_len < sizeof s->body ? body_len : sizeof s->body);
    if (strncmp(path, "/v1/events", 10) == 0) {
        s->n_events++;
        send_script(c, &s->events);
    } else if (strncmp(path, "/v1/query", 9) == 0) {
        s->n_query++;
        send_script(c, &s->query);
    } else if (strncmp(path, "/v1/count", 9) == 0) {
        s->n_count++;
        send_script(c, &s->count);
    } else {
        send_script(c, &s->feed);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = stream->data;
    char *end, *length;
    size_t head_len, body_len;

    if (n < 0)
        client_close(c);
    if (n <= 0) {
        free(buf->base);
        return;
    }
    c->bytes = realloc(c->bytes, c->len + (size_t)n + 1);
    assert_non_null(c->bytes);
    memcpy(c->bytes + c->len, buf->base, (size_t)n);
    c->len += (size_t)n;
    c->bytes[c->len] = '\0';
    free(buf->base);
    end = memmem(c->bytes, c->len, "\r\n\r\n", 4);
    if (!end)
        return;
    head_len = (size_t)(end - c->bytes) + 4;
    length = memmem(c->bytes, head_len, "Content-Length: ", 16);
    body_len = length ? (size_t)atol(length + 16) : 0;
    if (c->len < head_len + body_len)
        return;
    take_request(c, head_len, body_len);
    c->len -= head_len + body_len;
    memmove(c->bytes, c->bytes + head_len + body_len, c->len);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct client *c = calloc(1, sizeof *c);

    assert_int_equal(status, 0);
    assert_non_null(c);
    c->server = listener->data;
    c->server->n_connections++;
    uv_tcp_init(&loop, &c->tcp);
    c->tcp.data = c;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->tcp), 0);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void server_listen(struct server *s)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int len = sizeof bound;

    uv_ip4_addr("127.0.0.1", s->port, &address);
    uv_tcp_init(&loop, &s->listener);
    s->listener.data = s;
    assert_int_equal(uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 64, on_connection), 0);
    uv_tcp_getsockname(&s->listener, (struct sockaddr *)&bound, &len);
    s->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    s->open = true;
}

static void server_close(struct server *s)
{
    if (s->open)
        uv_close((uv_handle_t *)&s->listener, NULL);
    s->open = false;
}

/* ---- what comes back ---- */

static char verdicts[8192];
static char answers[65536]; /* rows, ends and failures of queries */

static void on_verdict(const struct batch_sender *from, const struct ingest_verdict *verdict,
                       const char *sentence)
{
    size_t n = strlen(verdicts);

    if (verdict)
        snprintf(verdicts + n, sizeof verdicts - n, "%u:%s@%llu ", (unsigned)from->conn.slot,
                 verdict->accepted ? "ok" : "no", (unsigned long long)verdict->seq);
    else
        snprintf(verdicts + n, sizeof verdicts - n, "%u:(%s) ", (unsigned)from->conn.slot,
                 sentence);
}

struct asker {
    struct query_sink sink;
    struct query *query;
    struct query_lane *lane;
    char name;
    int pause_at, cancel_at; /* row numbers; 0: never */
    int rows;
};

static void note(const struct asker *a, const char *text)
{
    size_t n = strlen(answers);

    snprintf(answers + n, sizeof answers - n, "%c:%s ", a->name, text);
}

static bool on_row(struct query_sink *sink, struct slice row)
{
    struct asker *a = container_of(sink, struct asker, sink);
    char text[64];

    snprintf(text, sizeof text, "%.*s", (int)(row.len < 60 ? row.len : 60), row.ptr);
    note(a, text);
    a->rows++;
    if (a->rows == a->cancel_at) {
        query_cancel(a->query);
        a->query = NULL;
        return true;
    }
    return a->rows != a->pause_at;
}

static void on_end(struct query_sink *sink, const struct query_end *end)
{
    struct asker *a = container_of(sink, struct asker, sink);
    char text[64];

    snprintf(text, sizeof text, "end@%llu", (unsigned long long)end->seq);
    note(a, text);
    a->query = NULL;
}

static void on_count(struct query_sink *sink, struct slice json)
{
    struct asker *a = container_of(sink, struct asker, sink);
    char text[64];

    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(json));
    note(a, text);
    a->query = NULL;
}

static void on_failed(struct query_sink *sink, const char *sentence)
{
    struct asker *a = container_of(sink, struct asker, sink);
    char text[256];

    snprintf(text, sizeof text, "(%s)", sentence);
    note(a, text);
    a->query = NULL;
}

static const struct query_sink_ops sink_ops = {on_row, on_end, on_count, on_failed};

/* ---- running ---- */

static bool passed;

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    passed = true;
}

/* Runs the loop for so long, or until text contains all of what. */
static void run_until(const char *text, const char *what, unsigned ms)
{
    uv_timer_t timer;

    passed = false;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_deadline, ms, 0);
    while (!passed && !(text && strstr(text, what)))
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    if (text && !strstr(text, what))
        fail_msg("\"%s\" does not come; there is \"%s\"", what, text);
}

static void run_for(unsigned ms)
{
    run_until(NULL, "", ms);
}

static void start(void)
{
    static char hosts[128];

    snprintf(hosts, sizeof hosts, "127.0.0.1:%d, localhost:%d", servers[0].port, servers[1].port);
    cfg.event_handler_hosts = hosts;
    up = upstream_start(&loop, &cfg);
    assert_non_null(up);
    batcher_set_verdict(up->batcher, on_verdict);
}

static int setup(void **state)
{
    static bool open;

    (void)state;
    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    uv_loop_init(&loop);
    verdicts[0] = answers[0] = '\0';
    for (size_t i = 0; i < SERVERS; i++) {
        servers[i] = (struct server){.readyz = {.response = "ok"}};
        server_listen(&servers[i]);
    }
    cfg = (struct config){.shared = {.internal_token = "secret", .max_event_bytes = 65536},
                          .event_handler_port = 8009,
                          .max_message_bytes = 131072,
                          .max_running_queries = 2,
                          .batch_events = 3,
                          .batch_bytes = 100000,
                          .batches_in_flight = 1,
                          .queue_events = 8,
                          .queue_bytes = 1000000,
                          .queries_in_flight = 2,
                          .query_queue = 10,
                          .query_bytes = 1000,
                          .connect_ms = 1000,
                          .events_seconds = 1,
                          .query_seconds = 1};
    return 0;
}

static void close_client(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle) && handle->type == UV_TCP)
        client_close(handle->data);
}

static int teardown(void **state)
{
    (void)state;
    upstream_stop(up);
    for (size_t i = 0; i < SERVERS; i++)
        server_close(&servers[i]);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_walk(&loop, close_client, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static enum err add_event(uint32_t slot, size_t bytes)
{
    const struct batch_sender from = {.conn = {slot, 1}, .bytes = (uint32_t)bytes};
    char *text = calloc(1, bytes);
    const struct ingest_record rec = {.address = SLICE("::1"), .event = slice_of(text, bytes)};
    enum err err;

    assert_non_null(text);
    err = batcher_add(up->batcher, &from, &rec);
    free(text);
    return err;
}

static void ask(struct asker *a, char name, struct query_lane *lane, enum query_verb verb)
{
    struct buf body;

    a->name = name;
    a->sink.ops = &sink_ops;
    buf_init(&body, 1000);
    buf_add_char(&body, name);
    a->query = query_start(up->queries, lane, verb, &body, &a->sink);
}

static void queries_are_bounded_in_bytes(void **state)
{
    struct query_lane lane;
    struct asker askers[5] = {0};

    (void)state;
    start();
    cfg.query_bytes = 3;
    query_lane_init(&lane);
    for (size_t i = 0; i < 4; i++)
        ask(&askers[i], (char)('a' + i), &lane, QUERY_ROWS);
    assert_non_null(askers[2].query);
    assert_null(askers[3].query);
    query_cancel(askers[0].query);
    ask(&askers[4], 'e', &lane, QUERY_COUNT);
    assert_non_null(askers[4].query);
    query_cancel(askers[1].query);
    query_cancel(askers[2].query);
    query_cancel(askers[4].query);
}

/* A verdict line for an event without an id. */
#define YES "7 [\"\",true,\"\"]\n"
#define NO "8 [\"\",false,\"blocked: no\"]\n"

/* ---- events ---- */

static void one_turn_makes_one_batch(void **state)
{
    (void)state;
    start();
    servers[0].events.response = servers[1].events.response = YES NO YES;
    assert_true(upstream_idle(up));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(add_event(i, 10), OK);
    assert_false(upstream_idle(up));
    run_until(verdicts, "2:", 2000);
    assert_string_equal(verdicts, "0:ok@7 1:no@8 2:ok@7 ");
    assert_int_equal(servers[0].n_events + servers[1].n_events, 1);
    assert_true(upstream_idle(up));
    assert_non_null(strstr(servers[0].n_events ? servers[0].head : servers[1].head,
                           "Authorization: Bearer secret\r\n"));
}

static void batches_and_queue_are_bounded(void **state)
{
    (void)state;
    start();
    servers[0].events.response = servers[1].events.response = YES YES YES;
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(add_event(i, 10), OK);
    assert_int_equal(add_event(8, 10), ERR_BUSY);
    run_until(verdicts, "7:ok", 2000);
    assert_string_equal(verdicts, "0:ok@7 1:ok@7 2:ok@7 3:ok@7 4:ok@7 5:ok@7 6:ok@7 7:ok@7 ");
    assert_int_equal(servers[0].n_events + servers[1].n_events, 3);
    assert_int_equal(add_event(8, 10), OK);
    run_until(verdicts, "8:ok", 2000);
}

static void large_batch_without_expect(void **state)
{
    (void)state;
    cfg.batch_bytes = 4000000;
    cfg.queue_bytes = 4000000;
    cfg.max_message_bytes = 4000000;
    start();
    servers[0].events.response = servers[1].events.response = YES;
    assert_int_equal(add_event(0, 2000000), OK);
    run_until(verdicts, "0:ok", 3000);
    assert_null(strstr(servers[0].n_events ? servers[0].head : servers[1].head, "Expect"));
}

static void too_few_verdicts(void **state)
{
    (void)state;
    start();
    servers[0].events.response = servers[1].events.response = YES "x\n";
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(add_event(i, 10), OK);
    run_until(verdicts, "2:", 2000);
    assert_string_equal(verdicts, "0:ok@7 1:(the event handler gave no verdict, please try again) "
                                  "2:(the event handler gave no verdict, please try again) ");
}

/* A chunked answer that does not end. */
static const char *unfinished(const char *text)
{
    static char response[1024];

    snprintf(response, sizeof response, CHUNKED "%zx\r\n%s\r\n", strlen(text), text);
    return response;
}

/* The first part of an answer makes room for the next batch; who was told is not told again when
 * another event handler has to be asked for the rest. */
static void split_answers(void **state)
{
    (void)state;
    start();
    servers[0].events.response = servers[1].events.response =
        unfinished("-\n2 " NO "0 " YES "0 " NO "7 " YES);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(add_event(i, 10), OK);
    run_until(verdicts, "0:ok", 2000);
    assert_string_equal(verdicts, "2:no@8 0:ok@7 ");
    assert_false(upstream_idle(up));
    assert_non_null(strstr(servers[0].n_events ? servers[0].head : servers[1].head, "?split=1 "));
    servers[0].events.response = servers[1].events.response = NO YES NO;
    assert_int_equal(add_event(3, 10), OK);
    run_until(verdicts, "3:no", 500);
    run_until(verdicts, "1:ok", 3000); /* the first event handler has fallen silent */
    assert_string_equal(verdicts, "2:no@8 0:ok@7 3:no@8 1:ok@7 ");
    assert_int_equal(servers[0].n_events + servers[1].n_events, 3);
    assert_true(upstream_idle(up));
}

static void split_answer_that_ends_too_soon(void **state)
{
    (void)state;
    start();
    servers[0].events.response = servers[1].events.response = "-\n1 " YES "x\n";
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(add_event(i, 10), OK);
    run_until(verdicts, "0:", 2000);
    assert_string_equal(verdicts,
                        "1:ok@7 0:(the event handler gave no verdict, please try again) ");
    assert_true(upstream_idle(up));
}

/* Whatever happens at one event handler, the other one takes the batch. */
static void failover(void **state)
{
    static const struct script troubles[] = {
        {.cut = true},
        {.response = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n7 [\"", .cut = true},
        {.response = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"},
        {.response = NULL}, /* silence: after a second */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        setup(NULL);
        start();
        run_for(100); /* the name of the second is looked up */
        servers[0].events = troubles[i];
        servers[1].events.response = YES;
        for (uint32_t k = 0; k < 4; k++) { /* one of them meets the trouble first */
            verdicts[0] = '\0';
            assert_int_equal(add_event(k, 10), OK);
            run_until(verdicts, ":ok@7", 4000);
        }
        assert_true(servers[0].n_events >= 1);
        assert_int_equal(servers[1].n_events, 4);
        teardown(NULL);
    }
    setup(NULL);
    server_close(&servers[0]);
    run_for(10);
    start();
    servers[1].events.response = YES;
    assert_int_equal(add_event(9, 10), OK);
    run_until(verdicts, "9:ok", 3000);
}

static void nobody_is_there(void **state)
{
    const char *reason;
    uint64_t began;

    (void)state;
    server_close(&servers[0]);
    server_close(&servers[1]);
    run_for(10);
    start();
    run_for(300); /* the probes find out */
    assert_false(upstream_ready(up, &reason));
    assert_non_null(strstr(reason, "event handler: "));
    run_for(3200);
    began = clock_mono_ms();
    assert_int_equal(add_event(1, 10), OK);
    run_until(verdicts, "1:(the event handler is not available, please try again)", 2000);
    assert_true(clock_mono_ms() - began < 500);
    /* And it comes back by itself. */
    servers[0].events.response = YES;
    server_listen(&servers[0]);
    for (int i = 0; i < 30 && !upstream_ready(up, &reason); i++)
        run_for(100);
    assert_true(upstream_ready(up, &reason));
    assert_null(reason);
    assert_int_equal(add_event(2, 10), OK);
    run_until(verdicts, "2:ok", 2000);
}

/* A restart: what comes meanwhile waits, and so does what was under way. */
static void short_outage_is_bridged(void **state)
{
    (void)state;
    server_close(&servers[1]);
    run_for(10);
    start();
    run_for(200);
    servers[0].events = (struct script){.cut = true};
    assert_int_equal(add_event(0, 10), OK);
    run_for(50);
    server_close(&servers[0]);
    run_for(300);
    assert_int_equal(add_event(1, 10), OK);
    run_for(300);
    assert_string_equal(verdicts, "");
    servers[0].events = (struct script){.response = YES};
    server_listen(&servers[0]);
    run_until(verdicts, "1:ok@7", 2000);
    assert_string_equal(verdicts, "0:ok@7 1:ok@7 ");
}

/* One event handler hangs: after a probe has found out, its calls are made elsewhere. */
static void hanging_endpoint_is_evacuated(void **state)
{
    uint64_t began = clock_mono_ms();

    (void)state;
    cfg.events_seconds = 60;
    cfg.batches_in_flight = 2;
    start();
    servers[0].events.response = servers[0].readyz.response = NULL;
    servers[1].events.response = YES;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(add_event(i, 10), OK);
        run_for(20);
    }
    run_until(verdicts, "0:ok", 8000);
    run_until(verdicts, "1:ok", 8000);
    assert_true(servers[0].n_events > 0);
    assert_true(clock_mono_ms() - began < 7000);
}

static void all_say_503(void **state)
{
    const char *reason;

    (void)state;
    servers[0].readyz.response = servers[1].readyz.response =
        "HTTP/1.1 503 No\r\nContent-Length: 14\r\n\r\ndatabase: away";
    servers[0].events.response = servers[1].events.response =
        "HTTP/1.1 503 No\r\nContent-Length: 21\r\n\r\nthe database is away\n";
    start();
    run_for(300);
    assert_false(upstream_ready(up, &reason));
    assert_string_equal(reason, "event handler: database: away");
    assert_int_equal(add_event(1, 10), OK);
    run_until(verdicts, "1:(the database is away)", 2000);
    assert_int_equal(servers[0].n_events + servers[1].n_events, 2);
}

/* ---- queries ---- */

#define END7 "{\"end\":true,\"seq\":7,\"more\":false,\"hidden\":false,\"cost\":3}\n"

static void rows_and_end(void **state)
{
    struct query_lane lane;
    struct asker a = {0}, b = {0};

    (void)state;
    query_lane_init(&lane);
    start();
    servers[0].query.response = servers[1].query.response =
        CHUNKED "c\r\n{\"a\":1}\n{\"b\"\r\n4\r\n:2}\n\r\n3a\r\n" END7 "\r\n0\r\n\r\n";
    servers[0].count.response = servers[1].count.response = "{\"count\":3}\n{\"cost\":5}\n";
    ask(&a, 'a', &lane, QUERY_ROWS);
    ask(&b, 'b', &lane, QUERY_COUNT);
    run_until(answers, "a:end@7", 2000);
    run_until(answers, "b:{\"count\":3}", 2000);
    assert_non_null(strstr(answers, "a:{\"a\":1}] a:{\"b\":2}] a:end@7"));
    assert_int_equal(lane.n_running, 0);
    assert_int_equal(lane.n_waiting, 0);
    assert_int_equal(lane.spent_ms, 3 + 5);
}

static void connections_are_reused(void **state)
{
    struct query_lane lane;

    (void)state;
    query_lane_init(&lane);
    server_close(&servers[1]);
    run_for(10);
    start();
    servers[0].query.response = END7;
    run_for(300);
    for (int i = 0; i < 20; i++) {
        struct asker a = {0};

        answers[0] = '\0';
        ask(&a, 'a', &lane, QUERY_ROWS);
        run_until(answers, "a:end@7", 2000);
    }
    assert_int_equal(servers[0].n_query, 20);
    assert_true(servers[0].n_connections <= 3);
}

static void bad_answers(void **state)
{
    static const struct {
        const char *response;
        bool cut;
        const char *expected;
    } rows[] = {
        {"{\"a\":1}\n", false,
         "a:{\"a\":1}] a:(the event handler's answer was cut off, please try again)"},
        {"", false, "a:(the event handler's answer was cut off, please try again)"},
        {"{\"a\":1}\nx\n", false, "a:{\"a\":1}] a:(the event handler's answer is malformed)"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":1}\n", true,
         "a:{\"a\":1}] a:(the connection to the event handler broke, please try again)"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":1}\n", false,
         "a:{\"a\":1}] a:(the event handler did not answer in time, please try again)"},
        {"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno", false,
         "a:(the event handler could not take the request, please try again)"},
        {"HTTP/1.1 503 No\r\nContent-Length: 16\r\n\r\nbusy, try again\n", false,
         "a:(busy, try again)"},
        {"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n\x01z", false,
         "a:(the event handler could not take the request, please try again)"},
    };
    struct query_lane lane;

    (void)state;
    query_lane_init(&lane);
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asker a = {0};

        answers[0] = '\0';
        servers[0].query = servers[1].query = (struct script){rows[i].response, rows[i].cut};
        ask(&a, 'a', &lane, QUERY_ROWS);
        run_until(answers, rows[i].expected, 4000);
        assert_int_equal(lane.n_running, 0);
        run_for(200); /* a broken connection has put the event handler down for a moment */
    }
}

static void pause_and_resume(void **state)
{
    struct query_lane lane, other;
    struct asker a = {.pause_at = 1}, more[3] = {0};
    static char big[MAX_BODY];
    size_t n = 0;

    (void)state;
    query_lane_init(&lane);
    query_lane_init(&other);
    start();
    /* Far more than libcurl and we hold: most of it stays with the event handler. */
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(big + n, sizeof big - n, "{%04997d}\n", i);
    assert_true(n < sizeof big - 100);
    memcpy(big + n, END7, sizeof END7);
    servers[0].query.response = servers[1].query.response = big;
    ask(&a, 'a', &lane, QUERY_ROWS);
    run_until(answers, "a:{", 2000);
    run_for(1500); /* longer than query_seconds: a paused query has all the time it wants */
    assert_int_equal(a.rows, 1);
    /* It does not count as running: two others run beside it. */
    servers[0].query.response = servers[1].query.response = END7;
    for (size_t i = 0; i < 3; i++)
        ask(&more[i], (char)('b' + i), &other, QUERY_ROWS);
    run_until(answers, "d:end@7", 2000);
    answers[0] = '\0';
    a.pause_at = 500;
    query_resume(a.query);
    run_for(200);
    assert_int_equal(a.rows, 500);
    answers[0] = '\0';
    query_resume(a.query);
    while (a.query && a.rows < 1000) {
        run_for(20);
        answers[0] = '\0';
    }
    run_for(50);
    assert_int_equal(a.rows, 1000);
    assert_null(a.query);
}

static void cancelling(void **state)
{
    struct query_lane lane;
    struct asker a = {.cancel_at = 2}, b = {0}, c = {0}, d = {0};

    (void)state;
    query_lane_init(&lane);
    start();
    servers[0].query.response = servers[1].query.response =
        ("{\"a\":1}\n{\"b\":1}\n{\"c\":1}\n" END7);
    ask(&a, 'a', &lane, QUERY_ROWS); /* from within row() */
    ask(&b, 'b', &lane, QUERY_ROWS); /* while under way */
    ask(&c, 'c', &lane, QUERY_ROWS); /* while waiting */
    ask(&d, 'd', &lane, QUERY_ROWS);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(lane.n_running, 2);
    query_cancel(b.query);
    query_cancel(c.query);
    run_until(answers, "d:end@7", 2000);
    assert_int_equal(a.rows, 2);
    assert_null(strstr(answers, "b:"));
    assert_null(strstr(answers, "c:"));
    assert_int_equal(lane.n_running + lane.n_waiting, 0);
}

/* Two connections, one with many queries: they take turns. And what waits is bounded. */
static void fair_turns(void **state)
{
    struct query_lane greedy, modest;
    struct asker one = {0};
    static struct asker many[10];

    (void)state;
    query_lane_init(&greedy);
    query_lane_init(&modest);
    start();
    servers[0].query.response = servers[1].query.response = END7;
    for (size_t i = 0; i < 9; i++)
        ask(&many[i], (char)('a' + i), &greedy, QUERY_ROWS);
    ask(&one, 'Z', &modest, QUERY_ROWS);
    assert_non_null(one.query);
    ask(&many[9], 'x', &greedy, QUERY_ROWS);
    assert_null(many[9].query); /* ten wait */
    run_until(answers, "i:end", 3000);
    assert_true(strstr(answers, "Z:end") < strstr(answers, "d:end"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_turn_makes_one_batch),
        TEST(batches_and_queue_are_bounded),
        TEST(large_batch_without_expect),
        TEST(too_few_verdicts),
        TEST(split_answers),
        TEST(split_answer_that_ends_too_soon),
        TEST(queries_are_bounded_in_bytes),
        cmocka_unit_test_teardown(failover, teardown),
        TEST(nobody_is_there),
        TEST(short_outage_is_bridged),
        TEST(hanging_endpoint_is_evacuated),
        TEST(all_say_503),
        TEST(rows_and_end),
        TEST(connections_are_reused),
        TEST(bad_answers),
        TEST(pause_and_resume),
        TEST(cancelling),
        TEST(fair_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
