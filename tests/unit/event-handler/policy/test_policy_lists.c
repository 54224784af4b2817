/* What operators write in settings, and what becomes of events then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "event-handler/events.h"
#include "policy/flood.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

#define KEY_A "6161616161616161616161616161616161616161616161616161616161616161"
#define KEY_B "6262626262626262626262626262626262626262626262626262626262626262"

struct row {
    const char *name, *event, *content;
    enum tier tier;             /* of the author */
    const char *rule, *message; /* of who objects; NULL: nobody */
};

struct settings {
    const char *allow_kinds, *deny_kinds, *allow_pubkeys, *deny_pubkeys, *pow, *words, *patterns;
    int64_t min_pow, content, tags;
};

static char *text(const char *s)
{
    return (char *)(s ? s : "");
}

static struct config make_config(const struct settings *s)
{
    struct config cfg = {.shared = {.domain = text(""),
                                    .created_at_future_seconds = 900,
                                    .min_pow_difficulty = s->min_pow},
                         .policy_allow_kinds = text(s->allow_kinds),
                         .policy_deny_kinds = text(s->deny_kinds),
                         .policy_allow_pubkeys = text(s->allow_pubkeys),
                         .policy_deny_pubkeys = text(s->deny_pubkeys),
                         .policy_pow = text(s->pow),
                         .policy_blocked_words = text(s->words),
                         .policy_blocked_patterns = text(s->patterns),
                         .policy_guest_max_content = s->content,
                         .policy_guest_max_tags = s->tags};

    cfg.policy = policy_lists_new(&cfg);
    return cfg;
}

/* A tier, by way of what gives it. */
static void set_tier(struct access_view *view, struct mod_lists *lists, struct config *cfg,
                     struct key_set *admins, enum tier tier, const struct pubkey *pk)
{
    cfg->wot_enabled = tier == TIER_GUEST;
    if (tier == TIER_ADMIN)
        assert_true(key_set_add(admins, pk->b));
    if (tier == TIER_TRUSTED)
        assert_true(key_set_add(&lists->allowed, pk->b));
    key_set_seal(admins);
    key_set_seal(&lists->allowed);
    view->admins = admins;
}

static void check_row(const struct settings *settings, const struct row *row)
{
    struct config cfg = make_config(settings);
    struct mod_lists lists = {.denied_kinds.empty = true, .allowed_kinds.empty = true};
    struct trust_table *trust = trust_table_new(0);
    struct access_view view = {.cfg = &cfg, .lists = &lists, .trust = trust};
    struct key_set admins = {0};
    struct made_events m;
    struct policy_opinion o[POLICY_RULES_MOST];
    struct policy_env env = {.cfg = &cfg, .view = &view, .now = 1000000};
    const struct policy_opinion *decides = NULL;
    struct event ev;

    assert_non_null(cfg.policy);
    made_init(&m);
    env.arena = &m.arena;
    ev = *made_event(&m, row->event)->ev;
    if (row->content)
        ev.content = slice_str(row->content);
    set_tier(&view, &lists, &cfg, &admins, row->tier, &ev.pubkey);
    for (size_t n = policy_explain(&ev, &env, o), i = 0; i < n && !decides; i++) {
        /* The Web of Trust is another test's. */
        if (o[i].verdict != VERDICT_ACCEPTED && strcmp(o[i].rule, "trust") != 0)
            decides = &o[i];
    }
    if (!decides != !row->rule || (decides && (strcmp(decides->rule, row->rule) != 0 ||
                                               strcmp(decides->message, row->message) != 0)))
        fail_msg("%s: %s: %s", row->name, decides ? decides->rule : "accepted",
                 decides ? decides->message : "");
    made_free(&m);
    key_set_deinit(&admins);
    key_set_deinit(&lists.allowed);
    trust_table_free(trust);
    policy_lists_free(cfg.policy);
}

static void check_rows(const struct settings *settings, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_row(settings, &rows[i]);
}

static void test_kinds(void **state)
{
    static const struct settings denied = {.deny_kinds = "7, 40-44"},
                                 allowed = {.allow_kinds = "1"};
    static const char no[] = "this relay does not take events of this kind";
    static const struct row without[] = {
        {"another", "11 a 8 1", NULL, TIER_KNOWN, NULL, NULL},
        {"a denied one", "11 a 7 1", NULL, TIER_KNOWN, "kind_list", no},
        {"at the end of a range", "11 a 44 1", NULL, TIER_ADMIN, "kind_list", no},
    };
    static const struct row only[] = {
        {"the one", "11 a 1 1", NULL, TIER_KNOWN, NULL, NULL},
        {"another", "11 a 0 1", NULL, TIER_KNOWN, "kind_list", no},
        {"vanishing", "11 a 62 1 relay=ALL_RELAYS", NULL, TIER_KNOWN, NULL, NULL},
    };

    (void)state;
    check_rows(&denied, without, ARRAY_LEN(without));
    check_rows(&allowed, only, ARRAY_LEN(only));
}

static void test_pubkeys(void **state)
{
    static const struct settings settings = {.allow_pubkeys = KEY_A, .deny_pubkeys = KEY_B};
    static const char only[] = "this relay takes events of its own people only";
    static const struct row rows[] = {
        {"one of them", "11 a 1 1", NULL, TIER_KNOWN, NULL, NULL},
        {"another", "11 c 1 1", NULL, TIER_KNOWN, "pubkey_list", only},
        {"an admin", "11 c 1 1", NULL, TIER_ADMIN, NULL, NULL},
        {"whom an admin allows", "11 c 1 1", NULL, TIER_TRUSTED, NULL, NULL},
        {"denied", "11 b 1 1", NULL, TIER_KNOWN, "pubkey_list",
         "this relay does not take events of this pubkey"},
        {"a wrap to one", "11 c 1059 1 p=a", NULL, TIER_KNOWN, NULL, NULL},
        {"a wrap to another", "11 c 1059 1 p=d", NULL, TIER_KNOWN, "pubkey_list", only},
        {"vanishing", "11 b 62 1 relay=ALL_RELAYS", NULL, TIER_KNOWN, NULL, NULL},
    };

    (void)state;
    check_rows(&settings, rows, ARRAY_LEN(rows));
}

static void test_pow(void **state)
{
    static const struct settings settings = {.pow = "1:7, 30000-39999:8", .min_pow = 3};
    static const struct row rows[] = {
        {"enough", "01 a 1 1", NULL, TIER_KNOWN, NULL, NULL},
        {"too little", "02 a 1 1", NULL, TIER_KNOWN, "pow_kind", "difficulty 6 is less than 7"},
        {"of a range", "01 a 30023 1", NULL, TIER_KNOWN, "pow_kind", "difficulty 7 is less than 8"},
        {"another kind", "10 a 2 1", NULL, TIER_KNOWN, NULL, NULL},
        {"which needs some, too", "20 a 2 1", NULL, TIER_KNOWN, "pow",
         "difficulty 2 is less than 3"},
        {"a trusted author", "ff a 1 1", NULL, TIER_TRUSTED, NULL, NULL},
        {"vanishing", "ff a 62 1 relay=ALL_RELAYS", NULL, TIER_KNOWN, NULL, NULL},
    };

    (void)state;
    check_rows(&settings, rows, ARRAY_LEN(rows));
}

static void test_size(void **state)
{
    static const struct settings settings = {.content = 8, .tags = 2};
    static const struct row rows[] = {
        {"short", "11 a 1 1", "12345678", TIER_GUEST, NULL, NULL},
        {"long", "11 a 1 1", "123456789", TIER_GUEST, "size",
         "this is longer than strangers may write here"},
        {"long, but known", "11 a 1 1", "123456789", TIER_KNOWN, NULL, NULL},
        {"many tags", "11 a 1 1 t=a t=b t=c", NULL, TIER_GUEST, "size",
         "this has more tags than strangers may use here"},
        {"many followed", "11 a 3 1 t=a t=b t=c", NULL, TIER_GUEST, NULL, NULL},
    };

    (void)state;
    check_rows(&settings, rows, ARRAY_LEN(rows));
}

static void test_words(void **state)
{
    char path[] = "/tmp/tandem-patterns-XXXXXX";
    int fd = mkstemp(path);
    const struct settings settings = {.words = "casino, free money ,,", .patterns = path};
    static const char lines[] = "# comment\n\ncheap (meds|watches)\r\n";
    static const char casino[] = "it contains \"casino\", which this relay does not take";
    static const char pattern[] = "it contains something that this relay does not take";
    static const struct row rows[] = {
        {"nothing", "11 a 1 1", "hello", TIER_KNOWN, NULL, NULL},
        {"a word", "11 a 1 1", "CASINO!", TIER_KNOWN, "words", casino},
        {"in a hashtag", "11 a 1 1 t=casino", "hi", TIER_TRUSTED, "words", casino},
        {"in another tag", "11 a 1 1 x=casino", "hi", TIER_KNOWN, NULL, NULL},
        {"a phrase", "11 a 1 1", "Free Money", TIER_KNOWN, "words",
         "it contains \"free money\", which this relay does not take"},
        {"a pattern", "11 a 1 1", "cheap MEDS", TIER_KNOWN, "words", pattern},
        {"an admin", "11 a 1 1", "casino", TIER_ADMIN, NULL, NULL},
        {"encrypted", "11 a 4 1 p=b", "casino", TIER_KNOWN, NULL, NULL},
        {"vanishing", "11 a 62 1 relay=ALL_RELAYS", "no casino", TIER_KNOWN, NULL, NULL},
    };

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, sizeof lines - 1), sizeof lines - 1);
    close(fd);
    check_rows(&settings, rows, ARRAY_LEN(rows));
    unlink(path);
}

static void test_refusals(void **state)
{
    static const struct settings bad[] = {
        {.allow_kinds = "1,x"},
        {.deny_kinds = "70000"},
        {.allow_pubkeys = "npub1"},
        {.deny_pubkeys = "61"},
        {.pow = "1"},
        {.pow = "1:65"},
        {.pow = "9-1:4"},
        {.pow = "0-65535:4"},
        {.pow = "*:4"},
        {.patterns = "/nonexistent"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(make_config(&bad[i]).policy);
}

static void test_flood(void **state)
{
    struct event_id id = {{0}};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        id.b[0] = (uint8_t)(i + 1);
        assert_int_equal(flood_count(SLICE("buy this"), &id, 1000 + i, 100), i + 1);
        assert_int_equal(flood_count(SLICE("buy this"), &id, 1000 + i, 100), i + 1);
    }
    id.b[0] = 77;
    assert_int_equal(flood_count(SLICE("something else"), &id, 1005, 100), 1);
    assert_int_equal(flood_count(SLICE("buy this"), &id, 1100, 100), 1); /* the window is over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds), cmocka_unit_test(test_pubkeys),
        cmocka_unit_test(test_pow),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_words), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
