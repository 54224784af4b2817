#include "access/mod_lists_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

enum { VERSION, MOVING, AREA, KEY, TEXT };

static bool add_key(struct key_set *set, const char *hex)
{
    uint8_t key[32];

    return hex_decode(slice_str(hex), key, sizeof key) && key_set_add(set, key);
}

static bool add_kind(struct kind_set *set, const char *number)
{
    kind_set_add(set, (int)strtol(number, NULL, 10));
    return true;
}

static bool add_address(struct buf *list, const char *address)
{
    if (list->len > 0)
        buf_add_char(list, ',');
    buf_add_str(list, address);
    return !list->failed;
}

static bool set_text(struct mod_lists *l, const char *which, const char *text)
{
    char **field = strcmp(which, "name") == 0          ? &l->name
                   : strcmp(which, "description") == 0 ? &l->description
                                                       : &l->icon;

    *field = strdup(text);
    return *field != NULL;
}

static bool add_row(struct mod_lists *l, const char *area, const char *key, const char *text)
{
    if (strcmp(area, "banned-pubkey") == 0)
        return add_key(&l->banned, key);
    if (strcmp(area, "allowed-pubkey") == 0)
        return add_key(&l->allowed, key);
    if (strcmp(area, "member") == 0)
        return add_key(&l->members, key);
    if (strcmp(area, "banned-event") == 0)
        return add_key(&l->hidden, key);
    if (strcmp(area, "denied-kind") == 0)
        return add_kind(&l->denied_kinds, key);
    if (strcmp(area, "allowed-kind") == 0)
        return add_kind(&l->allowed_kinds, key);
    if (strcmp(area, "blocked-ip") == 0)
        return add_address(&l->blocked_ips, key);
    return set_text(l, key, text);
}

static bool fill(struct mod_lists *l, const PGresult *r)
{
    for (int row = 0; row < PQntuples(r); row++) {
        if (!PQgetisnull(r, row, AREA) &&
            !add_row(l, PQgetvalue(r, row, AREA), PQgetvalue(r, row, KEY),
                     PQgetvalue(r, row, TEXT)))
            return false;
    }
    l->version = (uint64_t)db_get_int8(r, 0, VERSION);
    l->moving = db_get_bool(r, 0, MOVING);
    key_set_seal(&l->banned);
    key_set_seal(&l->allowed);
    key_set_seal(&l->members);
    key_set_seal(&l->hidden);
    return true;
}

enum err mod_lists_load(struct db *db, struct mod_lists **out)
{
    struct mod_lists *lists;
    PGresult *r;
    enum err err;

    *out = NULL;
    err = db_exec(db, "mod_lists",
                  "SELECT h.version, EXISTS (SELECT FROM moderation_moves), m.area, m.key,"
                  " m.value->>'text' FROM control_head h LEFT JOIN moderation m ON m.area IN"
                  " ('banned-pubkey', 'allowed-pubkey', 'member', 'banned-event', 'denied-kind',"
                  " 'allowed-kind', 'blocked-ip', 'relay')",
                  NULL, &r);
    if (err)
        return err;
    lists = PQntuples(r) > 0 ? mod_lists_new() : NULL;
    if (lists && fill(lists, r))
        *out = lists;
    else
        mod_lists_free(lists);
    PQclear(r);
    return *out ? OK : ERR_NOMEM;
}
