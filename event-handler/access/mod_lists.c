#include "access/mod_lists.h"

#include <stdlib.h>

#include "base/hex.h"
#include "nostr/canonical.h"

enum { BLOCKED_IPS_CAP = 4 * 1024 * 1024 };

struct mod_lists *mod_lists_new(void)
{
    struct mod_lists *lists = calloc(1, sizeof *lists);

    if (!lists)
        return NULL;
    lists->denied_kinds.empty = lists->allowed_kinds.empty = true;
    buf_init(&lists->blocked_ips, BLOCKED_IPS_CAP);
    return lists;
}

void mod_lists_free(struct mod_lists *lists)
{
    if (!lists)
        return;
    key_set_deinit(&lists->banned);
    key_set_deinit(&lists->allowed);
    key_set_deinit(&lists->members);
    key_set_deinit(&lists->hidden);
    buf_deinit(&lists->blocked_ips);
    free(lists->name);
    free(lists->description);
    free(lists->icon);
    free(lists);
}

bool mod_lists_hide(const struct mod_lists *lists, const uint8_t id[32], const uint8_t pubkey[32])
{
    return (lists->banned.n > 0 && key_set_has(&lists->banned, pubkey)) ||
           (lists->hidden.n > 0 && key_set_has(&lists->hidden, id));
}

bool mod_lists_hide_json(const struct mod_lists *lists, struct slice json)
{
    uint8_t id[32], pubkey[32];

    if (lists->banned.n == 0 && lists->hidden.n == 0)
        return false;
    return hex_decode(canonical_id(json), id, sizeof id) &&
           hex_decode(canonical_pubkey(json), pubkey, sizeof pubkey) &&
           mod_lists_hide(lists, id, pubkey);
}
