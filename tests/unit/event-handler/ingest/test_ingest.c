/* The whole write path, threads and all, over a real PostgreSQL and Redis. */
#include "event-handler/test_db.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include "access/access.h"
#include "base/clock.h"
#include "config.h"
#include "event-handler/sign.h"
#include "ingest/batch.h"
#include "metrics.h"
#include "ops/log.h"
#include "policy/policy_lists.h"
#include "wire/live_wire.h"

static struct config config;
static struct ingest *ingest;
static struct access *relay_access;

static char *setting(const char *name)
{
    char *value = getenv(name);

    return value ? value : "";
}

static void make_config(void)
{
    static char no_text[] = "";
    static char domain[] = "relay.example";

    static struct policy_lists no_lists = {.allow_kinds = {.empty = true}};

    config = (struct config){
        .policy = &no_lists,
        .shared = {.redis_host = setting("REDIS_HOST"),
                   .redis_port = strtol(setting("REDIS_PORT"), NULL, 10),
                   .redis_password = setting("REDIS_PASSWORD"),
                   .domain = domain,
                   .admin_pubkey = no_text,
                   .co_admin_pubkeys = no_text,
                   .max_event_bytes = 262144,
                   .max_event_tags = 5000,
                   .max_content_length = 262144,
                   .created_at_future_seconds = 900},
        .pg_write = {.host = setting("PGHOST_WRITE"),
                     .port = strtol(setting("PGPORT_WRITE"), NULL, 10),
                     .user = setting("PGUSER_WRITE"),
                     .password = setting("PGPASSWORD_WRITE"),
                     .database = test_db.name},
        .search_enabled = true,
        .ingest_queue_events = 20000,
        .write_batch_events = 500,
        .write_timeout_ms = 10000,
        .sweep_seconds = 60,
        .history_kinds = no_text,
        .retention_rules = no_text,
        .retention_keep_pubkeys = no_text,
    };
}

static int set_up(void **state)
{
    test_db_empty(state);
    make_config();
    ingest = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ingest_stop(ingest, 3000);
    access_free(relay_access);
    relay_access = NULL;
    return 0;
}

static void start(void)
{
    relay_access = access_new(&config);
    assert_non_null(relay_access);
    ingest = ingest_start(&config, relay_access, NULL);
    assert_non_null(ingest);
}

static void await_redis(void)
{
    struct ingest_health health = {0};

    for (int i = 0; i < 100 && !health.redis_ok; i++) {
        poll(NULL, 0, 20);
        ingest_health(ingest, &health);
    }
    assert_true(health.redis_ok);
}

/* ---- requests ---- */

static void on_done(struct ingest_batch *b, void *ctx)
{
    (void)b;
    sem_post(ctx);
}

/* Submits body and waits for the answer, which the caller frees. */
static struct ingest_batch *submit(struct buf *body)
{
    struct ingest_batch *b;
    sem_t done;

    sem_init(&done, 0, 0);
    assert_int_equal(ingest_submit(ingest, body, 0, on_done, &done, &b), OK);
    while (sem_wait(&done) != 0)
        continue;
    sem_destroy(&done);
    return b;
}

static void add_text(struct buf *body, struct slice text)
{
    ingest_record_write(body,
                        &(struct ingest_record){.address = SLICE("127.0.0.1"), .event = text});
}

static void add_event(struct buf *body, const struct event *ev)
{
    struct buf text;

    buf_init(&text, MIB);
    event_write(ev, &text);
    add_text(body, buf_slice(&text));
    buf_deinit(&text);
}

static struct event note(unsigned author, int kind, int64_t created_at, const char *content)
{
    struct event ev = {.kind = kind, .created_at = created_at, .content = slice_str(content)};

    sign_event(&ev, author);
    return ev;
}

/* The next line of an answer must hold these words. */
static void expect_line(struct slice *answer, const char *words)
{
    struct ingest_verdict v;
    char line[512];

    assert_true(ingest_verdict_next(answer, &v));
    snprintf(line, sizeof line, SLICE_FMT, SLICE_ARG(v.ok));
    if (!strstr(line, words))
        fail_msg("%s instead of %s", line, words);
}

/* ---- tests ---- */

static void test_verdicts(void **state)
{
    struct event good = note(1, 1, clock_unix(), "hello"), bad_sig = note(1, 1, 5, "x"),
                 bad_id = note(1, 1, 6, "x");
    struct event chat = note(1, 14, 7, "x"), ephemeral = note(1, 20001, 8, "x");
    struct ingest_batch *b;
    struct slice answer;
    struct buf body;

    TEST_NEEDS_DB();
    start();
    bad_sig.sig.b[40] ^= 1;
    bad_id.id.b[0] ^= 1;
    buf_init(&body, MIB);
    add_event(&body, &good);
    add_event(&body, &good);
    add_event(&body, &bad_sig);
    add_event(&body, &bad_id);
    add_text(&body, SLICE("{\"kind\":1}"));
    add_text(&body, SLICE("nonsense"));
    add_event(&body, &chat);
    add_event(&body, &ephemeral);
    await_redis();
    b = submit(&body);
    assert_int_equal(ingest_batch_status(b), 200);
    answer = ingest_batch_response(b);
    expect_line(&answer, "\",true,\"\"]");
    expect_line(&answer, "\",true,\"duplicate: already have this event\"]");
    expect_line(&answer, "\",false,\"invalid: event signature is wrong\"]");
    expect_line(&answer, "\",false,\"invalid: event id does not match its content\"]");
    expect_line(&answer, "[\"\",false,\"invalid: ");
    expect_line(&answer, "[\"\",false,\"invalid: ");
    expect_line(&answer, "\",false,\"blocked: ");
    expect_line(&answer, "\",true,\"\"]");
    assert_int_equal(answer.len, 0);
    ingest_batch_free(b);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 1);
}

static void test_malformed_body(void **state)
{
    struct ingest_batch *b;
    struct buf body;

    TEST_NEEDS_DB();
    start();
    buf_init(&body, MIB);
    buf_add_str(&body, "not a record");
    b = submit(&body);
    assert_int_equal(ingest_batch_status(b), 400);
    ingest_batch_free(b);
    b = submit(&body); /* no records at all */
    assert_int_equal(ingest_batch_status(b), 200);
    assert_int_equal(ingest_batch_response(b).len, 0);
    ingest_batch_free(b);
}

static void test_busy(void **state)
{
    struct event ev = note(1, 1, 100, "x");
    struct ingest_batch *b;
    struct buf body;
    sem_t done;

    TEST_NEEDS_DB();
    config.ingest_queue_events = 3;
    start();
    buf_init(&body, MIB);
    for (int i = 0; i < 4; i++)
        add_event(&body, &ev);
    assert_int_equal(ingest_submit(ingest, &body, 0, on_done, &done, &b), ERR_BUSY);
    assert_int_equal(body.len, 0);
}

static void test_redis_away(void **state)
{
    struct event stored = note(1, 1, 100, "x"), ephemeral = note(1, 20001, 100, "x");
    struct ingest_batch *b;
    struct ingest_health health;
    struct slice answer;
    struct buf body;

    TEST_NEEDS_DB();
    config.shared.redis_port = 1;
    start();
    buf_init(&body, MIB);
    add_event(&body, &stored);
    add_event(&body, &ephemeral);
    b = submit(&body);
    answer = ingest_batch_response(b);
    expect_line(&answer, "\",true,\"\"]");
    expect_line(&answer, "\",false,\"error: live delivery is not available, please try again\"]");
    ingest_batch_free(b);
    ingest_health(ingest, &health);
    assert_true(health.database_ok);
    assert_false(health.redis_ok);
    assert_int_equal(health.head_seq, 1);
}

static void test_database_away(void **state)
{
    struct event stored = note(1, 1, 100, "x"), ephemeral = note(1, 20001, 100, "x");
    struct ingest_batch *b;
    struct ingest_health health;
    struct slice answer;
    struct buf body;

    TEST_NEEDS_DB();
    config.pg_write.port = 1;
    start();
    await_redis();
    buf_init(&body, MIB);
    add_event(&body, &stored);
    add_event(&body, &ephemeral);
    b = submit(&body);
    answer = ingest_batch_response(b);
    expect_line(&answer, "\",false,\"error: the database is not available, please try again\"]");
    expect_line(&answer, "\",true,\"\"]");
    ingest_batch_free(b);
    ingest_health(ingest, &health);
    assert_false(health.database_ok);
    assert_true(health.redis_ok);
}

/* ---- many threads, one feed ---- */

enum { THREADS = 6, BATCHES = 12, PER_BATCH = 40 };

struct feed { /* a front end of sorts: follows the records from seq 0 */
    redisContext *redis;
    pthread_t thread;
    uint64_t cursor;
    size_t events, ephemeral;
};

static void follow_record(struct feed *f, struct slice record)
{
    struct live_head head;
    struct live_line line;
    uint64_t last;

    if (!live_head_parse(&record, &head))
        fail_msg("a malformed record");
    last = head.prev;
    while (live_line_next(&record, &line)) {
        if (line.seq == 0) {
            f->ephemeral++;
            continue;
        }
        assert_int_equal(line.seq, ++last);
        f->events++;
    }
    if (head.seq > head.prev) {
        assert_int_equal(head.prev, f->cursor);
        assert_int_equal(last, head.seq);
        f->cursor = head.seq;
    }
}

static void *follow(void *arg)
{
    struct feed *f = arg;
    redisReply *reply;

    while (f->events + f->ephemeral < THREADS * BATCHES * PER_BATCH &&
           redisGetReply(f->redis, (void **)&reply) == REDIS_OK) {
        if (reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING)
            follow_record(f, slice_of(reply->element[2]->str, (size_t)reply->element[2]->len));
        freeReplyObject(reply);
    }
    return NULL;
}

static void follow_start(struct feed *f)
{
    redisReply *reply;

    *f = (struct feed){.redis = redisConnect(setting("REDIS_HOST"), (int)config.shared.redis_port)};
    assert_int_equal(f->redis->err, 0);
    redisSetTimeout(f->redis, (struct timeval){.tv_sec = 10});
    reply = redisCommand(f->redis, "AUTH %s", setting("REDIS_PASSWORD"));
    freeReplyObject(reply);
    reply = redisCommand(f->redis, "SUBSCRIBE " LIVE_CHANNEL);
    assert_non_null(reply);
    freeReplyObject(reply);
    pthread_create(&f->thread, NULL, follow, f);
}

struct sender {
    pthread_t thread;
    struct buf body[BATCHES];
    size_t accepted;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < BATCHES; i++) {
        struct ingest_batch *b = submit(&s->body[i]);
        struct slice answer = ingest_batch_response(b);
        struct ingest_verdict v;

        while (ingest_verdict_next(&answer, &v))
            s->accepted += v.accepted;
        ingest_batch_free(b);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    static struct sender sender[THREADS];
    struct feed feed;
    size_t accepted = 0;

    TEST_NEEDS_DB();
    for (unsigned t = 0; t < THREADS; t++) {
        sender[t].accepted = 0;
        for (unsigned b = 0; b < BATCHES; b++) {
            buf_init(&sender[t].body[b], MIB);
            for (unsigned i = 0; i < PER_BATCH; i++) {
                struct event ev =
                    note(t, i % 20 == 7 ? 20001 : 1, 1000 + b * PER_BATCH + i, "many");

                add_event(&sender[t].body[b], &ev);
            }
        }
    }
    start();
    follow_start(&feed);
    await_redis();
    for (unsigned t = 0; t < THREADS; t++)
        pthread_create(&sender[t].thread, NULL, send_all, &sender[t]);
    for (unsigned t = 0; t < THREADS; t++) {
        pthread_join(sender[t].thread, NULL);
        accepted += sender[t].accepted;
    }
    assert_int_equal(accepted, THREADS * BATCHES * PER_BATCH);
    ingest_stop(ingest, 3000);
    ingest = NULL;
    pthread_join(feed.thread, NULL);
    redisFree(feed.redis);
    assert_int_equal(feed.events, THREADS * BATCHES * PER_BATCH * 19 / 20);
    assert_int_equal(feed.ephemeral, THREADS * BATCHES * PER_BATCH / 20);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), (int64_t)feed.events);
    assert_int_equal(test_db_number("SELECT seq FROM feed_head"), (int64_t)feed.cursor);
}

/* A history that is too large for one transaction is gone when the request to vanish is answered.
 */
static void test_vanish(void **state)
{
    enum { HISTORY = 2300 };
    struct tag relay = {.item = (struct slice[]){SLICE("relay"), SLICE("ALL_RELAYS")}, .n = 2};
    struct event request = {.kind = 62, .created_at = 10000, .tag = &relay, .n_tags = 1};
    struct ingest_batch *b;
    struct slice answer;
    struct buf body;

    TEST_NEEDS_DB();
    start();
    buf_init(&body, 4 * MIB);
    for (int i = 0; i < HISTORY; i++) {
        struct event ev = note(3, 1, i, "gone");

        add_event(&body, &ev);
    }
    ingest_batch_free(submit(&body));
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), HISTORY);
    sign_event(&request, 3);
    buf_init(&body, MIB);
    add_event(&body, &request);
    b = submit(&body);
    answer = ingest_batch_response(b);
    expect_line(&answer, "\",true,\"\"]");
    ingest_batch_free(b);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM event_tags"), 0);
}

/* What was taken in is finished, and answered. */
static void test_stop(void **state)
{
    struct event ev = note(1, 1, 100, "x");
    struct ingest_batch *b;
    struct buf body;
    sem_t done;

    TEST_NEEDS_DB();
    sem_init(&done, 0, 0);
    start();
    buf_init(&body, MIB);
    add_event(&body, &ev);
    assert_int_equal(ingest_submit(ingest, &body, 0, on_done, &done, &b), OK);
    ingest_stop(ingest, 3000);
    ingest = NULL;
    assert_int_equal(sem_trywait(&done), 0);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 1);
    ingest_batch_free(b);
    sem_destroy(&done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redis_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_database_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop, set_up, tear_down),
    };

    log_open("test", "error", LOG_LOGFMT);
    event_handler_metrics_open();
    verify_setup();
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
