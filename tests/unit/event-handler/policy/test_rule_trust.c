/* What each tier may write, and what of it has a budget, row by row. Of the people, each a letter,
 * a is the admin, b trusted, c known, g and h guests, m muted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "event-handler/events.h"
#include "limits/limits.h"
#include "policy/policy.h"

enum { WRAPS = 3, ALL_GUESTS = 60, NOW = 2000000 };

static char admin_hex[] = "6161616161616161616161616161616161616161616161616161616161616161";
static char nothing[1];

static struct config cfg;
static struct access *access_;
static struct limits *limits;

static const struct {
    const char *name, *event;
    char auth; /* who has authenticated; 0: nobody */
    enum verdict verdict;
    const char *message;
} rows[] = {
    {"the admin", "11 a 1 1000000", 0, VERDICT_ACCEPTED, ""},
    {"whom the admin follows", "11 b 30023 1000000 d=x", 0, VERDICT_ACCEPTED, ""},
    {"whom the circle follows", "11 c 1 1000000", 0, VERDICT_ACCEPTED, ""},
    {"a guest's note", "11 g 1 1000000", 0, VERDICT_BLOCKED,
     "not in this relay's web of trust (followed by 2 of 3 needed)"},
    {"a stranger's note", "11 h 1 1000000", 0, VERDICT_BLOCKED,
     "not in this relay's web of trust (followed by 0 of 3 needed)"},
    {"a stranger who comes with a member", "11 h 1 1000000", 'b', VERDICT_BLOCKED, NULL},
    {"a profile", "11 h 0 1000000", 0, VERDICT_ACCEPTED, ""},
    {"a follow list", "11 h 3 1000000 p=h", 0, VERDICT_ACCEPTED, ""},
    {"a deletion", "11 h 5 1000000 e=22", 0, VERDICT_ACCEPTED, ""},
    {"a relay list", "11 h 10002 1000000", 0, VERDICT_ACCEPTED, ""},
    {"a list of relays for messages", "11 h 10050 1000000", 0, VERDICT_ACCEPTED, ""},
    {"a request to vanish", "11 h 62 1000000 relay=ALL_RELAYS", 0, VERDICT_ACCEPTED, ""},
    {"a mute list is none of these", "11 h 10000 1000000", 0, VERDICT_BLOCKED, NULL},
    {"asking to join", "11 h 28934 1000000 claim=x", 0, VERDICT_ACCEPTED, ""},
    {"a reply to a member", "11 h 1 1000000 e=22 p=h p=c", 0, VERDICT_ACCEPTED, ""},
    {"a reply to the admin", "11 h 1111 1000000 p=a", 0, VERDICT_ACCEPTED, ""},
    {"a reply to a guest", "11 h 1 1000000 p=g", 0, VERDICT_BLOCKED, NULL},
    {"a reply to the muted", "11 h 1 1000000 p=m", 0, VERDICT_BLOCKED, NULL},
    {"the muted", "11 m 1 1000000", 0, VERDICT_BLOCKED, "muted by an admin of this relay"},
    {"the muted to a member", "11 m 1 1000000 p=b", 0, VERDICT_BLOCKED, NULL},
    {"the muted's profile", "11 m 0 1000000", 0, VERDICT_BLOCKED, NULL},
    {"the muted may vanish", "11 m 62 1000000 relay=ALL_RELAYS", 0, VERDICT_ACCEPTED, ""},
    {"a wrap to a member", "11 h 1059 1000 p=c", 0, VERDICT_ACCEPTED, ""},
    {"a wrap for now to a member", "11 h 21059 1000 p=c", 0, VERDICT_ACCEPTED, ""},
    {"a wrap to a guest", "11 h 1059 1000 p=g", 0, VERDICT_BLOCKED,
     "none of its recipients is in this relay's web of trust"},
    {"a wrap to nobody", "11 h 1059 1000", 0, VERDICT_BLOCKED, NULL},
    {"a wrap to a guest from a member", "11 h 1059 1000 p=g", 'b', VERDICT_BLOCKED, NULL},
};

static void put(struct trust_table *t, char who, uint8_t level, uint16_t followers, bool muted)
{
    struct trust_entry e = {.level = level,
                            .trusted = level != TRUST_LEVEL_NONE,
                            .muted = muted,
                            .followers = followers};

    memset(e.pubkey.b, who, sizeof e.pubkey.b);
    assert_true(trust_table_put(t, &e));
}

static int set_up(void **state)
{
    struct trust_table *t = trust_table_new(8);
    struct buf error;

    (void)state;
    cfg = (struct config){
        .wot_enabled = true,
        .wot_min_followers = 3,
        .wot_guest_replies = true,
        .wot_wrap_pow = 16,
        .limit_key_trusted = 100,
        .limit_key_known = 100,
        .limit_key_guest = 100,
        .limit_all_guest = ALL_GUESTS,
        .limit_wraps_recipient = WRAPS,
        .shared = {.admin_pubkey = admin_hex,
                   .co_admin_pubkeys = nothing,
                   .rate_limits = true,
                   .redis_host = "127.0.0.1",
                   .redis_port = 1,
                   .redis_password = nothing},
    };
    buf_init(&error, KIB);
    assert_true(kind_set_parse(SLICE("0,3,5,10002,10050,62"), &cfg.wot_guest_kind_set, &error));
    buf_deinit(&error);
    access_ = access_new(&cfg);
    assert_non_null(access_);
    put(t, 'b', 1, 1, false);
    put(t, 'c', 2, 3, false);
    put(t, 'g', TRUST_LEVEL_NONE, 2, false);
    put(t, 'm', TRUST_LEVEL_NONE, 0, true);
    t->generation = 1;
    assert_true(access_set_trust(access_, t));
    return limits_start(&cfg, &limits) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    limits_stop(limits);
    access_free(access_);
    return 0;
}

/* The verdict on the event, whose id begins with id_byte; *message may be NULL. */
static enum verdict judge(const char *line, char auth, uint8_t id_byte, char message[200])
{
    struct access_view *view = access_acquire(access_);
    struct made_events m;
    struct pubkey reader;
    struct policy_env env = {.cfg = &cfg,
                             .view = view,
                             .limits = limits,
                             .now = NOW,
                             .auth = &reader,
                             .n_auth = auth != 0,
                             .arena = &m.arena};
    const char *why = "";
    struct event ev;
    enum verdict v;

    made_init(&m);
    memset(reader.b, auth, sizeof reader.b);
    ev = *made_event(&m, line)->ev;
    memset(ev.id.b, id_byte, 3);
    env.author = access_standing(view, &ev.pubkey);
    v = rule_trust(&ev, &env, &why);
    if (v == VERDICT_ACCEPTED)
        v = rule_rate(&ev, &env, &why);
    snprintf(message, 200, "%s", why);
    made_free(&m);
    access_release(view);
    return v;
}

static void test_tiers(void **state)
{
    char message[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum verdict v = judge(rows[i].event, rows[i].auth, 0xff, message);

        if (v != rows[i].verdict || (rows[i].message && strcmp(message, rows[i].message) != 0))
            fail_msg("%s: %s: %s", rows[i].name, verdict_name(v), message);
    }
}

static void test_wraps_of_strangers_have_a_budget(void **state)
{
    char message[200];

    (void)state;
    for (unsigned i = 0; i < WRAPS; i++)
        assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0xff, message), VERDICT_RATE_LIMITED);
    assert_non_null(strstr(message, "to this recipient, try again in "));
    assert_non_null(strstr(message, ", authenticate, or add proof of work"));
    assert_int_equal(judge("11 h 1059 1000 p=b", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 'b', 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 'g', 0xff, message), VERDICT_RATE_LIMITED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0, message), VERDICT_ACCEPTED); /* work */
    cfg.wot_wrap_pow = 0;
    assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0, message), VERDICT_RATE_LIMITED);
    assert_null(strstr(message, "proof of work"));
}

/* One wrap for everybody is no way around the budget of each. */
static void test_a_wrap_for_many_counts_for_each(void **state)
{
    char message[200];

    (void)state;
    for (unsigned i = 0; i < WRAPS; i++)
        assert_int_equal(judge("11 h 1059 1000 p=b p=g p=c", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0xff, message), VERDICT_RATE_LIMITED);
    assert_int_equal(judge("11 h 1059 1000 p=a p=c", 0, 0xff, message), VERDICT_RATE_LIMITED);
}

/* Nobody empties another's inbox with what is refused, or by naming him again and again. */
static void test_budgets_of_recipients_are_not_drained(void **state)
{
    char message[200];

    (void)state;
    assert_int_equal(judge("11 h 1059 1000 p=c p=c p=c p=c", 0, 0xff, message), VERDICT_ACCEPTED);
    for (unsigned i = 1; i < WRAPS; i++)
        assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0xff, message), VERDICT_ACCEPTED);
    for (unsigned i = 0; i < 5; i++) /* refused for c: b is not charged */
        assert_int_equal(judge("11 h 1059 1000 p=b p=c", 0, 0xff, message), VERDICT_RATE_LIMITED);
    for (unsigned i = 0; i < WRAPS; i++)
        assert_int_equal(judge("11 h 1059 1000 p=b", 0, 0xff, message), VERDICT_ACCEPTED);
}

/* However much strangers write: a member's wraps are charged to the member. */
static void test_members_send_wraps_while_guests_may_not(void **state)
{
    char message[200];

    (void)state;
    for (unsigned i = 0; i < ALL_GUESTS; i++)
        assert_int_equal(judge("11 h 0 1000000", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 g 0 1000000", 0, 0xff, message), VERDICT_RATE_LIMITED);
    assert_int_equal(judge("11 g 1059 1000 p=c", 0, 0xff, message), VERDICT_RATE_LIMITED);
    assert_int_equal(judge("11 g 0 1000000", 'b', 0xff, message), VERDICT_RATE_LIMITED);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(judge("11 g 1059 1000 p=c", 'b', 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 g 1059 1000 p=c", 'b', 0xff, message), VERDICT_RATE_LIMITED);
    assert_int_equal(judge("11 g 1059 1000 p=c", 'a', 0xff, message), VERDICT_ACCEPTED);
}

static void test_no_replies_of_guests(void **state)
{
    char message[200];

    (void)state;
    cfg.wot_guest_replies = false;
    assert_int_equal(judge("11 h 1 1000000 p=c", 0, 0xff, message), VERDICT_BLOCKED);
    assert_int_equal(judge("11 h 1059 1000 p=c", 0, 0xff, message), VERDICT_ACCEPTED);
}

static void test_not_set_up(void **state)
{
    char message[200];

    (void)state;
    access_free(access_);
    cfg.shared.admin_pubkey = nothing;
    access_ = access_new(&cfg);
    assert_non_null(access_);
    assert_int_equal(judge("11 h 0 1000000", 0, 0xff, message), VERDICT_BLOCKED);
    assert_string_equal(message, "this relay is not set up yet: its operator must set "
                                 "ADMIN_PUBKEY, or WOT_ENABLED=False");
    cfg.wot_enabled = false;
    assert_int_equal(judge("11 h 1 1000000", 0, 0xff, message), VERDICT_ACCEPTED);
}

/* Before the first generation: guests, whoever it is. */
static void test_cold_start(void **state)
{
    char message[200];

    (void)state;
    assert_true(access_set_trust(access_, trust_table_new(0)));
    assert_int_equal(judge("11 a 1 1000000", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 b 1 1000000", 0, 0xff, message), VERDICT_BLOCKED);
    assert_int_equal(judge("11 b 0 1000000", 0, 0xff, message), VERDICT_ACCEPTED);
    assert_int_equal(judge("11 b 1 1000000 p=a", 0, 0xff, message), VERDICT_ACCEPTED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tiers),
        TEST(test_wraps_of_strangers_have_a_budget),
        TEST(test_a_wrap_for_many_counts_for_each),
        TEST(test_budgets_of_recipients_are_not_drained),
        TEST(test_members_send_wraps_while_guests_may_not),
        TEST(test_no_replies_of_guests),
        TEST(test_not_set_up),
        TEST(test_cold_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
