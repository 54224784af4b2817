#include "control/control_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "nostr/canonical.h"
#include "ops/shared_config.h"
#include "json/jread.h"

enum { MAX_SHOWN = 80 };

const struct control_state control_nothing;

void control_state_free(struct control_state *s)
{
    if (!s)
        return;
    free(s->name);
    free(s->description);
    free(s->icon);
    cidr_list_deinit(&s->blocked);
    key_set_deinit(&s->banned);
    key_set_deinit(&s->banned_events);
    for (size_t i = 0; i < s->n_sentences; i++)
        free(s->sentence[i]);
    free(s->auth_mode);
    free(s->private_kinds);
    free(s);
}

/* ---- questions ---- */

bool control_blocks(const struct control_state *s, const struct ip *ip)
{
    return cidr_list_has(&s->blocked, ip);
}

bool control_bans(const struct control_state *s, const struct pubkey *pk)
{
    return key_set_has_pubkey(&s->banned, pk);
}

bool control_hides(const struct control_state *s, const struct event *ev)
{
    return control_bans(s, &ev->pubkey) || key_set_has(&s->banned_events, ev->id.b);
}

static bool has_hex(const struct key_set *set, struct slice hex)
{
    uint8_t key[32];

    return set->n > 0 && hex_decode(hex, key, sizeof key) && key_set_has(set, key);
}

bool control_hides_json(const struct control_state *s, struct slice json)
{
    return has_hex(&s->banned, canonical_pubkey(json)) ||
           has_hex(&s->banned_events, canonical_id(json));
}

const char *control_contradicts(const struct control_state *s, const struct shared_config *own)
{
    if (s->auth_mode && strcmp(s->auth_mode, auth_mode_name(own->auth_mode)) != 0)
        return "AUTH_MODE is not the same as on the event handler";
    if (s->private_kinds && strcmp(s->private_kinds, own->private_kinds) != 0)
        return "PRIVATE_KINDS is not the same as on the event handler";
    return NULL;
}

/* ---- reading: a member of the wrong type ends it, with a reason in error ---- */

struct reading {
    struct jread json;
    struct control_state *s;
    struct buf *error;
};

static bool refuse(struct reading *r, const char *member, const char *why)
{
    buf_printf(r->error, "%s: %s", member, why);
    return false;
}

static bool refuse_entry(struct reading *r, const char *member, struct slice entry, const char *why)
{
    size_t n = entry.len < MAX_SHOWN ? entry.len : MAX_SHOWN;

    buf_printf(r->error, "%s: \"%.*s\" %s", member, (int)n, entry.ptr, why);
    return false;
}

static bool read_u64(struct reading *r, const char *member, uint64_t *out)
{
    int64_t value;

    if (jread_peek(&r->json) != J_NUMBER || !jread_int(&r->json, &value) || value < 0)
        return refuse(r, member, "must be a number from 0");
    *out = (uint64_t)value;
    return true;
}

static bool copy_text(struct reading *r, const char *member, struct slice text, char **out)
{
    if (memchr(text.ptr, '\0', text.len))
        return refuse(r, member, "must not hold U+0000");
    *out = strndup(text.ptr, text.len);
    return *out || refuse(r, member, "out of memory");
}

/* A string or null, for which *out stays NULL. */
static bool read_text(struct reading *r, const char *member, char **out)
{
    struct slice text;

    if (jread_peek(&r->json) == J_NULL)
        return jread_null(&r->json);
    if (jread_peek(&r->json) != J_STRING || *out)
        return refuse(r, member, *out ? "comes twice" : "must be a string or null");
    return jread_string(&r->json, &text) && copy_text(r, member, text, out);
}

static bool begin_list(struct reading *r, const char *member)
{
    return jread_peek(&r->json) == J_ARRAY ? jread_array(&r->json)
                                           : refuse(r, member, "must be a list");
}

/* The next string of a list; *more is false at its end. */
static bool next_string(struct reading *r, const char *member, struct slice *out, bool *more)
{
    *more = jread_item(&r->json);
    if (!*more)
        return jread_ok(&r->json);
    if (jread_peek(&r->json) != J_STRING)
        return refuse(r, member, "must hold strings");
    return jread_string(&r->json, out);
}

static bool read_keys(struct reading *r, const char *member, struct key_set *out)
{
    struct slice text;
    uint8_t key[32];
    bool more, ok = begin_list(r, member);

    while (ok && (ok = next_string(r, member, &text, &more)) && more) {
        if (!hex_decode(text, key, sizeof key))
            ok = refuse_entry(r, member, text, "is not 64 hex digits");
        else if (!key_set_add(out, key))
            ok = refuse(r, member, "out of memory");
    }
    key_set_seal(out);
    return ok;
}

static bool add_network(struct reading *r, const char *member, struct slice text, size_t *room)
{
    struct cidr_list *list = &r->s->blocked;

    if (list->n == *room) {
        size_t larger = *room ? *room * 2 : 16;
        struct cidr *entry = realloc(list->entry, larger * sizeof *entry);

        if (!entry)
            return refuse(r, member, "out of memory");
        list->entry = entry;
        *room = larger;
    }
    if (!cidr_parse(text, &list->entry[list->n]))
        return refuse_entry(r, member, text, "is not an address or network");
    list->n++;
    return true;
}

/* ---- members ---- */

static bool read_version(struct reading *r, const char *member)
{
    return read_u64(r, member, &r->s->version);
}

static bool read_self(struct reading *r, const char *member)
{
    struct slice text = {0};
    uint8_t key[32];

    if (jread_peek(&r->json) != J_STRING || !jread_string(&r->json, &text) ||
        (text.len > 0 && !hex_decode(text, key, sizeof key)))
        return refuse(r, member, "must be 64 hex digits or empty");
    memcpy(r->s->self, text.ptr, text.len);
    return true;
}

struct text_member {
    const char *name;
    char **out;
};

/* An object of which n members are texts. */
static bool read_texts(struct reading *r, const char *member, const struct text_member *texts,
                       size_t n)
{
    struct slice key;
    bool ok = true;

    if (jread_peek(&r->json) != J_OBJECT || !jread_object(&r->json))
        return refuse(r, member, "must be an object");
    while (ok && jread_key(&r->json, &key)) {
        size_t i = 0;

        while (i < n && !slice_eq(key, slice_str(texts[i].name)))
            i++;
        ok = i < n ? read_text(r, texts[i].name, texts[i].out) : jread_skip(&r->json, NULL);
    }
    return ok && jread_ok(&r->json);
}

static bool read_relay(struct reading *r, const char *member)
{
    const struct text_member texts[] = {
        {"name", &r->s->name}, {"description", &r->s->description}, {"icon", &r->s->icon}};

    return read_texts(r, member, texts, ARRAY_LEN(texts));
}

static bool read_blocked(struct reading *r, const char *member)
{
    struct slice text;
    size_t room = 0;
    bool more, ok = begin_list(r, member);

    while (ok && (ok = next_string(r, member, &text, &more)) && more)
        ok = add_network(r, member, text, &room);
    return ok;
}

static bool read_banned(struct reading *r, const char *member)
{
    return read_keys(r, member, &r->s->banned);
}

static bool read_banned_events(struct reading *r, const char *member)
{
    return read_keys(r, member, &r->s->banned_events);
}

static bool read_wot_state(struct reading *r, bool *known)
{
    static const char *const names[] = {[WOT_OFF] = "off",
                                        [WOT_READY] = "ready",
                                        [WOT_BUILDING] = "building",
                                        [WOT_NO_ADMIN] = "no-admin"};
    struct slice text = {0};

    *known = false;
    if (jread_peek(&r->json) == J_STRING && !jread_string(&r->json, &text))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!slice_eq(text, slice_str(names[i])))
            continue;
        r->s->wot = (enum wot_state)i;
        *known = true;
    }
    return *known || refuse(r, "wot", "state must be off, ready, building or no-admin");
}

static bool read_wot(struct reading *r, const char *member)
{
    bool state = false, members = false, ok = true;
    struct slice key;

    if (jread_peek(&r->json) != J_OBJECT || !jread_object(&r->json))
        return refuse(r, member, "must be an object");
    while (ok && jread_key(&r->json, &key)) {
        if (slice_eq(key, SLICE("state")))
            ok = read_wot_state(r, &state);
        else if (slice_eq(key, SLICE("members")))
            ok = members = read_u64(r, "members", &r->s->wot_members);
        else
            ok = jread_skip(&r->json, NULL);
    }
    if (!ok || !jread_ok(&r->json))
        return false;
    return (state && members) || refuse(r, member, "must have state and members");
}

static bool read_sentences(struct reading *r, const char *member)
{
    struct control_state *s = r->s;
    struct slice text;
    bool more, ok = begin_list(r, member);

    while (ok && (ok = next_string(r, member, &text, &more)) && more) {
        ok = s->n_sentences < CONTROL_MAX_SENTENCES
                 ? copy_text(r, member, text, &s->sentence[s->n_sentences])
                 : refuse(r, member, "is too long");
        s->n_sentences += ok;
    }
    return ok;
}

static bool read_restricted(struct reading *r, const char *member)
{
    (void)member;
    if (jread_peek(&r->json) != J_TRUE)
        return jread_skip(&r->json, NULL);
    return jread_bool(&r->json, &r->s->restricted_writes);
}

static bool read_settings(struct reading *r, const char *member)
{
    const struct text_member texts[] = {{"AUTH_MODE", &r->s->auth_mode},
                                        {"PRIVATE_KINDS", &r->s->private_kinds}};

    return read_texts(r, member, texts, ARRAY_LEN(texts));
}

/* ---- the whole ---- */

static const struct member {
    const char *name;
    bool (*read)(struct reading *r, const char *member);
    bool optional; /* event handlers of earlier versions do not say it */
} members[] = {
    {"version", read_version, false},
    {"self", read_self, false},
    {"relay", read_relay, false},
    {"blocked_ips", read_blocked, false},
    {"banned_pubkeys", read_banned, false},
    {"banned_events", read_banned_events, false},
    {"wot", read_wot, false},
    {"policy", read_sentences, false},
    {"restricted_writes", read_restricted, true},
    {"settings", read_settings, true},
};

static bool read_member(struct reading *r, struct slice key, unsigned *seen)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!slice_eq(key, slice_str(members[i].name)))
            continue;
        if (*seen & 1U << i)
            return refuse(r, members[i].name, "comes twice");
        *seen |= 1U << i;
        return members[i].read(r, members[i].name);
    }
    return jread_skip(&r->json, NULL);
}

static bool read_state(struct reading *r)
{
    unsigned seen = 0;
    struct slice key;

    if (jread_peek(&r->json) != J_OBJECT || !jread_object(&r->json))
        return refuse(r, "control", "must be an object");
    while (jread_key(&r->json, &key))
        if (!read_member(r, key, &seen))
            return false;
    if (!jread_ok(&r->json) || !jread_end(&r->json))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!members[i].optional && !(seen & 1U << i))
            return refuse(r, members[i].name, "is missing");
    return true;
}

struct control_state *control_state_parse(struct slice json, struct buf *error)
{
    struct reading r = {.s = calloc(1, sizeof *r.s), .error = error};
    struct arena arena; /* of strings with escapes */

    if (!r.s) {
        refuse(&r, "control", "out of memory");
        return NULL;
    }
    arena_init(&arena, CONTROL_MAX_BYTES);
    jread_init(&r.json, json, &arena);
    if (!read_state(&r)) {
        if (error->len == 0)
            refuse(&r, "control", r.json.error ? r.json.error : "something follows its end");
        control_state_free(r.s);
        r.s = NULL;
    }
    arena_deinit(&arena);
    return r.s;
}
