/* What a new version of somebody's list changes, and what is held back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "trust/trust_list.h"

enum { NOW = 1700000000, MOST = 600 };

static struct arena arena;
static char digits[MOST][64];
static struct slice items[MOST][2];
static struct tag tags[MOST];

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64 * MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

/* A follow list of the people first .. first + n - 1, the id made of one byte. */
static struct event list_of(unsigned first, unsigned n, int64_t created_at, uint8_t id)
{
    struct event ev = {.kind = 3, .created_at = created_at, .tag = tags, .n_tags = n};

    memset(ev.pubkey.b, 0xee, sizeof ev.pubkey.b);
    memset(ev.id.b, id, sizeof ev.id.b);
    for (unsigned i = 0; i < n; i++) {
        uint8_t key[32] = {(uint8_t)((first + i) >> 8), (uint8_t)(first + i)};

        hex_encode(key, sizeof key, digits[i]);
        items[i][0] = SLICE("p");
        items[i][1] = slice_of(digits[i], 64);
        tags[i] = (struct tag){items[i], 2};
    }
    return ev;
}

static enum trust_list_change apply_as(const struct trust_list *old, const struct event *ev,
                                       bool is_root, struct trust_list *out)
{
    const struct trust_list_rules rules = {.now = NOW, .is_root = is_root, .most_new = 100};

    return trust_list_apply(old, ev, &rules, &arena, out);
}

static enum trust_list_change apply(const struct trust_list *old, const struct event *ev,
                                    struct trust_list *out)
{
    return apply_as(old, ev, false, out);
}

static size_t people(struct slice keys)
{
    return keys.len / 32;
}

static void test_keys(void **state)
{
    struct event ev = list_of(10, 6, NOW, 1);
    struct trust_list list;

    (void)state;
    items[1][1] = items[0][1];                                     /* a double */
    digits[2][0] = 'A';                                            /* upper case */
    items[3][1].len = 62;                                          /* too short */
    items[4][0] = SLICE("e");                                      /* another tag */
    memcpy(ev.pubkey.b, (uint8_t[32]){0, 15}, sizeof ev.pubkey.b); /* the author himself */
    assert_int_equal(apply(NULL, &ev, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 1);
    assert_int_equal(list.keys.ptr[1], 10);
}

static void test_the_newest_wins(void **state)
{
    struct event ev = list_of(1, 3, NOW - 100, 5);
    struct trust_list old, list;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 4, NOW - 200, 1); /* list replay */
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_OLD);
    ev = list_of(1, 4, NOW - 100, 6); /* of the same second the lower id wins */
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_OLD);
    ev = list_of(1, 4, NOW - 100, 5);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_OLD);
    ev = list_of(1, 4, NOW - 100, 4);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_TAKEN);
    ev = list_of(1, 2, NOW - 50, 9);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 2);
}

static void test_a_future_list_pins_nothing(void **state)
{
    struct event ev = list_of(1, 3, NOW + 901, 1);
    struct trust_list list;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &list), TRUST_LIST_OLD);
    ev = list_of(1, 3, NOW + 900, 1);
    assert_int_equal(apply(NULL, &ev, &list), TRUST_LIST_TAKEN);
}

/* Known from another relay, or emptied since its event was gone; now the event is in the store. */
static void test_the_same_event_comes_to_be_stored(void **state)
{
    struct trust_list_rules rules = {.now = NOW, .most_new = 100, .is_stored = true};
    struct event ev = list_of(1, 50, NOW - 100, 1);
    struct trust_list old, held, list;
    char key[32] = {0};

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    assert_int_equal(trust_list_apply(&old, &ev, &rules, &arena, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 50);
    list.stored = true;
    assert_int_equal(trust_list_apply(&list, &ev, &rules, &arena, &held), TRUST_LIST_OLD);
    old.keys = slice_of(key, 0);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_OLD); /* other relays may still have it */
    assert_int_not_equal(trust_list_apply(&old, &ev, &rules, &arena, &list), TRUST_LIST_OLD);
    assert_int_equal(people(list.keys), 50);
    ev = list_of(1, 50, NOW - 100, 2); /* an older one */
    assert_int_equal(trust_list_apply(&old, &ev, &rules, &arena, &list), TRUST_LIST_OLD);

    ev = list_of(1, 50, NOW - 100, 1);
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 2, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &held), TRUST_LIST_HELD);
    assert_int_equal(trust_list_apply(&held, &ev, &rules, &arena, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 50); /* the same list does not confirm itself */
    assert_int_equal(people(list.held), 2);
}

static void test_an_accidental_wipe_is_held(void **state)
{
    struct event ev = list_of(1, 50, NOW - 100, 1);
    struct trust_list old, held, list;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 4, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &held), TRUST_LIST_HELD);
    assert_int_equal(people(held.keys), 50);
    assert_int_equal(people(held.held), 4);
    assert_int_equal(held.created_at, NOW - 90);
    ev = list_of(1, 0, NOW - 80, 1); /* a further list confirms it */
    assert_int_equal(apply(&held, &ev, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 0);
    assert_null(list.held.ptr);
    ev = list_of(1, 50, NOW - 80, 1); /* or the people come back */
    assert_int_equal(apply(&held, &ev, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 50);

    ev = list_of(1, 0, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_HELD);
    assert_non_null(list.held.ptr);
    assert_int_equal(apply_as(&old, &ev, true, &list),
                     TRUST_LIST_TAKEN); /* the guards watch admins */
    ev = list_of(1, 5, NOW - 90, 1);    /* a tenth is not held */
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_TAKEN);
}

static void test_a_stolen_key_vouches_for_few(void **state)
{
    struct event ev = list_of(1, 5, NOW - 100, 1);
    struct trust_list old, list, more;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 400, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_CAPPED);
    assert_int_equal(people(list.keys), 105);
    assert_int_equal(list.vouches, 100);
    ev = list_of(1, 500, NOW - 80, 1); /* once more on the same day: nobody */
    assert_int_equal(apply(&list, &ev, &more), TRUST_LIST_CAPPED);
    assert_int_equal(people(more.keys), 105);
    list.vouch_day--; /* the next day */
    assert_int_equal(apply(&list, &ev, &more), TRUST_LIST_CAPPED);
    assert_int_equal(people(more.keys), 205);
    assert_int_equal(apply_as(&old, &ev, true, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 500);
}

static enum trust_list_change ripen(const struct trust_list *old, int64_t now, bool forced,
                                    struct trust_list *out)
{
    const struct trust_list_rules rules = {.now = now, .most_new = 100};

    return trust_list_ripen(old, &rules, forced, &arena, out);
}

static void test_the_capped_count_day_by_day(void **state)
{
    struct event ev = list_of(1, 5, NOW - 100, 1);
    struct trust_list old, list, next;
    int64_t now = NOW;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    assert_int_equal(ripen(&old, now, true, &list), TRUST_LIST_OLD);
    ev = list_of(1, 250, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &list), TRUST_LIST_CAPPED);
    assert_int_equal(people(list.held), 250);
    assert_int_equal(ripen(&list, now, true, &next), TRUST_LIST_OLD); /* not even when forced */
    now += 86400;
    assert_int_equal(ripen(&list, now, false, &next), TRUST_LIST_CAPPED);
    assert_int_equal(people(next.keys), 205);
    assert_int_equal(next.created_at, NOW - 90);
    assert_int_equal(ripen(&next, now, false, &list), TRUST_LIST_OLD);
    now += 86400;
    assert_int_equal(ripen(&next, now, false, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 250);
    assert_null(list.held.ptr);
}

static void test_a_wipe_counts_in_the_end(void **state)
{
    struct event ev = list_of(1, 50, NOW - 100, 1);
    struct trust_list old, held, list;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 0, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &held), TRUST_LIST_HELD);
    assert_int_equal(ripen(&held, NOW + 86400, false, &list), TRUST_LIST_OLD);
    assert_int_equal(ripen(&held, NOW, true, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 0);
    assert_int_equal(ripen(&held, NOW + 2 * 86400, false, &list), TRUST_LIST_TAKEN);
    assert_int_equal(people(list.keys), 0);
    assert_null(list.held.ptr);
}

/* A list that was capped, and not one that collapsed, does not confirm a collapse. */
static void test_a_wipe_after_a_cap_is_held(void **state)
{
    struct event ev = list_of(1, 50, NOW - 100, 1);
    struct trust_list old, capped, list;

    (void)state;
    assert_int_equal(apply(NULL, &ev, &old), TRUST_LIST_TAKEN);
    ev = list_of(1, 400, NOW - 90, 1);
    assert_int_equal(apply(&old, &ev, &capped), TRUST_LIST_CAPPED);
    ev = list_of(1, 0, NOW - 80, 1);
    assert_int_equal(apply(&capped, &ev, &list), TRUST_LIST_HELD);
    assert_int_equal(people(list.keys), 150);
    assert_int_equal(people(list.held), 0);
    assert_int_equal(list.vouches, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_newest_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_future_list_pins_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_event_comes_to_be_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_accidental_wipe_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stolen_key_vouches_for_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_capped_count_day_by_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wipe_counts_in_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wipe_after_a_cap_is_held, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
