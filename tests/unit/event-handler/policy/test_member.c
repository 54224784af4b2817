/* Who reads under AUTH_MODE=members: row by row, for relays with and without a Web of Trust and an
 * operator's list. Of the people, each a letter, a is the admin, b trusted and c known by the
 * graph, g nobody, i invited, l listed, m muted, w allowed by an admin, x banned and listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

static char admin_hex[] = "6161616161616161616161616161616161616161616161616161616161616161";
static char nothing[1];

static struct config cfg;
static struct policy_lists policy;
static struct access *access_;

static struct pubkey person(char who)
{
    struct pubkey pk;

    memset(pk.b, who, sizeof pk.b);
    return pk;
}

static void add(struct key_set *set, const char *people)
{
    for (; *people; people++)
        assert_true(key_set_add(set, person(*people).b));
    key_set_seal(set);
}

static void put(struct trust_table *t, char who, uint8_t level, bool muted)
{
    struct trust_entry e = {.pubkey = person(who),
                            .level = level,
                            .trusted = level != TRUST_LEVEL_NONE,
                            .muted = muted};

    assert_true(trust_table_put(t, &e));
}

static int set_up(void **state)
{
    struct trust_table *t = trust_table_new(4);
    struct mod_lists *lists = mod_lists_new();

    (void)state;
    cfg = (struct config){.policy = &policy,
                          .shared = {.admin_pubkey = admin_hex, .co_admin_pubkeys = nothing}};
    access_ = access_new(&cfg);
    assert_true(access_ && t && lists);
    put(t, 'b', 1, false);
    put(t, 'c', 2, false);
    put(t, 'm', TRUST_LEVEL_NONE, true);
    t->generation = 1;
    add(&lists->members, "i");
    add(&lists->allowed, "w");
    add(&lists->banned, "x");
    return access_set_trust(access_, t) && access_set_lists(access_, lists) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    key_set_deinit(&policy.allow_pubkeys);
    access_free(access_);
    return 0;
}

static void expect_members(const char *members)
{
    struct access_view *view = access_acquire(access_);

    for (const char *who = "abcgilmwx"; *who; who++) {
        struct pubkey pk = person(*who);

        if (policy_is_member(view, &pk) != (strchr(members, *who) != NULL))
            fail_msg("%c of %s", *who, members);
    }
    access_release(view);
}

static void test_members(void **state)
{
    (void)state;
    expect_members("aiw");
    cfg.wot_enabled = true;
    expect_members("abciw");
    add(&policy.allow_pubkeys, "lmx");
    expect_members("ailw");
    cfg.wot_enabled = false;
    expect_members("ailw");
    cfg.policy = NULL;
    expect_members("aiw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
