/* What the relay calls itself, which kinds it takes, and which addresses may not connect. */
#include <inttypes.h>
#include <stdio.h>

#include "base/cidr.h"
#include "manage/lists.h"
#include "manage/params.h"
#include "nostr/kind.h"

/* ---- texts ---- */

/* [text]; an empty one brings the setting back */
static enum err set_text(struct manage_call *call, const char *which)
{
    const char *text;

    if (!param_optional_text(call, 0, "a text", &text))
        return ERR_INVALID;
    return list_set(call, "relay", which, text[0] ? json_pack("{s:s}", "text", text) : NULL, "");
}

enum err method_changerelayname(struct manage_call *call)
{
    return set_text(call, "name");
}

enum err method_changerelaydescription(struct manage_call *call)
{
    return set_text(call, "description");
}

enum err method_changerelayicon(struct manage_call *call)
{
    return set_text(call, "icon");
}

/* ---- kinds ---- */

/* Is a kind other than key on the list of the only kinds that are taken? */
static bool others_allowed(struct change *c, const char *key)
{
    PGresult *r = NULL;
    bool any = false;

    if (!c->err)
        c->err = sql_text(c->db, "others_allowed",
                          "SELECT EXISTS (SELECT FROM moderation WHERE area = 'allowed-kind'"
                          " AND key <> $1::text)",
                          1, &key, &r);
    if (!c->err)
        any = db_get_bool(r, 0, 0);
    PQclear(r);
    return any;
}

/* An empty list takes every kind, so the last one may not leave it this way. */
static void refuse_kind(struct manage_call *call, struct change *c, const char *key)
{
    json_t *allowed = change_get(c, "allowed-kind", key);

    if (allowed && !others_allowed(c, key) && !c->err)
        c->err = manage_refuse(call,
                               "this is the only kind that is allowed: allow another one first, or "
                               "undo what allowed it to take every kind");
    json_decref(allowed);
    change_put(c, "denied-kind", key, json_object());
    change_put(c, "allowed-kind", key, NULL);
}

static void allow_kind(struct change *c, const char *key)
{
    json_t *denied = change_get(c, "denied-kind", key);

    change_put(c, "denied-kind", key, NULL);
    if (!denied || others_allowed(c, key))
        change_put(c, "allowed-kind", key, json_object());
    json_decref(denied);
}

/*
 * [kind]. Allowing a refused kind takes the refusal back; else it starts, or adds to, the list of
 * the only kinds that are taken.
 */
static enum err set_kind(struct manage_call *call, bool allow)
{
    struct change_author author = manage_author(call);
    struct change c;
    char key[8];
    int64_t kind;

    if (!param_int(call, 0, "a kind", 0, KIND_MAX, &kind))
        return ERR_INVALID;
    snprintf(key, sizeof key, "%d", (int)kind);
    change_begin(&c, call->db, &author);
    if (allow)
        allow_kind(&c, key);
    else
        refuse_kind(call, &c, key);
    return change_end(&c, "", 0);
}

enum err method_allowkind(struct manage_call *call)
{
    return set_kind(call, true);
}

enum err method_disallowkind(struct manage_call *call)
{
    return set_kind(call, false);
}

static enum err list_kinds(struct manage_call *call, const char *area)
{
    PGresult *r;
    enum err err =
        sql_text(call->db, "list_kinds",
                 "SELECT coalesce(json_agg(key::int ORDER BY key::int), '[]')::text FROM moderation"
                 " WHERE area = $1::text",
                 1, &area, &r);

    if (err)
        return err;
    call->result = json_column(r, 0, 0);
    PQclear(r);
    return OK;
}

enum err method_listallowedkinds(struct manage_call *call)
{
    return list_kinds(call, "allowed-kind");
}

enum err method_listdisallowedkinds(struct manage_call *call)
{
    return list_kinds(call, "denied-kind");
}

/* ---- addresses ---- */

enum {
    NETWORK_ROOM = IP_TEXT_BYTES + 8,
    V4_BITS = 96,
    ALL_BITS = 128,
    V4_LEAST = V4_BITS + 8,
    V6_LEAST = 16
};

/* One spelling for each address and network. What would shut out a good part of the world is a slip
 * of the pen. */
static bool param_network(struct manage_call *call, char out[NETWORK_ROOM])
{
    static const char what[] =
        "an IP address, or a network such as 192.0.2.0/24, not larger than /8 (IPv6: /16)";
    char text[IP_TEXT_BYTES];
    const char *given;
    struct cidr net;
    bool v4;

    if (!param_text(call, 0, what, &given))
        return false;
    if (!cidr_parse(slice_str(given), &net) ||
        net.bits < (ip_is_v4(&net.net) ? V4_LEAST : V6_LEAST)) {
        (void)!manage_refuse(call, "invalid params: number 1 must be %s", what);
        return false;
    }
    v4 = ip_is_v4(&net.net);
    ip_text(&net.net, text);
    if (net.bits == ALL_BITS)
        snprintf(out, NETWORK_ROOM, "%s", text);
    else
        snprintf(out, NETWORK_ROOM, "%s/%d", text, v4 ? net.bits - V4_BITS : net.bits);
    return true;
}

/* [ip, reason?] */
enum err method_blockip(struct manage_call *call)
{
    char net[NETWORK_ROOM];
    const char *reason;

    if (!param_network(call, net) || !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    return list_set(call, "blocked-ip", net, reason_value(reason), reason);
}

/* [ip] */
enum err method_unblockip(struct manage_call *call)
{
    char net[NETWORK_ROOM];

    if (!param_network(call, net))
        return ERR_INVALID;
    return list_set(call, "blocked-ip", net, NULL, "");
}

enum err method_listblockedips(struct manage_call *call)
{
    return list_answer(call, "blocked-ip", "ip");
}
