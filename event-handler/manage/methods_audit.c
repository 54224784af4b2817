/* Who did what, undoing it, and who may. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "manage/lists.h"
#include "manage/params.h"
#include "ops/key_set.h"

enum { PAGE_DEFAULT = 100, PAGE_MOST = 1000 };

/* [] -> {"actor","role","rights"} */
enum err method_whoami(struct manage_call *call)
{
    const struct manage_caller *caller = &call->caller;
    json_t *rights = json_array();

    for (const struct manage_right_name *r = manage_right_names; r->name; r++) {
        if (caller->role != ROLE_MODERATOR || (caller->rights & r->right))
            json_array_append_new(rights, json_string(r->name));
    }
    call->result = json_pack("{s:s,s:s,s:o}", "actor", caller->actor, "role",
                             manage_author(call).role, "rights", rights);
    return OK;
}

/* ---- the log ---- */

/* [limit?, before id?] -> newest first */
enum err method_listaudit(struct manage_call *call)
{
    char limit_text[24], before_text[24];
    const char *values[] = {limit_text, before_text};
    int64_t limit, before;

    if (!param_optional_int(call, 0, "a limit", 1, PAGE_MOST, PAGE_DEFAULT, &limit) ||
        !param_optional_int(call, 1, "an id", 1, INT64_MAX, INT64_MAX, &before))
        return ERR_INVALID;
    snprintf(limit_text, sizeof limit_text, "%" PRId64, limit);
    snprintf(before_text, sizeof before_text, "%" PRId64, before);
    return rows_answer(call, "audit_list",
                       "SELECT json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'role', "
                       "a.role, 'address', a.address,"
                       " 'method', a.method, 'params', a.params, 'reason', a.reason, 'changes', "
                       "a.changes, 'undoes', a.undoes,"
                       " 'undone_by', u.id)::text FROM moderation_audit a"
                       " LEFT JOIN moderation_audit u ON u.undoes = a.id"
                       " WHERE a.id < $2::text::bigint ORDER BY a.id DESC LIMIT $1::text::bigint",
                       2, values);
}

/* ---- undoing ---- */

/* What the audit row changed, and whether it was undone; within the transaction. */
static json_t *load_changes(struct manage_call *call, struct change *c, const char *id)
{
    json_t *changes = NULL;
    PGresult *r = NULL;

    if (!c->err)
        c->err = sql_text(c->db, "audit_row",
                          "SELECT a.changes::text, u.id IS NOT NULL FROM moderation_audit a"
                          " LEFT JOIN moderation_audit u ON u.undoes = a.id"
                          " WHERE a.id = $1::text::bigint",
                          1, &id, &r);
    if (!c->err && PQntuples(r) == 0)
        c->err = manage_refuse(call, "there is no such entry in the audit log");
    else if (!c->err && db_get_bool(r, 0, 1))
        c->err = manage_refuse(call, "this was undone already");
    if (!c->err)
        changes = json_column(r, 0, 0);
    if (!c->err && json_array_size(changes) == 0)
        c->err = manage_refuse(call, "there is nothing in this entry that could be put back");
    PQclear(r);
    return changes;
}

static json_t *value_or_null(const json_t *entry, const char *which)
{
    json_t *value = json_object_get(entry, which);

    return json_is_null(value) ? NULL : value;
}

/* An admin may have been banned before becoming one. */
static bool bans_an_admin(const struct manage_call *call, const char *area, const char *key,
                          const json_t *value)
{
    struct pubkey pk;

    return value && strcmp(area, "banned-pubkey") == 0 && pubkey_parse_text(slice_str(key), &pk) &&
           access_standing(call->view, &pk).tier == TIER_ADMIN;
}

/* Only what still is as it was left can be put back. */
static void take_back(struct manage_call *call, struct change *c, const json_t *entry)
{
    const char *area = json_string_value(json_object_get(entry, "area"));
    const char *key = json_string_value(json_object_get(entry, "key"));
    json_t *before = value_or_null(entry, "before"), *after = value_or_null(entry, "after");
    json_t *now = change_get(c, area, key);

    if (!c->err && call->caller.role == ROLE_MODERATOR &&
        (manage_area_right(area) & ~call->caller.rights))
        c->err = manage_refuse(call, "restricted: you have not been granted this right");
    if (!c->err && !(now ? json_equal(now, after) : !after))
        c->err = manage_refuse(call, "%s %s has been changed since", area, key);
    if (!c->err && bans_an_admin(call, area, key, before))
        c->err = manage_refuse(call, "an admin of this relay cannot be banned");
    json_decref(now);
    change_put(c, area, key, before ? json_incref(before) : NULL);
}

/* [audit id, reason?] */
enum err method_undo(struct manage_call *call)
{
    struct change_author author = manage_author(call);
    const char *reason;
    json_t *changes;
    struct change c;
    char text[24];
    int64_t id;

    if (!param_int(call, 0, "an id of the audit log", 1, INT64_MAX, &id) ||
        !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    snprintf(text, sizeof text, "%" PRId64, id);
    change_begin(&c, call->db, &author);
    changes = load_changes(call, &c, text);
    for (size_t i = json_array_size(changes); i-- > 0;)
        take_back(call, &c, json_array_get(changes, i));
    json_decref(changes);
    return change_end(&c, reason, id);
}

/* ---- moderators ---- */

static bool is_right(const char *name)
{
    for (const struct manage_right_name *r = manage_right_names; r->name; r++) {
        if (name && strcmp(r->name, name) == 0)
            return true;
    }
    return false;
}

/* [pubkey, [right, ...]] */
enum err method_grantmoderator(struct manage_call *call)
{
    json_t *rights = json_array_get(call->params, 1);
    char key[65];

    if (!param_pubkey(call, 0, key))
        return ERR_INVALID;
    if (json_array_size(rights) == 0)
        return manage_refuse(call, "invalid params: number 2 must be a list of rights");
    for (size_t i = 0; i < json_array_size(rights); i++) {
        const char *name = json_string_value(json_array_get(rights, i));

        if (!is_right(name))
            return manage_refuse(call, "invalid params: there is no right \"%s\"",
                                 name ? name : "");
    }
    return list_set(call, "moderator", key, json_pack("{s:O}", "rights", rights), "");
}

/* [pubkey] */
enum err method_revokemoderator(struct manage_call *call)
{
    char key[65];

    if (!param_pubkey(call, 0, key))
        return ERR_INVALID;
    return list_set(call, "moderator", key, NULL, "");
}

enum err method_listmoderators(struct manage_call *call)
{
    return list_answer(call, "moderator", "pubkey");
}

/* ---- numbers ---- */

/* [] -> counts; that of the events is PostgreSQL's estimate */
enum err method_stats(struct manage_call *call)
{
    PGresult *r;
    enum err err = sql_text(
        call->db, "stats",
        "SELECT json_build_object("
        "'seq', (SELECT seq FROM feed_head),"
        " 'events', (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = "
        "'events'::regclass),"
        " 'withheld_events', (SELECT count(*) FROM withheld_events),"
        " 'pending_moves', (SELECT count(*) FROM moderation_moves),"
        " 'banned_pubkeys', (SELECT count(*) FROM moderation WHERE area = 'banned-pubkey'),"
        " 'banned_events', (SELECT count(*) FROM moderation WHERE area = 'banned-event'),"
        " 'allowed_pubkeys', (SELECT count(*) FROM moderation WHERE area = 'allowed-pubkey'),"
        " 'members', (SELECT count(*) FROM moderation WHERE area = 'member'),"
        " 'open_reports', (SELECT count(*) FROM reports WHERE state = 'open'),"
        " 'version', (SELECT version FROM control_head))::text",
        0, NULL, &r);

    if (err)
        return err;
    call->result = json_column(r, 0, 0);
    PQclear(r);
    return OK;
}
