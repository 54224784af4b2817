/*
 * Migrations of a large `events` while a writer is at work and a reader takes its time: a column is
 * added and an index built, and no batch of the writer waits for long. With 20,000 rows; as many as
 * TANDEM_MIGRATE_ROWS says when somebody wants to see it with a million.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "event-handler/test_db.h"

#include "base/clock.h"
#include "event-handler/events.h"
#include "ops/log.h"
#include "store/event_writer.h"
#include "store/migrations.h"

enum { LONGEST_MS = 1500, RETRY_MS = 50 };

static const struct migration further[] = {
    {9001, "a_column", "ALTER TABLE events ADD COLUMN extra integer NOT NULL DEFAULT 0;\n"},
    {9002, "an_index",
     "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS events_size;\nCREATE INDEX CONCURRENTLY "
     "events_size ON events (size, seq);\n"},
};

struct load {
    pthread_t thread;
    atomic_bool stop;
    size_t batches;
    uint64_t longest_ms;
};

static void on_committed(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                         void *ctx)
{
    (void)ne;
    (void)n;
    (void)prev;
    (void)seq;
    (void)ctx;
}

static void *write_all_the_time(void *arg)
{
    struct load *load = arg;
    struct event_writer writer;
    uint64_t number = 0;

    event_writer_init(&writer, &test_db.target, 10000, on_committed, NULL);
    while (!atomic_load(&load->stop)) {
        struct made_events made;
        struct new_event *batch[10];
        uint64_t start = clock_mono_ms(), took;

        made_init(&made);
        for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
            batch[i] = made_event(&made, "00 a 1 100 t=x");
            number++;
            memcpy(((struct event *)batch[i]->ev)->id.b, &number, sizeof number);
        }
        event_writer_store(&writer, batch, ARRAY_LEN(batch));
        took = clock_mono_ms() - start;
        load->longest_ms = took > load->longest_ms ? took : load->longest_ms;
        for (size_t i = 0; i < ARRAY_LEN(batch); i++)
            assert_int_equal(batch[i]->verdict, VERDICT_ACCEPTED);
        load->batches++;
        made_free(&made);
        poll(NULL, 0, 2);
    }
    event_writer_deinit(&writer);
    return NULL;
}

/* Reads `events` for a while, as pg_dump would. */
static void *read_slowly(void *arg)
{
    struct db db;

    (void)arg;
    db_init(&db, &test_db.target, NULL);
    assert_int_equal(db_ready(&db), OK);
    assert_int_equal(db_run(&db, "SELECT pg_sleep(2), (SELECT max(size) FROM events)"), OK);
    db_deinit(&db);
    return NULL;
}

static void fill(void)
{
    const char *rows = getenv("TANDEM_MIGRATE_ROWS");
    char sql[500];

    snprintf(sql, sizeof sql,
             "INSERT INTO events (seq, created_at, tie, author, kind, size, id, pubkey, tag_keys, "
             "event) SELECT i, i, i, i %% 1000, 1, 300, decode(md5(i::text) || md5('x' || i), "
             "'hex'), decode(md5('p' || i %% 1000) || md5(''), 'hex'), '{}', repeat('x', 300) FROM "
             "generate_series(1, %ld) i; UPDATE feed_head SET seq = 10000000",
             rows ? strtol(rows, NULL, 10) : 20000L);
    test_db_run(sql);
}

static void test_under_load(void **state)
{
    struct load load = {0};
    struct migration *list;
    pthread_t reader;
    uint64_t start;
    struct db db;
    enum err err;

    TEST_NEEDS_DB();
    fill();
    list = calloc(n_migrations + 2, sizeof *list);
    memcpy(list, migrations, n_migrations * sizeof *list);
    memcpy(list + n_migrations, further, sizeof further);
    assert_int_equal(pthread_create(&load.thread, NULL, write_all_the_time, &load), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, NULL), 0);
    db_init(&db, &test_db.target, NULL);
    poll(NULL, 0, 300);
    start = clock_mono_ms();
    while ((err = migrate_along(&db, list, n_migrations + 2)) == ERR_BUSY)
        poll(NULL, 0, RETRY_MS);
    start = clock_mono_ms() - start;
    assert_int_equal(err, OK);
    poll(NULL, 0, 200);
    atomic_store(&load.stop, true);
    pthread_join(load.thread, NULL);
    pthread_join(reader, NULL);
    print_message("migrated in %" PRIu64 " ms; %zu batches meanwhile, the longest %" PRIu64 " ms\n",
                  start, load.batches, load.longest_ms);
    assert_true(load.batches > 20);
    assert_true(load.longest_ms < LONGEST_MS);
    assert_int_equal(test_db_number("SELECT indisvalid::int FROM pg_index WHERE indexrelid = "
                                    "'events_size'::regclass"),
                     1);
    assert_int_equal(migrate(&db), ERR_CONFIG); /* both are said to be needed by newer programs */
    free(list);
    db_deinit(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_under_load, test_db_empty)};

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
