/* The writer's transaction against a real PostgreSQL. What it decides is tested in
 * test_write_plan.c; here: that the database ends up as decided, whatever the batches. */
#include <pthread.h>

#include "event-handler/test_db.h"

#include "base/clock.h"
#include "event-handler/events.h"
#include "ops/log.h"
#include "store/erase.h"
#include "store/event_writer.h"
#include "store/index_keys.h"
#include "store/retention.h"
#include "store/search_index.h"

enum { MOST = 3000 };

struct log { /* what `committed` was told */
    uint64_t seq;
    size_t commits, inserted;
};

static struct event_writer writer;
static struct made_events made;
static struct log committed;

static void on_committed(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                         void *ctx)
{
    struct log *log = ctx;
    uint64_t next = prev;

    assert_true(log->seq == prev || log->commits == 0);
    for (size_t i = 0; i < n; i++) {
        if (ne[i]->insert)
            assert_int_equal(ne[i]->seq, ++next);
    }
    assert_int_equal(next, seq);
    log->seq = seq;
    log->commits++;
    log->inserted += seq - prev;
}

static int set_up(void **state)
{
    test_db_empty(state);
    committed = (struct log){0};
    made_init(&made);
    event_writer_init(&writer, &test_db.target, 10000, on_committed, &committed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    event_writer_deinit(&writer);
    made_free(&made);
    return 0;
}

static struct new_event *store(const char *line)
{
    struct new_event *ne = made_event(&made, line);

    event_writer_store(&writer, &ne, 1);
    return ne;
}

static void expect(const char *line, enum verdict verdict)
{
    struct new_event *ne = store(line);

    if (ne->verdict != verdict)
        fail_msg("%s: %s: %s", line, verdict_name(ne->verdict), ne->message);
}

/* Nothing in one table that another one does not know of. */
static void assert_consistent(void)
{
    assert_int_equal(
        test_db_number("SELECT count(*) FROM (SELECT unnest(tag_keys) AS key, created_at, tie, "
                       "seq, kind FROM events"
                       " EXCEPT ALL SELECT key, created_at, tie, seq, kind FROM event_tags) x"),
        0);
    assert_int_equal(
        test_db_number(
            "SELECT count(*) FROM (SELECT key, created_at, tie, seq, kind FROM event_tags"
            " EXCEPT ALL SELECT unnest(tag_keys), created_at, tie, seq, kind FROM events) x"),
        0);
    assert_int_equal(
        test_db_number("SELECT count(*) FROM events WHERE seq > (SELECT seq FROM feed_head)"), 0);
}

/* A number that two equal stores share. */
static int64_t fingerprint(void)
{
    return test_db_number(
        "SELECT ('x' || left(md5(coalesce(string_agg(x, ',' ORDER BY x), '')), "
        "15))::bit(60)::bigint FROM ("
        "SELECT encode(id, 'hex') || event || tag_keys::text AS x FROM events"
        " UNION ALL SELECT encode(id, 'hex') || encode(deleter, 'hex') FROM deleted_events"
        " UNION ALL SELECT encode(address, 'hex') || up_to || by_author FROM deleted_addresses"
        " UNION ALL SELECT encode(pubkey, 'hex') || up_to FROM vanished"
        " UNION ALL SELECT encode(id, 'hex') || encode(address, 'hex') || event || size || kind"
        " || created_at || tie FROM event_history) y");
}

static void test_row(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(
        store("80 a 30000 100 d=x e=11 p=b t=nostr t=nostr nonce=1 expiration=9999999999")->seq, 1);
    assert_int_equal(
        test_db_number(
            "SELECT count(*) FROM events WHERE seq = 1 AND created_at = 100 AND kind = 30000"
            " AND expires_at = 9999999999 AND size = octet_length(event) AND address IS NOT NULL"
            " AND encode(id, 'hex') = repeat('80', 32) AND encode(pubkey, 'hex') = repeat('61', 32)"
            " AND cardinality(tag_keys) = 4 AND event::json->>'content' = 'hello'"),
        1);
    assert_int_equal(test_db_number("SELECT tie FROM events"), ~(INT64_C(0x0080808080808080)));
    assert_int_equal(store("81 a 1 100")->seq, 2);
    assert_int_equal(
        test_db_number(
            "SELECT count(*) FROM events WHERE cardinality(tag_keys) = 0 AND expires_at IS NULL"),
        1);
    assert_consistent();
}

/* Random events in batches of any size leave the same store as one by one, and get the same
 * verdicts. */
static void run_random(unsigned seed)
{
    enum { N = 60 };
    enum verdict alone[N];
    unsigned s = seed;
    int64_t expected;

    assert_int_equal(test_db_empty(NULL), 0);
    committed = (struct log){0};
    for (int i = 0; i < N; i++) {
        struct new_event *ne = made_random(&made, &s);

        event_writer_store(&writer, &ne, 1);
        alone[i] = ne->verdict;
    }
    assert_consistent();
    expected = fingerprint();

    assert_int_equal(test_db_empty(NULL), 0);
    committed = (struct log){0};
    s = seed;
    for (size_t done = 0, n; done < N; done += n) {
        struct new_event *batch[N];

        n = 1 + (seed + done * 7) % 25;
        n = n < N - done ? n : N - done;
        for (size_t i = 0; i < n; i++)
            batch[i] = made_random(&made, &s);
        event_writer_store(&writer, batch, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(batch[i]->verdict, alone[done + i]);
    }
    assert_consistent();
    if (fingerprint() != expected)
        fail_msg("seed %u: the stores differ", seed);
}

static void test_batches(void **state)
{
    TEST_NEEDS_DB();
    for (unsigned seed = 1; seed <= 20; seed++)
        run_random(seed);
}

static void test_no_resurrection(void **state)
{
    TEST_NEEDS_DB();
    expect("12 a 0 100", VERDICT_ACCEPTED);
    expect("21 a 5 200 e=12", VERDICT_ACCEPTED);
    expect("12 a 0 100", VERDICT_BLOCKED);
    expect("11 a 0 90", VERDICT_BLOCKED);
    expect("13 a 0 101", VERDICT_ACCEPTED);
    expect("31 x 1059 100 p=a p=b", VERDICT_ACCEPTED);
    expect("22 c 5 200 e=31", VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind = 1059"), 1);
    expect("23 b 5 200 e=31", VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind = 1059"), 0);
    expect("31 x 1059 100 p=a p=b", VERDICT_BLOCKED);
    assert_consistent();
}

static void test_nothing_to_write(void **state)
{
    int64_t xid;

    TEST_NEEDS_DB();
    expect("11 a 1 100", VERDICT_ACCEPTED);
    xid = test_db_number("SELECT xmin::text::bigint FROM feed_head");
    expect("11 a 1 100", VERDICT_DUPLICATE);
    assert_int_equal(test_db_number("SELECT xmin::text::bigint FROM feed_head"), xid);
    assert_int_equal(writer.head, 1);
}

/* A few events that PostgreSQL refuses do not harm the others. */
static void test_poison(void **state)
{
    struct new_event *batch[30];

    TEST_NEEDS_DB();
    test_db_run("ALTER TABLE events ADD CONSTRAINT poison CHECK (kind <> 4242)");
    for (unsigned i = 0; i < ARRAY_LEN(batch); i++) {
        char line[32];

        snprintf(line, sizeof line, "%x a %d %u", 0x20 + i, i % 13 == 5 ? 4242 : 1, 100 + i);
        batch[i] = made_event(&made, line);
    }
    event_writer_store(&writer, batch, ARRAY_LEN(batch));
    for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
        assert_int_equal(batch[i]->verdict, i % 13 == 5 ? VERDICT_ERROR : VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), ARRAY_LEN(batch) - 2);
    assert_false(writer.down);
    test_db_run("ALTER TABLE events DROP CONSTRAINT poison");
    assert_consistent();
}

static void test_broken_connection(void **state)
{
    TEST_NEEDS_DB();
    expect("11 a 1 100", VERDICT_ACCEPTED);
    test_db_run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()");
    expect("12 a 1 100", VERDICT_ACCEPTED);
    expect("12 a 1 100", VERDICT_DUPLICATE);
    assert_int_equal(committed.inserted, 2);
}

static void test_database_away(void **state)
{
    struct db_target nowhere = {.host = "127.0.0.1",
                                .user = "u",
                                .password = "p",
                                .database = "d",
                                .port = 1,
                                .role = "test"};
    uint64_t start;

    (void)state;
    event_writer_deinit(&writer);
    event_writer_init(&writer, &nowhere, 10000, on_committed, &committed);
    expect("11 a 1 100", VERDICT_ERROR);
    assert_true(writer.down);
    start = clock_mono_ms();
    for (int i = 0; i < 20; i++)
        expect("11 a 1 100", VERDICT_ERROR); /* does not wait any more */
    assert_true(clock_mono_ms() - start < 900);
}

static void test_expiry(void **state)
{
    int64_t removed = 0;

    TEST_NEEDS_DB();
    expect("12 a 0 100 expiration=1000 t=x", VERDICT_ACCEPTED);
    expect("13 a 1 100 expiration=2000 t=x", VERDICT_ACCEPTED);
    assert_int_equal(retention_sweep(&test_db.db, 999, 10, &removed), OK);
    assert_int_equal(removed, 0);
    assert_int_equal(retention_sweep(&test_db.db, 1000, 10, &removed), OK);
    assert_int_equal(removed, 1);
    expect("11 a 0 90", VERDICT_STALE);
    expect("14 a 0 101", VERDICT_ACCEPTED);
    assert_int_equal(retention_sweep(&test_db.db, 5000, 10, &removed), OK);
    assert_int_equal(removed, 1);
    assert_consistent();
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_vanish(void **state)
{
    static struct new_event *batch[MOST];
    struct siphash_key secret;
    struct new_event *request;
    struct vanish asked;

    TEST_NEEDS_DB();
    for (unsigned i = 0; i < MOST; i++) {
        batch[i] = made_event(&made, i % 10 == 0 ? "00 x 1059 150 p=a" : "00 a 1 100 t=x");
        memcpy(((struct event *)batch[i]->ev)->id.b, &i, sizeof i);
    }
    event_writer_store(&writer, batch, MOST);
    expect("77 b 1 100 p=a", VERDICT_ACCEPTED);
    expect("78 a 1 201", VERDICT_ACCEPTED);
    request = made_event(&made, "66 a 62 200 relay=ALL_RELAYS");
    event_writer_store(&writer, &request, 1);
    assert_true(request->deferred);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), MOST + 2);

    assert_int_equal(index_tag_secret_load(&test_db.db, &secret), OK);
    asked = vanish_of_request(request);
    assert_int_equal(erase_history(&test_db.db, &asked, &secret, always, NULL), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 2);
    request->deferred = false;
    event_writer_store(&writer, &request, 1);
    assert_false(request->deferred);
    assert_int_equal(request->verdict, VERDICT_ACCEPTED);
    expect("79 a 1 200", VERDICT_BLOCKED);
    expect("7a a 1 202", VERDICT_ACCEPTED);
    expect("7b x 1059 200 p=a", VERDICT_BLOCKED);
    expect("67 a 62 210 relay=ALL_RELAYS", VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 3);
    assert_consistent();
}

/* One transaction does what two would have done. */
static void test_erased_and_sent_again(void **state)
{
    struct new_event *batch[2];

    TEST_NEEDS_DB();
    expect("11 x 1059 300 p=a", VERDICT_ACCEPTED);
    batch[0] = made_event(&made, "66 a 62 200 relay=ALL_RELAYS");
    batch[1] = made_event(&made, "11 x 1059 300 p=a");
    event_writer_store(&writer, batch, 2);
    assert_int_equal(batch[0]->verdict, VERDICT_ACCEPTED);
    assert_int_equal(batch[1]->verdict, VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind = 1059"), 1);
    assert_consistent();
}

/* Anybody can send an old request again: it must not erase what came after it. */
static void test_vanish_again(void **state)
{
    static struct new_event *batch[MOST];
    struct new_event *request;

    TEST_NEEDS_DB();
    expect("66 a 62 200 relay=ALL_RELAYS", VERDICT_ACCEPTED);
    for (unsigned i = 0; i < MOST; i++) {
        batch[i] = made_event(&made, "00 x 1059 250 p=a");
        memcpy(((struct event *)batch[i]->ev)->id.b, &i, sizeof i);
    }
    event_writer_store(&writer, batch, MOST);
    request = made_event(&made, "66 a 62 200 relay=ALL_RELAYS");
    event_writer_store(&writer, &request, 1);
    assert_false(request->deferred);
    assert_int_equal(request->verdict, VERDICT_DUPLICATE);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), MOST + 1);
}

/* Which versions of kind 0 by a are kept: the first bytes of their ids, newest first. */
static void expect_history(const char *ids)
{
    PGresult *r;

    assert_int_equal(db_run_rows(&test_db.db,
                                 "SELECT coalesce(string_agg(left(encode(id, 'hex'), 2), ' ' ORDER "
                                 "BY created_at DESC, tie DESC), '') FROM event_history",
                                 &r),
                     OK);
    assert_string_equal(PQgetvalue(r, 0, 0), ids);
    PQclear(r);
}

static void test_history(void **state)
{
    struct new_event *batch[4];

    TEST_NEEDS_DB();
    expect("11 a 0 100", VERDICT_ACCEPTED);
    expect("12 a 0 110", VERDICT_ACCEPTED);
    expect("41 a 10000 110", VERDICT_ACCEPTED); /* of a kind that is not kept */
    expect("42 a 10000 120", VERDICT_ACCEPTED);
    expect_history("11");
    assert_int_equal(test_db_number("SELECT count(*) FROM event_history WHERE size = "
                                    "octet_length(event) AND replaced_at > 1700000000 AND "
                                    "event::json->>'id' = encode(id, 'hex')"),
                     1);
    batch[0] = made_event(&made, "13 a 0 120");
    batch[1] = made_event(&made, "14 a 0 130");
    batch[2] = made_event(&made, "15 a 0 140 expiration=9999999999");
    batch[3] = made_event(&made, "16 a 0 150");
    event_writer_store(&writer, batch, 4);
    expect_history("14 13 12 11"); /* of one batch too, but nothing that expires */
    expect("21 b 5 200 e=13", VERDICT_ACCEPTED);
    expect_history("14 13 12 11"); /* not by a stranger */
    expect("22 a 5 200 e=13", VERDICT_ACCEPTED);
    expect_history("14 12 11"); /* one version by its id */
    expect("23 a 5 115 a=0:a:", VERDICT_ACCEPTED);
    expect_history("14"); /* by address, up to the request */
    expect("24 a 5 200 e=16", VERDICT_ACCEPTED);
    expect_history(""); /* the newest takes the older ones with it */
    assert_consistent();
}

/* NIP-62: nothing of the author's is left in any table. */
static void test_vanish_everywhere(void **state)
{
    TEST_NEEDS_DB();
    expect("11 a 0 100", VERDICT_ACCEPTED);
    expect("12 a 0 110", VERDICT_ACCEPTED);
    expect("13 b 0 100", VERDICT_ACCEPTED);
    expect("14 b 0 110", VERDICT_ACCEPTED);
    test_db_run("INSERT INTO withheld_events (id, pubkey, created_at, kind, tag_keys, event, "
                "withheld_at) SELECT decode(md5(seq::text), 'hex'), pubkey, created_at, kind, "
                "tag_keys, event, 0 FROM events");
    test_db_run(
        "INSERT INTO reports (target_kind, target, reporter, tier, type, reason, event_id, "
        "reported_at) SELECT 'pubkey', '\\x00', pubkey, 'known', '', '', id, 0 FROM events");
    test_db_run("INSERT INTO wot_lists (author, kind, created_at, id, stored, keys) SELECT pubkey, "
                "3, 100, id, false, '' FROM events");
    expect("66 a 62 200 relay=ALL_RELAYS", VERDICT_ACCEPTED);
    expect_history("13");
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists"), 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM withheld_events"), 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM reports"), 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind <> 62"), 1);
    assert_consistent();
}

/* A request of long ago, which anybody may have kept, takes what is as old as it. */
static void test_old_vanish(void **state)
{
    struct new_event *request;

    TEST_NEEDS_DB();
    expect("11 x 1059 190 p=a", VERDICT_ACCEPTED);
    expect("12 x 1059 300 p=a", VERDICT_ACCEPTED);
    request = made_event(&made, "66 a 62 200 relay=ALL_RELAYS");
    request->takes_all_wraps = false;
    event_writer_store(&writer, &request, 1);
    assert_int_equal(request->verdict, VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind = 1059"), 1);
    expect("67 a 62 210 relay=ALL_RELAYS", VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE kind = 1059"), 0);
    assert_consistent();
}

static void *store_request(void *arg)
{
    struct new_event *request = arg;

    event_writer_store(&writer, &request, 1);
    return NULL;
}

/* Between counting a history and erasing it another event handler may store more. */
static void test_history_grows_meanwhile(void **state)
{
    static struct new_event *batch[WRITE_ERASE_MOST - 1];
    struct new_event *request;
    pthread_t thread;

    TEST_NEEDS_DB();
    for (unsigned i = 0; i < ARRAY_LEN(batch); i++) {
        batch[i] = made_event(&made, "00 a 1 100");
        memcpy(((struct event *)batch[i]->ev)->id.b, &i, sizeof i);
    }
    event_writer_store(&writer, batch, ARRAY_LEN(batch));
    request = made_event(&made, "66 a 62 200 relay=ALL_RELAYS");
    committed = (struct log){0}; /* the next seq will not be the writer's own */
    test_db_run("BEGIN");
    test_db_run("SELECT seq FROM feed_head FOR UPDATE");
    assert_int_equal(pthread_create(&thread, NULL, store_request, request), 0);
    test_db_run("INSERT INTO events (seq, created_at, tie, author, kind, size, id, pubkey, "
                "tag_keys, event) SELECT seq + 10000, created_at, tie, author, kind, size, "
                "decode(md5(seq::text), 'hex'), pubkey, tag_keys, event FROM events");
    test_db_run("UPDATE feed_head SET seq = 20000");
    test_db_run("SELECT pg_sleep(0.3)");
    test_db_run("COMMIT");
    pthread_join(thread, NULL);
    assert_int_equal(request->verdict, VERDICT_ACCEPTED);
    assert_false(request->deferred);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 1);
}

static void test_disk_full(void **state)
{
    struct new_event *ne;

    TEST_NEEDS_DB();
    test_db_run("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
                "EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = "
                "'53100'; END $$; CREATE TRIGGER no_room BEFORE INSERT ON events EXECUTE FUNCTION "
                "no_room()");
    ne = store("11 a 1 100");
    assert_int_equal(ne->verdict, VERDICT_ERROR);
    assert_non_null(strstr(ne->message, "disk is full"));
    assert_true(writer.down && writer.disk_full);
    test_db_run("DROP FUNCTION no_room CASCADE");
    expect("11 a 1 100", VERDICT_ACCEPTED);
    assert_false(writer.down || writer.disk_full);
}

static void test_search(void **state)
{
    struct search_index index;
    size_t indexed;

    TEST_NEEDS_DB();
    search_index_init(&index);
    expect("11 a 1 100", VERDICT_ACCEPTED);
    expect("12 a 7 100", VERDICT_ACCEPTED);
    expect("13 a 30023 100 d=x title=Gardening", VERDICT_ACCEPTED);
    assert_int_equal(search_index_step(&index, &test_db.db, &indexed), OK);
    assert_int_equal(indexed, 2);
    assert_int_equal(index.behind, 0);
    assert_int_equal(
        test_db_number("SELECT seq FROM event_search WHERE words @@ 'gardening'::tsquery"), 3);
    assert_int_equal(
        test_db_number("SELECT count(*) FROM event_search WHERE words @@ 'hello'::tsquery"), 2);
    expect("21 a 5 200 e=11", VERDICT_ACCEPTED);
    assert_int_equal(test_db_number("SELECT count(*) FROM event_search"), 1);
    assert_int_equal(search_index_step(&index, &test_db.db, &indexed), OK);
    assert_int_equal(indexed, 0);
    search_index_deinit(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_resurrection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_poison, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_database_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_erased_and_sent_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanish_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanish_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_vanish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history_grows_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full, set_up, tear_down),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
