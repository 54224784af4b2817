/* The circle of trust, and who tries to get into it. Each attack is a test by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "trust/graph.h"

static const struct graph_params usual = {.depth = 2, .min_followers = 3, .max_follows = 5000};

static struct graph *graph;
static struct trust_table *table;
static struct key_set banned;

static struct pubkey key(unsigned n)
{
    struct pubkey pk = {{0}};

    pk.b[0] = (uint8_t)(n >> 16);
    pk.b[1] = (uint8_t)(n >> 8);
    pk.b[2] = (uint8_t)n;
    return pk;
}

/* The list of author: numbers of people, ended by 0. */
static void follows(unsigned author, ...)
{
    uint8_t list[64][32];
    struct pubkey self = key(author);
    va_list args;
    unsigned other;
    size_t n = 0;

    va_start(args, author);
    while ((other = va_arg(args, unsigned)) != 0) {
        struct pubkey pk = key(other);

        memcpy(list[n++], pk.b, 32);
    }
    va_end(args);
    assert_true(graph_set_list(graph, &self, list[0], n));
}

/* The list of author: everybody from first on. */
static void follows_range(unsigned author, unsigned first, unsigned n)
{
    uint8_t *list = malloc(32 * (size_t)n);
    struct pubkey self = key(author);

    for (unsigned i = 0; i < n; i++) {
        struct pubkey pk = key(first + i);

        memcpy(list + 32 * (size_t)i, pk.b, 32);
    }
    assert_true(graph_set_list(graph, &self, list, n));
    free(list);
}

static void compute_with(const struct graph_params *params)
{
    struct key_set roots = {0};
    struct pubkey admin = key(1);
    struct trust_table *previous = table;

    assert_true(key_set_add(&roots, admin.b));
    key_set_seal(&roots);
    table = graph_compute(graph, &roots, &banned, params, previous);
    assert_non_null(table);
    trust_table_free(previous);
    key_set_deinit(&roots);
}

static void compute(void)
{
    compute_with(&usual);
}

static bool trusted(unsigned n)
{
    struct pubkey pk = key(n);
    const struct trust_entry *e = trust_table_find(table, &pk);

    return e && e->trusted;
}

static unsigned followers(unsigned n)
{
    struct pubkey pk = key(n);
    const struct trust_entry *e = trust_table_find(table, &pk);

    return e ? e->followers : 0;
}

static unsigned level(unsigned n)
{
    struct pubkey pk = key(n);
    const struct trust_entry *e = trust_table_find(table, &pk);

    return e ? e->level : TRUST_LEVEL_NONE;
}

static int set_up(void **state)
{
    (void)state;
    graph = graph_new();
    table = NULL;
    return graph ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    graph_free(graph);
    trust_table_free(table);
    key_set_deinit(&banned);
    return 0;
}

/* The admin (1) follows 10 to 13; these follow 20 (all), 21 (three), 22 (two). */
static void small_world(void)
{
    follows(1, 10, 11, 12, 13, 0);
    follows(10, 20, 21, 22, 0);
    follows(11, 20, 21, 22, 0);
    follows(12, 20, 21, 0);
    follows(13, 20, 1, 0);
}

static void test_circle(void **state)
{
    (void)state;
    small_world();
    compute();
    assert_true(trusted(1) && trusted(10) && trusted(13) && trusted(20) && trusted(21));
    assert_false(trusted(22) || trusted(99));
    assert_int_equal(level(1), 0);
    assert_int_equal(level(10), 1);
    assert_int_equal(level(20), 2);
    assert_int_equal(level(22), TRUST_LEVEL_NONE);
    assert_int_equal(followers(20), 4);
    assert_int_equal(followers(21), 3);
    assert_int_equal(followers(22), 2);
    assert_int_equal(followers(99), 0);
}

static void test_depths(void **state)
{
    struct graph_params p = usual;

    (void)state;
    small_world();
    follows(20, 30, 0);
    follows(21, 30, 0);
    follows(10, 20, 21, 22, 30, 0);
    p.depth = 1;
    compute_with(&p);
    assert_true(trusted(10) && !trusted(20));
    p.depth = 2;
    compute_with(&p);
    assert_true(trusted(20) && !trusted(30));
    assert_int_equal(followers(30), 1); /* 20 and 21 are not of the circle that vouches */
    p.depth = 3;
    compute_with(&p);
    assert_true(trusted(30));
    assert_int_equal(level(30), 3);
    assert_int_equal(followers(30), 3);
}

static void test_empty(void **state)
{
    (void)state;
    compute();
    assert_true(trusted(1));
    assert_int_equal(table->n, 1);
}

static void test_duplicated_p_tags_count_once(void **state)
{
    (void)state;
    follows(1, 10, 0);
    follows(10, 20, 20, 20, 20, 0);
    compute();
    assert_false(trusted(20));
    assert_int_equal(followers(20), 1);
}

static void test_self_edges_are_ignored(void **state)
{
    (void)state;
    follows(1, 10, 11, 0);
    follows(10, 20, 0);
    follows(11, 20, 0);
    follows(20, 20, 0);
    compute();
    assert_int_equal(followers(20), 2);
    assert_false(trusted(20));
}

static void test_a_list_of_100k_vouches_for_nobody(void **state)
{
    (void)state;
    follows(1, 10, 11, 12, 0);
    follows_range(10, 1000, 100000);
    follows(11, 1000, 0);
    follows(12, 1000, 0);
    compute();
    assert_int_equal(followers(1000), 2);
    assert_false(trusted(1000) || trusted(50000));
    follows_range(1, 10, 6000); /* an admin's own list is taken whole */
    compute();
    assert_true(trusted(10) && trusted(6009));
}

static void test_a_sybil_ring_stays_outside(void **state)
{
    (void)state;
    small_world();
    for (unsigned i = 0; i < 200; i++)
        follows_range(1000 + i, 1000, 200);
    compute();
    for (unsigned i = 0; i < 200; i++) {
        assert_false(trusted(1000 + i));
        assert_int_equal(followers(1000 + i), 0);
    }
}

static void test_one_mishap_evicts_nobody(void **state)
{
    (void)state;
    small_world();
    compute();
    assert_true(trusted(21));
    follows(12, 0); /* an app wiped the list of 12 */
    compute();
    assert_int_equal(followers(21), 2);
    assert_true(trusted(21));
    follows(11, 0); /* and now another: that is no mishap any more */
    compute();
    assert_false(trusted(21));
    follows(11, 21, 0); /* two again, but that does not suffice to come in */
    compute();
    assert_int_equal(followers(21), 2);
    assert_false(trusted(21));
}

static void test_lists_are_replaced(void **state)
{
    (void)state;
    small_world();
    for (unsigned i = 0; i < 3000; i++) { /* the room of old lists is used again */
        follows(13, 20, 1, 0);
        follows(13, 20, 21, 22, 0);
    }
    compute();
    assert_int_equal(followers(22), 3);
    assert_int_equal(graph_follows(graph), 4 + 3 + 3 + 2 + 3);
    assert_true(graph_memory(graph) < 512 * 1024);
}

static void test_the_banned_vouch_for_nobody(void **state)
{
    struct pubkey bad = key(11);

    (void)state;
    small_world();
    assert_true(key_set_add(&banned, bad.b));
    key_set_seal(&banned);
    compute();
    assert_false(trusted(11) || trusted(21));
    assert_int_equal(followers(21), 2);
    assert_true(trusted(20));
}

static void mute(unsigned who, ...)
{
    struct key_set muted = {0};
    va_list args;

    va_start(args, who);
    for (; who != 0; who = va_arg(args, unsigned)) {
        struct pubkey pk = key(who);

        assert_true(key_set_add(&muted, pk.b));
    }
    va_end(args);
    key_set_seal(&muted);
    graph_set_mutes(graph, &muted);
    assert_int_equal(muted.n, 0);
}

static void test_the_muted_vouch_for_nobody(void **state)
{
    const struct trust_entry *e;
    struct pubkey pk;

    (void)state;
    small_world();
    mute(11, 77, 1, 0);
    compute();
    e = trust_table_find(table, (pk = key(11), &pk));
    assert_true(e && e->muted && !e->trusted && e->followers == 1);
    e = trust_table_find(table, (pk = key(77), &pk)); /* whom nobody knows */
    assert_true(e && e->muted && !e->trusted);
    e = trust_table_find(table, (pk = key(1), &pk)); /* an admin */
    assert_true(e && !e->muted && e->trusted);
    assert_int_equal(followers(21), 2);
    assert_false(trusted(21));
    mute(0);
    compute();
    assert_true(trusted(11) && trusted(21));
    assert_null(trust_table_find(table, (pk = key(77), &pk)));
}

static void test_lists_are_known(void **state)
{
    struct pubkey pk = key(10);

    (void)state;
    assert_false(graph_has_list(graph, &pk));
    follows(1, 10, 0);
    assert_false(graph_has_list(graph, &pk)); /* followed, but no list of his own */
    assert_true(graph_set_list(graph, &pk, NULL, 0));
    assert_true(graph_has_list(graph, &pk));
}

static void test_admins_who_follow(void **state)
{
    struct pubkey admin = key(1), other = key(10);

    (void)state;
    compute();
    assert_false(trust_table_find(table, &admin)->follows);
    small_world();
    compute();
    assert_true(trust_table_find(table, &admin)->follows);
    assert_false(trust_table_find(table, &other)->follows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_circle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_duplicated_p_tags_count_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_self_edges_are_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_list_of_100k_vouches_for_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sybil_ring_stays_outside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_mishap_evicts_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_banned_vouch_for_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_muted_vouch_for_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_admins_who_follow, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
