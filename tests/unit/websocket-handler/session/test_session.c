#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config.h"
#include "event-handler/sign.h"
#include "live/fanout.h"
#include "live/live.h"
#include "metrics.h"
#include "session/session.h"
#include "session/session_internal.h"
#include "upstream/batcher.h"
#include "upstream/handler_client.h"
#include "upstream/query_queue.h"
#include "upstream/upstream.h"
#include "websocket-handler/fake_conn.h"
#include "websocket-handler/random_nostr.h"

/*
 * Sessions between a fake connection and a fake upstream: the test sends what a client sends,
 * answers queries as the event handler would, and lets events come live.
 */
enum { NOW = 1700000000 };

/* ---- the fake upstream ---- */

struct query {
    struct query_sink *sink;
    enum query_verb verb;
    char request[4096];
    bool running, paused;
};

static struct query queries[256];
static size_t n_queries;
static bool refuse_queries;

void query_lane_join(struct query_queue *qq, struct query_lane *lane, struct slice address)
{
    (void)qq, (void)lane, (void)address;
}

void query_lane_leave(struct query_queue *qq, struct query_lane *lane)
{
    (void)qq, (void)lane;
}

void query_lane_init(struct query_lane *lane)
{
    *lane = (struct query_lane){0};
}

struct query *query_start(struct query_queue *qq, struct query_lane *lane, enum query_verb verb,
                          struct buf *body, struct query_sink *sink)
{
    struct query *q = &queries[n_queries];

    (void)qq;
    (void)lane;
    if (!refuse_queries) {
        *q = (struct query){.sink = sink, .verb = verb, .running = true};
        snprintf(q->request, sizeof q->request, SLICE_FMT, SLICE_ARG(buf_slice(body)));
        n_queries++;
    }
    buf_deinit(body);
    return refuse_queries ? NULL : q;
}

void query_cancel(struct query *q)
{
    if (q)
        q->running = false;
}

void query_resume(struct query *q)
{
    q->paused = false;
}

static void answer_row(struct query *q, uint64_t number)
{
    struct buf row;

    buf_init(&row, MIB);
    add_event(&row, number, 1, NOW, 1, "[]");
    buf_add_char(&row, ']');
    q->paused = !q->sink->ops->row(q->sink, buf_slice(&row));
    buf_deinit(&row);
}

static void answer_end(struct query *q, uint64_t seq, bool more, bool hidden)
{
    const struct query_end end = {.seq = seq, .more = more, .hidden = hidden};

    assert_true(q->running);
    q->running = false;
    q->sink->ops->end(q->sink, &end);
}

static struct batch_sender sender; /* of the last event */
static char record[4096];          /* "<n_auth> <address> <event>" */
static size_t n_events;
static enum err batcher_error;

void batcher_set_verdict(struct batcher *b, batch_verdict_fn *fn)
{
    (void)b;
    assert_ptr_equal(fn, session_on_verdict);
}

enum err batcher_add(struct batcher *b, const struct batch_sender *from,
                     const struct ingest_record *rec)
{
    (void)b;
    if (batcher_error)
        return batcher_error;
    sender = *from;
    n_events++;
    snprintf(record, sizeof record, "%zu " SLICE_FMT " " SLICE_FMT, rec->n_auth,
             SLICE_ARG(rec->address), SLICE_ARG(rec->event));
    return OK;
}

/* Who has authenticated is asked; a test answers. */
static struct handler_sink *access_sink;
static char access_query[100];

struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink)
{
    (void)hc;
    assert_int_equal(req->route, HANDLER_ACCESS);
    access_sink = sink;
    snprintf(access_query, sizeof access_query, "%s", req->query);
    return (struct handler_call *)sink;
}

void handler_call_cancel(struct handler_call *call)
{
    if ((struct handler_sink *)call == access_sink)
        access_sink = NULL;
}

static void answer_access(enum err err, const char *json)
{
    struct handler_sink *sink = access_sink;
    const struct handler_result result = {.err = err, .sentence = "x", .body = slice_str(json)};

    assert_non_null(sink);
    access_sink = NULL;
    sink->ops->done(sink, &result);
}

static struct fanout *fanout;
static uint64_t cursor;
static bool cursor_known;

struct fanout *live_fanout(struct live *live)
{
    (void)live;
    return fanout;
}

bool live_cursor(const struct live *live, uint64_t *out, uint32_t *epoch)
{
    (void)live;
    *out = cursor;
    *epoch = 0;
    return cursor_known;
}

static void publish(uint64_t seq, uint64_t number)
{
    struct buf text;

    buf_init(&text, MIB);
    add_event(&text, number, 1, NOW, 1, "[]");
    cursor = seq;
    fanout_event(fanout, seq, buf_slice(&text));
    buf_deinit(&text);
}

/* ---- the client ---- */

static struct config cfg;
static struct upstream upstream;
static struct conn *conn;

static struct conn *connect_client(uint32_t number)
{
    struct conn *c = fake_conn_open(number);

    c->session = session_conn_ops.opened(c, SLICE("Relay.Example:8008"), SLICE("192.0.2.1"));
    assert_non_null(c->session);
    return c;
}

static void disconnect_client(struct conn *c)
{
    session_conn_ops.closed(c->session);
    c->session = NULL;
    c->closing = true;
}

static void send_text(const char *text)
{
    session_conn_ops.message(conn->session, slice_str(text));
}

static void expect(const char *lines)
{
    assert_string_equal(fake_conn_take(conn), lines);
}

static void expect_start(const char *start)
{
    assert_int_equal(strncmp(fake_conn_take(conn), start, strlen(start)), 0);
}

/* Sends text; the replies must be lines. */
static void exchange(const char *text, const char *lines)
{
    const char *replies;

    send_text(text);
    replies = fake_conn_take(conn);
    if (strcmp(replies, lines) != 0)
        fail_msg("to %s it said %s, not %s", text, replies, lines);
}

static int setup(void **state)
{
    static bool open;

    (void)state;
    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    clock_freeze_unix(NOW);
    cfg = (struct config){.shared = {.domain = "",
                                     .max_event_bytes = 65536,
                                     .max_event_tags = 100,
                                     .max_content_length = 65536,
                                     .max_filters = 3,
                                     .max_filter_values = 10,
                                     .max_limit = 5000,
                                     .default_limit = 500},
                          .max_message_bytes = 131072,
                          .max_subscriptions = 4,
                          .filter_bytes = 4 * MIB,
                          .max_pending_events = 4};
    fanout = fanout_new(8, MIB);
    n_queries = n_events = 0;
    refuse_queries = false;
    batcher_error = OK;
    cursor = 10;
    cursor_known = true;
    session_setup(&(struct session_env){.cfg = &cfg, .upstream = &upstream});
    conn = connect_client(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (conn->session)
        disconnect_client(conn);
    session_teardown();
    assert_int_equal(sub_index_size(fanout->index).filters, 0);
    fanout_free(fanout);
    clock_freeze_unix(0);
    for (size_t i = 0; i < FAKE_CONNS; i++) {
        buf_deinit(&fake_conns[i].sent);
        fake_conns[i].sent = (struct buf){0};
    }
    return 0;
}

/* Takes the challenge out of the greeting. */
static void read_challenge(struct conn *c, char out[33])
{
    const char *greeting = fake_conn_take(c);

    assert_int_equal(strlen(greeting), strlen("[\"AUTH\",\"\"]\n") + 32);
    assert_memory_equal(greeting, "[\"AUTH\",\"", 9);
    snprintf(out, 33, "%.32s", greeting + 9);
}

/* ---- tests ---- */

#define ID_A "0100000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"

static void bad_input(void **state)
{
    static const struct {
        const char *sent, *replies;
    } rows[] = {
        {"", ""},
        {" \r\n", ""},
        {"ping", "[\"NOTICE\",\"invalid: a message must be a JSON array\"]\n"},
        {"{}", "[\"NOTICE\",\"invalid: a message must be a JSON array\"]\n"},
        {"[]", "[\"NOTICE\",\"invalid: a message must begin with a verb\"]\n"},
        {"[1]", "[\"NOTICE\",\"invalid: a message must begin with a verb\"]\n"},
        {"[\"FOO\\n\"]", "[\"NOTICE\",\"invalid: unknown message type \\\"FOO\\n\\\"\"]\n"},
        {"[\"NEG-OPEN\",\"x\",{},\"61\"]",
         "[\"NOTICE\",\"invalid: unknown message type \\\"NEG-OPEN\\\"\"]\n"},
        {"[\"EVENT\"]", "[\"NOTICE\",\"invalid: EVENT must be followed by an event object\"]\n"},
        {"[\"REQ\"]",
         "[\"NOTICE\",\"invalid: REQ must be followed by a subscription id, a string\"]\n"},
        {"[\"REQ\",1,{}]",
         "[\"NOTICE\",\"invalid: REQ must be followed by a subscription id, a string\"]\n"},
        {"[\"COUNT\",null,{}]",
         "[\"NOTICE\",\"invalid: COUNT must be followed by a query id, a string\"]\n"},
        {"[\"CLOSE\"]",
         "[\"NOTICE\",\"invalid: CLOSE must be followed by a subscription id, a string\"]\n"},
        {"[\"CLOSE\",\"nobody\"]", ""},
        {"[\"AUTH\",\"x\"]",
         "[\"NOTICE\",\"invalid: AUTH must be followed by an event object\"]\n"},
        {"[\"AUTH\",{}]", "[\"NOTICE\",\"invalid: AUTH must carry a signed event\"]\n"},
        {"[\"REQ\",\"\",{}]",
         "[\"CLOSED\",\"\",\"invalid: a subscription id has 1 to 64 characters\"]\n"},
        {"[\"REQ\",\"" SIXTY_FOUR "x\",{}]",
         "[\"CLOSED\",\"" SIXTY_FOUR
         "x\",\"invalid: a subscription id has 1 to 64 characters\"]\n"},
        {"[\"REQ\",\"a\\\"b\"]",
         "[\"CLOSED\",\"a\\\"b\",\"invalid: at least one filter is needed\"]\n"},
        {"[\"COUNT\",\"c\"]", "[\"CLOSED\",\"c\",\"invalid: at least one filter is needed\"]\n"},
        {"[\"REQ\",\"x\",[{}]]",
         "[\"CLOSED\",\"x\",\"invalid: each filter must be a JSON object\"]\n"},
        {"[\"REQ\",\"x\",{},{},{},{}]", "[\"CLOSED\",\"x\",\"invalid: too many filters\"]\n"},
        {"[\"REQ\",\"x\",{\"authors\":\"a\"}]",
         "[\"CLOSED\",\"x\",\"invalid: authors must be a list of 64-digit lower-case hex "
         "strings\"]\n"},
        {"[\"REQ\",\"x\",{\"limit\":-1}]",
         "[\"CLOSED\",\"x\",\"invalid: limit must be an integer, 0 or more\"]\n"},
        {"[\"REQ\",\"x\",{\"foo\":1}]",
         "[\"CLOSED\",\"x\",\"unsupported: the filter has a member that this relay does not "
         "know\"]\n"},
        {"[\"REQ\",\"x\",{\"kinds\":[1059]},{\"kinds\":[4,14]}]",
         "[\"CLOSED\",\"x\",\"auth-required: private messages are only served to their "
         "parties\"]\n"},
        {"[\"COUNT\",\"x\",{\"kinds\":[1059]}]",
         "[\"CLOSED\",\"x\",\"auth-required: private messages are only served to their "
         "parties\"]\n"},
        {"[\"EVENT\",{}]", NULL},
        {"[\"EVENT\",{\"id\":\"XY\"}]", NULL},
    };
    char greeting[33];

    (void)state;
    read_challenge(conn, greeting);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].replies) {
            exchange(rows[i].sent, rows[i].replies);
        } else {
            send_text(rows[i].sent);
            assert_non_null(strstr(fake_conn_take(conn), "invalid: "));
        }
        assert_false(conn->closing);
    }
    session_conn_ops.binary(conn->session);
    expect_start("[\"NOTICE\",\"");
    assert_int_equal(n_queries, 0);
    assert_int_equal(n_events, 0);
}

static void malformed_event_is_named(void **state)
{
    char greeting[33];

    (void)state;
    read_challenge(conn, greeting);
    send_text("[\"EVENT\",{\"x\":{\"id\":1},\"id\":\"XY\"}]");
    expect_start("[\"OK\",\"XY\",false,\"invalid: ");
    send_text("[\"EVENT\",{\"kind\":1}]");
    expect_start("[\"NOTICE\",\"invalid: ");
    send_text("[\"AUTH\",{\"id\":\"XY\"}]");
    expect_start("[\"OK\",\"XY\",false,\"invalid: ");
}

static void made_event(struct buf *out, const char *verb, uint64_t number, int kind)
{
    buf_init(out, MIB);
    buf_printf(out, "[\"%s\",", verb);
    add_event(out, number, 1, NOW, kind, "[]");
    buf_add_char(out, ']');
    buf_add_char(out, '\0');
}

static void event_and_its_verdict(void **state)
{
    struct ingest_verdict verdict = {
        .seq = 12, .ok = SLICE("[\"" ID_A "\",true,\"\"]"), .accepted = true};
    struct buf text;

    (void)state;
    fake_conn_take(conn);
    made_event(&text, "EVENT", 1, 1);
    send_text(text.ptr);
    assert_int_equal(n_events, 1);
    assert_memory_equal(record, "0 192.0.2.1 {\"id\":\"", 19);
    expect("");
    session_on_verdict(&sender, &verdict, "");
    expect("[\"OK\",\"" ID_A "\",true,\"\"]\n");
    /* What it has been told is stored, a query must see. */
    send_text("[\"REQ\",\"x\",{\"kinds\":[1]}]");
    assert_string_equal(queries[0].request,
                        "{\"filters\":[{\"kinds\":[1]}],\"readers\":[],\"min_seq\":12}");

    send_text(text.ptr);
    session_on_verdict(&sender, NULL, "the world is broken");
    expect("[\"OK\",\"" ID_A "\",false,\"error: the world is broken\"]\n");
    batcher_error = ERR_BUSY;
    exchange(text.ptr,
             "[\"OK\",\"" ID_A "\",false,\"error: the relay is busy, please try again\"]\n");
    batcher_error = OK;
    send_text(text.ptr);
    disconnect_client(conn);
    session_on_verdict(&sender, &verdict, ""); /* nobody is there any more */
    buf_deinit(&text);
}

static void credentials_are_not_published(void **state)
{
    static const int kinds[] = {22242, 24242, 27235};

    (void)state;
    fake_conn_take(conn);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct buf text;

        made_event(&text, "EVENT", 1, kinds[i]);
        send_text(text.ptr);
        expect_start("[\"OK\",\"" ID_A "\",false,\"invalid: ");
        buf_deinit(&text);
    }
    assert_int_equal(n_events, 0);
}

static void many_unanswered_events_pause_reading(void **state)
{
    struct batch_sender senders[4];
    struct buf text;

    (void)state;
    made_event(&text, "EVENT", 1, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_false(conn->reading_paused);
        send_text(text.ptr);
        senders[i] = sender;
    }
    assert_true(conn->reading_paused);
    session_on_verdict(&senders[0], NULL, "x");
    assert_true(conn->reading_paused);
    session_on_verdict(&senders[1], NULL, "x");
    assert_false(conn->reading_paused);
    buf_deinit(&text);
}

#define ROW(sub, number)                                                                           \
    "[\"EVENT\",\"" sub "\",{\"id\":\"0" number                                                    \
    "00000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\",\"pubkey\":\"" ID_A          \
    "\",\"created_at\":1700000000,\"kind\":1,\"tags\":[],\"content\":\"\",\"sig\":\"" ZEROS        \
    "\"}]\n"
#define ZEROS                                                                                      \
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "000000000000000000000000000000000000"

static void stored_then_live(void **state)
{
    (void)state;
    fake_conn_take(conn);
    send_text("[\"REQ\",\"s\",{\"kinds\":[1]}]");
    answer_row(&queries[0], 1);
    publish(11, 2); /* in the answer as well */
    publish(12, 3);
    answer_row(&queries[0], 2);
    expect(ROW("s", "1") ROW("s", "2"));
    answer_end(&queries[0], 11, true, false);
    expect("[\"EOSE\",\"s\",[\"more\"]]\n" ROW("s", "3"));
    publish(13, 4);
    expect(ROW("s", "4"));
    exchange("[\"CLOSE\",\"s\"]", "");
    publish(14, 5);
    expect("");
}

static void eose_hints(void **state)
{
    static const struct {
        bool more, hidden;
        const char *eose;
    } rows[] = {
        {false, false, "[\"EOSE\",\"s\",[\"finish\"]]\n"},
        {true, false, "[\"EOSE\",\"s\",[\"more\"]]\n"},
        {false, true, "[\"EOSE\",\"s\"]\n"},
        {true, true, "[\"EOSE\",\"s\",[\"more\"]]\n"},
    };

    (void)state;
    fake_conn_take(conn);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        send_text("[\"REQ\",\"s\",{\"kinds\":[1]}]");
        answer_end(&queries[i], 11, rows[i].more, rows[i].hidden);
        expect(rows[i].eose);
    }
}

/* Nothing stored can match or is wanted: answered without asking anybody. */
static void no_query_needed(void **state)
{
    (void)state;
    fake_conn_take(conn);
    exchange("[\"REQ\",\"a\",{\"ids\":[\"" ID_A "\"],\"limit\":0}]", "[\"EOSE\",\"a\"]\n");
    exchange("[\"REQ\",\"a\",{\"authors\":[]}]", "[\"EOSE\",\"a\",[\"finish\"]]\n");
    exchange("[\"REQ\",\"a\",{\"kinds\":[24133,20001]},{\"since\":5,\"until\":4}]",
             "[\"EOSE\",\"a\",[\"finish\"]]\n");
    exchange("[\"REQ\",\"a\",{\"kinds\":[24133]},{\"limit\":0}]", "[\"EOSE\",\"a\"]\n");
    publish(11, 1); /* but live events come */
    expect(ROW("a", "1"));
    assert_int_equal(n_queries, 0);
    send_text("[\"REQ\",\"a\",{\"limit\":0},{\"kinds\":[1]}]");
    assert_int_equal(n_queries, 1);
}

static void same_id_replaces_in_silence(void **state)
{
    (void)state;
    fake_conn_take(conn);
    send_text("[\"REQ\",\"s\",{\"kinds\":[1]}]");
    answer_row(&queries[0], 1);
    expect(ROW("s", "1"));
    exchange("[\"REQ\",\"s\",{\"kinds\":[7]}]", "");
    assert_false(queries[0].running);
    answer_end(&queries[1], 11, false, false);
    expect("[\"EOSE\",\"s\",[\"finish\"]]\n");
    publish(12, 2); /* a note: the old filter would have matched */
    expect("");
    /* COUNT is no subscription: the same id leaves it alone. */
    send_text("[\"COUNT\",\"s\",{\"kinds\":[1]}]");
    assert_int_equal(queries[2].verb, QUERY_COUNT);
    queries[2].sink->ops->count(queries[2].sink, SLICE("{\"count\":3}"));
    expect("[\"COUNT\",\"s\",{\"count\":3}]\n");
    assert_int_equal(sub_index_size(fanout->index).active, 1);
}

static void too_many_subscriptions(void **state)
{
    char text[64];

    (void)state;
    fake_conn_take(conn);
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "[\"REQ\",\"s%d\",{}]", i);
        exchange(text, "");
    }
    exchange("[\"REQ\",\"s4\",{}]",
             "[\"CLOSED\",\"s4\",\"rate-limited: too many subscriptions, the limit is 4\"]\n");
    exchange("[\"REQ\",\"s3\",{}]", ""); /* takes the place of another */
    exchange("[\"CLOSE\",\"s0\"]", "");
    exchange("[\"REQ\",\"s4\",{}]", "");
}

static void queries_that_fail(void **state)
{
    (void)state;
    fake_conn_take(conn);
    send_text("[\"REQ\",\"s\",{}]");
    answer_row(&queries[0], 1);
    fake_conn_take(conn);
    queries[0].sink->ops->failed(queries[0].sink, "the database is away");
    expect("[\"CLOSED\",\"s\",\"error: the database is away\"]\n");
    publish(11, 2);
    expect("");
    send_text("[\"COUNT\",\"c\",{}]");
    queries[1].sink->ops->failed(queries[1].sink, "the database is away");
    expect("[\"CLOSED\",\"c\",\"error: the database is away\"]\n");
    refuse_queries = true;
    exchange("[\"REQ\",\"s\",{}]",
             "[\"CLOSED\",\"s\",\"error: the relay is busy, please try again\"]\n");
    exchange("[\"COUNT\",\"s\",{}]",
             "[\"CLOSED\",\"s\",\"error: the relay is busy, please try again\"]\n");
    cursor_known = false;
    exchange("[\"REQ\",\"s\",{}]",
             "[\"CLOSED\",\"s\",\"error: the relay is starting, please try again\"]\n");
}

/* The ring of 8 has lost events while the query ran: those after its snapshot are queried. */
static void catches_up(void **state)
{
    (void)state;
    fake_conn_take(conn);
    send_text("[\"REQ\",\"s\",{\"kinds\":[1],\"limit\":3}]");
    for (uint64_t seq = 11; seq <= 40; seq++)
        publish(seq, 9);
    answer_end(&queries[0], 12, false, false);
    expect("[\"EOSE\",\"s\",[\"finish\"]]\n");
    assert_int_equal(n_queries, 2);
    assert_string_equal(
        queries[1].request,
        "{\"filters\":[{\"kinds\":[1]}],\"readers\":[],\"min_seq\":40,\"after\":12}");
    publish(41, 2);
    answer_row(&queries[1], 1);
    answer_end(&queries[1], 40, false, false);
    expect(ROW("s", "1") ROW("s", "2")); /* no second EOSE */
    publish(42, 3);
    expect(ROW("s", "3"));
}

static void slow_reader(void **state)
{
    (void)state;
    fake_conn_take(conn);
    send_text("[\"REQ\",\"s\",{\"kinds\":[1]}]");
    answer_row(&queries[0], 1);
    assert_false(queries[0].paused);
    conn->congested = true;
    answer_row(&queries[0], 2);
    assert_true(queries[0].paused);
    conn->congested = false;
    session_conn_ops.drained(conn->session);
    assert_false(queries[0].paused);
    publish(11, 3);
    conn->congested = true;
    fake_conn_take(conn);
    answer_end(&queries[0], 10, false, false);
    publish(12, 4);
    expect("[\"EOSE\",\"s\",[\"finish\"]]\n"); /* the ring waits too */
    conn->congested = false;
    session_conn_ops.drained(conn->session);
    expect(ROW("s", "3") ROW("s", "4"));
}

/* The connection ends in the middle of rows. */
static void dies_while_being_answered(void **state)
{
    (void)state;
    send_text("[\"REQ\",\"s\",{\"kinds\":[1]}]");
    send_text("[\"REQ\",\"t\",{\"kinds\":[1]}]");
    send_text("[\"COUNT\",\"c\",{\"kinds\":[1]}]");
    conn->sends_left = 1;
    answer_row(&queries[0], 1);
    answer_row(&queries[0], 2);
    assert_true(queries[0].paused);
    answer_end(&queries[1], 10, false, false);
    disconnect_client(conn);
    assert_false(queries[0].running);
    assert_false(queries[2].running);
}

/* ---- NIP-42 ---- */

static struct slice tag_items[2][2];
static struct tag tags[2] = {{tag_items[0], 2}, {tag_items[1], 2}};

/* ["AUTH", event] by author; NULL leaves a tag as it should be. */
static void auth_message(struct buf *out, unsigned author, const char *relay, const char *challenge,
                         int64_t created_at, int kind)
{
    struct event ev = {.created_at = created_at, .kind = kind, .tag = tags, .n_tags = 2};

    tag_items[0][0] = SLICE("relay");
    tag_items[0][1] = slice_str(relay);
    tag_items[1][0] = SLICE("challenge");
    tag_items[1][1] = slice_str(challenge);
    sign_event(&ev, author);
    buf_init(out, MIB);
    buf_add_str(out, "[\"AUTH\",");
    event_write(&ev, out);
    buf_add_char(out, ']');
    buf_add_char(out, '\0');
}

/* Authenticates; returns what follows the id in OK. */
static const char *authenticate(unsigned author, const char *relay, const char *challenge,
                                int64_t created_at, int kind)
{
    struct buf text;
    const char *reply;

    auth_message(&text, author, relay, challenge, created_at, kind);
    send_text(text.ptr);
    reply = fake_conn_take(conn);
    assert_memory_equal(reply, "[\"OK\",\"", 7);
    assert_memory_equal(reply + 7, strstr(text.ptr, "\"id\":\"") + 6, 64); /* the id is echoed */
    buf_deinit(&text);
    return reply + 7 + 64 + 2;
}

#define ACCEPTED "true,\"\"]\n"

static void auth_claims(void **state)
{
    char challenge[33], other[33];
    const struct {
        const char *relay, *challenge;
        int64_t created_at;
        int kind;
        const char *domain, *answer;
    } rows[] = {
        {"ws://relay.example:8008", challenge, NOW, 22242, "", ACCEPTED},
        {"wss://RELAY.example:8008/", challenge, NOW - 600, 22242, "", ACCEPTED},
        {"ws://relay.example:8008/path", challenge, NOW + 600, 22242, "", ACCEPTED},
        {"wss://my.domain", challenge, NOW, 22242, "other.domain,my.domain", ACCEPTED},
        {"wss://my.domain:443/", challenge, NOW, 22242, "my.domain", ACCEPTED},
        {"ws://relay.example:8008", challenge, NOW, 22242, "my.domain",
         "false,\"invalid: the relay tag does not name this relay\"]\n"},
        {"ws://evil.example", challenge, NOW, 22242, "",
         "false,\"invalid: the relay tag does not name this relay\"]\n"},
        {"", challenge, NOW, 22242, "",
         "false,\"invalid: the relay tag does not name this relay\"]\n"},
        {"ws://relay.example:8008", other, NOW, 22242, "",
         "false,\"invalid: the challenge tag is not this connection's challenge\"]\n"},
        {"ws://relay.example:8008", "", NOW, 22242, "",
         "false,\"invalid: the challenge tag is not this connection's challenge\"]\n"},
        {"ws://relay.example:8008", challenge, NOW - 601, 22242, "",
         "false,\"invalid: created_at of an AUTH event must be within ten minutes of now\"]\n"},
        {"ws://relay.example:8008", challenge, NOW + 601, 22242, "",
         "false,\"invalid: created_at of an AUTH event must be within ten minutes of now\"]\n"},
        {"ws://relay.example:8008", challenge, NOW, 1, "",
         "false,\"invalid: an AUTH event is of kind 22242\"]\n"},
    };

    (void)state;
    read_challenge(conn, challenge);
    read_challenge(connect_client(1), other);
    assert_string_not_equal(challenge, other);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cfg.shared.domain = (char *)rows[i].domain;
        assert_string_equal(
            authenticate(1, rows[i].relay, rows[i].challenge, rows[i].created_at, rows[i].kind),
            rows[i].answer);
    }
    assert_int_equal(conn->session->auth.n, 1);
    disconnect_client(&fake_conns[1]);
}

static void auth_signatures(void **state)
{
    char challenge[33];
    struct buf text;

    (void)state;
    read_challenge(conn, challenge);
    for (int i = 0; i <= MAX_AUTH_FAILURES; i++) {
        char *sig;

        auth_message(&text, 1, "ws://relay.example:8008", challenge, NOW, 22242);
        sig = strstr(text.ptr, "\"sig\":\"") + 7;
        *sig = *sig == '0' ? '1' : '0';
        send_text(text.ptr);
        assert_non_null(strstr(fake_conn_take(conn), i < MAX_AUTH_FAILURES
                                                         ? "false,\"invalid: "
                                                         : "false,\"rate-limited: "));
        buf_deinit(&text);
    }
    assert_int_equal(conn->session->auth.n, 0);
}

static void several_pubkeys(void **state)
{
    char challenge[33];

    (void)state;
    read_challenge(conn, challenge);
    for (unsigned i = 1; i <= 16; i++) {
        assert_string_equal(authenticate(i, "ws://relay.example:8008", challenge, NOW, 22242),
                            ACCEPTED);
        assert_string_equal(authenticate(i, "ws://relay.example:8008", challenge, NOW, 22242),
                            ACCEPTED);
        assert_int_equal(conn->session->auth.n, i);
    }
    assert_string_equal(
        authenticate(17, "ws://relay.example:8008", challenge, NOW, 22242),
        "false,\"rate-limited: too many pubkeys on this connection, the limit is 16\"]\n");
    /* Private kinds may be asked for now, and queries say for whom. */
    exchange("[\"REQ\",\"x\",{\"kinds\":[1059]}]", "");
    assert_int_equal(n_queries, 1);
    assert_non_null(strstr(queries[0].request, "\"readers\":[\""));
}

/* The session of conn is opened anew under a mode. */
static void reopen(enum auth_mode mode)
{
    disconnect_client(conn);
    cfg.shared.auth_mode = mode;
    conn = connect_client(0);
}

#define AUTH_FIRST "auth-required: authenticate to "

static void auth_modes(void **state)
{
    static const struct {
        enum auth_mode mode;
        const char *event, *req, *private; /* what the refusal says; NULL: none */
    } rows[] = {
        {AUTH_OFF, NULL, NULL, "restricted: private messages are served to nobody here"},
        {AUTH_PRIVATE, NULL, NULL, "auth-required: private messages are only served to"},
        {AUTH_WRITES, AUTH_FIRST "publish", NULL, "auth-required: private messages"},
        {AUTH_ALL, AUTH_FIRST "publish", AUTH_FIRST "read", AUTH_FIRST "read"},
        /* for AUTH_MEMBERS see below */
    };
    static const char *const asked[] = {"[\"REQ\",\"x\",{\"kinds\":[1]}]",
                                        "[\"COUNT\",\"x\",{\"kinds\":[1]}]"};
    char challenge[33];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text;

        reopen(rows[i].mode);
        if (rows[i].mode == AUTH_OFF)
            expect("");
        else
            read_challenge(conn, challenge);
        made_event(&text, "EVENT", 1, 1);
        for (int after_auth = 0; after_auth < 2; after_auth++) {
            const char *event = after_auth ? NULL : rows[i].event;
            const char *req = after_auth ? NULL : rows[i].req;
            const char *said;

            n_events = n_queries = 0;
            send_text(text.ptr);
            said = fake_conn_take(conn);
            assert_true(event ? strstr(said, event) != NULL : *said == '\0');
            assert_int_equal(n_events, event ? 0 : 1);
            for (size_t k = 0; k < ARRAY_LEN(asked); k++) {
                send_text(asked[k]);
                said = fake_conn_take(conn);
                assert_true(req ? strstr(said, req) != NULL : *said == '\0');
                assert_int_equal(n_queries, req ? 0 : k + 1);
            }
            send_text("[\"COUNT\",\"y\",{\"kinds\":[1059]}]");
            said = fake_conn_take(conn);
            if (rows[i].mode == AUTH_OFF) {
                assert_non_null(strstr(said, rows[i].private));
                break; /* nobody can */
            }
            assert_true(after_auth ? *said == '\0' : strstr(said, rows[i].private) != NULL);
            if (!after_auth)
                assert_string_equal(
                    authenticate(1, "ws://relay.example:8008", challenge, NOW, 22242), ACCEPTED);
        }
        buf_deinit(&text);
    }
}

static void auth_where_nobody_is_asked(void **state)
{
    (void)state;
    reopen(AUTH_OFF);
    assert_string_equal(authenticate(1, "ws://relay.example:8008", "x", NOW, 22242),
                        "false,\"restricted: this relay asks nobody to authenticate\"]\n");
    assert_int_equal(conn->session->auth.n, 0);
    cfg.shared.auth_mode = AUTH_PRIVATE;
}

/* ---- AUTH_MODE=members ---- */

#define MEMBER(yes) "{\"tier\":\"known\",\"banned\":false,\"member\":" yes "}"
#define READ "[\"REQ\",\"x\",{\"kinds\":[1]}]"
#define MEMBERS_ONLY "[\"CLOSED\",\"x\",\"restricted: only members read on this relay\"]\n"

/* AUTH by author, whose OK must wait for what the event handler answers. */
static void expect_ok_after(unsigned author, const char *challenge, enum err err, const char *json,
                            const char *ok)
{
    struct buf text;

    auth_message(&text, author, "ws://relay.example:8008", challenge, NOW, 22242);
    exchange(text.ptr, "");
    answer_access(err, json);
    assert_non_null(strstr(fake_conn_take(conn), ok));
    buf_deinit(&text);
}

static void only_members_read(void **state)
{
    char challenge[33];

    (void)state;
    reopen(AUTH_MEMBERS);
    read_challenge(conn, challenge);
    send_text(READ);
    assert_non_null(strstr(fake_conn_take(conn), AUTH_FIRST "read"));
    expect_ok_after(1, challenge, OK, MEMBER("false"), ACCEPTED);
    exchange(READ, MEMBERS_ONLY);
    exchange("[\"COUNT\",\"x\",{\"kinds\":[1]}]", MEMBERS_ONLY);
    expect_ok_after(1, challenge, ERR_BUSY, "", "false,\"error: cannot tell now whether");
    expect_ok_after(1, challenge, OK, "{\"tier\":\"known\",\"banned\":false}", ACCEPTED);
    exchange(READ, MEMBERS_ONLY);
    assert_int_equal(n_queries, 0);
    expect_ok_after(2, challenge, OK, MEMBER("true"), ACCEPTED);
    exchange(READ, "");
    assert_int_equal(n_queries, 1);
    assert_string_equal(authenticate(2, "ws://relay.example:8008", challenge, NOW, 22242),
                        ACCEPTED); /* nobody has to be asked */
    assert_null(access_sink);
}

static void who_is_no_member_any_more_is_closed(void **state)
{
    char challenge[33];

    (void)state;
    reopen(AUTH_MEMBERS);
    read_challenge(conn, challenge);
    session_set_control(&control_nothing);
    assert_null(access_sink); /* nobody to ask about */
    expect_ok_after(1, challenge, OK, MEMBER("false"), ACCEPTED);
    session_set_control(&control_nothing);
    answer_access(OK, MEMBER("true")); /* has joined */
    exchange(READ, "");
    assert_int_equal(n_queries, 1);
    session_set_control(&control_nothing);
    answer_access(ERR_BUSY, ""); /* what was true stays true */
    assert_false(conn->closing);
    session_set_control(&control_nothing);
    answer_access(OK, MEMBER("false"));
    expect("[\"NOTICE\",\"restricted: you are not a member of this relay any more\"]\n");
    assert_true(conn->closing);
    assert_int_equal(conn->reason, CONN_CLOSE_BLOCKED);
    reopen(AUTH_PRIVATE);
}

static void few_are_asked_about_at_a_time(void **state)
{
    struct session_shared *shared = conn->session->shared;
    struct conn *others[20];
    char challenge[33];

    (void)state;
    reopen(AUTH_MEMBERS);
    for (uint32_t i = 0; i < ARRAY_LEN(others); i++) {
        struct conn *first = conn;

        conn = others[i] = connect_client(1 + i);
        read_challenge(conn, challenge);
        expect_ok_after(1, challenge, OK, MEMBER("true"), ACCEPTED);
        conn = first;
    }
    session_set_control(&control_nothing);
    assert_int_equal(shared->membership.calls, 16);
    session_set_control(&control_nothing); /* again, while that goes on */
    assert_int_equal(shared->membership.calls, 16);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        disconnect_client(others[i]);
    assert_int_equal(shared->membership.calls, 0);
    assert_true(list_empty(&shared->membership.due));
    assert_true(list_empty(&shared->membership.sessions));
    reopen(AUTH_PRIVATE);
}

/* ---- moderation ---- */

static struct control_state bans;

static void ban_author(unsigned author)
{
    struct event ev = {.created_at = NOW, .kind = 1};

    sign_event(&ev, author);
    assert_true(key_set_add(&bans.banned, ev.pubkey.b));
    key_set_seal(&bans.banned);
    session_set_control(&bans);
}

static void lift_bans(void)
{
    session_set_control(&control_nothing);
    key_set_deinit(&bans.banned);
    cidr_list_deinit(&bans.blocked);
}

static void a_banned_key_is_closed_and_cannot_come_back(void **state)
{
    struct conn *other = connect_client(1);
    char challenge[33];

    (void)state;
    read_challenge(conn, challenge);
    assert_string_equal(authenticate(1, "ws://relay.example:8008", challenge, NOW, 22242),
                        ACCEPTED);
    ban_author(2);
    assert_false(conn->closing);
    ban_author(1);
    expect("[\"NOTICE\",\"blocked: your key is banned from this relay\"]\n");
    assert_true(conn->closing);
    assert_int_equal(conn->reason, CONN_CLOSE_BLOCKED);
    assert_false(other->closing);
    disconnect_client(other);
    reopen(AUTH_PRIVATE);
    read_challenge(conn, challenge);
    assert_string_equal(authenticate(1, "ws://relay.example:8008", challenge, NOW, 22242),
                        "false,\"blocked: this key is banned from this relay\"]\n");
    assert_int_equal(conn->session->auth.n, 0);
    lift_bans();
    assert_string_equal(authenticate(1, "ws://relay.example:8008", challenge, NOW, 22242),
                        ACCEPTED);
}

static void the_tier_is_the_best_of_the_pubkeys(void **state)
{
    static const struct {
        const char *json;
        enum err err;
        enum tier tier;
    } rows[] = {
        {"", ERR_BUSY, TIER_GUEST},
        {"{\"tier\":\"king\",\"banned\":false}", OK, TIER_GUEST},
        {"{\"tier\":\"known\",\"banned\":false,\"followers\":3}", OK, TIER_KNOWN},
        {"{\"tier\":\"admin\"}", OK, TIER_KNOWN},
        {"{\"tier\":\"trusted\",\"banned\":false}", OK, TIER_TRUSTED},
        {"{\"tier\":\"guest\",\"banned\":false}", OK, TIER_TRUSTED},
    };
    char challenge[33];

    (void)state;
    read_challenge(conn, challenge);
    assert_int_equal(conn->session->tier, TIER_GUEST);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(
            authenticate((unsigned)i, "ws://relay.example:8008", challenge, NOW, 22242), ACCEPTED);
        assert_int_equal(strlen(access_query), strlen("?pubkey=") + 64);
        answer_access(rows[i].err, rows[i].json);
        assert_int_equal(conn->session->tier, rows[i].tier);
        authenticate((unsigned)i, "ws://relay.example:8008", challenge, NOW, 22242);
        assert_null(access_sink); /* known already */
    }
    authenticate(9, "ws://relay.example:8008", challenge, NOW, 22242);
    answer_access(OK, "{\"tier\":\"muted\",\"banned\":true}");
    expect("[\"NOTICE\",\"blocked: your key is banned from this relay\"]\n");
    assert_int_equal(conn->reason, CONN_CLOSE_BLOCKED);
    reopen(AUTH_PRIVATE);
    read_challenge(conn, challenge);
    authenticate(1, "ws://relay.example:8008", challenge, NOW, 22242);
    assert_non_null(access_sink);
    disconnect_client(conn);
    assert_null(access_sink);
    conn = connect_client(0);
}

static void a_blocked_address_is_closed(void **state)
{
    char challenge[33];
    struct buf error;

    (void)state;
    read_challenge(conn, challenge);
    buf_init(&error, KIB);
    assert_true(cidr_list_parse(SLICE("192.0.2.2"), &bans.blocked, &error));
    session_set_control(&bans);
    assert_false(conn->closing);
    cidr_list_deinit(&bans.blocked);
    assert_true(cidr_list_parse(SLICE("192.0.2.0/24"), &bans.blocked, &error));
    session_set_control(&bans);
    expect("[\"NOTICE\",\"blocked: your address is blocked on this relay\"]\n");
    assert_int_equal(conn->reason, CONN_CLOSE_BLOCKED);
    lift_bans();
    buf_deinit(&error);
}

static void rows_read_before_a_ban_are_not_sent_after_it(void **state)
{
    uint8_t banned[32];
    char challenge[33];

    (void)state;
    read_challenge(conn, challenge);
    exchange("[\"REQ\",\"x\",{\"kinds\":[1]}]", "");
    answer_row(&queries[0], 1);
    expect_start("[\"EVENT\",\"x\",");
    key_of_number(1, banned); /* the author of all rows */
    assert_true(key_set_add(&bans.banned, banned));
    key_set_seal(&bans.banned);
    session_set_control(&bans);
    answer_row(&queries[0], 2);
    expect("");
    lift_bans();
    answer_row(&queries[0], 3);
    expect_start("[\"EVENT\",\"x\",");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(bad_input),
        TEST(malformed_event_is_named),
        TEST(event_and_its_verdict),
        TEST(credentials_are_not_published),
        TEST(many_unanswered_events_pause_reading),
        TEST(stored_then_live),
        TEST(eose_hints),
        TEST(no_query_needed),
        TEST(same_id_replaces_in_silence),
        TEST(too_many_subscriptions),
        TEST(queries_that_fail),
        TEST(catches_up),
        TEST(slow_reader),
        TEST(dies_while_being_answered),
        TEST(auth_claims),
        TEST(auth_signatures),
        TEST(several_pubkeys),
        TEST(auth_modes),
        TEST(only_members_read),
        TEST(who_is_no_member_any_more_is_closed),
        TEST(few_are_asked_about_at_a_time),
        TEST(auth_where_nobody_is_asked),
        TEST(a_banned_key_is_closed_and_cannot_come_back),
        TEST(a_blocked_address_is_closed),
        TEST(rows_read_before_a_ban_are_not_sent_after_it),
        TEST(the_tier_is_the_best_of_the_pubkeys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
