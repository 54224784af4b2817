/*
 * From the envelope of POST /v1/manage to a method and back: who calls (NIP-98, or the operator),
 * may they, which method, its answer.
 */
#include "manage/method.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "manage/nip98.h"
#include "ops/log.h"

enum { ARENA_CAP = 4 * 1024 * 1024, STATUS_OK = 200 };

const struct manage_right_name manage_right_names[] = {
    {"people", RIGHT_PEOPLE},
    {"events", RIGHT_EVENTS},
    {"reports", RIGHT_REPORTS},
    {"kinds", RIGHT_KINDS},
    {"addresses", RIGHT_ADDRESSES},
    {"relay", RIGHT_RELAY},
    {"roles", RIGHT_ROLES},
    {"invites", RIGHT_INVITES},
    {"policy", RIGHT_POLICY},
    {"trust", RIGHT_TRUST},
    {"retention", RIGHT_RETENTION},
    {"audit", RIGHT_AUDIT},
    {NULL, 0},
};

struct envelope {
    const char *authorization; /* NULL for the operator */
    const char *url, *http_method, *address;
    struct slice body;
};

enum err manage_refuse(struct manage_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(call->error, sizeof call->error, fmt, args);
    va_end(args);
    return ERR_INVALID;
}

/* ---- answers ---- */

/* Takes body over. */
static int reply(struct buf *out, int status, json_t *body)
{
    json_t *answer = json_pack("{s:i,s:o}", "status", status, "body", body);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

    json_decref(answer);
    if (!text)
        return 503;
    buf_add_str(out, text);
    free(text);
    return out->failed ? 503 : STATUS_OK;
}

static int reply_error(struct buf *out, int status, const char *error)
{
    return reply(out, status, json_pack("{s:s}", "error", error));
}

/* ---- the envelope ---- */

static const char *text_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static bool read_envelope(const json_t *json, struct envelope *e)
{
    const json_t *authorization = json_object_get(json, "authorization");
    const json_t *body = json_object_get(json, "body");

    if (!json_is_object(json) || !json_is_string(body) ||
        (authorization && !json_is_null(authorization) && !json_is_string(authorization)))
        return false;
    *e = (struct envelope){.authorization = json_string_value(authorization),
                           .url = text_member(json, "url"),
                           .http_method = text_member(json, "http_method"),
                           .address = text_member(json, "address"),
                           .body = slice_of(json_string_value(body), json_string_length(body))};
    return true;
}

/* ---- who calls ---- */

/* ERR_AUTH when the signature was used before, on whichever event handler. */
static enum err take_note(struct db *db, const uint8_t once[32], int64_t now)
{
    struct db_params p;
    PGresult *r;
    bool fresh;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, once, 32);
    db_param_int8(&p, now);
    db_param_int8(&p, now - 10 * NIP98_WINDOW_SECONDS);
    err = db_exec(db, "nip98_seen",
                  "WITH old AS (DELETE FROM nip98_seen WHERE at < $3::bigint)"
                  " INSERT INTO nip98_seen (id, at) VALUES ($1::bytea, $2::bigint)"
                  " ON CONFLICT DO NOTHING RETURNING at",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    fresh = PQntuples(r) == 1;
    PQclear(r);
    return fresh ? OK : ERR_AUTH;
}

static unsigned right_named(const char *name)
{
    for (const struct manage_right_name *r = manage_right_names; r->name; r++) {
        if (name && strcmp(r->name, name) == 0)
            return r->right;
    }
    return 0;
}

/* ERR_GONE for somebody who is no moderator. */
static enum err load_rights(struct db *db, struct manage_caller *caller)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_text(&p, caller->actor, strlen(caller->actor));
    err = db_exec(db, "moderator_rights",
                  "SELECT jsonb_array_elements_text(value->'rights') FROM moderation"
                  " WHERE area = 'moderator' AND key = $1::text",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    for (int i = 0; i < PQntuples(r); i++)
        caller->rights |= right_named(PQgetvalue(r, i, 0));
    if (PQntuples(r) == 0)
        err = ERR_GONE;
    PQclear(r);
    return err;
}

static enum err identify(struct manage_call *call, const struct pubkey *signer)
{
    struct manage_caller *caller = &call->caller;

    caller->pubkey = *signer;
    hex_encode(signer->b, sizeof signer->b, caller->actor);
    caller->actor[64] = '\0';
    caller->role = ROLE_ADMIN;
    if (access_is_admin(call->view, signer))
        return OK;
    caller->role = ROLE_MODERATOR;
    return load_rights(call->db, caller);
}

/* OK, or ERR_AUTH with call->error, or ERR_GONE for a valid signature of nobody in particular. */
static enum err authenticate(struct manage_call *call, const struct envelope *e)
{
    struct nip98_request req = {.authorization =
                                    slice_str(e->authorization ? e->authorization : ""),
                                .method = slice_str(e->http_method),
                                .url = slice_str(e->url),
                                .hosts = slice_str(call->cfg->shared.domain),
                                .body = e->body,
                                .now = clock_unix()};
    const char *error = "";
    struct pubkey signer;
    uint8_t once[32];
    struct arena arena;
    bool genuine;
    enum err err;

    arena_init(&arena, ARENA_CAP);
    genuine = nip98_check(&req, &arena, &signer, once, &error);
    arena_deinit(&arena);
    if (!genuine) {
        snprintf(call->error, sizeof call->error, "%s", error);
        return ERR_AUTH;
    }
    err = identify(call, &signer);
    if (!err) /* of strangers nothing is remembered: anybody can sign a lot */
        err = take_note(call->db, once, req.now);
    if (err == ERR_AUTH)
        snprintf(call->error, sizeof call->error, "the authorization event was used before");
    return err;
}

/* The route has checked the token, if there is one. */
static enum err admit_operator(struct manage_call *call)
{
    if (call->cfg->shared.internal_token[0] == '\0') {
        snprintf(call->error, sizeof call->error,
                 "without INTERNAL_TOKEN only signed requests are taken");
        return ERR_AUTH;
    }
    call->caller.role = ROLE_OPERATOR;
    snprintf(call->caller.actor, sizeof call->caller.actor, "operator");
    return OK;
}

/* ---- methods ---- */

static bool may(const struct manage_caller *caller, unsigned right)
{
    return caller->role != ROLE_MODERATOR || (right & ~caller->rights) == 0;
}

static json_t *list_methods(const struct manage_caller *caller)
{
    json_t *names = json_array();

    for (size_t i = 0; i < n_manage_methods; i++) {
        if (may(caller, manage_methods[i].right))
            json_array_append_new(names, json_string(manage_methods[i].name));
    }
    return names;
}

static const struct manage_method *find_method(const char *name)
{
    for (size_t i = 0; name && i < n_manage_methods; i++) {
        if (strcmp(manage_methods[i].name, name) == 0)
            return &manage_methods[i];
    }
    return NULL;
}

static void end_transaction(struct db *db)
{
    if (db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE && db_run(db, "ROLLBACK") != OK)
        db_drop(db);
}

static int run_method(struct manage_call *call, const struct manage_method *method, struct buf *out)
{
    enum err err = method->run(call);
    json_t *result = call->result ? call->result : json_true();

    end_transaction(call->db);
    if (!err)
        return reply(out, STATUS_OK, json_pack("{s:o}", "result", result));
    json_decref(result);
    if (err == ERR_INVALID && call->error[0])
        return reply_error(out, STATUS_OK, call->error);
    return err == ERR_IO ? 503 : reply_error(out, STATUS_OK, "the database refused this");
}

static int run_call(struct manage_call *call, const json_t *body, struct buf *out)
{
    const json_t *params = json_object_get(body, "params");
    const struct manage_method *method;
    json_t *none = json_array();
    int status;

    call->method = json_string_value(json_object_get(body, "method"));
    method = find_method(call->method);
    call->params = params && !json_is_null(params) ? params : none;
    if (!json_is_object(body) || !call->method)
        status = reply_error(out, 400, "the body must be {\"method\":...,\"params\":[...]}");
    else if (!json_is_array(call->params))
        status = reply_error(out, STATUS_OK, "invalid params: params must be an array");
    else if (strcmp(call->method, "supportedmethods") == 0)
        status = reply(out, STATUS_OK, json_pack("{s:o}", "result", list_methods(&call->caller)));
    else if (!method)
        status = reply_error(out, STATUS_OK, "method not supported");
    else if (!may(&call->caller, method->right))
        status = reply_error(out, 403, "restricted: you have not been granted this right");
    else
        status = run_method(call, method, out);
    json_decref(none);
    return status;
}

static int answer_call(struct manage_call *call, const struct envelope *e, struct buf *out)
{
    enum err err;
    json_t *body;
    int status;

    if (db_ready(call->db) != OK)
        return 503;
    err = e->authorization || call->cfg->shared.internal_token[0] == '\0' ? authenticate(call, e)
                                                                          : admit_operator(call);
    if (err == ERR_AUTH)
        return reply_error(out, 401, call->error);
    if (err == ERR_GONE)
        return reply_error(out, 403, "restricted: this key may not manage this relay");
    if (err)
        return 503;
    body = json_loadb(e->body.ptr, e->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (!body)
        return reply_error(out, 400, "the body is not JSON");
    status = run_call(call, body, out);
    json_decref(body);
    return status;
}

int manage_answer(const struct manage_env *env, struct slice envelope, struct buf *out)
{
    json_t *json = json_loadb(envelope.ptr, envelope.len, 0, NULL);
    struct envelope e;
    struct manage_call call = {.db = env->db, .cfg = env->cfg, .ingest = env->ingest};
    int status = 400;

    if (read_envelope(json, &e)) {
        call.caller.address = e.address;
        call.view = access_acquire(env->access);
        status = answer_call(&call, &e, out);
        access_release((struct access_view *)call.view);
    }
    json_decref(json);
    return status;
}
