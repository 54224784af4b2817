#include "config.h"
#include "nostr/kind.h"
#include "nostr/relay_url.h"
#include "policy/policy.h"

static bool names_us(struct slice relay, const struct config *cfg)
{
    return slice_eq(relay, SLICE("ALL_RELAYS")) ||
           relay_url_in_list(relay, slice_str(cfg->shared.domain));
}

enum verdict rule_vanish(const struct event *ev, const struct policy_env *env, const char **message)
{
    bool names_any = false;

    if (ev->kind != KIND_VANISH)
        return VERDICT_ACCEPTED;
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n < 2 || !slice_eq(t->item[0], SLICE("relay")))
            continue;
        if (names_us(t->item[1], env->cfg))
            return VERDICT_ACCEPTED;
        names_any = true;
    }
    *message = names_any ? "this request does not name this relay"
                         : "a request to vanish must name relays by relay tags";
    return VERDICT_INVALID;
}
