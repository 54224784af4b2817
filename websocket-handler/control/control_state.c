#include "control/control_state.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/hex.h"
#include "nostr/canonical.h"
#include "ops/shared_config.h"

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

/* ---- reading ---- */

static bool refuse(struct buf *error, const char *member, const char *why)
{
    buf_printf(error, "%s: %s", member, why);
    return false;
}

static bool refuse_entry(struct buf *error, const char *member, const char *entry, const char *why)
{
    buf_printf(error, "%s: \"%.*s\" %s", member, MAX_SHOWN, entry, why);
    return false;
}

static bool read_u64(const json_t *object, const char *member, uint64_t *out, struct buf *error)
{
    const json_t *value = json_object_get(object, member);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse(error, member, "must be a number from 0");
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* A string or null; *out stays NULL for null. */
static bool read_text(const json_t *object, const char *member, char **out, struct buf *error)
{
    const json_t *value = json_object_get(object, member);

    if (json_is_null(value))
        return true;
    if (!json_is_string(value))
        return refuse(error, member, "must be a string or null");
    *out = strdup(json_string_value(value));
    return *out != NULL || refuse(error, member, "out of memory");
}

/* The list called member, whose entries are all strings. */
static bool read_list(const json_t *object, const char *member, const json_t **out,
                      struct buf *error)
{
    const json_t *list = json_object_get(object, member);

    if (!json_is_array(list))
        return refuse(error, member, "must be a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i)))
            return refuse(error, member, "must hold strings");
    }
    *out = list;
    return true;
}

static bool read_keys(const json_t *object, const char *member, struct key_set *out,
                      struct buf *error)
{
    const json_t *list;
    uint8_t key[32];

    if (!read_list(object, member, &list, error))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (!hex_decode(slice_str(text), key, sizeof key))
            return refuse_entry(error, member, text, "is not 64 hex digits");
        if (!key_set_add(out, key))
            return refuse(error, member, "out of memory");
    }
    key_set_seal(out);
    return true;
}

static bool read_blocked(const json_t *object, struct cidr_list *out, struct buf *error)
{
    static const char member[] = "blocked_ips";
    const json_t *list;
    size_t n;

    if (!read_list(object, member, &list, error))
        return false;
    n = json_array_size(list);
    out->entry = calloc(n ? n : 1, sizeof *out->entry);
    if (!out->entry)
        return refuse(error, member, "out of memory");
    for (; out->n < n; out->n++) {
        const char *text = json_string_value(json_array_get(list, out->n));

        if (!cidr_parse(slice_str(text), &out->entry[out->n]))
            return refuse_entry(error, member, text, "is not an address or network");
    }
    return true;
}

static bool read_sentences(const json_t *object, struct control_state *s, struct buf *error)
{
    static const char member[] = "policy";
    const json_t *list;

    if (!read_list(object, member, &list, error))
        return false;
    if (json_array_size(list) > CONTROL_MAX_SENTENCES)
        return refuse(error, member, "is too long");
    for (size_t i = 0; i < json_array_size(list); i++) {
        s->sentence[i] = strdup(json_string_value(json_array_get(list, i)));
        if (!s->sentence[i])
            return refuse(error, member, "out of memory");
        s->n_sentences++;
    }
    return true;
}

static bool read_self(const json_t *object, struct control_state *s, struct buf *error)
{
    const char *text = json_string_value(json_object_get(object, "self"));
    uint8_t key[32];

    if (!text || (text[0] != '\0' && !hex_decode(slice_str(text), key, sizeof key)))
        return refuse(error, "self", "must be 64 hex digits or empty");
    memcpy(s->self, text, strlen(text) + 1);
    return true;
}

static bool read_relay(const json_t *object, struct control_state *s, struct buf *error)
{
    const json_t *relay = json_object_get(object, "relay");

    if (!json_is_object(relay))
        return refuse(error, "relay", "must be an object");
    return read_text(relay, "name", &s->name, error) &&
           read_text(relay, "description", &s->description, error) &&
           read_text(relay, "icon", &s->icon, error);
}

static bool read_wot(const json_t *object, struct control_state *s, struct buf *error)
{
    static const char *const names[] = {[WOT_OFF] = "off",
                                        [WOT_READY] = "ready",
                                        [WOT_BUILDING] = "building",
                                        [WOT_NO_ADMIN] = "no-admin"};
    const json_t *wot = json_object_get(object, "wot");
    const char *text = json_string_value(json_object_get(wot, "state"));

    if (!read_u64(wot, "members", &s->wot_members, error))
        return false;
    for (size_t i = 0; text && i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            s->wot = (enum wot_state)i;
            return true;
        }
    }
    return refuse(error, "wot", "state must be off, ready, building or no-admin");
}

/* What event handlers of earlier versions do not say. */
static bool read_settings(const json_t *object, struct control_state *s, struct buf *error)
{
    const json_t *settings = json_object_get(object, "settings");

    s->restricted_writes = json_is_true(json_object_get(object, "restricted_writes"));
    return !settings || (read_text(settings, "AUTH_MODE", &s->auth_mode, error) &&
                         read_text(settings, "PRIVATE_KINDS", &s->private_kinds, error));
}

static bool read_state(const json_t *object, struct control_state *s, struct buf *error)
{
    if (!json_is_object(object))
        return refuse(error, "control", "must be an object");
    return read_u64(object, "version", &s->version, error) && read_self(object, s, error) &&
           read_relay(object, s, error) && read_blocked(object, &s->blocked, error) &&
           read_keys(object, "banned_pubkeys", &s->banned, error) &&
           read_keys(object, "banned_events", &s->banned_events, error) &&
           read_wot(object, s, error) && read_sentences(object, s, error) &&
           read_settings(object, s, error);
}

struct control_state *control_state_parse(struct slice json, struct buf *error)
{
    json_error_t where;
    json_t *object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &where);
    struct control_state *s = object ? calloc(1, sizeof *s) : NULL;

    if (!object) {
        buf_printf(error, "control: %s", where.text);
    } else if (!s) {
        refuse(error, "control", "out of memory");
    } else if (!read_state(object, s, error)) {
        control_state_free(s);
        s = NULL;
    }
    json_decref(object);
    return s;
}
