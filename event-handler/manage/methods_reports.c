/* The moderators' queue: what trusted people have reported (NIP-56). */
#include <inttypes.h>
#include <stdio.h>

#include "manage/lists.h"
#include "manage/params.h"
#include "manage/reports.h"

enum { PAGE_DEFAULT = 100, PAGE_MOST = 1000 };

static enum err answer_rows(struct manage_call *call, const char *name, const char *sql)
{
    const char *limit_value;
    char limit_text[24];
    int64_t limit;

    if (!param_optional_int(call, 0, "a limit", 1, PAGE_MOST, PAGE_DEFAULT, &limit))
        return ERR_INVALID;
    snprintf(limit_text, sizeof limit_text, "%" PRId64, limit);
    limit_value = limit_text;
    return rows_answer(call, name, sql, 1, &limit_value);
}

/* [limit?] -> [{"id","reason"}], most reported first */
enum err method_listeventsneedingmoderation(struct manage_call *call)
{
    return answer_rows(
        call, "reported_events",
        "SELECT json_build_object('id', encode(target, 'hex'), 'reason',"
        " string_agg(DISTINCT concat_ws(': ', nullif(type, ''), nullif(reason, '')), '; '))::text"
        " FROM reports WHERE state = 'open' AND target_kind = 'event'"
        " GROUP BY target ORDER BY count(*) DESC, min(reported_at) LIMIT $1::text::bigint");
}

/* [limit?] -> one entry per target */
enum err method_listreports(struct manage_call *call)
{
    return answer_rows(
        call, "reports",
        "SELECT json_build_object('target', encode(r.target, 'hex'), 'kind', r.target_kind,"
        " 'author', (SELECT encode(a.pubkey, 'hex') FROM (SELECT pubkey FROM events WHERE id = "
        "r.target"
        " UNION ALL SELECT pubkey FROM withheld_events WHERE id = r.target) a LIMIT 1),"
        " 'hidden', EXISTS (SELECT FROM moderation m WHERE m.key = encode(r.target, 'hex')"
        " AND m.area IN ('banned-event', 'banned-pubkey')),"
        " 'first', min(r.reported_at), 'last', max(r.reported_at),"
        " 'reports', json_agg(json_build_object('id', r.id, 'reporter', encode(r.reporter, 'hex'),"
        " 'tier', r.tier, 'type', r.type, 'reason', r.reason) ORDER BY r.id))::text"
        " FROM reports r WHERE r.state = 'open' GROUP BY r.target, r.target_kind"
        " ORDER BY count(*) DESC, min(r.reported_at) LIMIT $1::text::bigint");
}

/* ---- resolving ---- */

/* Refuses what nobody has reported, and hiding a pubkey. */
static void check_target(struct manage_call *call, struct change *c, const char *target,
                         const char *action)
{
    PGresult *r = NULL;

    if (!c->err)
        c->err = sql_text(c->db, "report_kind",
                          "SELECT target_kind FROM reports WHERE target = decode($1::text, 'hex')"
                          " LIMIT 1",
                          1, &target, &r);
    if (!c->err && PQntuples(r) == 0)
        c->err = manage_refuse(call, "nobody has reported this");
    else if (!c->err && strcmp(action, "hide") == 0 && strcmp(PQgetvalue(r, 0, 0), "event") != 0)
        c->err = manage_refuse(call, "only events can be hidden: ban the pubkey");
    PQclear(r);
}

/* The author of a reported event, or the reported pubkey itself, as the relay knows it: what the
 * report says about that is not asked. False when it is unknown. */
static bool find_author(struct change *c, const char *target, char out[65])
{
    PGresult *r = NULL;
    bool found;

    if (!c->err)
        c->err = sql_text(
            c->db, "reported_author",
            "SELECT encode(pubkey, 'hex') FROM events WHERE id = decode($1::text, 'hex')"
            " UNION ALL SELECT encode(pubkey, 'hex') FROM withheld_events WHERE id = "
            "decode($1::text, 'hex')"
            " UNION ALL SELECT $1::text FROM reports WHERE target = decode($1::text, 'hex') AND "
            "target_kind = 'pubkey'"
            " LIMIT 1",
            1, &target, &r);
    found = !c->err && PQntuples(r) == 1;
    if (found)
        snprintf(out, 65, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return found;
}

static void dismiss(struct change *c, const char *target)
{
    json_t *ban = change_get(c, "banned-event", target);

    if (json_is_true(json_object_get(ban, "automatic")))
        change_put(c, "banned-event", target, NULL);
    json_decref(ban);
    reports_resolve(c, target, "dismissed");
}

static void hide(struct change *c, const char *target, const char *reason)
{
    change_put(c, "banned-event", target, reason_value(reason));
    reports_resolve(c, target, "acted");
}

static void ban(struct manage_call *call, struct change *c, const char *target, const char *reason)
{
    struct pubkey pk;
    char author[65];

    if (!find_author(c, target, author) || !pubkey_parse_text(slice_of(author, 64), &pk)) {
        if (!c->err)
            c->err = manage_refuse(call, "the author of this event is not known");
        return;
    }
    if (access_standing(call->view, &pk).tier == TIER_ADMIN) {
        c->err = manage_refuse(call, "an admin of this relay cannot be banned");
        return;
    }
    change_put(c, "banned-pubkey", author, reason_value(reason));
    reports_resolve(c, target, "acted");
}

/* [event id or pubkey, "dismiss" | "hide" | "ban", reason?] */
enum err method_resolvereport(struct manage_call *call)
{
    struct change_author author = manage_author(call);
    const char *action, *reason;
    struct change c;
    char target[65];
    unsigned right;

    if (!param_event_id(call, 0, target) || !param_text(call, 1, "an action", &action) ||
        !param_optional_text(call, 2, "a text", &reason))
        return ERR_INVALID;
    if (strcmp(action, "dismiss") != 0 && strcmp(action, "hide") != 0 && strcmp(action, "ban") != 0)
        return manage_refuse(call, "invalid params: number 2 must be dismiss, hide or ban");
    right = action[0] == 'h' ? RIGHT_EVENTS : action[0] == 'b' ? RIGHT_PEOPLE : RIGHT_REPORTS;
    if (call->caller.role == ROLE_MODERATOR && (right & ~call->caller.rights))
        return manage_refuse(call, "restricted: you have not been granted this right");
    change_begin(&c, call->db, &author);
    check_target(call, &c, target, action);
    if (action[0] == 'd')
        dismiss(&c, target);
    else if (action[0] == 'h')
        hide(&c, target, reason);
    else
        ban(call, &c, target, reason);
    return change_end(&c, reason, 0);
}
