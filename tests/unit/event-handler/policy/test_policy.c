#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"
#include "event-handler/events.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

enum { NOW = 1000000 };

static const struct {
    const char *name, *event, *content;
    int pow;
    int64_t past;
    char auth; /* 0: nobody */
    enum verdict verdict;
    const char *message;
} rows[] = {
    {"a note", "11 a 1 1000000", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"an authentication event", "11 a 22242 1000000", NULL, 0, 0, 0, VERDICT_BLOCKED, NULL},
    {"HTTP authorization", "11 a 27235 1000000", NULL, 0, 0, 0, VERDICT_BLOCKED, NULL},
    {"a bare seal", "11 a 13 1000000", NULL, 0, 0, 0, VERDICT_BLOCKED, NULL},
    {"a zap request", "11 a 9734 1000000", NULL, 0, 0, 0, VERDICT_BLOCKED, NULL},
    {"at the edge of the future", "11 a 1 1000900", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"beyond it", "11 a 1 1000901", NULL, 0, 0, 0, VERDICT_INVALID,
     "created_at is too far in the future"},
    {"any age", "11 a 1 0", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"at the edge of the past", "11 a 1 999900", NULL, 0, 100, 0, VERDICT_ACCEPTED, ""},
    {"beyond it", "11 a 1 999899", NULL, 0, 100, 0, VERDICT_INVALID,
     "created_at is too far in the past"},
    {"a gift wrap dated back", "11 a 1059 0 p=b", NULL, 0, 100, 0, VERDICT_ACCEPTED, ""},
    {"expires in a second", "11 a 1 1 expiration=1000001", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"expires now", "11 a 1 1 expiration=1000000", NULL, 0, 0, 0, VERDICT_INVALID,
     "the event has expired"},
    {"an ephemeral event that has expired", "11 a 20001 1 expiration=5", NULL, 0, 0, 0,
     VERDICT_INVALID, NULL},
    {"enough work", "01 a 1 1", NULL, 7, 0, 0, VERDICT_ACCEPTED, ""},
    {"a bit too little", "01 a 1 1", NULL, 8, 0, 0, VERDICT_POW, "difficulty 7 is less than 8"},
    {"vanishing without work", "ff a 62 1 relay=ALL_RELAYS", NULL, 20, 0, 0, VERDICT_ACCEPTED, ""},
    {"protected, unauthenticated", "11 a 1 1 -=x", NULL, 0, 0, 0, VERDICT_AUTH_REQUIRED,
     "this event may only be published by its author, who must authenticate"},
    {"protected, somebody else", "11 a 1 1 -=x", NULL, 0, 0, 'b', VERDICT_RESTRICTED, NULL},
    {"protected, the author", "11 a 1 1 -=x", NULL, 0, 0, 'a', VERDICT_ACCEPTED, ""},
    {"a deletion of nothing", "11 a 5 1 k=1", NULL, 0, 0, 0, VERDICT_INVALID, NULL},
    {"a deletion", "11 a 5 1 e=22", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"a deletion of an address", "11 a 5 1 a=30000:a:x", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"vanishing from nowhere", "11 a 62 1", NULL, 0, 0, 0, VERDICT_INVALID,
     "a request to vanish must name relays by relay tags"},
    {"vanishing elsewhere", "11 a 62 1 relay=wss://other.example", NULL, 0, 0, 0, VERDICT_INVALID,
     "this request does not name this relay"},
    {"vanishing here", "11 a 62 1 relay=wss://Relay.Example/", NULL, 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"vanishing elsewhere and here",
     "11 a 62 1 relay=wss://other.example relay=wss://relay.example", NULL, 0, 0, 0,
     VERDICT_ACCEPTED, ""},
    {"vanishing in lower case", "11 a 62 1 relay=all_relays", NULL, 0, 0, 0, VERDICT_INVALID, NULL},
    {"a repost", "11 a 6 1", "{\"tags\":[[\"t\",\"x\"]]}", 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"an empty repost", "11 a 6 1", "", 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"a repost that is no JSON", "11 a 6 1", "look: [\"-\"]", 0, 0, 0, VERDICT_ACCEPTED, ""},
    {"a protected repost", "11 a 6 1", "{\"id\":1,\"tags\":[[\"t\",\"x\"],[\"-\"]],\"x\":{}}", 0, 0,
     0, VERDICT_BLOCKED, NULL},
    {"with white space", "11 a 16 1", " { \"tags\" : [ [ \"-\" , \"x\" ] ] } ", 0, 0, 0,
     VERDICT_BLOCKED, NULL},
    {"with an escape", "11 a 16 1", "{\"\\u0074ags\":[[\"\\u002d\"]]}", 0, 0, 0, VERDICT_BLOCKED,
     NULL},
    {"a mark elsewhere", "11 a 6 1", "{\"tags\":[[\"t\",\"-\"]],\"content\":\"[\\\"-\\\"]\"}", 0, 0,
     0, VERDICT_ACCEPTED, ""},
    {"a note about a protected event", "11 a 1 1", "{\"tags\":[[\"-\"]]}", 0, 0, 0,
     VERDICT_ACCEPTED, ""},
};

/* Nobody has decided anything, and nobody is trusted. */
static void quiet_view(struct access_view *view, struct mod_lists *lists, const struct config *cfg)
{
    static const struct key_set nobody;
    static struct trust_table *nothing;

    if (!nothing)
        nothing = trust_table_new(0);
    *lists = (struct mod_lists){.denied_kinds.empty = true, .allowed_kinds.empty = true};
    *view = (struct access_view){.cfg = cfg, .admins = &nobody, .lists = lists, .trust = nothing};
}

static struct policy_lists no_lists = {.allow_kinds = {.empty = true}};

static void test_rules(void **state)
{
    static char domain[] = "relay.example";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg = {.policy = &no_lists,
                             .shared = {.domain = domain,
                                        .created_at_future_seconds = 900,
                                        .created_at_past_seconds = rows[i].past,
                                        .min_pow_difficulty = rows[i].pow}};
        struct access_view view;
        struct mod_lists lists;
        struct made_events m;
        struct pubkey auth;
        struct event ev;
        const char *message = "";
        enum verdict v;

        made_init(&m);
        quiet_view(&view, &lists, &cfg);
        memset(auth.b, rows[i].auth, sizeof auth.b);
        ev = *made_event(&m, rows[i].event)->ev;
        ev.is_protected = event_find_tag(&ev, SLICE("-")) != NULL;
        if (rows[i].content)
            ev.content = slice_str(rows[i].content);
        v = policy_judge(POLICY_BEFORE_SIGNATURE, &ev,
                         &(struct policy_env){.cfg = &cfg,
                                              .view = &view,
                                              .now = NOW,
                                              .auth = &auth,
                                              .n_auth = rows[i].auth != 0,
                                              .arena = &m.arena},
                         &message, NULL);
        if (v != rows[i].verdict || (rows[i].message && strcmp(message, rows[i].message) != 0))
            fail_msg("%s: %s: %s", rows[i].name, verdict_name(v), message);
        made_free(&m);
    }
}

/* ---- what moderators have decided, and membership ---- */

static const struct {
    const char *name, *event;
    bool nip43;
    enum verdict verdict;
} decided[] = {
    {"a banned author", "11 a 1 1000000", false, VERDICT_BLOCKED},
    {"who vanishes", "11 a 62 1 relay=ALL_RELAYS", false, VERDICT_ACCEPTED},
    {"somebody else", "11 b 1 1000000", false, VERDICT_ACCEPTED},
    {"a banned event", "22 b 1 1000000", false, VERDICT_BLOCKED},
    {"a refused kind", "11 b 7 1000000", false, VERDICT_BLOCKED},
    {"a kind that is not on the list", "11 b 2 1000000", false, VERDICT_BLOCKED},
    {"a deletion, which need not be", "11 b 5 1000000 e=33", false, VERDICT_ACCEPTED},
    {"joining a relay without members", "11 b 28934 1000000 claim=x", false, VERDICT_BLOCKED},
    {"joining", "11 b 28934 1000000 claim=x", true, VERDICT_ACCEPTED},
    {"joining while banned", "11 a 28934 1000000 claim=x", true, VERDICT_BLOCKED},
    {"joining without a code", "11 b 28934 1000000", true, VERDICT_INVALID},
    {"joining an hour ago", "11 b 28934 996400 claim=x", true, VERDICT_INVALID},
    {"leaving without a mark", "11 b 28936 1000000", true, VERDICT_INVALID},
    {"a member list by somebody", "11 b 13534 1000000", true, VERDICT_BLOCKED},
    {"an invitation by somebody", "11 b 28935 1000000", true, VERDICT_BLOCKED},
};

static void test_decisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decided); i++) {
        static char none[] = "";
        struct config cfg = {.policy = &no_lists,
                             .shared = {.domain = none, .created_at_future_seconds = 900},
                             .nip43_enabled = decided[i].nip43};
        uint8_t author[32], id[32];
        struct access_view view;
        struct mod_lists lists;
        struct made_events m;
        const char *message = "";
        enum verdict v;

        made_init(&m);
        quiet_view(&view, &lists, &cfg);
        memset(author, 'a', sizeof author);
        memset(id, 0x22, sizeof id);
        assert_true(key_set_add(&lists.banned, author) && key_set_add(&lists.hidden, id));
        key_set_seal(&lists.banned);
        key_set_seal(&lists.hidden);
        kind_set_add(&lists.denied_kinds, 7);
        kind_set_add(&lists.allowed_kinds, 1);
        if (decided[i].nip43)
            lists.allowed_kinds.empty = true;
        v = policy_judge(
            POLICY_BEFORE_SIGNATURE, made_event(&m, decided[i].event)->ev,
            &(struct policy_env){.cfg = &cfg, .view = &view, .now = NOW, .arena = &m.arena},
            &message, NULL);
        if (v != decided[i].verdict)
            fail_msg("%s: %s: %s", decided[i].name, verdict_name(v), message);
        key_set_deinit(&lists.banned);
        key_set_deinit(&lists.hidden);
        made_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules),
                                       cmocka_unit_test(test_decisions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
