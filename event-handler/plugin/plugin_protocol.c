#include "plugin/plugin_protocol.h"

#include <string.h>

#include "base/hex.h"
#include "json/jread.h"
#include "json/jwrite.h"

enum { ARENA_CAP = 1024 * 1024 };

/* ---- questions ---- */

static const char *source_type(struct slice address)
{
    if (address.len == 0)
        return "Import";
    return memchr(address.ptr, ':', address.len) ? "IP6" : "IP4";
}

void plugin_question_write(struct buf *out, const struct plugin_question *q)
{
    char hex[64];

    buf_add_str(out, "{\"type\":\"new\",\"event\":");
    buf_add_slice(out, q->event);
    buf_add_str(out, ",\"receivedAt\":");
    buf_add_i64(out, q->received_at);
    buf_add_str(out, ",\"sourceType\":\"");
    buf_add_str(out, source_type(q->address));
    buf_add_str(out, "\",\"sourceInfo\":");
    jwrite_string(out, q->address);
    if (q->authed) {
        hex_encode(q->authed->b, sizeof q->authed->b, hex);
        buf_add_str(out, ",\"authed\":\"");
        buf_add(out, hex, sizeof hex);
        buf_add_char(out, '"');
    }
    buf_add_str(out, "}\n");
}

/* ---- replies ---- */

static const struct {
    const char *prefix;
    enum verdict verdict;
} prefixes[] = {
    {"blocked: ", VERDICT_BLOCKED},
    {"rate-limited: ", VERDICT_RATE_LIMITED},
    {"invalid: ", VERDICT_INVALID},
    {"restricted: ", VERDICT_RESTRICTED},
    {"auth-required: ", VERDICT_AUTH_REQUIRED},
    {"pow: ", VERDICT_POW},
    {"mute: ", VERDICT_MUTE},
    {"duplicate: ", VERDICT_STALE},
    {"error: ", VERDICT_ERROR},
};

static struct slice take_prefix(struct slice msg, enum verdict *verdict)
{
    *verdict = VERDICT_BLOCKED;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct slice prefix = slice_str(prefixes[i].prefix);

        if (slice_has_prefix(msg, prefix)) {
            *verdict = prefixes[i].verdict;
            return slice_of(msg.ptr + prefix.len, msg.len - prefix.len);
        }
    }
    return msg;
}

static void copy_message(struct slice msg, char out[PLUGIN_MESSAGE_MOST + 1])
{
    size_t n = msg.len;

    if (n > PLUGIN_MESSAGE_MOST) {
        n = PLUGIN_MESSAGE_MOST;
        while (n > 0 && ((unsigned char)msg.ptr[n] & 0xc0) == 0x80)
            n--; /* no half character */
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)msg.ptr[i];

        out[i] = c < ' ' || c == 0x7f ? ' ' : msg.ptr[i];
    }
    out[n] = '\0';
}

static void settle(struct plugin_reply *out, struct slice msg)
{
    out->verdict = VERDICT_ACCEPTED;
    out->message[0] = '\0';
    if (out->action != PLUGIN_REJECT)
        return;
    msg = take_prefix(msg, &out->verdict);
    copy_message(msg.len > 0 ? msg : SLICE("not taken by this relay's policy"), out->message);
}

struct members { /* of a reply */
    struct slice id, action, msg;
    bool other_type; /* one of them is no text */
};

/* The value of a member that must be a text, or null. */
static void read_text(struct jread *r, struct members *m, struct slice *out)
{
    if (jread_peek(r) == J_STRING) {
        jread_string(r, out);
        return;
    }
    m->other_type |= jread_peek(r) != J_NULL;
    jread_skip(r, NULL);
}

static bool read_members(struct slice line, struct arena *arena, struct members *m)
{
    struct jread r;
    struct slice key;

    jread_init(&r, line, arena);
    if (!jread_object(&r))
        return false;
    while (jread_key(&r, &key)) {
        if (slice_eq(key, SLICE("id")))
            read_text(&r, m, &m->id);
        else if (slice_eq(key, SLICE("action")))
            read_text(&r, m, &m->action);
        else if (slice_eq(key, SLICE("msg")))
            read_text(&r, m, &m->msg);
        else
            jread_skip(&r, NULL);
    }
    return jread_ok(&r) && jread_end(&r);
}

static bool read_action(struct slice text, enum plugin_action *out)
{
    static const char *const names[] = {"accept", "reject", "shadowReject"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_eq(text, slice_str(names[i]))) {
            *out = (enum plugin_action)i;
            return true;
        }
    }
    return false;
}

static enum plugin_line judge(const struct members *m, const struct event_id *id,
                              struct plugin_reply *out, const char **error)
{
    char hex[64];

    hex_encode(id->b, sizeof id->b, hex);
    *error = "id, action and msg must be texts";
    if (m->other_type)
        return PLUGIN_MALFORMED;
    *error = "the id is not that of the event";
    if (!slice_eq(m->id, slice_of(hex, sizeof hex)))
        return PLUGIN_MALFORMED;
    *error = "the action is none of accept, reject and shadowReject";
    if (!read_action(m->action, &out->action))
        return PLUGIN_MALFORMED;
    settle(out, m->msg);
    return PLUGIN_REPLY;
}

enum plugin_line plugin_reply_read(struct slice line, const struct event_id *id,
                                   struct plugin_reply *out, const char **error)
{
    struct members m = {0};
    enum plugin_line result = PLUGIN_NOISE;
    struct arena arena;

    *error = "the line is not a JSON object";
    arena_init(&arena, ARENA_CAP);
    if (read_members(line, &arena, &m))
        result = judge(&m, id, out, error);
    arena_deinit(&arena);
    return result;
}
