#include "manage/lists.h"

#include "config.h"

#include <string.h>

struct change_author manage_author(const struct manage_call *call)
{
    static const char *const roles[] = {"operator", "admin", "moderator"};

    return (struct change_author){.actor = call->caller.actor,
                                  .role = roles[call->caller.role],
                                  .address = call->caller.address,
                                  .method = call->method,
                                  .params = call->params,
                                  .nip43 = call->cfg->nip43_enabled};
}

unsigned manage_area_right(const char *area)
{
    static const struct {
        const char *area;
        unsigned right;
    } rights[] = {
        {"banned-pubkey", RIGHT_PEOPLE}, {"allowed-pubkey", RIGHT_PEOPLE},
        {"banned-event", RIGHT_EVENTS},  {"allowed-kind", RIGHT_KINDS},
        {"denied-kind", RIGHT_KINDS},    {"blocked-ip", RIGHT_ADDRESSES},
        {"relay", RIGHT_RELAY},          {"role", RIGHT_ROLES},
        {"member", RIGHT_ROLES},         {"invite", RIGHT_INVITES},
    };

    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        if (strcmp(rights[i].area, area) == 0)
            return rights[i].right;
    }
    return RIGHT_ADMIN;
}

json_t *reason_value(const char *reason)
{
    return reason[0] ? json_pack("{s:s}", "reason", reason) : json_object();
}

enum err list_set(struct manage_call *call, const char *area, const char *key, json_t *value,
                  const char *reason)
{
    struct change_author author = manage_author(call);
    struct change c;

    change_begin(&c, call->db, &author);
    change_put(&c, area, key, value);
    return change_end(&c, reason, 0);
}

json_t *json_column(const PGresult *r, int row, int col)
{
    return PQgetisnull(r, row, col) ? NULL
                                    : json_loads(PQgetvalue(r, row, col), JSON_DECODE_ANY, NULL);
}

enum err list_answer(struct manage_call *call, const char *area, const char *member)
{
    PGresult *r;
    enum err err = sql_text(call->db, "list_answer",
                            "SELECT key, value::text FROM moderation WHERE area = $1::text"
                            " ORDER BY changed_at, key",
                            1, &area, &r);

    if (err)
        return err;
    call->result = json_array();
    for (int row = 0; row < PQntuples(r); row++) {
        json_t *entry = json_pack("{s:s}", member, PQgetvalue(r, row, 0));
        json_t *value = json_column(r, row, 1);

        json_object_update(entry, value);
        json_decref(value);
        json_array_append_new(call->result, entry);
    }
    PQclear(r);
    return OK;
}

enum err rows_answer(struct manage_call *call, const char *name, const char *sql, size_t n,
                     const char *const *values)
{
    PGresult *r;
    enum err err = sql_text(call->db, name, sql, n, values, &r);

    if (err)
        return err;
    call->result = json_array();
    for (int row = 0; row < PQntuples(r); row++)
        json_array_append_new(call->result, json_column(r, row, 0));
    PQclear(r);
    return OK;
}
