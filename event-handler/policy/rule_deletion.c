#include "nostr/kind.h"
#include "policy/policy.h"

enum verdict rule_deletion(const struct event *ev, const struct policy_env *env,
                           const char **message)
{
    (void)env;
    if (ev->kind != KIND_DELETION || event_find_tag(ev, SLICE("e")) ||
        event_find_tag(ev, SLICE("a")))
        return VERDICT_ACCEPTED;
    *message = "a deletion request must name events by e or a tags";
    return VERDICT_INVALID;
}
