#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "config.h"
#include "conn/nip11.h"
#include "control/control_state.h"

static struct config config(void)
{
    return (struct config){
        .relay_name = "A \"name\"",
        .relay_description = "One\n\nTwo",
        .relay_icon = "",
        .contact = "",
        .max_message_bytes = 524288,
        .max_subscriptions = 200,
        .shared = {.admin_pubkey = "",
                   .co_admin_pubkeys = "",
                   .max_event_tags = 5000,
                   .max_content_length = 262144,
                   .max_filters = 100,
                   .max_limit = 5000,
                   .default_limit = 500,
                   .created_at_future_seconds = 900},
    };
}

static json_t *moderated(const struct config *cfg, const struct control_state *control)
{
    struct buf out;
    json_t *doc;

    buf_init(&out, 64 * KIB);
    nip11_write(&out, cfg, control);
    assert_false(out.failed);
    doc = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(doc);
    buf_deinit(&out);
    return doc;
}

static json_t *document(const struct config *cfg)
{
    return moderated(cfg, &control_nothing);
}

static bool lists(const json_t *doc, int nip)
{
    const json_t *nips = json_object_get(doc, "supported_nips");

    for (size_t i = 0; i < json_array_size(nips); i++) {
        assert_true(json_is_integer(json_array_get(nips, i)));
        if (json_integer_value(json_array_get(nips, i)) == nip)
            return true;
    }
    return false;
}

static void every_limit_is_the_settings(void **state)
{
    static const struct {
        const char *name;
        long long expected;
    } rows[] = {
        {"max_message_length", 524288},
        {"max_subscriptions", 200},
        {"max_subid_length", 64},
        {"max_filters", 100},
        {"max_limit", 5000},
        {"default_limit", 500},
        {"max_event_tags", 5000},
        {"max_content_length", 262144},
        {"min_pow_difficulty", 0},
        {"created_at_upper_limit", 900},
    };
    struct config cfg = config();
    json_t *doc = document(&cfg);
    const json_t *limitation = json_object_get(doc, "limitation");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *value = json_object_get(limitation, rows[i].name);

        if (!json_is_integer(value) || json_integer_value(value) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
    assert_null(json_object_get(limitation, "created_at_lower_limit"));
    assert_true(json_is_false(json_object_get(limitation, "auth_required")));
    assert_true(json_is_false(json_object_get(limitation, "payment_required")));
    assert_true(json_is_false(json_object_get(limitation, "restricted_writes")));
    json_decref(doc);
}

static void words_are_escaped_and_empty_ones_left_out(void **state)
{
    struct config cfg = config();
    json_t *doc = document(&cfg);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(doc, "name")), "A \"name\"");
    assert_string_equal(json_string_value(json_object_get(doc, "description")), "One\n\nTwo");
    assert_null(json_object_get(doc, "icon"));
    assert_null(json_object_get(doc, "pubkey"));
    assert_null(json_object_get(doc, "contact"));
    assert_true(json_is_string(json_object_get(doc, "software")));
    assert_true(json_is_string(json_object_get(doc, "version")));
    json_decref(doc);
}

static void proof_of_work_and_age_are_named_when_asked_for(void **state)
{
    struct config cfg = config();
    const json_t *limitation;
    json_t *doc;

    (void)state;
    doc = document(&cfg);
    assert_false(lists(doc, 13));
    assert_true(lists(doc, 1) && lists(doc, 42) && lists(doc, 70));
    json_decref(doc);

    cfg.shared.min_pow_difficulty = 20;
    cfg.shared.created_at_past_seconds = 3600;
    doc = document(&cfg);
    limitation = json_object_get(doc, "limitation");
    assert_true(lists(doc, 13));
    assert_int_equal(json_integer_value(json_object_get(limitation, "min_pow_difficulty")), 20);
    assert_int_equal(json_integer_value(json_object_get(limitation, "created_at_lower_limit")),
                     3600);
    assert_true(json_is_true(json_object_get(limitation, "restricted_writes")));
    json_decref(doc);
}

static void what_the_admins_changed_is_shown(void **state)
{
    struct config cfg = config();
    struct control_state control = {.self = "ab", .name = "New", .icon = "", .wot = WOT_READY};
    json_t *doc;

    (void)state;
    cfg.relay_icon = "https://example.com/i.png";
    cfg.shared.admin_pubkey = "cd";
    doc = moderated(&cfg, &control);
    assert_string_equal(json_string_value(json_object_get(doc, "name")), "New");
    assert_string_equal(json_string_value(json_object_get(doc, "description")), "One\n\nTwo");
    assert_string_equal(json_string_value(json_object_get(doc, "self")), "ab");
    assert_null(json_object_get(doc, "icon"));
    assert_true(lists(doc, 43) && lists(doc, 86));
    assert_true(
        json_is_true(json_object_get(json_object_get(doc, "limitation"), "restricted_writes")));
    json_decref(doc);
    doc = document(&cfg);
    assert_null(json_object_get(doc, "self"));
    assert_false(lists(doc, 43));
    json_decref(doc);
}

static void auth_is_announced_as_it_is_asked_for(void **state)
{
    static const struct {
        enum auth_mode mode;
        bool nip42, required, restricted;
    } rows[] = {
        {AUTH_OFF, false, false, false},  {AUTH_PRIVATE, true, false, false},
        {AUTH_WRITES, true, false, true}, {AUTH_ALL, true, true, true},
        {AUTH_MEMBERS, true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config cfg = config();
        json_t *doc, *limitation;

        cfg.shared.auth_mode = rows[i].mode;
        doc = document(&cfg);
        limitation = json_object_get(doc, "limitation");
        assert_int_equal(lists(doc, 42), rows[i].nip42);
        assert_false(lists(doc, 86));
        assert_int_equal(json_is_true(json_object_get(limitation, "auth_required")),
                         rows[i].required);
        assert_int_equal(json_is_true(json_object_get(limitation, "restricted_writes")),
                         rows[i].restricted);
        json_decref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_is_the_settings),
        cmocka_unit_test(words_are_escaped_and_empty_ones_left_out),
        cmocka_unit_test(proof_of_work_and_age_are_named_when_asked_for),
        cmocka_unit_test(what_the_admins_changed_is_shown),
        cmocka_unit_test(auth_is_announced_as_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
