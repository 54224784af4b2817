#include "session/reply.h"

#include "base/hex.h"
#include "metrics.h"
#include "session/session_internal.h"
#include "json/jwrite.h"

/* Where a message that is not sent in parts is put together. */
static struct buf *begin(struct session *s, const char *text)
{
    struct buf *out = &s->shared->out;

    buf_reset(out);
    buf_add_str(out, text);
    return out;
}

static bool send_out(struct session *s)
{
    struct buf *out = &s->shared->out;

    if (out->failed) {
        conn_close(s->conn, CONN_CLOSE_INTERNAL);
        return false;
    }
    return conn_send(s->conn, buf_slice(out), slice_of(NULL, 0));
}

/* "prefix: sentence" as a JSON string. */
static void add_reason(struct buf *out, enum verdict v, const char *sentence)
{
    buf_add_char(out, '"');
    if (*verdict_prefix(v)) {
        buf_add_str(out, verdict_prefix(v));
        buf_add_str(out, ": ");
    }
    jwrite_escaped(out, slice_str(sentence));
    buf_add_char(out, '"');
}

bool reply_ok(struct session *s, struct slice id, enum verdict v, const char *sentence)
{
    struct buf *out = begin(s, "[\"OK\",");

    jwrite_string(out, id);
    buf_add_str(out, verdict_is_ok(v) ? ",true," : ",false,");
    add_reason(out, v, sentence);
    buf_add_char(out, ']');
    return send_out(s);
}

bool reply_ok_id(struct session *s, const struct event_id *id, enum verdict v, const char *sentence)
{
    char hex[sizeof id->b * 2];

    hex_encode(id->b, sizeof id->b, hex);
    return reply_ok(s, slice_of(hex, sizeof hex), v, sentence);
}

bool reply_ok_verdict(struct session *s, struct slice verdict)
{
    return conn_send(s->conn, SLICE("[\"OK\","), slice_of(verdict.ptr + 1, verdict.len - 1));
}

bool reply_event(struct session *s, struct slice prefix, struct slice row)
{
    return conn_send(s->conn, prefix, row);
}

bool reply_eose(struct session *s, struct slice id_json, enum eose_hint hint)
{
    static const char *const tails[] = {
        [EOSE_NO_HINT] = "]", [EOSE_FINISH] = ",[\"finish\"]]", [EOSE_MORE] = ",[\"more\"]]"};
    struct buf *out = begin(s, "[\"EOSE\",");

    buf_add_slice(out, id_json);
    buf_add_str(out, tails[hint]);
    return send_out(s);
}

bool reply_closed(struct session *s, struct slice id_json, enum verdict v, const char *sentence)
{
    struct buf *out = begin(s, "[\"CLOSED\",");

    buf_add_slice(out, id_json);
    buf_add_char(out, ',');
    add_reason(out, v, sentence);
    buf_add_char(out, ']');
    if (v == VERDICT_RATE_LIMITED)
        metric_add(M_CLOSED_SENT, CLOSED_METRIC_LIMIT, 1);
    else if (v == VERDICT_AUTH_REQUIRED || v == VERDICT_RESTRICTED)
        metric_add(M_CLOSED_SENT, CLOSED_METRIC_AUTH, 1);
    else
        metric_add(M_CLOSED_SENT, v == VERDICT_ERROR ? CLOSED_METRIC_ERROR : CLOSED_METRIC_INVALID,
                   1);
    return send_out(s);
}

bool reply_notice(struct session *s, struct slice sentence)
{
    struct buf *out = begin(s, "[\"NOTICE\",");

    jwrite_string(out, sentence);
    buf_add_char(out, ']');
    return send_out(s);
}

bool reply_count(struct session *s, struct slice id_json, struct slice json)
{
    struct buf *out = begin(s, "[\"COUNT\",");

    buf_add_slice(out, id_json);
    buf_add_char(out, ',');
    buf_add_slice(out, json);
    buf_add_char(out, ']');
    return send_out(s);
}

bool reply_challenge(struct session *s)
{
    struct buf *out = begin(s, "[\"AUTH\",\"");
    char *hex = buf_reserve(out, 2 * CHALLENGE_BYTES);

    if (hex) {
        hex_encode(s->challenge, CHALLENGE_BYTES, hex);
        out->len += 2 * CHALLENGE_BYTES;
    }
    buf_add_str(out, "\"]");
    return send_out(s);
}
