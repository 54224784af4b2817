/* The crawler against relays as they should be and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hex.h"
#include "fake_relay.h"
#include "trust/crawler.h"

enum { AUTHORS = 200, ALICE = 0, BOB = 1, CAROL = 2, MALLORY = 220, THEN = 1700000000 };

static const int kinds[] = {3, 10000, 10002};

/* A crawl, and what came of it. */
struct run {
    struct pubkey authors[AUTHORS];
    struct crawl_request request;
    struct crawl_report report;
    char seeds[1024];
    atomic_bool stop;
    size_t n_events;
    int64_t newest[AUTHORS]; /* created_at of the last kind 3 */
    const char *outbox;      /* of everybody */
};

static void on_event(const struct event *ev, struct slice json, void *ctx)
{
    struct run *run = ctx;

    assert_true(json.len > 0 && json.ptr[0] == '{');
    run->n_events++;
    for (size_t i = 0; i < run->request.n_authors; i++) {
        if (ev->kind == 3 && pubkey_eq(&ev->pubkey, &run->authors[i]))
            run->newest[i] = ev->created_at;
    }
}

static const char *outbox_of(const struct pubkey *author, void *ctx)
{
    (void)author;
    return ((struct run *)ctx)->outbox;
}

/* For the authors 0 to n - 1. */
static struct run *new_run(size_t n)
{
    struct run *run = calloc(1, sizeof(*run));

    for (size_t i = 0; i < n; i++)
        run->authors[i] = fake_pubkey((unsigned)i);
    run->request = (struct crawl_request){.authors = run->authors,
                                          .n_authors = n,
                                          .kinds = kinds,
                                          .n_kinds = ARRAY_LEN(kinds),
                                          .seeds = run->seeds,
                                          .proxy = "",
                                          .limits = crawl_default_limits,
                                          .stop = &run->stop,
                                          .on_event = on_event,
                                          .outbox = outbox_of,
                                          .ctx = run};
    run->request.limits.run_seconds = 30;
    run->request.limits.answer_seconds = 2;
    return run;
}

static void add_seed(struct run *run, const char *url)
{
    size_t len = strlen(run->seeds);

    snprintf(run->seeds + len, sizeof(run->seeds) - len, "%s%s", len > 0 ? "," : "", url);
}

static void crawl(struct run *run)
{
    crawl_run(&run->request, &run->report);
}

static void end_run(struct run *run)
{
    crawl_report_deinit(&run->report);
    free(run);
}

static void expect_error(const struct run *run, size_t relay, const char *words)
{
    assert_true(relay < run->report.n_relays);
    if (!strstr(run->report.relay[relay].error, words))
        fail_msg("\"%s\" lacks \"%s\"", run->report.relay[relay].error, words);
}

static void expect_rejected(const struct run *run, enum crawl_reject why, unsigned n)
{
    if (run->report.rejected[why] != n)
        fail_msg("reason %d: %llu, expected %u", why, (unsigned long long)run->report.rejected[why],
                 n);
}

/* One relay with one script and a list of Alice's; a second, honest one, with a list of Bob's,
 * which must come whatever the first one does. */
static struct run *against(void (*script)(struct fake_relay *, int), bool raw)
{
    struct fake_event alice = fake_event(ALICE, 3, THEN, NULL, NULL);
    struct fake_event bob = fake_event(BOB, 3, THEN, NULL, NULL);
    struct fake_relay bad = {.script = script, .raw = raw, .stored = &alice, .n_stored = 1};
    struct fake_relay good = {.stored = &bob, .n_stored = 1};
    struct run *run = new_run(2);

    fake_start(&bad);
    fake_start(&good);
    add_seed(run, bad.url);
    add_seed(run, good.url);
    crawl(run);
    fake_stop(&bad);
    fake_stop(&good);
    assert_int_equal(run->report.end, CRAWL_COMPLETE);
    assert_int_equal(run->report.n_relays, 2);
    assert_string_equal(run->report.relay[1].error, "");
    assert_true(run->report.found[1]);
    assert_int_equal(run->newest[1], THEN);
    fake_event_free(&alice);
    fake_event_free(&bob);
    return run;
}

/* ---- as it should be ---- */

static void test_no_seeds(void **state)
{
    struct run *run = new_run(1);

    (void)state;
    run->outbox = "ws://127.0.0.1:9";
    crawl(run);
    assert_int_equal(run->report.end, CRAWL_COMPLETE);
    assert_int_equal(run->report.n_relays, 0);
    assert_int_equal(run->report.n_found, 0);
    end_run(run);
}

static void test_the_newest_list_wins(void **state)
{
    struct fake_event old = fake_event(ALICE, 3, THEN, NULL, NULL);
    struct fake_event new = fake_event(ALICE, 3, THEN + 9, NULL, NULL);
    struct fake_event mutes = fake_event(BOB, 10000, THEN, NULL, NULL);
    struct fake_event both[] = {new, mutes};
    struct fake_relay one = {.stored = both, .n_stored = 2};
    struct fake_relay two = {.stored = &old, .n_stored = 1};
    struct run *run = new_run(3);

    (void)state;
    fake_start(&one);
    fake_start(&two);
    add_seed(run, one.url);
    add_seed(run, two.url);
    run->request.limits.relays_at_once = 1; /* so that the replay comes last */
    crawl(run);
    fake_stop(&one);
    fake_stop(&two);
    assert_int_equal(run->n_events, 2);
    assert_int_equal(run->newest[ALICE], THEN + 9);
    assert_int_equal(run->report.n_events, 2);
    assert_int_equal(run->report.n_answered, 2);
    assert_int_equal(run->report.n_failed, 0);
    assert_int_equal(run->report.n_found, 1); /* who only mutes is not found */
    assert_true(run->report.found[ALICE]);
    assert_false(run->report.found[BOB]);
    expect_rejected(run, CRAWL_STALE, 1);
    assert_true(run->report.relay[0].bytes > 0);
    fake_event_free(&old);
    fake_event_free(&new);
    fake_event_free(&mutes);
    end_run(run);
}

/* A relay that gives 25 events at a time, and takes 60 authors: all of them come. */
static void test_limits_of_relays_are_found_out(void **state)
{
    struct fake_event all[AUTHORS];
    struct fake_relay relay = {.stored = all, .n_stored = AUTHORS, .max_authors = 60, .page = 25};
    struct run *run = new_run(AUTHORS);

    (void)state;
    for (unsigned i = 0; i < AUTHORS; i++)
        all[i] = fake_event(i, 3, THEN - i / 4, NULL, NULL);
    fake_start(&relay);
    add_seed(run, relay.url);
    crawl(run);
    fake_stop(&relay);
    assert_string_equal(run->report.relay[0].error, "");
    assert_int_equal(run->report.n_found, AUTHORS);
    assert_int_equal(run->report.relay[0].n_authors, AUTHORS);
    assert_true(atomic_load(&relay.most_authors) <= 60);
    for (unsigned i = 0; i < AUTHORS; i++)
        fake_event_free(&all[i]);
    end_run(run);
}

static void only_notice(struct fake_relay *r, int fd)
{
    struct fake_question q;

    fake_say(fd, "[\"NOTICE\",\"welcome\"]");
    while (fake_ask(r, fd, &q)) {
        if (q.filter->n_authors > 1)
            fake_say(fd, "[\"NOTICE\",\"ERROR: bad req: too many authors\"]");
        else
            fake_answer(r, fd, &q);
        fake_question_deinit(&q);
    }
}

static void test_a_notice_may_be_the_only_answer(void **state)
{
    struct run *run = against(only_notice, false);

    (void)state;
    assert_string_equal(run->report.relay[0].error, "");
    assert_int_equal(run->report.n_found, 2);
    end_run(run);
}

/* ---- outboxes ---- */

static void test_authors_not_found_are_looked_for_where_they_write(void **state)
{
    struct fake_event alice = fake_event(ALICE, 3, THEN, NULL, NULL);
    struct fake_event bob = fake_event(BOB, 3, THEN, NULL, NULL), list;
    struct fake_relay home = {.stored = &alice, .n_stored = 1};
    struct fake_relay elsewhere = {.stored = &bob, .n_stored = 1};
    struct fake_relay seed = {.stored = &list, .n_stored = 1};
    struct run *run = new_run(3);

    (void)state;
    fake_start(&home);
    fake_start(&elsewhere);
    list = fake_event(ALICE, 10002, THEN, "r", home.url); /* said in this crawl */
    fake_start(&seed);
    add_seed(run, seed.url);
    run->outbox = elsewhere.url; /* stored, for all others */
    run->request.private_addresses = true;
    crawl(run);
    fake_stop(&home);
    fake_stop(&elsewhere);
    fake_stop(&seed);
    assert_int_equal(run->report.n_relays, 3);
    assert_int_equal(run->report.n_failed, 0);
    assert_int_equal(run->report.n_found, 2);
    assert_int_equal(run->newest[ALICE], THEN);
    assert_int_equal(run->newest[BOB], THEN);
    /* Bob and Carol first, for they are two. */
    assert_string_equal(run->report.relay[1].url, elsewhere.url);
    assert_int_equal(run->report.relay[1].n_authors, 2);
    assert_int_equal(run->report.relay[2].n_authors, 1);
    fake_event_free(&alice);
    fake_event_free(&bob);
    fake_event_free(&list);
    end_run(run);
}

static void test_private_addresses_of_authors_are_not_contacted(void **state)
{
    struct fake_relay neighbour = {0}, seed = {0};
    char by_name[64], by_number[64], mapped[64], urls[400];
    struct run *run = new_run(1);

    (void)state;
    fake_start(&neighbour);
    fake_start(&seed);
    snprintf(by_name, sizeof(by_name), "ws://localhost.:%s", neighbour.port);
    snprintf(by_number, sizeof(by_number), "ws://2130706433:%s", neighbour.port);
    snprintf(mapped, sizeof(mapped), "ws://[::ffff:127.0.0.1]:%s", neighbour.port);
    snprintf(urls, sizeof(urls), "%s,%s,%s,%s", neighbour.url, by_name, by_number, mapped);
    run->outbox = urls;
    add_seed(run, seed.url);
    crawl(run);
    fake_stop(&neighbour);
    fake_stop(&seed);
    assert_int_equal(run->report.n_relays, 5);
    assert_string_equal(run->report.relay[0].error, "");
    for (size_t i = 1; i < 5; i++)
        expect_error(run, i, "not public");
    assert_int_equal(atomic_load(&neighbour.n_connections), 0);
    end_run(run);
}

/* ---- attacks ---- */

static void say_foreign(struct fake_relay *r, int fd)
{
    struct fake_question q;

    if (!fake_ask(r, fd, &q))
        return;
    for (size_t i = 0; i < r->n_stored; i++)
        fake_say_event(fd, q.sub_id, r->stored[i].json);
    fake_say2(fd, "EOSE", q.sub_id);
    fake_question_deinit(&q);
    fake_linger(r, fd);
}

/* Runs say_foreign() with the given events; they are freed. */
static struct run *with_events(struct fake_event *events, size_t n)
{
    struct fake_relay relay = {.script = say_foreign, .stored = events, .n_stored = n};
    struct run *run = new_run(2);

    fake_start(&relay);
    add_seed(run, relay.url);
    crawl(run);
    fake_stop(&relay);
    for (size_t i = 0; i < n; i++)
        fake_event_free(&events[i]);
    return run;
}

static void test_foreign_authors_and_kinds(void **state)
{
    struct fake_event events[] = {
        fake_event(MALLORY, 3, THEN, NULL, NULL),
        fake_event(ALICE, 1, THEN, NULL, NULL),
        fake_event(ALICE, 3, THEN, NULL, NULL),
    };
    struct run *run = with_events(events, ARRAY_LEN(events));

    (void)state;
    expect_rejected(run, CRAWL_FOREIGN_AUTHOR, 1);
    expect_rejected(run, CRAWL_FOREIGN_KIND, 1);
    assert_int_equal(run->n_events, 1);
    end_run(run);
}

static void test_too_much_of_what_nobody_asked_for(void **state)
{
    struct fake_event events[30];
    struct run *run;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        events[i] = fake_event(MALLORY, 3, THEN + (int64_t)i, NULL, NULL);
    run = with_events(events, ARRAY_LEN(events));
    expect_error(run, 0, "not asked for");
    expect_rejected(run, CRAWL_FOREIGN_AUTHOR, 20);
    end_run(run);
}

static void test_forged_ids_and_signatures(void **state)
{
    struct fake_event events[] = {
        fake_event(ALICE, 3, THEN, NULL, NULL),
        fake_event(ALICE, 3, THEN, NULL, NULL),
        fake_event(ALICE, 3, THEN, NULL, NULL),
    };
    struct run *run;

    (void)state;
    events[0].ev.id.b[7] ^= 1; /* some other id */
    events[1].ev.sig.b[7] ^= 1;
    events[2].ev.created_at = THEN + 60; /* changed after signing, id recomputed or not */
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        free(events[i].json);
        events[i].json = fake_json(&events[i].ev);
    }
    run = with_events(events, ARRAY_LEN(events));
    expect_rejected(run, CRAWL_FORGED, 3);
    assert_int_equal(run->n_events, 0);
    assert_int_equal(run->report.n_found, 0);
    end_run(run);
}

static void test_lists_from_the_far_future(void **state)
{
    int64_t now = clock_unix();
    struct fake_event events[] = {
        fake_event(ALICE, 3, now + CRAWL_FUTURE_SECONDS + 60, NULL, NULL),
        fake_event(ALICE, 3, INT64_C(9007199254740992), NULL, NULL),
        fake_event(ALICE, 3, now + CRAWL_FUTURE_SECONDS - 60, NULL, NULL),
        fake_event(BOB, 3, THEN, "expiration", "1700000001"),
    };
    struct run *run = with_events(events, ARRAY_LEN(events));

    (void)state;
    expect_rejected(run, CRAWL_FUTURE, 3);
    assert_int_equal(run->n_events, 1);
    assert_int_equal(run->newest[ALICE], now + CRAWL_FUTURE_SECONDS - 60);
    end_run(run);
}

static void test_mixed_case_and_short_hex(void **state)
{
    struct fake_event events[] = {
        fake_event(ALICE, 3, THEN, NULL, NULL),
        fake_event(ALICE, 3, THEN, NULL, NULL),
        fake_event(BOB, 3, THEN, NULL, NULL),
    };
    char *pubkey = strstr(events[0].json, "\"pubkey\":\"") + 10, *id;
    struct run *run;

    (void)state;
    for (int i = 0; i < 64; i++) {
        if (pubkey[i] >= 'a' && pubkey[i] <= 'f')
            pubkey[i] = (char)(pubkey[i] - 'a' + 'A');
    }
    id = strstr(events[1].json, "\"id\":\"") + 6;
    memmove(id, id + 2, strlen(id + 2) + 1);
    run = with_events(events, ARRAY_LEN(events));
    expect_rejected(run, CRAWL_MALFORMED, 2);
    assert_int_equal(run->n_events, 1);
    assert_string_equal(run->report.relay[0].error, "");
    end_run(run);
}

/* A list above the limit is passed over; what comes with it is not lost. */
static void test_oversized_lists(void **state)
{
    size_t len = crawl_default_limits.max_event_bytes;
    char *content = malloc(len);
    struct fake_event events[] = {
        fake_event(ALICE, 3, THEN, NULL, NULL),
        fake_event(BOB, 3, THEN, NULL, NULL),
    };
    struct run *run;

    (void)state;
    memset(content, 'x', len);
    events[0].ev.content = slice_of(content, len);
    free(events[0].json);
    events[0].json = fake_json(&events[0].ev);
    run = with_events(events, ARRAY_LEN(events));
    expect_rejected(run, CRAWL_OVERSIZED, 1);
    assert_int_equal(run->n_events, 1);
    assert_string_equal(run->report.relay[0].error, "");
    free(content);
    end_run(run);
}

static void say_huge(struct fake_relay *r, int fd)
{
    fake_head(fd, 0x81, UINT64_C(1) << 40);
    fake_send(fd, "[", 1);
    fake_linger(r, fd);
}

static void test_a_huge_frame(void **state)
{
    struct run *run = against(say_huge, false);

    (void)state;
    expect_error(run, 0, "message above");
    assert_true(run->report.relay[0].bytes < 10000);
    end_run(run);
}

static void say_binary(struct fake_relay *r, int fd)
{
    struct fake_question q;

    if (!fake_ask(r, fd, &q))
        return;
    for (int i = 0; i < 100; i++)
        fake_frame(fd, 0x82, "\0\1\2\3", 4);
    fake_answer(r, fd, &q);
    fake_question_deinit(&q);
    fake_linger(r, fd);
}

static void test_binary_frames(void **state)
{
    struct run *run = against(say_binary, false);

    (void)state;
    assert_string_equal(run->report.relay[0].error, "");
    assert_int_equal(run->report.n_found, 2);
    end_run(run);
}

static void say_garbage(struct fake_relay *r, int fd)
{
    static const char *const words[] = {
        "", "[]", "{", "[\"EVENT\"]", "[\"EVENT\",\"wot1\",7]", "[\"EOSE\",{}]", "null"};

    for (size_t i = 0; i < 40; i++)
        fake_say(fd, words[i % ARRAY_LEN(words)]);
    fake_linger(r, fd);
}

static void test_malformed_messages(void **state)
{
    struct run *run = against(say_garbage, false);

    (void)state;
    expect_error(run, 0, "malformed");
    end_run(run);
}

/* The same good event for ever. */
static void say_for_ever(struct fake_relay *r, int fd)
{
    struct fake_question q;

    if (!fake_ask(r, fd, &q))
        return;
    while (!atomic_load(&r->stopping) && fake_say_event(fd, q.sub_id, r->stored[0].json)) {
    }
    fake_question_deinit(&q);
}

static void test_a_stream_without_eose(void **state)
{
    struct run *run = against(say_for_ever, false);

    (void)state;
    expect_error(run, 0, "more events than there can be");
    assert_int_equal(run->report.n_found, 2); /* what was good stays */
    end_run(run);
}

static void say_no_eose(struct fake_relay *r, int fd)
{
    struct fake_question q;

    if (!fake_ask(r, fd, &q))
        return;
    fake_say_event(fd, q.sub_id, r->stored[0].json);
    fake_question_deinit(&q);
    fake_linger(r, fd);
}

static void test_an_answer_that_does_not_end(void **state)
{
    struct run *run = against(say_no_eose, false);

    (void)state;
    expect_error(run, 0, "does not answer"); /* once asked again, in smaller questions */
    assert_int_equal(run->report.n_found, 2);
    assert_true(run->report.seconds < 10);
    end_run(run);
}

static void test_silence(void **state)
{
    struct run *run = against(fake_linger, false);

    (void)state;
    expect_error(run, 0, "does not answer");
    assert_true(run->report.seconds < 5);
    end_run(run);
}

static void test_no_handshake(void **state)
{
    struct run *run = against(fake_linger, true);

    (void)state;
    expect_error(run, 0, "time");
    assert_true(run->report.seconds < 5);
    end_run(run);
}

static void drip_head(struct fake_relay *r, int fd)
{
    while (!atomic_load(&r->stopping) && fake_send(fd, "H", 1))
        poll(NULL, 0, 20);
}

static void test_a_slow_handshake(void **state)
{
    struct run *run = against(drip_head, true);

    (void)state;
    expect_error(run, 0, "no answer in time");
    assert_true(run->report.seconds < 5);
    end_run(run);
}

static void drip_frame(struct fake_relay *r, int fd)
{
    fake_head(fd, 0x81, 100000);
    while (!atomic_load(&r->stopping) && fake_send(fd, " ", 1))
        poll(NULL, 0, 20);
}

static void test_a_slow_loris(void **state)
{
    struct run *run = against(drip_frame, false);

    (void)state;
    expect_error(run, 0, "does not answer");
    assert_true(run->report.seconds < 5);
    end_run(run);
}

static void flood(struct fake_relay *r, int fd)
{
    static char zeros[60000];

    while (!atomic_load(&r->stopping) && fake_frame(fd, 0x82, zeros, sizeof(zeros))) {
    }
}

static void test_more_bytes_than_allowed(void **state)
{
    struct fake_relay relay = {.script = flood};
    struct run *run = new_run(1);

    (void)state;
    fake_start(&relay);
    add_seed(run, relay.url);
    run->request.limits.relay_bytes = 3 * MIB;
    run->request.limits.answer_seconds = 20;
    crawl(run);
    assert_int_equal(run->report.end, CRAWL_COMPLETE);
    expect_error(run, 0, "bytes");
    assert_true(run->report.relay[0].bytes < 4 * MIB);
    crawl_report_deinit(&run->report);

    run->request.limits.relay_bytes = 1024 * MIB;
    run->request.limits.run_bytes = 3 * MIB;
    crawl(run);
    fake_stop(&relay);
    assert_int_equal(run->report.end, CRAWL_OUT_OF_BYTES);
    expect_error(run, 0, "out of bytes");
    end_run(run);
}

static void test_more_time_than_allowed(void **state)
{
    struct fake_relay relay = {.script = flood};
    struct run *run = new_run(1);

    (void)state;
    fake_start(&relay);
    add_seed(run, relay.url);
    run->request.limits.answer_seconds = 20;
    run->request.limits.relay_seconds = 1;
    run->request.limits.relay_bytes = run->request.limits.run_bytes = SIZE_MAX;
    crawl(run);
    expect_error(run, 0, "longer than 1 s");
    crawl_report_deinit(&run->report);

    run->request.limits.relay_seconds = 20;
    run->request.limits.run_seconds = 1;
    crawl(run);
    fake_stop(&relay);
    assert_int_equal(run->report.end, CRAWL_OUT_OF_TIME);
    assert_true(run->report.seconds < 2);
    end_run(run);
}

static void redirect(struct fake_relay *r, int fd)
{
    static const char answer[] = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                                 "Content-Length: 0\r\n\r\n";

    fake_send(fd, answer, sizeof(answer) - 1);
    fake_linger(r, fd);
}

static void test_redirects_are_not_followed(void **state)
{
    struct run *run = against(redirect, true);

    (void)state;
    expect_error(run, 0, "302");
    end_run(run);
}

static void refuse_all(struct fake_relay *r, int fd)
{
    struct fake_question q;

    while (fake_ask(r, fd, &q)) {
        char text[160];

        snprintf(text, sizeof(text), "[\"CLOSED\",\"%s\",\"auth-required: not you\"]", q.sub_id);
        fake_say(fd, text);
        fake_question_deinit(&q);
    }
}

static void test_a_relay_that_wants_to_know_us(void **state)
{
    struct run *run = against(refuse_all, false);

    (void)state;
    expect_error(run, 0, "auth-required: not you");
    assert_true(run->report.seconds < 1);
    end_run(run);
}

/* ---- stopping, remembering ---- */

static void *stop_soon(void *arg)
{
    poll(NULL, 0, 300);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void test_stopping(void **state)
{
    void (*const scripts[])(struct fake_relay *, int) = {fake_linger, flood};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct fake_relay relay = {.script = scripts[i]};
        struct run *run = new_run(1);
        pthread_t stopper;

        fake_start(&relay);
        add_seed(run, relay.url);
        run->request.limits.answer_seconds = 20;
        run->request.limits.relay_bytes = run->request.limits.run_bytes = SIZE_MAX;
        pthread_create(&stopper, NULL, stop_soon, &run->stop);
        crawl(run);
        pthread_join(stopper, NULL);
        fake_stop(&relay);
        assert_int_equal(run->report.end, CRAWL_STOPPED);
        expect_error(run, 0, "stopped");
        assert_true(run->report.seconds < 0.3 + 0.2 + 0.3); /* 0.3 s for a busy machine */
        end_run(run);
    }
}

static void test_failures_are_remembered(void **state)
{
    struct relay_health *health = relay_health_new();
    struct fake_relay relay = {.script = say_huge};
    struct run *run = new_run(1);

    (void)state;
    fake_start(&relay);
    add_seed(run, relay.url);
    run->request.health = health;
    crawl(run);
    expect_error(run, 0, "message above");
    crawl_report_deinit(&run->report);
    crawl(run);
    expect_error(run, 0, "left alone");
    assert_int_equal(atomic_load(&relay.n_connections), 1);
    crawl_report_deinit(&run->report);
    run->request.impatient = true;
    crawl(run);
    fake_stop(&relay);
    expect_error(run, 0, "message above");
    assert_int_equal(atomic_load(&relay.n_connections), 2);
    relay_health_free(health);
    end_run(run);
}

static void test_relays_that_are_not_there(void **state)
{
    struct fake_relay gone = {0};
    struct run *run = new_run(1);

    (void)state;
    fake_start(&gone);
    fake_stop(&gone);
    add_seed(run, gone.url);
    add_seed(run, "ws://name.invalid");
    crawl(run);
    assert_int_equal(run->report.n_relays, 2);
    assert_int_equal(run->report.n_failed, 2);
    assert_true(run->report.relay[0].error[0] != '\0');
    expect_error(run, 1, "resolve");
    end_run(run);
}

/* ---- proxies ---- */

/* SOCKS 5 (RFC 1928) without authentication; the name that is asked for is kept. Behind it is the
 * relay itself. */
static void socks(struct fake_relay *r, int fd)
{
    uint8_t head[5], rest[258];

    if (!fake_receive(fd, head, 2) || !fake_receive(fd, rest, head[1]))
        return;
    fake_send(fd, "\5\0", 2);
    if (!fake_receive(fd, head, 5) || head[3] != 3 || !fake_receive(fd, rest, head[4] + 2u))
        return;
    snprintf(r->heard, sizeof(r->heard), "%.*s:%d", head[4], (const char *)rest,
             rest[head[4]] << 8 | rest[head[4] + 1]);
    fake_send(fd, "\5\0\0\1\0\0\0\0\0\0", 10);
    if (fake_shake_hands(fd))
        fake_honest(r, fd);
}

static void tunnel(struct fake_relay *r, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
    char head[1024] = "";
    size_t n = 0;

    while (!strstr(head, "\r\n\r\n") && n + 1 < sizeof(head) && recv(fd, head + n, 1, 0) == 1)
        head[++n] = '\0';
    snprintf(r->heard, sizeof(r->heard), "%.*s", (int)strcspn(head, "\r"), head);
    fake_send(fd, answer, sizeof(answer) - 1);
    if (fake_shake_hands(fd))
        fake_honest(r, fd);
}

static void test_proxies(void **state)
{
    static const struct {
        const char *scheme;
        void (*script)(struct fake_relay *, int);
        const char *heard;
    } rows[] = {
        {"socks5h", socks, "relay.example.invalid:7777"},
        {"http", tunnel, "CONNECT relay.example.invalid:7777 HTTP/1.1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_event alice = fake_event(ALICE, 3, THEN, NULL, NULL);
        struct fake_relay proxy = {
            .script = rows[i].script, .raw = true, .stored = &alice, .n_stored = 1};
        struct run *run = new_run(1);
        char url[64];

        fake_start(&proxy);
        snprintf(url, sizeof(url), "%s://127.0.0.1:%s", rows[i].scheme, proxy.port);
        run->request.proxy = url;
        add_seed(run, "ws://relay.example.invalid:7777");
        crawl(run);
        fake_stop(&proxy);
        assert_string_equal(run->report.relay[0].error, "");
        assert_int_equal(run->report.n_found, 1);
        assert_string_equal(proxy.heard, rows[i].heard);
        fake_event_free(&alice);
        end_run(run);
    }
}

/* ---- settings ---- */

static void test_settings(void **state)
{
    static const struct {
        bool (*check)(const char *, struct buf *);
        const char *value, *error; /* NULL: good */
    } rows[] = {
        {crawl_check_seeds, "", NULL},
        {crawl_check_seeds, "wss://one.example, ws://two.example:8008/path\nwss://[::1]:1", NULL},
        {crawl_check_seeds, "wss://one.example,https://two.example", "\"https://two.example\""},
        {crawl_check_seeds, "one.example", "\"one.example\""},
        {crawl_check_seeds, "wss://user:secret@one.example", "\"wss://"},
        {crawl_check_seeds, "wss://", "\"wss://\""},
        {crawl_check_proxy, "", NULL},
        {crawl_check_proxy, "socks5h://127.0.0.1:9050", NULL},
        {crawl_check_proxy, "http://proxy:3128", NULL},
        {crawl_check_proxy, "socks5://127.0.0.1:9050", "socks5h"},
        {crawl_check_proxy, "127.0.0.1:9050", "socks5h"},
        {crawl_check_proxy, "http://", "socks5h"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        if (rows[i].check(rows[i].value, &error) != (rows[i].error == NULL))
            fail_msg("%s", rows[i].value);
        buf_add_char(&error, '\0');
        if (rows[i].error && !strstr(error.ptr, rows[i].error))
            fail_msg("%s: %s", rows[i].value, error.ptr);
        buf_deinit(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_seeds),
        cmocka_unit_test(test_the_newest_list_wins),
        cmocka_unit_test(test_limits_of_relays_are_found_out),
        cmocka_unit_test(test_a_notice_may_be_the_only_answer),
        cmocka_unit_test(test_authors_not_found_are_looked_for_where_they_write),
        cmocka_unit_test(test_private_addresses_of_authors_are_not_contacted),
        cmocka_unit_test(test_foreign_authors_and_kinds),
        cmocka_unit_test(test_too_much_of_what_nobody_asked_for),
        cmocka_unit_test(test_forged_ids_and_signatures),
        cmocka_unit_test(test_lists_from_the_far_future),
        cmocka_unit_test(test_mixed_case_and_short_hex),
        cmocka_unit_test(test_oversized_lists),
        cmocka_unit_test(test_a_huge_frame),
        cmocka_unit_test(test_binary_frames),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_a_stream_without_eose),
        cmocka_unit_test(test_an_answer_that_does_not_end),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_no_handshake),
        cmocka_unit_test(test_a_slow_handshake),
        cmocka_unit_test(test_a_slow_loris),
        cmocka_unit_test(test_more_bytes_than_allowed),
        cmocka_unit_test(test_more_time_than_allowed),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_a_relay_that_wants_to_know_us),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_failures_are_remembered),
        cmocka_unit_test(test_relays_that_are_not_there),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_settings),
    };

    verify_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
