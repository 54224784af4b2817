#include "manage/membership.h"

#include <stdio.h>

#include "access/invite.h"
#include "access/relay_key.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "manage/change.h"
#include "nostr/kind.h"

enum { CODE_MOST = 200, DAY = 86400 };

struct request { /* one that is being dealt with */
    struct change change;
    const struct access_view *view;
    char member[65];
    enum verdict verdict;
    const char *message;
};

static void decide(struct request *r, enum verdict v, const char *message)
{
    r->verdict = v;
    r->message = message;
}

/* ---- invitations ---- */

static bool expired(const json_t *invite)
{
    return json_integer_value(json_object_get(invite, "expires_at")) <= clock_unix();
}

/* One that a moderator has made: takes one use off it. The role that comes with it, or NULL. */
static json_t *use_made(struct request *r, const char *code, const json_t *invite)
{
    json_t *role = json_object_get(invite, "role"), *left = json_deep_copy(invite);
    json_int_t uses = json_integer_value(json_object_get(invite, "uses_left"));

    if (expired(invite)) {
        decide(r, VERDICT_RESTRICTED, "this invitation has expired");
        json_decref(left);
        return NULL;
    }
    json_object_set_new(left, "uses_left", json_integer(uses - 1));
    if (uses <= 1) {
        json_decref(left);
        left = NULL;
    }
    change_put(&r->change, "invite", code, left);
    return role ? json_incref(role) : NULL;
}

/* One that a member passed on (access/invite.h): is good once. */
static void use_passed_on(struct request *r, const char *code)
{
    json_t *claimed = change_get(&r->change, "claimed-invite", code);
    struct pubkey inviter;
    int64_t expires_at;

    if (!r->view->relay || !invite_read(r->view->relay, slice_str(code), &inviter, &expires_at))
        decide(r, VERDICT_RESTRICTED, "this invitation is not known");
    else if (expires_at <= clock_unix())
        decide(r, VERDICT_RESTRICTED, "this invitation has expired");
    else if (!invite_entitled(r->view, &inviter))
        decide(r, VERDICT_RESTRICTED, "this invitation is not good any more");
    else if (claimed)
        decide(r, VERDICT_RESTRICTED, "this invitation was used already");
    else
        change_put(&r->change, "claimed-invite", code,
                   json_pack("{s:I}", "expires_at", (json_int_t)expires_at));
    json_decref(claimed);
}

/* ---- joining and leaving ---- */

/* The role, taken over, or NULL when it has been deleted since the invitation was made. */
static json_t *if_there(struct request *r, json_t *role)
{
    const char *id = json_string_value(role);
    json_t *known = id ? change_get(&r->change, "role", id) : NULL;

    if (!known) {
        json_decref(role);
        return NULL;
    }
    json_decref(known);
    return role;
}

static void join_with(struct request *r, const char *code)
{
    json_t *member = change_get(&r->change, "member", r->member), *invite, *role = NULL;

    if (member) {
        json_decref(member);
        decide(r, VERDICT_DUPLICATE, "you are a member of this relay already");
        return;
    }
    invite = change_get(&r->change, "invite", code);
    if (invite)
        role = if_there(r, use_made(r, code, invite));
    else
        use_passed_on(r, code);
    if (r->verdict == VERDICT_ACCEPTED)
        change_put(&r->change, "member", r->member,
                   role ? json_pack("{s:[O]}", "roles", role) : json_pack("{s:[]}", "roles"));
    json_decref(role);
    json_decref(invite);
}

static void join(struct request *r, const struct event *ev)
{
    const struct tag *claim = event_find_tag(ev, SLICE("claim"));
    char code[CODE_MOST + 1];

    /* Codes are printable; anything else would not even be a text to PostgreSQL. */
    for (size_t i = 0; i < claim->item[1].len; i++) {
        if (claim->item[1].len > CODE_MOST || claim->item[1].ptr[i] <= ' ') {
            decide(r, VERDICT_RESTRICTED, "this invitation is not known");
            return;
        }
    }
    snprintf(code, sizeof code, SLICE_FMT, SLICE_ARG(claim->item[1]));
    join_with(r, code);
}

static struct change_author author_of(const struct request *r, const char *method, json_t *params)
{
    return (struct change_author){.actor = r->member,
                                  .role = "member",
                                  .address = "",
                                  .method = method,
                                  .params = params,
                                  .nip43 = r->view->cfg->nip43_enabled};
}

enum verdict membership_request(struct db *db, const struct access_view *view,
                                const struct event *ev, const char **message)
{
    bool joins = ev->kind == KIND_JOIN;
    json_t *params = json_array();
    struct request r = {.view = view,
                        .verdict = VERDICT_ACCEPTED,
                        .message = joins ? "info: welcome to this relay" : ""};
    struct change_author author = author_of(&r, joins ? "join" : "leave", params);
    enum err err = db_ready(db);

    hex_encode(ev->pubkey.b, sizeof ev->pubkey.b, r.member);
    r.member[64] = '\0';
    if (!err) {
        change_begin(&r.change, db, &author);
        if (joins)
            join(&r, ev);
        else
            change_put(&r.change, "member", r.member, NULL);
        err = change_end(&r.change, "", 0);
    }
    json_decref(params);
    *message = err ? "the database is not available, please try again" : r.message;
    return err ? VERDICT_ERROR : r.verdict;
}

enum err membership_forget(struct db *db, const struct access_view *view, const struct pubkey *pk)
{
    json_t *params = json_array();
    struct request r = {.view = view};
    struct change_author author = author_of(&r, "vanish", params);
    enum err err = db_ready(db);

    hex_encode(pk->b, sizeof pk->b, r.member);
    r.member[64] = '\0';
    if (!err) {
        change_begin(&r.change, db, &author);
        change_put(&r.change, "member", r.member, NULL);
        err = change_end(&r.change, "", 0);
    }
    json_decref(params);
    return err;
}

static enum err clean_invitations(struct db *db)
{
    char before[24];
    const char *value = before;

    snprintf(before, sizeof before, "%lld", (long long)clock_unix() - DAY);
    return sql_text(db, "membership_clean",
                    "DELETE FROM moderation WHERE area IN ('invite', 'claimed-invite')"
                    " AND (value->>'expires_at')::bigint < $1::text::bigint",
                    1, &value, NULL);
}

enum err membership_clean(struct db *db, const struct access_view *view)
{
    PGresult *r;
    enum err err = clean_invitations(db);

    if (!err)
        err = sql_text(db, "membership_vanished",
                       "SELECT m.key FROM moderation m JOIN vanished v ON v.pubkey = "
                       "decode(m.key, 'hex') WHERE m.area = 'member' AND m.changed_at <= v.up_to",
                       0, NULL, &r);
    if (err)
        return err;
    for (int row = 0; !err && row < PQntuples(r); row++) {
        struct pubkey pk;

        if (hex_decode(slice_str(PQgetvalue(r, row, 0)), pk.b, sizeof pk.b))
            err = membership_forget(db, view, &pk);
    }
    PQclear(r);
    return err;
}
