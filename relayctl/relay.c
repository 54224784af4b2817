#include "relay.h"

#include <stdlib.h>

#include "base/clock.h"
#include "nostr/kind.h"
#include "output.h"
#include "signer.h"
#include "ws_wait.h"

enum { MAX_CHALLENGE = 1024 };

/* NONE -> WANTED, while the relay has sent no challenge; NONE or WANTED -> SENT -> DONE or REFUSED.
 */
enum auth { AUTH_NONE, AUTH_WANTED, AUTH_SENT, AUTH_DONE, AUTH_REFUSED };

struct relay {
    struct ws_client *ws;
    const struct signer *signer; /* or NULL */
    const char *url;
    int timeout_ms;
    struct arena arena;   /* of the message that relay_next() yields */
    struct buf challenge; /* empty while none has come */
    enum auth auth;
    struct event_id auth_id; /* of the event that was SENT */
};

const struct event_limits relay_event_limits = {
    .max_event_bytes = WS_MAX_MESSAGE,
    .max_tags = 100000,
    .max_content_chars = WS_MAX_MESSAGE,
};

static struct ws_client *connect_to(const struct options *o)
{
    const struct ws_options options = {
        .user_agent = "relayctl/" TANDEM_VERSION,
        .ca = o->ca,
        .max_message = WS_MAX_MESSAGE,
        .connect_ms = (uint32_t)o->timeout_seconds * 1000,
    };

    return ws_client_open(o->relay, &options);
}

struct relay *relay_open(const struct options *o, const struct signer *signer)
{
    struct relay *r = calloc(1, sizeof(*r));

    if (!r) {
        output_error("out of memory");
        return NULL;
    }
    r->signer = signer;
    r->url = o->relay;
    r->timeout_ms = (int)o->timeout_seconds * 1000;
    arena_init(&r->arena, 4 * WS_MAX_MESSAGE);
    buf_init(&r->challenge, MAX_CHALLENGE);
    r->ws = connect_to(o);
    if (r->ws && ws_wait_open(r->ws))
        return r;
    output_error("%s: %s", o->relay, r->ws ? ws_client_error(r->ws) : "out of memory");
    relay_close(r);
    return NULL;
}

void relay_close(struct relay *r)
{
    if (!r)
        return;
    ws_wait_close(r->ws);
    arena_deinit(&r->arena);
    buf_deinit(&r->challenge);
    free(r);
}

void relay_send(struct relay *r, struct slice text)
{
    ws_client_send(r->ws, text);
}

size_t relay_backlog(const struct relay *r)
{
    return ws_client_backlog(r->ws);
}

/* ---- authentication ---- */

bool relay_wants_auth(struct slice text)
{
    return slice_has_prefix(text, SLICE("auth-required:"));
}

bool relay_is_authenticated(const struct relay *r)
{
    return r->auth == AUTH_DONE;
}

static void send_auth(struct relay *r)
{
    struct slice relay_items[] = {SLICE("relay"), slice_str(r->url)};
    struct slice challenge_items[] = {SLICE("challenge"), buf_slice(&r->challenge)};
    struct tag tags[] = {{relay_items, 2}, {challenge_items, 2}};
    struct event ev = {.created_at = clock_unix(),
                       .kind = KIND_AUTH,
                       .tag = tags,
                       .n_tags = ARRAY_LEN(tags),
                       .content = SLICE("")};
    struct buf message;

    buf_init(&message, 64 * KIB);
    buf_add_str(&message, "[\"AUTH\",");
    if (signer_sign(r->signer, NULL, &ev))
        event_write(&ev, &message);
    buf_add_char(&message, ']');
    ws_client_send(r->ws, buf_slice(&message));
    buf_deinit(&message);
    r->auth = AUTH_SENT;
    r->auth_id = ev.id;
}

bool relay_authenticate(struct relay *r)
{
    if (!r->signer || r->auth == AUTH_DONE || r->auth == AUTH_REFUSED)
        return false;
    if (r->auth == AUTH_NONE)
        r->auth = AUTH_WANTED;
    if (r->auth == AUTH_WANTED && r->challenge.len > 0)
        send_auth(r);
    return true;
}

static void on_challenge(struct relay *r, struct slice challenge)
{
    buf_reset(&r->challenge);
    buf_add_slice(&r->challenge, challenge);
    if (r->challenge.failed)
        output_error("the relay's challenge is longer than %d bytes", MAX_CHALLENGE);
    else if (r->auth == AUTH_WANTED && challenge.len > 0)
        send_auth(r);
}

static enum relay_result on_auth_answer(struct relay *r, const struct relay_message *m)
{
    if (m->accepted) {
        r->auth = AUTH_DONE;
        return RELAY_AUTHENTICATED;
    }
    r->auth = AUTH_REFUSED;
    output_error("the relay refused to authenticate us: " SLICE_FMT, SLICE_ARG(m->text));
    return RELAY_AUTH_REFUSED;
}

/* ---- what the relay says ---- */

/* Deals with one message; false when it was not for the caller. */
static bool take_message(struct relay *r, struct slice text, struct relay_message *m,
                         enum relay_result *result)
{
    const char *error;

    arena_reset(&r->arena);
    if (!relay_message_parse(text, &r->arena, m, &error)) {
        output_error("the relay sent a malformed message: %s", error);
        return false;
    }
    *result = RELAY_SAID;
    switch (m->verb) {
    case RELAY_NOTICE:
        output_error("the relay says: " SLICE_FMT, SLICE_ARG(m->text));
        return false;
    case RELAY_AUTH:
        on_challenge(r, m->text);
        return false;
    case RELAY_OK:
        if (r->auth == AUTH_SENT && event_id_eq(&m->id, &r->auth_id))
            *result = on_auth_answer(r, m);
        return true;
    case RELAY_UNKNOWN:
        return false;
    default:
        return true;
    }
}

enum relay_result relay_next(struct relay *r, int also_fd, bool patient, struct relay_message *m)
{
    uint64_t end = clock_mono_ms() + (uint64_t)r->timeout_ms;

    for (;;) {
        uint64_t now = clock_mono_ms();
        int timeout = patient ? -1 : now < end ? (int)(end - now) : 0;
        enum relay_result result;
        struct slice text;

        switch (ws_wait_message(r->ws, also_fd, timeout, &text)) {
        case WAIT_MESSAGE:
            if (take_message(r, text, m, &result))
                return result;
            break;
        case WAIT_INPUT:
            return RELAY_INPUT;
        case WAIT_INTERRUPTED:
            return RELAY_INTERRUPTED;
        case WAIT_TIMEOUT:
            output_error("the relay did not answer within %d seconds", r->timeout_ms / 1000);
            return RELAY_TIMEOUT;
        case WAIT_LOST:
            output_error("%s", ws_client_error(r->ws));
            return RELAY_LOST;
        }
    }
}
