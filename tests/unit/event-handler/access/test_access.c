/* Who counts as what, of several reasons the strongest; and views that change under their readers.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access/access.h"
#include "config.h"

static char admin_hex[] = "0101010101010101010101010101010101010101010101010101010101010101";
static char nothing[1];

static struct config cfg;
static struct access *access_;

static struct pubkey person(uint8_t n)
{
    struct pubkey pk;

    memset(pk.b, n, sizeof pk.b);
    return pk;
}

static int set_up(void **state)
{
    (void)state;
    cfg = (struct config){.wot_enabled = true,
                          .shared = {.admin_pubkey = admin_hex, .co_admin_pubkeys = nothing}};
    access_ = access_new(&cfg);
    return access_ ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    access_free(access_);
    return 0;
}

static void add(struct key_set *set, uint8_t who)
{
    struct pubkey pk = person(who);

    assert_true(key_set_add(set, pk.b));
    key_set_seal(set);
}

static void put(struct trust_table *t, uint8_t who, uint8_t level, bool muted)
{
    struct trust_entry e = {.pubkey = person(who),
                            .level = level,
                            .trusted = level != TRUST_LEVEL_NONE,
                            .muted = muted,
                            .followers = who};

    assert_true(trust_table_put(t, &e));
}

/* 10 level 1, 20 level 2, 30 followed by too few, 40 muted; 60 was an admin. */
static void use_graph(void)
{
    struct trust_table *t = trust_table_new(10);

    put(t, 10, 1, false);
    put(t, 20, 2, false);
    put(t, 30, TRUST_LEVEL_NONE, false);
    put(t, 40, TRUST_LEVEL_NONE, true);
    put(t, 60, 0, false);
    t->generation = 7;
    assert_true(access_set_trust(access_, t));
}

static enum tier tier_of(uint8_t who)
{
    struct access_view *view = access_acquire(access_);
    struct pubkey pk = person(who);
    enum tier tier = access_standing(view, &pk).tier;

    access_release(view);
    return tier;
}

/* Cold start: never everybody, and never an error. */
static void test_without_a_generation_all_are_guests(void **state)
{
    (void)state;
    assert_int_equal(tier_of(1), TIER_ADMIN);
    assert_int_equal(tier_of(10), TIER_GUEST);
}

static void test_by_the_graph(void **state)
{
    struct access_view *view;
    struct pubkey pk = person(30);
    struct standing s;

    (void)state;
    use_graph();
    assert_int_equal(tier_of(1), TIER_ADMIN);
    assert_int_equal(tier_of(10), TIER_TRUSTED);
    assert_int_equal(tier_of(20), TIER_KNOWN);
    assert_int_equal(tier_of(30), TIER_GUEST);
    assert_int_equal(tier_of(40), TIER_MUTED);
    assert_int_equal(tier_of(50), TIER_GUEST);
    assert_int_equal(tier_of(60), TIER_GUEST);
    view = access_acquire(access_);
    s = access_standing(view, &pk);
    assert_int_equal(s.followers, 30);
    assert_int_equal(s.level, TRUST_LEVEL_NONE);
    access_release(view);
}

static void test_moderators_are_stronger(void **state)
{
    struct mod_lists *lists = mod_lists_new();

    (void)state;
    use_graph();
    add(&lists->banned, 10);
    add(&lists->banned, 1);
    add(&lists->allowed, 40);
    add(&lists->allowed, 50);
    add(&lists->members, 30);
    add(&lists->members, 10);
    assert_true(access_set_lists(access_, lists));
    assert_int_equal(tier_of(1), TIER_ADMIN); /* nobody bans an admin */
    assert_int_equal(tier_of(10), TIER_MUTED);
    assert_int_equal(tier_of(30), TIER_KNOWN);
    assert_int_equal(tier_of(40), TIER_TRUSTED);
    assert_int_equal(tier_of(50), TIER_TRUSTED);
    use_graph(); /* a further generation leaves the lists as they are */
    assert_int_equal(tier_of(10), TIER_MUTED);
}

static void test_without_a_web_of_trust(void **state)
{
    (void)state;
    cfg.wot_enabled = false;
    assert_int_equal(tier_of(50), TIER_KNOWN);
    assert_int_equal(tier_of(1), TIER_ADMIN);
}

static void test_without_an_admin(void **state)
{
    struct access *other;
    struct access_view *view = access_acquire(access_);

    (void)state;
    assert_false(access_lacks_admin(view));
    access_release(view);
    cfg.shared.admin_pubkey = nothing;
    other = access_new(&cfg);
    assert_non_null(other);
    view = access_acquire(other);
    assert_true(access_lacks_admin(view));
    cfg.wot_enabled = false;
    assert_false(access_lacks_admin(view));
    access_release(view);
    access_free(other);
}

static void *read_on(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        struct access_view *view = access_acquire(access_);
        struct pubkey pk = person(10);

        if (access_standing(view, &pk).tier != TIER_TRUSTED)
            abort();
        access_release(view);
    }
    return NULL;
}

static void test_views_are_swapped_whole(void **state)
{
    atomic_bool stop = false;
    pthread_t thread[2];

    (void)state;
    use_graph();
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read_on, &stop), 0);
    for (unsigned i = 0; i < 500; i++) {
        use_graph();
        assert_true(access_set_lists(access_, mod_lists_new()));
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        pthread_join(thread[i], NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_generation_all_are_guests),
        TEST(test_by_the_graph),
        TEST(test_moderators_are_stronger),
        TEST(test_without_a_web_of_trust),
        TEST(test_without_an_admin),
        TEST(test_views_are_swapped_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
