/* The dispatcher and the methods, on a database, called by the operator. Skipped without one. */
#include "event-handler/test_db.h"

#include <jansson.h>
#include <string.h>

#include "access/invite.h"
#include "access/mod_lists_store.h"
#include "access/relay_key.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "event-handler/events.h"
#include "manage/membership.h"
#include "manage/method.h"
#include "manage/moves.h"
#include "manage/reports.h"
#include "nostr/verify.h"
#include "store/event_writer.h"

#define KEY_A "6161616161616161616161616161616161616161616161616161616161616161"
#define KEY_B "6262626262626262626262626262626262626262626262626262626262626262"
#define ID_11 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_22 "2222222222222222222222222222222222222222222222222222222222222222"

static struct config cfg;
static struct access *relay_access;
static struct relay_key *key;

static int open_all(void **state)
{
    if (test_db_open(state) != 0)
        return -1;
    setenv("INTERNAL_TOKEN", "token", 1);
    setenv("NIP43_ENABLED", "True", 1);
    setenv("WOT_ENABLED", "False", 1);
    setenv("MOD_AUTO_HIDE_REPORTS", "2", 1);
    verify_setup();
    assert_int_equal(config_load(&cfg), OK);
    relay_access = access_new(&cfg);
    assert_non_null(relay_access);
    if (test_db_wanted()) {
        assert_int_equal(db_ready(&test_db.db), OK);
        assert_int_equal(relay_key_load(&test_db.db, "", &key), OK);
        access_set_relay(relay_access, key);
    }
    return 0;
}

static int close_all(void **state)
{
    access_free(relay_access);
    relay_key_free(key);
    config_free(&cfg);
    return test_db_close(state);
}

static void reload(void)
{
    struct mod_lists *lists;

    assert_int_equal(mod_lists_load(&test_db.db, &lists), OK);
    assert_true(access_set_lists(relay_access, lists));
}

static int empty(void **state)
{
    if (!test_db_wanted())
        return 0;
    test_db_empty(state);
    test_db_run("TRUNCATE moderation, moderation_moves, withheld_events, reports, relay_outbox;"
                " UPDATE control_head SET version = 1");
    reload();
    return 0;
}

/* ---- calling ---- */

static json_t *send_envelope(const char *envelope, int expected)
{
    struct manage_env env = {&cfg, relay_access, NULL, &test_db.db};
    json_t *answer = NULL;
    struct buf out;

    assert_int_equal(db_ready(&test_db.db), OK);
    buf_init(&out, MIB);
    assert_int_equal(manage_answer(&env, slice_str(envelope), &out), expected);
    if (expected == 200)
        answer = json_loadb(out.ptr, out.len, 0, NULL);
    buf_deinit(&out);
    return answer;
}

/* The answer's body as text; the caller frees it. */
static char *call(const char *method, const char *params)
{
    json_t *envelope, *answer;
    char body[1000], *text;

    snprintf(body, sizeof body, "{\"method\":\"%s\",\"params\":%s}", method, params);
    envelope = json_pack("{s:n,s:s,s:s,s:s,s:s}", "authorization", "url", "http://x/",
                         "http_method", "POST", "address", "192.0.2.1", "body", body);
    text = json_dumps(envelope, 0);
    json_decref(envelope);
    answer = send_envelope(text, 200);
    free(text);
    text = json_dumps(json_object_get(answer, "body"), JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(answer);
    reload();
    return text;
}

static void expect(const char *method, const char *params, const char *answer)
{
    char *text = call(method, params);

    if (strcmp(text, answer) != 0)
        fail_msg("%s %s: %s", method, params, text);
    free(text);
}

static int64_t number(const char *sql)
{
    return test_db_number(sql);
}

/* ---- envelopes ---- */

static void envelopes(void **state)
{
    TEST_NEEDS_DB();
    (void)send_envelope("", 400);
    (void)send_envelope("[]", 400);
    (void)send_envelope("{}", 400);
    (void)send_envelope("{\"authorization\":null,\"body\":5}", 400);
    (void)send_envelope("{\"authorization\":true,\"body\":\"\"}", 400);
    json_t *answer = send_envelope("{\"body\":\"{}\"}", 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 400);
    json_decref(answer);
    answer = send_envelope("{\"authorization\":\"Nostr x\",\"body\":\"{}\"}", 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 401);
    json_decref(answer);
    expect("nonsense", "[]", "{\"error\":\"method not supported\"}");
    expect("banpubkey", "{}", "{\"error\":\"invalid params: params must be an array\"}");
}

/* ---- methods ---- */

static void every_method_copes_with_anything(void **state)
{
    static const char *const params[] = {
        "[]",
        "[null]",
        "[5]",
        "[\"\"]",
        "[[]]",
        "[{}]",
        "[\"x\",\"y\",\"z\",[],{}]",
        "[\"" KEY_A "\",5,null,\"-1\",99999999999999]",
        "[-1,-1,-1,-1,-1]",
    };

    TEST_NEEDS_DB();
    for (size_t m = 0; m < n_manage_methods; m++) {
        for (size_t i = 0; i < ARRAY_LEN(params); i++) {
            char *text = call(manage_methods[m].name, params[i]);

            if (strstr(text, "the database refused"))
                fail_msg("%s %s: %s", manage_methods[m].name, params[i], text);
            free(text);
        }
    }
}

static void a_ban_is_one_transaction(void **state)
{
    TEST_NEEDS_DB();
    int64_t audit = number("SELECT count(*) FROM moderation_audit");

    expect("banpubkey", "[\"" KEY_A "\",\"spam\"]", "{\"result\":true}");
    expect("listbannedpubkeys", "[]",
           "{\"result\":[{\"pubkey\":\"" KEY_A "\",\"reason\":\"spam\"}]}");
    int64_t version = number("SELECT version FROM control_head");
    assert_true(version >= clock_unix_ms() - 60000); /* no backup has had this one */
    assert_int_equal(number("SELECT count(*) FROM moderation_audit"), audit + 1);
    expect("banpubkey", "[\"" KEY_A "\",\"spam\"]", "{\"result\":true}"); /* changes nothing */
    assert_int_equal(number("SELECT version FROM control_head"), version);
    assert_int_equal(number("SELECT count(*) FROM moderation_audit"), audit + 1);
    struct access_view *view = access_acquire(relay_access);
    assert_int_equal(view->lists->version, version);
    assert_int_equal(view->lists->banned.n, 1);
    assert_true(view->lists->moving);
    access_release(view);
}

static void undo_puts_back_what_was(void **state)
{
    TEST_NEEDS_DB();
    char params[64];

    expect("banpubkey", "[\"" KEY_A "\",\"first\"]", "{\"result\":true}");
    expect("banpubkey", "[\"" KEY_A "\",\"second\"]", "{\"result\":true}");
    snprintf(params, sizeof params, "[%ld]",
             (long)number("SELECT max(id) - 1 FROM moderation_audit"));
    char *text = call("undo", params);
    assert_non_null(strstr(text, "has been changed since"));
    free(text);
    snprintf(params, sizeof params, "[%ld]", (long)number("SELECT max(id) FROM moderation_audit"));
    expect("undo", params, "{\"result\":true}");
    expect("listbannedpubkeys", "[]",
           "{\"result\":[{\"pubkey\":\"" KEY_A "\",\"reason\":\"first\"}]}");
    expect("undo", params, "{\"error\":\"this was undone already\"}");
}

/* An admin who was banned and let go before becoming one. */
static void undo_bans_no_admin(void **state)
{
    char sql[500], params[64], hex[65];

    TEST_NEEDS_DB();
    hex_encode(relay_key_pubkey(key)->b, 32, hex);
    hex[64] = '\0';
    snprintf(sql, sizeof sql,
             "INSERT INTO moderation_audit (at, actor, role, address, method, params, reason,"
             " changes) VALUES (1, '', '', '', 'unbanpubkey', '[]', '', jsonb_build_array("
             "jsonb_build_object('area', 'banned-pubkey', 'key', '%s', 'before', '{}'::jsonb,"
             " 'after', NULL)))",
             hex);
    test_db_run(sql);
    snprintf(params, sizeof params, "[%ld]", (long)number("SELECT max(id) FROM moderation_audit"));
    expect("undo", params, "{\"error\":\"an admin of this relay cannot be banned\"}");
    expect("listbannedpubkeys", "[]", "{\"result\":[]}");
}

static void undo_does_not_pretend(void **state)
{
    struct report r = {.tier = TIER_TRUSTED, .of_events = true, .n_targets = 1};
    char params[64];

    TEST_NEEDS_DB();
    memset(r.target[0], 0x22, 32);
    assert_int_equal(report_take(&test_db.db, &cfg, &r), OK);
    expect("resolvereport", "[\"" ID_22 "\",\"dismiss\"]", "{\"result\":true}");
    snprintf(params, sizeof params, "[%ld]", (long)number("SELECT max(id) FROM moderation_audit"));
    expect("undo", params, "{\"error\":\"there is nothing in this entry that could be put back\"}");
}

static void addresses_are_normalised(void **state)
{
    static const struct {
        const char *given, *kept; /* NULL: refused */
    } rows[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.7/32", "192.0.2.7"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"0.0.0.0/0", NULL},
        {"::/0", NULL},
        {"::ffff:0:0/96", NULL},
        {"128.0.0.0/1", NULL},
        {"192.0.2.1/24", NULL},
        {"relay.example", NULL},
    };

    TEST_NEEDS_DB();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char params[100], answer[200], *text;

        snprintf(params, sizeof params, "[\"%s\"]", rows[i].given);
        text = call("blockip", params);
        if (rows[i].kept) {
            assert_string_equal(text, "{\"result\":true}");
            snprintf(answer, sizeof answer, "{\"result\":[{\"ip\":\"%s\"}]}", rows[i].kept);
            expect("listblockedips", "[]", answer);
            expect("unblockip", params, "{\"result\":true}");
        } else if (strncmp(text, "{\"error\":\"invalid params", 24) != 0) {
            fail_msg("%s: %s", rows[i].given, text);
        }
        free(text);
    }
}

/* ---- moves ---- */

static void ignore(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq, void *ctx)
{
    (void)ne;
    (void)n;
    (void)prev;
    (void)seq;
    (void)ctx;
}

static void store(struct made_events *m, const char *const *lines, size_t n)
{
    struct event_writer w;

    event_writer_init(&w, &test_db.target, 5000, ignore, NULL);
    for (size_t i = 0; i < n; i++) {
        struct new_event *ne = made_event(m, lines[i]);

        event_writer_store(&w, &ne, 1);
    }
    event_writer_deinit(&w);
}

static void move_all(void)
{
    bool more = true;

    for (int steps = 0; more && steps < 100; steps++) {
        assert_int_equal(db_ready(&test_db.db), OK);
        assert_int_equal(moves_step(&test_db.db, &test_db.target, &more), OK);
    }
}

static void events_go_and_come_back(void **state)
{
    static const char *const lines[] = {"11 a 1 100 t=x", "22 a 0 100", "33 b 1 100",
                                        "44 a 62 5 relay=ALL_RELAYS"};
    struct made_events m;

    TEST_NEEDS_DB();
    made_init(&m);
    store(&m, lines, ARRAY_LEN(lines));
    expect("banevent", "[\"" ID_11 "\"]", "{\"result\":true}");
    expect("banpubkey", "[\"" KEY_A "\"]", "{\"result\":true}");
    move_all();
    assert_int_equal(number("SELECT count(*) FROM events"), 2); /* b's, and the request */
    assert_int_equal(number("SELECT count(*) FROM event_tags"), 0);
    assert_int_equal(number("SELECT count(*) FROM withheld_events"), 2);
    assert_int_equal(number("SELECT count(*) FROM moderation_moves"), 2); /* lingers */
    expect("unbanpubkey", "[\"" KEY_A "\"]", "{\"result\":true}");
    move_all();
    assert_int_equal(number("SELECT count(*) FROM events"), 3); /* 11 has a ban of its own */
    expect("allowevent", "[\"" ID_11 "\"]", "{\"result\":true}");
    move_all();
    assert_int_equal(number("SELECT count(*) FROM events"), 4);
    assert_int_equal(number("SELECT count(*) FROM event_tags"), 1);
    assert_int_equal(number("SELECT count(*) FROM withheld_events"), 0);
    assert_int_equal(number("SELECT count(*) FROM moderation_moves"), 0);
    assert_true(number("SELECT seq FROM events WHERE kind = 1 AND tag_keys <> '{}'") > 4);
    made_free(&m);
}

/* A change, which holds control_head, goes on to lock the row of the move. */
static void the_last_step_waits_for_no_change(void **state)
{
    struct db other;
    bool more;

    TEST_NEEDS_DB();
    expect("banpubkey", "[\"" KEY_A "\"]", "{\"result\":true}");
    test_db_run("UPDATE moderation_moves SET asked_at = 1; SET lock_timeout = '500ms'");
    db_init(&other, &test_db.target, NULL);
    assert_int_equal(db_ready(&other), OK);
    assert_int_equal(db_run(&other, "BEGIN; SELECT version FROM control_head FOR UPDATE"), OK);
    assert_int_equal(moves_step(&test_db.db, &test_db.target, &more), OK);
    assert_int_equal(db_run(&other, "COMMIT"), OK);
    assert_int_equal(number("SELECT count(*) FROM moderation_moves"), 1);
    test_db_run("UPDATE moderation_moves SET due_at = 0; SET lock_timeout = 0");
    move_all();
    assert_int_equal(number("SELECT count(*) FROM moderation_moves"), 0);
    db_deinit(&other);
}

/* ---- reports ---- */

static void reports_are_counted_once(void **state)
{
    struct report r = {.tier = TIER_TRUSTED, .of_events = true, .n_targets = 1};

    TEST_NEEDS_DB();
    memset(r.target[0], 0x22, 32);
    for (int i = 0; i < 3; i++)
        assert_int_equal(report_take(&test_db.db, &cfg, &r), OK);
    assert_int_equal(number("SELECT count(*) FROM reports"), 1);
    r.tier = TIER_KNOWN;
    r.reporter.b[0] = 1;
    assert_int_equal(report_take(&test_db.db, &cfg, &r), OK);
    expect("listbannedevents", "[]", "{\"result\":[]}");
    r.tier = TIER_ADMIN;
    r.reporter.b[0] = 2;
    assert_int_equal(report_take(&test_db.db, &cfg, &r), OK);
    expect("listbannedevents", "[]",
           "{\"result\":[{\"automatic\":true,\"id\":\"" ID_22
           "\",\"reason\":\"reported by 2 trusted people\"}]}");
    expect("resolvereport", "[\"" ID_22 "\",\"dismiss\"]", "{\"result\":true}");
    expect("listbannedevents", "[]", "{\"result\":[]}");
    expect("listreports", "[]", "{\"result\":[]}");
}

static void report_texts_are_made_harmless(void **state)
{
    struct made_events m;
    struct access_view *view = access_acquire(relay_access);
    struct new_event *ne;
    struct report r;
    struct event ev;
    char content[600];

    (void)state;
    made_init(&m);
    ne = made_event(&m, "11 a 1984 1 p=b e=22");
    ev = *ne->ev;
    memset(content, 'x', sizeof content);
    memcpy(content, "a\nb\0c", 5);
    memcpy(content + REPORT_REASON_ROOM - 2, "\xe2\x98\x83", 3); /* would be cut in the middle */
    ev.content = slice_of(content, sizeof content);
    assert_true(report_read(&ev, view, &r));
    assert_true(r.of_events && r.n_targets == 1 && r.target[0][0] == 0x22);
    assert_int_equal(strlen(r.reason), REPORT_REASON_ROOM - 2);
    assert_memory_equal(r.reason, "a b cx", 6);
    ne = made_event(&m, "11 a 1984 1 p=b");
    assert_true(report_read(ne->ev, view, &r));
    assert_true(!r.of_events && r.target[0][0] == 'b');
    ne = made_event(&m, "11 a 1984 1 t=b");
    assert_false(report_read(ne->ev, view, &r));
    made_free(&m);
    access_release(view);
}

/* ---- invitations ---- */

/* One person, of whom the first bytes are given, in a table. */
static void put_person(struct trust_table *t, char who, uint8_t level, uint16_t followers)
{
    struct trust_entry e = {.level = level, .trusted = level < 9, .followers = followers};

    memset(e.pubkey.b, who, sizeof e.pubkey.b);
    assert_true(trust_table_put(t, &e));
}

/* Who follows somebody: the circle's people whose lists count, not whoever has stored a list. */
static void trust_is_explained(void **state)
{
    struct trust_table *t = trust_table_new(4);
    char *text;

    (void)state;
    TEST_NEEDS_DB();
    assert_non_null(t);
    put_person(t, 'a', 0, 0);
    put_person(t, 'b', 1, 1);
    put_person(t, 'c', 2, 2);
    put_person(t, 'd', TRUST_LEVEL_NONE, 2);
    assert_true(access_set_trust(relay_access, t));
    test_db_run("TRUNCATE wot_lists; INSERT INTO wot_lists (author, kind, created_at, id, stored,"
                " keys) SELECT decode(repeat(who, 32), 'hex'), 3, 1, '', true, decode("
                "repeat('63', 32) || repeat('64', 32), 'hex') FROM unnest(ARRAY['61', '62', '63',"
                " '64', '65']) AS w(who)");
    text = call("wotexplain",
                "[\"6464646464646464646464646464646464646464646464646464646464646464\"]");
    assert_non_null(strstr(text, "\"followed_by\":[\"" KEY_A "\",\"" KEY_B "\"],\"followers\":2"));
    free(text);
    text = call("wotexplain",
                "[\"6565656565656565656565656565656565656565656565656565656565656565\"]");
    assert_non_null(strstr(text, "\"followed_by\":[],\"followers\":0"));
    free(text);
    test_db_run("TRUNCATE wot_lists");
}

static void invitations_cannot_be_made_up(void **state)
{
    char code[INVITE_CODE_ROOM];
    struct pubkey inviter = {{1, 2, 3}}, found;
    int64_t expires_at;

    TEST_NEEDS_DB();
    invite_make(key, &inviter, 1800000000, code);
    assert_true(invite_read(key, slice_str(code), &found, &expires_at));
    assert_true(pubkey_eq(&inviter, &found));
    assert_int_equal(expires_at, 1800000000);
    for (size_t i = 0; i < sizeof code - 1; i++) {
        char was = code[i];

        code[i] = was == '0' ? '1' : '0';
        assert_false(invite_read(key, slice_str(code), &found, &expires_at));
        code[i] = was;
    }
    assert_false(invite_read(key, slice_of(code, 10), &found, &expires_at));
}

/* The event handler that stored the request may have died before it took the member off the list.
 */
static void who_has_vanished_is_no_member(void **state)
{
    struct access_view *view = access_acquire(relay_access);

    TEST_NEEDS_DB();
    expect("addmember", "[\"" KEY_A "\"]", "{\"result\":true}");
    expect("addmember", "[\"" KEY_B "\"]", "{\"result\":true}");
    test_db_run("INSERT INTO vanished VALUES (decode('" KEY_A "', 'hex'), 4000000000),"
                " (decode('" KEY_B "', 'hex'), 1000)"); /* b has come back since */
    assert_int_equal(membership_clean(&test_db.db, view), OK);
    expect("listmembers", "[]", "{\"result\":[{\"pubkey\":\"" KEY_B "\",\"roles\":[]}]}");
    assert_int_equal(number("SELECT count(*) FROM relay_outbox WHERE kind = 8001"), 1);
    access_release(view);
}

static void the_relay_key_is_kept(void **state)
{
    struct relay_key *again, *given;
    struct event ev = {.kind = 1};
    struct buf scratch;

    TEST_NEEDS_DB();
    assert_int_equal(relay_key_load(&test_db.db, "", &again), OK);
    assert_true(pubkey_eq(relay_key_pubkey(key), relay_key_pubkey(again)));
    assert_int_equal(relay_key_load(&test_db.db, ID_11, &given), OK);
    assert_false(pubkey_eq(relay_key_pubkey(key), relay_key_pubkey(given)));
    assert_true(relay_key_sign(given, &ev));
    buf_init(&scratch, KIB);
    assert_int_equal(verify_event(&ev, &scratch), VERIFY_OK);
    assert_false(relay_key_check("nsec1x", &scratch));
    assert_true(relay_key_check("", &scratch));
    buf_deinit(&scratch);
    relay_key_free(again);
    relay_key_free(given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(envelopes, empty),
        cmocka_unit_test_setup(every_method_copes_with_anything, empty),
        cmocka_unit_test_setup(a_ban_is_one_transaction, empty),
        cmocka_unit_test_setup(undo_puts_back_what_was, empty),
        cmocka_unit_test_setup(undo_bans_no_admin, empty),
        cmocka_unit_test_setup(undo_does_not_pretend, empty),
        cmocka_unit_test_setup(addresses_are_normalised, empty),
        cmocka_unit_test_setup(events_go_and_come_back, empty),
        cmocka_unit_test_setup(the_last_step_waits_for_no_change, empty),
        cmocka_unit_test_setup(reports_are_counted_once, empty),
        cmocka_unit_test(report_texts_are_made_harmless),
        cmocka_unit_test_setup(trust_is_explained, empty),
        cmocka_unit_test_setup(invitations_cannot_be_made_up, empty),
        cmocka_unit_test_setup(who_has_vanished_is_no_member, empty),
        cmocka_unit_test_setup(the_relay_key_is_kept, empty),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
