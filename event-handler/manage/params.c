#include "manage/params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "ops/key_set.h"

static bool wrong(struct manage_call *call, size_t i, const char *what)
{
    (void)!manage_refuse(call, "invalid params: number %zu must be %s", i + 1, what);
    return false;
}

bool param_given(const struct manage_call *call, size_t i)
{
    const json_t *p = json_array_get(call->params, i);

    return p && !json_is_null(p) && !(json_is_string(p) && json_string_length(p) == 0);
}

bool param_text(struct manage_call *call, size_t i, const char *what, const char **out)
{
    *out = json_string_value(json_array_get(call->params, i));
    if (!*out || (*out)[0] == '\0')
        return wrong(call, i, what);
    if (strlen(*out) > PARAM_TEXT_MOST)
        return wrong(call, i, "shorter");
    return true;
}

bool param_optional_text(struct manage_call *call, size_t i, const char *what, const char **out)
{
    *out = "";
    return !param_given(call, i) || param_text(call, i, what, out);
}

bool param_pubkey(struct manage_call *call, size_t i, char out[65])
{
    const char *text;
    struct pubkey pk;

    if (!param_text(call, i, "a pubkey (64 hex digits or npub)", &text))
        return false;
    if (!pubkey_parse_text(slice_str(text), &pk))
        return wrong(call, i, "a pubkey (64 hex digits or npub)");
    hex_encode(pk.b, sizeof pk.b, out);
    out[64] = '\0';
    return true;
}

bool param_event_id(struct manage_call *call, size_t i, char out[65])
{
    const char *text;
    uint8_t id[32];

    if (!param_text(call, i, "an event id (64 lower-case hex digits)", &text))
        return false;
    if (!hex_decode(slice_str(text), id, sizeof id))
        return wrong(call, i, "an event id (64 lower-case hex digits)");
    memcpy(out, text, 65);
    return true;
}

static bool read_int(const json_t *p, int64_t *out)
{
    const char *text = json_string_value(p);
    char *end;

    if (json_is_integer(p)) {
        *out = json_integer_value(p);
        return true;
    }
    if (!text || text[0] == '\0')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool param_int(struct manage_call *call, size_t i, const char *what, int64_t least, int64_t most,
               int64_t *out)
{
    if (read_int(json_array_get(call->params, i), out) && *out >= least && *out <= most)
        return true;
    (void)!manage_refuse(call, "invalid params: number %zu must be %s from %" PRId64 " to %" PRId64,
                         i + 1, what, least, most);
    return false;
}

bool param_optional_int(struct manage_call *call, size_t i, const char *what, int64_t least,
                        int64_t most, int64_t def, int64_t *out)
{
    *out = def;
    return !param_given(call, i) || param_int(call, i, what, least, most, out);
}
