/* Roles, members and invitations (NIP-43). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "manage/lists.h"
#include "manage/params.h"

enum { CODE_BYTES = 12, USES_MOST = 1000000, HOURS_MOST = 8760, HUE_MOST = 360 };

/* ---- roles ---- */

/* Color and order: numbers, kept as the texts that kind 33534 has. */
static bool put_number(struct manage_call *call, size_t i, const char *name, int64_t most,
                       json_t *role)
{
    char text[24];
    int64_t n;

    if (!param_given(call, i))
        return true;
    if (!param_int(call, i, name, 0, most, &n))
        return false;
    snprintf(text, sizeof text, "%" PRId64, n);
    json_object_set_new(role, name, json_string(text));
    return true;
}

static bool put_text(struct manage_call *call, size_t i, const char *name, json_t *role)
{
    const char *text;

    if (!param_optional_text(call, i, "a text", &text))
        return false;
    if (text[0])
        json_object_set_new(role, name, json_string(text));
    return true;
}

/* [id, label, description, color, order] */
static enum err set_role(struct manage_call *call, bool create)
{
    struct change_author author = manage_author(call);
    json_t *role = json_object(), *before;
    const char *id = "";
    struct change c;
    bool good = param_text(call, 0, "the id of a role", &id) && put_text(call, 1, "label", role) &&
                put_text(call, 2, "description", role) &&
                put_number(call, 3, "color", HUE_MOST, role) &&
                put_number(call, 4, "order", INT32_MAX, role);

    if (!good) {
        json_decref(role);
        return ERR_INVALID;
    }
    change_begin(&c, call->db, &author);
    before = change_get(&c, "role", id);
    if (!c.err && create && before && !json_equal(before, role))
        c.err = manage_refuse(call, "this role exists already: editrole changes it");
    if (!c.err && !create && !before)
        c.err = manage_refuse(call, "there is no such role");
    json_decref(before);
    change_put(&c, "role", id, role);
    return change_end(&c, "", 0);
}

enum err method_createrole(struct manage_call *call)
{
    return set_role(call, true);
}

enum err method_editrole(struct manage_call *call)
{
    return set_role(call, false);
}

enum err method_listroles(struct manage_call *call)
{
    return list_answer(call, "role", "id");
}

/* ---- members ---- */

static int find_text(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return (int)i;
    }
    return -1;
}

/* Gives the member the role, or takes it away; "" for none. Giving makes a member. */
static void change_role(struct change *c, const char *member, const char *role, bool give)
{
    json_t *before = change_get(c, "member", member), *after, *roles;
    int at;

    if (!before && !give)
        return;
    after = before ? json_deep_copy(before) : json_pack("{s:[]}", "roles");
    json_decref(before);
    roles = json_object_get(after, "roles");
    at = find_text(roles, role);
    if (give && role[0] && at < 0)
        json_array_append_new(roles, json_string(role));
    if (!give && at >= 0)
        json_array_remove(roles, (size_t)at);
    change_put(c, "member", member, after);
}

/* [role id] */
enum err method_deleterole(struct manage_call *call)
{
    struct change_author author = manage_author(call);
    PGresult *r = NULL;
    struct change c;
    const char *id;

    if (!param_text(call, 0, "the id of a role", &id))
        return ERR_INVALID;
    change_begin(&c, call->db, &author);
    if (!c.err)
        c.err = sql_text(c.db, "members_with_role",
                         "SELECT key FROM moderation WHERE area = 'member'"
                         " AND value->'roles' @> jsonb_build_array($1::text)",
                         1, &id, &r);
    for (int row = 0; !c.err && row < PQntuples(r); row++)
        change_role(&c, PQgetvalue(r, row, 0), id, false);
    PQclear(r);
    change_put(&c, "role", id, NULL);
    return change_end(&c, "", 0);
}

/* [pubkey, role id] */
static enum err set_role_of(struct manage_call *call, bool give)
{
    struct change_author author = manage_author(call);
    char member[65];
    json_t *known;
    struct change c;
    const char *role;

    if (!param_pubkey(call, 0, member) || !param_text(call, 1, "the id of a role", &role))
        return ERR_INVALID;
    change_begin(&c, call->db, &author);
    known = change_get(&c, "role", role);
    if (!c.err && give && !known)
        c.err = manage_refuse(call, "there is no such role: createrole makes it");
    json_decref(known);
    if (!c.err)
        change_role(&c, member, role, give);
    return change_end(&c, "", 0);
}

enum err method_assignrole(struct manage_call *call)
{
    return set_role_of(call, true);
}

enum err method_unassignrole(struct manage_call *call)
{
    return set_role_of(call, false);
}

/* [pubkey, reason?] */
enum err method_addmember(struct manage_call *call)
{
    struct change_author author = manage_author(call);
    const char *reason;
    struct change c;
    char member[65];

    if (!param_pubkey(call, 0, member) || !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    change_begin(&c, call->db, &author);
    change_role(&c, member, "", true);
    return change_end(&c, reason, 0);
}

/* [pubkey, reason?] */
enum err method_removemember(struct manage_call *call)
{
    const char *reason;
    char member[65];

    if (!param_pubkey(call, 0, member) || !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    return list_set(call, "member", member, NULL, reason);
}

enum err method_listmembers(struct manage_call *call)
{
    return list_answer(call, "member", "pubkey");
}

/* ---- invitations ---- */

static void new_code(char out[2 * CODE_BYTES + 1])
{
    uint8_t bytes[CODE_BYTES];
    ssize_t n = getrandom(bytes, sizeof bytes, 0);

    assert(n == (ssize_t)sizeof bytes);
    hex_encode(bytes, sizeof bytes, out);
    out[2 * CODE_BYTES] = '\0';
}

/* [uses?, hours?, role id?] -> {"code","uses_left","expires_at","role"?} */
enum err method_createinvite(struct manage_call *call)
{
    char code[2 * CODE_BYTES + 1];
    int64_t uses, hours;
    const char *role;
    json_t *value;
    enum err err;

    if (!call->cfg->nip43_enabled)
        return manage_refuse(call, "invitations need NIP43_ENABLED=True");
    if (!param_optional_int(call, 0, "a number of uses", 1, USES_MOST, 1, &uses) ||
        !param_optional_int(call, 1, "a number of hours", 1, HOURS_MOST,
                            call->cfg->nip43_invite_hours, &hours) ||
        !param_optional_text(call, 2, "the id of a role", &role))
        return ERR_INVALID;
    new_code(code);
    value = json_pack("{s:I,s:I}", "uses_left", (json_int_t)uses, "expires_at",
                      (json_int_t)clock_unix() + (json_int_t)hours * 3600);
    if (role[0])
        json_object_set_new(value, "role", json_string(role));
    err = list_set(call, "invite", code, json_incref(value), "");
    json_object_set_new(value, "code", json_string(code));
    call->result = value;
    return err;
}

enum err method_listinvites(struct manage_call *call)
{
    return list_answer(call, "invite", "code");
}

/* [code] */
enum err method_revokeinvite(struct manage_call *call)
{
    const char *code;

    if (!param_text(call, 0, "the code of an invitation", &code))
        return ERR_INVALID;
    return list_set(call, "invite", code, NULL, "");
}
