/* Lists and generations in a real PostgreSQL. */
#include "event-handler/trust/people.h"

#include "ops/log.h"

enum { MANY = 45000 };

static struct trust_list list_of(unsigned author, int kind, const uint8_t *keys, size_t n)
{
    return (struct trust_list){.author = person(author),
                               .kind = kind,
                               .created_at = 1000 + author,
                               .id = {{(uint8_t)author}},
                               .keys = slice_of((const char *)keys, 32 * n)};
}

static void put(const struct trust_list *list, uint64_t seq)
{
    assert_int_equal(trust_store_put_lists(&test_db.db, list, 1, seq), OK);
}

static bool find(unsigned author, struct arena *arena, struct trust_list *out)
{
    struct pubkey pk = person(author);
    bool found;

    assert_int_equal(trust_store_find_list(&test_db.db, &pk, 3, arena, out, &found), OK);
    return found;
}

static void test_a_list_comes_back(void **state)
{
    static const uint8_t keys[3][32] = {{1}, {2}, {3}};
    struct trust_list list = list_of(7, 3, keys[0], 3), back;
    struct arena arena;

    TEST_NEEDS_DB();
    arena_init(&arena, MIB);
    assert_false(find(7, &arena, &back));
    list.vouches = 5;
    list.vouch_day = 19000;
    put(&list, 0);
    assert_true(find(7, &arena, &back));
    assert_int_equal(back.keys.len, 96);
    assert_memory_equal(back.keys.ptr, keys, 96);
    assert_null(back.held.ptr);
    assert_true(back.created_at == 1007 && back.vouches == 5 && back.vouch_day == 19000);
    list.held = SLICE("");
    list.stored = true;
    put(&list, 44);
    assert_true(find(7, &arena, &back));
    assert_true(back.held.ptr && back.held.len == 0 && back.stored);
    assert_int_equal(test_db_number("SELECT seq FROM wot_progress"), 44);
    put(&list, 43); /* it only goes forward */
    assert_int_equal(test_db_number("SELECT seq FROM wot_progress"), 44);
    arena_deinit(&arena);
}

/* NIP-62: whoever has vanished is not brought back by another relay. */
static void test_the_vanished_stay_away(void **state)
{
    struct trust_list list = list_of(7, 3, NULL, 0);
    struct trust_list back;
    struct arena arena;
    char hex[65], sql[200];

    TEST_NEEDS_DB();
    arena_init(&arena, MIB);
    snprintf(sql, sizeof sql, "INSERT INTO vanished (pubkey, up_to) VALUES ('\\x%s', 1007)",
             person_hex(7, hex));
    test_db_run(sql);
    put(&list, 0);
    assert_true(find(7, &arena, &back) && back.keys.len == 0); /* for what a day may add */
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists"), 0);
    list.created_at++;
    put(&list, 0);
    assert_true(find(7, &arena, &back));
    arena_deinit(&arena);
}

static bool count(const struct trust_list *list, void *ctx)
{
    unsigned *n = ctx;

    assert_int_equal(list->keys.len, 32);
    ++*n;
    return true;
}

static void test_lists_of_many(void **state)
{
    static struct trust_list lists[450];
    static struct pubkey authors[1000];
    static const uint8_t key[32] = {1};
    unsigned n = 0;

    TEST_NEEDS_DB();
    for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
        lists[i] = list_of(i, i % 3 ? 3 : 10000, key, 1);
    for (unsigned i = 0; i < ARRAY_LEN(authors); i++)
        authors[i] = person(i);
    assert_int_equal(trust_store_put_lists(&test_db.db, lists, ARRAY_LEN(lists), 0), OK);
    assert_int_equal(trust_store_lists_of(&test_db.db, 3, authors, 1000, count, &n), OK);
    assert_int_equal(n, 300);
    n = 0;
    assert_int_equal(trust_store_lists_of(&test_db.db, 10000, authors, 9, count, &n), OK);
    assert_int_equal(n, 3);
    assert_int_equal(trust_store_lists_of(&test_db.db, 3, authors, 0, count, &n), OK);
    assert_int_equal(n, 3);
}

static void test_a_deleted_list_names_nobody(void **state)
{
    static const uint8_t keys[2][32] = {{1}, {2}};
    struct trust_list list = list_of(7, 3, keys[0], 2), back;
    struct arena arena;

    TEST_NEEDS_DB();
    arena_init(&arena, MIB);
    list.stored = true;
    list.vouches = 9;
    put(&list, 0);
    people_follow(8, 5, 1, 1); /* not seen: it might be why the event of 7 is gone */
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    assert_true(find(7, &arena, &back));
    assert_int_equal(back.keys.len, 64);
    test_db_run("UPDATE wot_progress SET seq = 1");
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    assert_true(find(7, &arena, &back));
    assert_true(back.keys.len == 0 && back.vouches == 9 && !back.stored);
    list.stored = false; /* another relay's need not be here */
    put(&list, 0);
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    assert_true(find(7, &arena, &back));
    assert_int_equal(back.keys.len, 64);
    arena_deinit(&arena);
}

static void test_requests(void **state)
{
    struct trust_news news;

    TEST_NEEDS_DB();
    assert_int_equal(trust_store_news(&test_db.db, &news), OK);
    assert_true(news.request == 0 && !news.forced);
    test_db_run("INSERT INTO wot_requests (asked_at, force) VALUES (1, false)");
    assert_int_equal(trust_store_news(&test_db.db, &news), OK);
    assert_true(news.request > 0 && !news.forced);
    test_db_run("INSERT INTO wot_requests (asked_at, force) VALUES (2, true)");
    assert_int_equal(trust_store_end_requests(&test_db.db, news.request), OK);
    assert_int_equal(trust_store_news(&test_db.db, &news), OK);
    assert_true(news.request > 0 && news.forced);
    assert_int_equal(trust_store_end_requests(&test_db.db, news.request), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_requests"), 0);
}

/* ---- generations ---- */

static struct trust_entry entry(unsigned i)
{
    return (struct trust_entry){.pubkey = person(i),
                                .level = (uint8_t)(i % 4),
                                .trusted = i % 4 < 3,
                                .muted = i % 7 == 0,
                                .follows = i % 4 == 0 && i % 3 == 0,
                                .followers = (uint16_t)(i * 31)};
}

static struct trust_table *table_of(unsigned n)
{
    struct trust_table *t = trust_table_new(n);

    assert_non_null(t);
    for (unsigned i = 0; i < n; i++) {
        struct trust_entry e = entry(i);

        assert_true(trust_table_put(t, &e));
    }
    return t;
}

static uint64_t publish(const struct trust_table *t, const char *refused)
{
    struct trust_generation gen = {.reason = "test", .refused = refused, .made_at = 1234};

    assert_int_equal(trust_store_publish(&test_db.db, t, &gen), OK);
    return gen.generation;
}

static void test_a_generation_comes_back_whole(void **state)
{
    struct trust_table *t, *back;
    uint64_t generation, newest;

    TEST_NEEDS_DB();
    assert_int_equal(trust_store_newest(&test_db.db, &newest), OK);
    assert_int_equal(newest, 0);
    t = table_of(MANY);
    generation = publish(t, NULL);
    assert_int_equal(trust_store_newest(&test_db.db, &newest), OK);
    assert_int_equal(newest, generation);
    assert_int_equal(trust_store_load(&test_db.db, generation, &back), OK);
    assert_true(back->n == MANY && back->n_trusted == t->n_trusted);
    assert_true(back->generation == generation && back->finished_unix == 1234);
    for (unsigned i = 0; i < MANY; i++) {
        struct trust_entry want = entry(i);
        const struct trust_entry *e = trust_table_find(back, &want.pubkey);

        assert_true(e && e->level == want.level && e->trusted == want.trusted &&
                    e->muted == want.muted && e->follows == want.follows &&
                    e->followers == want.followers);
    }
    trust_table_free(back);
    trust_table_free(t);
}

static void test_what_is_refused_is_noted_only(void **state)
{
    struct trust_table *t, *back;
    uint64_t good, bad, newest;

    TEST_NEEDS_DB();
    t = table_of(10);
    good = publish(t, NULL);
    bad = publish(t, "it lost too many");
    assert_int_equal(trust_store_newest(&test_db.db, &newest), OK);
    assert_int_equal(newest, good);
    assert_int_equal(trust_store_load(&test_db.db, bad, &back), ERR_GONE);
    assert_null(back);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations WHERE NOT published AND "
                                    "refused = 'it lost too many'"),
                     1);
    trust_table_free(t);
}

static void test_the_last_few_are_kept(void **state)
{
    struct trust_table *t, *back;
    uint64_t good;

    TEST_NEEDS_DB();
    t = table_of(10);
    for (unsigned i = 0; i < 15; i++)
        publish(t, NULL);
    good = publish(t, NULL);
    for (unsigned i = 0; i < 40; i++)
        publish(t, "refused");
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations"), 21);
    assert_int_equal(test_db_number("SELECT count(DISTINCT generation) FROM wot_parts"), 1);
    assert_int_equal(trust_store_load(&test_db.db, good, &back),
                     OK); /* the one in use among them */
    trust_table_free(back);
    trust_table_free(t);
}

/* A failure half-way leaves what there was. */
static void test_published_whole_or_not_at_all(void **state)
{
    struct trust_generation gen = {.reason = "test", .made_at = 1};
    struct trust_table *t;
    uint64_t good, newest;

    TEST_NEEDS_DB();
    t = table_of(10);
    good = publish(t, NULL);
    test_db_run("ALTER TABLE wot_parts ADD CONSTRAINT none CHECK (part < 0) NOT VALID");
    assert_int_equal(trust_store_publish(&test_db.db, t, &gen), ERR_INVALID);
    test_db_run("ALTER TABLE wot_parts DROP CONSTRAINT none");
    assert_int_equal(trust_store_newest(&test_db.db, &newest), OK);
    assert_int_equal(newest, good);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations"), 1);
    trust_table_free(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, people_open, people_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_comes_back),
        TEST(test_the_vanished_stay_away),
        TEST(test_lists_of_many),
        TEST(test_a_deleted_list_names_nobody),
        TEST(test_requests),
        TEST(test_a_generation_comes_back_whole),
        TEST(test_what_is_refused_is_noted_only),
        TEST(test_the_last_few_are_kept),
        TEST(test_published_whole_or_not_at_all),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
