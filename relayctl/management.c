#include "management.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/address.h"
#include "http.h"
#include "nostr/event.h"
#include "nostr/kind.h"
#include "output.h"
#include "secret.h"
#include "signer.h"

static const char rpc_type[] = "Content-Type: application/nostr+json+rpc";

/* {"method":..,"params":[..]} ; takes params over. NULL without memory. */
static char *request_text(const char *method, json_t *params)
{
    json_t *request = json_pack("{s:s, s:o}", "method", method, "params", params);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;

    json_decref(request);
    if (!text)
        output_error("out of memory");
    return text;
}

/* ---- what the answer says ---- */

/* {"result":..} or {"error":".."}. */
static bool take_result(json_t *answer, json_t **result)
{
    const char *error = json_string_value(json_object_get(answer, "error"));

    *result = json_object_get(answer, "result");
    if (error && error[0])
        output_error("%s", error);
    else if (!*result)
        output_error("the answer has no result");
    else
        return json_incref(*result) != NULL;
    return false;
}

static bool take_answer(const struct http_answer *a, const char *where, json_t **result)
{
    json_t *doc = json_loadb(a->body.ptr ? a->body.ptr : "", a->body.len, 0, NULL);
    bool ok = false;

    if (a->status == 0)
        output_error("%s: %s", where, a->error);
    else if (!doc)
        output_error("%s: HTTP status %ld, without JSON", where, a->status);
    else
        ok = take_result(doc, result);
    json_decref(doc);
    return ok;
}

/* ---- through the relay ---- */

/* "Authorization: Nostr <base64 of the event>" (NIP-98). */
static bool write_authorization(const struct event *ev, struct buf *out)
{
    struct buf json;
    bool ok;

    buf_init(&json, 16 * KIB);
    event_write(ev, &json);
    buf_add_str(out, "Authorization: Nostr ");
    ok = !json.failed && buf_reserve(out, 4 * (json.len / 3 + 1) + 1);
    if (ok)
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->ptr + out->len,
                                            (const unsigned char *)json.ptr, (int)json.len);
    buf_add_char(out, '\0');
    buf_deinit(&json);
    return ok && !out->failed;
}

static bool sign_request(const struct options *o, const char *url, const char *body,
                         struct buf *header)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char payload[65] = "";
    struct slice items[][2] = {{SLICE("u"), slice_str(url)},
                               {SLICE("method"), SLICE("POST")},
                               {SLICE("payload"), slice_of(payload, 64)}};
    struct tag tags[] = {{items[0], 2}, {items[1], 2}, {items[2], 2}};
    struct event ev = {
        .kind = KIND_HTTP_AUTH, .created_at = clock_unix(), .tag = tags, .n_tags = 3};
    struct signer *signer;
    bool ok;

    if (!secret_load_signer(o->key, &signer))
        return false;
    if (!signer) {
        output_error("this needs an admin's key (--key FILE or TANDEM_KEY), or --handler");
        return false;
    }
    EVP_Digest(body, strlen(body), digest, NULL, EVP_sha256(), NULL);
    hex_encode(digest, 32, payload);
    ok = signer_sign(signer, NULL, &ev) && write_authorization(&ev, header);
    signer_free(signer);
    if (!ok)
        output_error("out of memory");
    return ok;
}

static bool call_relay(const struct options *o, const char *body, json_t **result)
{
    struct http_answer answer;
    struct address address;
    struct buf url, header;
    bool ok;

    if (!address_parse(o->relay, &address)) {
        output_error("%s: " ADDRESS_EXPECTED, o->relay);
        return false;
    }
    buf_init(&url, 16 * KIB);
    buf_init(&header, 32 * KIB);
    buf_printf(&url, "%s%s", address.base, address.path);
    buf_add_char(&url, '\0');
    ok = !url.failed && sign_request(o, url.ptr, body, &header);
    if (ok) {
        http_post(o, url.ptr, (const char *const[]){rpc_type, header.ptr, NULL}, slice_str(body),
                  &answer);
        ok = take_answer(&answer, o->relay, result);
        http_answer_deinit(&answer);
    }
    buf_deinit(&header);
    buf_deinit(&url);
    address_deinit(&address);
    return ok;
}

/* ---- straight to an event handler ---- */

/* The envelope's answer holds the status and the body that a client would get. */
static bool take_envelope(const struct http_answer *a, const char *where, json_t **result)
{
    json_t *doc = json_loadb(a->body.ptr ? a->body.ptr : "", a->body.len, 0, NULL);
    bool ok = false;

    if (a->status == 0)
        output_error("%s: %s", where, a->error);
    else if (a->status == 401)
        output_error("%s: INTERNAL_TOKEN is not the event handler's", where);
    else if (a->status != 200 || !doc)
        output_error("%s: HTTP status %ld: %.*s", where, a->status,
                     (int)(a->body.len < 200 ? a->body.len : 200), a->body.ptr);
    else
        ok = take_result(json_object_get(doc, "body"), result);
    json_decref(doc);
    return ok;
}

static bool call_handler(const struct options *o, const char *body, json_t **result)
{
    const char *token = getenv("INTERNAL_TOKEN");
    json_t *envelope = json_pack("{s:n, s:s, s:s, s:s, s:s}", "authorization", "url", "",
                                 "http_method", "POST", "address", "", "body", body);
    char *text = envelope ? json_dumps(envelope, JSON_COMPACT) : NULL;
    struct http_answer answer;
    char bearer[1024], url[1024];
    bool ok = text != NULL;

    json_decref(envelope);
    if (!token || !token[0]) {
        output_error("--handler needs the event handler's INTERNAL_TOKEN in the environment");
        free(text);
        return false;
    }
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    snprintf(url, sizeof url, "%s/v1/manage", o->handler);
    if (ok) {
        http_post(o, url, (const char *const[]){"Content-Type: application/json", bearer, NULL},
                  slice_str(text), &answer);
        ok = take_envelope(&answer, o->handler, result);
        http_answer_deinit(&answer);
    }
    explicit_bzero(bearer, sizeof bearer);
    free(text);
    return ok;
}

bool management_call(const struct options *o, const char *method, json_t *params, json_t **result)
{
    char *body = request_text(method, params);
    bool ok;

    if (!body)
        return false;
    ok = o->given & OPTION_HANDLER ? call_handler(o, body, result) : call_relay(o, body, result);
    free(body);
    return ok;
}
