/*
 * What front ends have to know of moderation and trust: all of it (GET /v1/control), and who one
 * person is (GET /v1/access). Both from memory.
 */
#include <inttypes.h>

#include "access/access.h"
#include "access/relay_key.h"
#include "api/request.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/list_text.h"
#include "policy/policy.h"
#include "json/jwrite.h"

enum { CONTROL_CAP = 64 * 1024 * 1024 };

static const char json_type[] = "application/json";

static void write_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    if (text)
        jwrite_string(out, slice_str(text));
    else
        buf_add_str(out, "null");
}

static const char *hex_text(const uint8_t key[32], char out[64])
{
    hex_encode(key, 32, out);
    return out;
}

static void write_keys(struct buf *out, const char *name, const struct key_set *keys)
{
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < keys->n; i++) {
        char hex[64];

        buf_add_str(out, i > 0 ? ",\"" : "\"");
        buf_add(out, hex_text(keys->key[i], hex), sizeof hex);
        buf_add_char(out, '"');
    }
    buf_add_char(out, ']');
}

static void write_addresses(struct buf *out, const struct buf *list)
{
    struct slice rest = buf_slice(list), entry;
    const char *comma = "";

    buf_add_str(out, ",\"blocked_ips\":[");
    while (list_text_next(&rest, &entry)) {
        buf_add_str(out, comma);
        jwrite_string(out, entry);
        comma = ",";
    }
    buf_add_char(out, ']');
}

static const char *trust_state(const struct access_view *view)
{
    if (!view->cfg->wot_enabled)
        return "off";
    if (access_lacks_admin(view))
        return "no-admin";
    return view->trust->generation > 0 ? "ready" : "building";
}

static void write_trust(struct buf *out, const struct access_view *view)
{
    const struct trust_table *t = view->trust;
    int64_t age = t->generation > 0 ? clock_unix() - t->finished_unix : 0;

    buf_printf(out,
               ",\"wot\":{\"enabled\":%s,\"state\":\"%s\",\"members\":%zu,\"generation\":%" PRIu64
               ",\"age_seconds\":%" PRId64 "}",
               view->cfg->wot_enabled ? "true" : "false", trust_state(view), t->n_trusted,
               t->generation, age > 0 ? age : 0);
}

/* ---- routes ---- */

static enum MHD_Result reply_json(struct request *req, struct buf *out)
{
    enum MHD_Result result =
        out->failed ? request_refuse(req, MHD_HTTP_SERVICE_UNAVAILABLE, "not enough memory")
                    : request_reply(req, MHD_HTTP_OK, json_type, buf_slice(out));

    buf_deinit(out);
    return result;
}

enum MHD_Result api_control(struct request *req)
{
    struct access_view *view = access_acquire(req->api->access);
    const struct mod_lists *lists = view->lists;
    char self[64];
    struct buf out;

    buf_init(&out, CONTROL_CAP);
    buf_printf(&out, "{\"version\":%" PRIu64 ",\"self\":\"", lists->version);
    if (view->relay && view->cfg->nip43_enabled) /* else nothing is ever signed with it */
        buf_add(&out, hex_text(relay_key_pubkey(view->relay)->b, self), sizeof self);
    buf_add_str(&out, "\",\"relay\":{");
    write_text(&out, "name", lists->name);
    buf_add_char(&out, ',');
    write_text(&out, "description", lists->description);
    buf_add_char(&out, ',');
    write_text(&out, "icon", lists->icon);
    buf_add_char(&out, '}');
    write_addresses(&out, &lists->blocked_ips);
    write_keys(&out, "banned_pubkeys", &lists->banned);
    write_keys(&out, "banned_events", &lists->hidden);
    write_trust(&out, view);
    buf_add_str(&out, ",\"policy\":[");
    policy_sentences(view, &out);
    buf_printf(&out, "],\"restricted_writes\":%s,\"settings\":{\"AUTH_MODE\":\"%s\",",
               policy_restricts_writes(view->cfg) ? "true" : "false",
               auth_mode_name(view->cfg->shared.auth_mode));
    write_text(&out, "PRIVATE_KINDS", view->cfg->shared.private_kinds);
    buf_add_str(&out, "}}\n");
    access_release(view);
    return reply_json(req, &out);
}

enum MHD_Result api_access(struct request *req)
{
    const char *text = MHD_lookup_connection_value(req->conn, MHD_GET_ARGUMENT_KIND, "pubkey");
    struct access_view *view;
    struct standing standing;
    struct pubkey pk;
    struct buf out;

    if (!text || !hex_decode(slice_str(text), pk.b, sizeof pk.b))
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "pubkey must be 64 hex digits");
    view = access_acquire(req->api->access);
    standing = access_standing(view, &pk);
    buf_init(&out, KIB);
    buf_printf(
        &out, "{\"tier\":\"%s\",\"banned\":%s,\"member\":%s,\"followers\":%d,\"level\":%d}\n",
        tier_name(standing.tier), key_set_has_pubkey(&view->lists->banned, &pk) ? "true" : "false",
        policy_is_member(view, &pk) ? "true" : "false", (int)standing.followers,
        (int)standing.level);
    access_release(view);
    return reply_json(req, &out);
}
