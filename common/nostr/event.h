#ifndef COMMON_NOSTR_EVENT_H
#define COMMON_NOSTR_EVENT_H
/*
 * The one event parser of both services (NIP-01), and the canonical form.
 *
 * event_parse() checks everything that needs no cryptography: seven members, each once, of the
 * right type; strict lower-case hex; plain integers; tags of one or more strings; the limits.
 * Unknown members are dropped. What it yields points into the caller's text and arena.
 *
 * Canonical JSON is what is stored and sent:
 *   {"id":"..","pubkey":"..","created_at":N,"kind":N,"tags":[..],"content":"..","sig":".."}
 * in this order, without white space, strings escaped as jwrite.h says. It contains no byte below
 * 0x20. Its fixed layout lets readers find members without parsing (canonical.h).
 */
#include "base/arena.h"
#include "base/buf.h"
#include "nostr/keys.h"

struct tag {
    struct slice *item; /* item[0] is the name; at least one */
    uint32_t n;
};

struct event {
    struct event_id id;
    struct pubkey pubkey;
    struct sig sig;
    int64_t created_at; /* seconds since 1970, 0 or more, at most 2^53 */
    int kind;           /* 0..65535 */
    struct tag *tag;
    uint32_t n_tags;
    struct slice content; /* decoded */
    int64_t expires_at;   /* NIP-40: the earliest expiration tag; 0 when there is none */
    bool has_expiration;
    bool is_protected; /* NIP-70: carries a "-" tag */
};

struct event_limits {
    size_t max_event_bytes; /* of the canonical JSON */
    size_t max_tags;
    size_t max_content_chars; /* Unicode characters */
};

/*
 * Parses one event object that fills the whole of text. On false *error is a static sentence that
 * says what is wrong ("kind must be an integer from 0 to 65535"), and ev->id is valid if *has_id is
 * true, so that OK can name the event. has_id may be true on failure when only some other member is
 * bad. The arena gives at most 32 bytes for each byte of text.
 */
NODISCARD bool event_parse(struct slice text, const struct event_limits *limits,
                           struct arena *arena, struct event *ev, bool *has_id, const char **error);

/* The same for an event that was accepted once and is not judged again: no limits. */
NODISCARD bool event_parse_stored(struct slice text, struct arena *arena, struct event *ev);

/* Appends the canonical JSON of ev. Check out->failed. */
void event_write(const struct event *ev, struct buf *out);
/* Appends [0,"pubkey",created_at,kind,tags,"content"], the text whose SHA-256 is the id. With
 * raw_controls the control characters without a two-letter escape are written as raw bytes, which
 * is NIP-01 to the letter and what a few clients hash. */
void event_write_preimage(const struct event *ev, bool raw_controls, struct buf *out);

/* First tag called name, or NULL. */
const struct tag *event_find_tag(const struct event *ev, struct slice name);
/* A one-letter tag (a-z, A-Z) with a value: what filters can ask for. */
static inline bool tag_is_indexed(const struct tag *t)
{
    return t->n >= 2 && t->item[0].len == 1 &&
           ((t->item[0].ptr[0] >= 'a' && t->item[0].ptr[0] <= 'z') ||
            (t->item[0].ptr[0] >= 'A' && t->item[0].ptr[0] <= 'Z'));
}
/* The value of the first d tag; "" when there is none or it has no value (NIP-01, addressable). */
struct slice event_d_value(const struct event *ev);
/* SHA-256 of "kind:pubkey:" or "kind:pubkey:d": the key of a replaceable or addressable event (d is
 * "" for replaceable kinds whatever the tags say). */
void event_address(int kind, const struct pubkey *pubkey, struct slice d, uint8_t out[32]);
/* True when ev carries ["p", <hex of pk>, ...]. */
bool event_names_pubkey(const struct event *ev, const struct pubkey *pk);
/* NIP-04/17/59: may somebody authenticated as any of readers[n] read ev? Public kinds: always. */
bool event_readable(const struct event *ev, const struct pubkey *readers, size_t n);
/* NIP-40: expired at now (now >= expires_at)? */
static inline bool event_expired(const struct event *ev, int64_t now)
{
    return ev->has_expiration && now >= ev->expires_at;
}
/* NIP-62: a request to vanish that was signed a moment ago takes all gift wraps with it, whatever
 * their date (they are dated back, NIP-59). One of long ago, which anybody may have kept and may
 * send now, takes what is as old as it. */
enum { VANISH_FRESH_SECONDS = 24 * 3600 };
static inline bool vanish_is_fresh(const struct event *ev, int64_t now)
{
    return ev->created_at > now - VANISH_FRESH_SECONDS;
}
/* NIP-13: leading zero bits of an id, 0..256. */
int event_id_difficulty(const struct event_id *id);

#endif
