/* Pubkeys and events that are banned, and pubkeys that are trusted whatever the graph says. */
#include "base/hex.h"
#include "manage/lists.h"
#include "manage/params.h"
#include "manage/reports.h"

/* [pubkey, reason?] */
static enum err set_pubkey(struct manage_call *call, const char *area, bool on)
{
    char key[65];
    const char *reason;
    struct pubkey pk;

    if (!param_pubkey(call, 0, key) || !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    if (on && strcmp(area, "banned-pubkey") == 0 &&
        hex_decode(slice_of(key, 64), pk.b, sizeof pk.b) &&
        access_standing(call->view, &pk).tier == TIER_ADMIN)
        return manage_refuse(call, "invalid params: an admin of this relay cannot be banned");
    return list_set(call, area, key, on ? reason_value(reason) : NULL, reason);
}

enum err method_banpubkey(struct manage_call *call)
{
    return set_pubkey(call, "banned-pubkey", true);
}

enum err method_unbanpubkey(struct manage_call *call)
{
    return set_pubkey(call, "banned-pubkey", false);
}

enum err method_allowpubkey(struct manage_call *call)
{
    return set_pubkey(call, "allowed-pubkey", true);
}

enum err method_unallowpubkey(struct manage_call *call)
{
    return set_pubkey(call, "allowed-pubkey", false);
}

enum err method_listbannedpubkeys(struct manage_call *call)
{
    return list_answer(call, "banned-pubkey", "pubkey");
}

enum err method_listallowedpubkeys(struct manage_call *call)
{
    return list_answer(call, "allowed-pubkey", "pubkey");
}

/* [event id, reason?]; either way the reports of the event are dealt with */
static enum err set_event(struct manage_call *call, bool on)
{
    struct change_author author = manage_author(call);
    const char *reason;
    struct change c;
    char key[65];

    if (!param_event_id(call, 0, key) || !param_optional_text(call, 1, "a text", &reason))
        return ERR_INVALID;
    change_begin(&c, call->db, &author);
    change_put(&c, "banned-event", key, on ? reason_value(reason) : NULL);
    reports_resolve(&c, key, on ? "acted" : "dismissed");
    return change_end(&c, reason, 0);
}

enum err method_banevent(struct manage_call *call)
{
    return set_event(call, true);
}

enum err method_allowevent(struct manage_call *call)
{
    return set_event(call, false);
}

enum err method_listbannedevents(struct manage_call *call)
{
    return list_answer(call, "banned-event", "id");
}
