#include "manage/nip98.h"

#include <strings.h>

#include "base/hex.h"
#include "nostr/kind.h"
#include "nostr/relay_url.h"
#include "nostr/verify.h"

enum { HEADER_MOST = 64 * 1024, HOST_ROOM = 300 };

/* ---- base64 ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool nip98_base64(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (int pad = 0; pad < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; pad++)
        text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int v = sextet(text.ptr[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)(bits >> have & 0xff));
        }
    }
    return !out->failed;
}

/* ---- the url ---- */

static bool take_scheme(struct slice *url)
{
    static const char *const schemes[] = {"https://", "wss://", "http://", "ws://"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);

        if (url->len > n && strncasecmp(url->ptr, schemes[i], n) == 0) {
            *url = slice_of(url->ptr + n, url->len - n);
            return true;
        }
    }
    return false;
}

/* A relay is managed at its root: host and port with or without a slash, and nothing behind. */
static bool is_root(struct slice url)
{
    const char *slash;

    if (!take_scheme(&url) || memchr(url.ptr, '?', url.len) || memchr(url.ptr, '#', url.len) ||
        memchr(url.ptr, '@', url.len))
        return false;
    slash = memchr(url.ptr, '/', url.len);
    return !slash || slash == url.ptr + url.len - 1;
}

static bool same_host(struct slice a, struct slice b)
{
    char host_a[HOST_ROOM], host_b[HOST_ROOM];

    return relay_url_host(a, host_a, sizeof host_a) && relay_url_host(b, host_b, sizeof host_b) &&
           strcmp(host_a, host_b) == 0;
}

static bool names_us(const struct nip98_request *req, struct slice u)
{
    if (!is_root(u))
        return false;
    return req->hosts.len > 0 ? relay_url_in_list(u, req->hosts) : same_host(u, req->url);
}

/* ---- the event ---- */

static struct slice tag_value(const struct event *ev, struct slice name)
{
    const struct tag *t = event_find_tag(ev, name);

    return t && t->n >= 2 ? t->item[1] : (struct slice){NULL, 0};
}

static bool payload_matches(const struct event *ev, struct slice body)
{
    struct slice hex = tag_value(ev, SLICE("payload"));
    uint8_t given[32], is[32];

    sha256(body.ptr, body.len, is);
    return hex_decode(hex, given, sizeof given) && memcmp(given, is, sizeof is) == 0;
}

static bool method_matches(const struct event *ev, struct slice method)
{
    struct slice given = tag_value(ev, SLICE("method"));

    return given.len > 0 && given.len == method.len &&
           strncasecmp(given.ptr, method.ptr, method.len) == 0;
}

/* What is wrong with it, or NULL. */
static const char *judge(const struct event *ev, const struct nip98_request *req)
{
    int64_t age = req->now - ev->created_at;

    if (ev->kind != KIND_HTTP_AUTH)
        return "the authorization event must be of kind 27235";
    if (age > NIP98_WINDOW_SECONDS || age < -NIP98_WINDOW_SECONDS)
        return "the authorization event is too old or from the future";
    if (!names_us(req, tag_value(ev, SLICE("u"))))
        return "the u tag must be the URL of this relay";
    if (!method_matches(ev, req->method))
        return "the method tag must be the method of the request";
    if (!event_find_tag(ev, SLICE("payload")))
        return "the payload tag is missing";
    if (!payload_matches(ev, req->body))
        return "the payload tag is not the SHA-256 of the body";
    return NULL;
}

/* Takes "Nostr " off the header and decodes the rest; {NULL, 0} when that fails. */
static struct slice decode_header(struct slice header, struct arena *arena)
{
    static const char scheme[] = "nostr ";
    struct slice json = {NULL, 0};
    struct buf text;

    if (header.len <= sizeof scheme - 1 || header.len > HEADER_MOST ||
        strncasecmp(header.ptr, scheme, sizeof scheme - 1) != 0)
        return json;
    header = slice_of(header.ptr + sizeof scheme - 1, header.len - (sizeof scheme - 1));
    while (header.len > 0 && header.ptr[0] == ' ')
        header = slice_of(header.ptr + 1, header.len - 1);
    while (header.len > 0 && header.ptr[header.len - 1] == ' ')
        header.len--;
    buf_init(&text, HEADER_MOST);
    if (nip98_base64(header, &text) && text.len > 0)
        json = arena_copy(arena, buf_slice(&text));
    buf_deinit(&text);
    return json;
}

bool nip98_check(const struct nip98_request *req, struct arena *arena, struct pubkey *signer,
                 uint8_t once[32], const char **error)
{
    static const struct event_limits limits = {HEADER_MOST, 100, HEADER_MOST};
    struct slice json = decode_header(req->authorization, arena);
    struct event ev;
    struct buf scratch;
    bool has_id, genuine;

    *error = "the authorization header must be \"Nostr \" and an event in base64";
    if (!json.ptr)
        return false;
    *error = "the authorization event is malformed";
    if (!event_parse(json, &limits, arena, &ev, &has_id, error))
        return false;
    *error = judge(&ev, req);
    if (*error)
        return false;
    buf_init(&scratch, 4 * HEADER_MOST);
    genuine = verify_event(&ev, &scratch) == VERIFY_OK;
    buf_deinit(&scratch);
    *error = genuine ? NULL : "the authorization event is not genuine";
    *signer = ev.pubkey;
    sha256(ev.sig.b, sizeof ev.sig.b, once);
    return genuine;
}
