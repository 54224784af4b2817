#include "ask.h"

#include "client/ws_client.h"
#include "command.h"
#include "output.h"
#include "secret.h"
#include "signer.h"
#include "json/jread.h"
#include "json/jwrite.h"

#define SUB_ID "relayctl"

/* Member by member, so that the limit can be left out and put at the end. */
static void copy_members(struct jread *r, struct buf *out, bool but_limit)
{
    const char *comma = "";
    struct slice key, value;

    jread_object(r);
    while (jread_ok(r) && jread_key(r, &key) && jread_skip(r, &value)) {
        if (but_limit && slice_eq(key, SLICE("limit")))
            continue;
        buf_add_str(out, comma);
        jwrite_string(out, key);
        buf_add_char(out, ':');
        buf_add_slice(out, value);
        comma = ",";
    }
    if (but_limit)
        buf_add_str(out, comma);
}

bool ask_write_filter(struct buf *out, struct slice filter, int64_t limit)
{
    struct arena arena;
    struct jread r;
    bool ok;

    arena_init(&arena, WS_MAX_MESSAGE);
    jread_init(&r, filter, &arena);
    buf_add_char(out, '{');
    copy_members(&r, out, limit >= 0);
    if (limit >= 0) {
        buf_add_str(out, "\"limit\":");
        buf_add_i64(out, limit);
    }
    buf_add_char(out, '}');
    ok = jread_ok(&r) && jread_end(&r);
    arena_deinit(&arena);
    return ok;
}

/* ["VERB","relayctl",filter...]; no filter at all means {}. */
static bool write_question(struct buf *out, const char *verb, const struct options *o)
{
    static char everything[] = "{}";
    char *const none[] = {everything};
    char *const *filters = o->n_args > 0 ? o->args : none;
    size_t n = o->n_args > 0 ? o->n_args : 1;

    buf_printf(out, "[\"%s\",\"" SUB_ID "\"", verb);
    for (size_t i = 0; i < n; i++) {
        buf_add_char(out, ',');
        if (!ask_write_filter(out, slice_str(filters[i]), o->limit)) {
            output_error("%s: a filter is a JSON object, such as '{\"kinds\":[1]}'", filters[i]);
            return false;
        }
    }
    buf_add_char(out, ']');
    if (out->failed)
        output_error("the filters are too long");
    return !out->failed;
}

int ask_open(struct ask *a, const char *verb, const struct options *o)
{
    *a = (struct ask){0};
    buf_init(&a->question, WS_MAX_MESSAGE);
    if (!write_question(&a->question, verb, o))
        return STATUS_USAGE;
    if (!secret_load_signer(o->key, &a->signer))
        return STATUS_NO;
    if (o->auth && !a->signer) {
        output_error("--auth needs a key: --key FILE or TANDEM_KEY");
        return STATUS_USAGE;
    }
    a->relay = relay_open(o, a->signer);
    if (!a->relay)
        return STATUS_NO;
    if (!o->auth || !relay_authenticate(a->relay))
        relay_send(a->relay, buf_slice(&a->question));
    return STATUS_OK;
}

void ask_close(struct ask *a)
{
    relay_close(a->relay);
    signer_free(a->signer);
    buf_deinit(&a->question);
}

/* The relay will not answer. False when that is final, and the user has been told. */
static bool on_closed(struct ask *a, const struct relay_message *m)
{
    bool wants_auth = relay_wants_auth(m->text);

    if (wants_auth && relay_authenticate(a->relay))
        return true;
    output_error(SLICE_FMT "%s", SLICE_ARG(m->text),
                 wants_auth && !a->signer ? " (--key FILE or TANDEM_KEY gives one)" : "");
    return false;
}

enum ask_result ask_next(struct ask *a, struct relay_message *m)
{
    for (;;) {
        switch (relay_next(a->relay, -1, a->patient, m)) {
        case RELAY_SAID:
            if (!slice_eq(m->sub_id, SLICE(SUB_ID)))
                break;
            if (m->verb != RELAY_CLOSED)
                return ASK_ANSWER;
            if (!on_closed(a, m))
                return ASK_FAILED;
            break;
        case RELAY_AUTHENTICATED:
            relay_send(a->relay, buf_slice(&a->question));
            break;
        case RELAY_INTERRUPTED:
            return ASK_INTERRUPTED;
        case RELAY_AUTH_REFUSED:
        case RELAY_TIMEOUT:
        case RELAY_LOST:
        case RELAY_INPUT:
            return ASK_FAILED;
        }
    }
}
