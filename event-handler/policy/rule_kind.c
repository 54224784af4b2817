/*
 * Kinds that have no business on a relay: bearer tokens, with which anybody could act as their
 * author for a while (NIP-42, NIP-98, Blossom); messages that must only ever travel inside a gift
 * wrap (NIP-17, NIP-59); requests to a payment service (NIP-57).
 */
#include "nostr/kind.h"
#include "policy/policy.h"

static const struct {
    int kind;
    const char *message;
} refused[] = {
    {KIND_AUTH, "an authentication event must not be published"},
    {KIND_BLOSSOM_AUTH, "an authorization event must not be published"},
    {KIND_HTTP_AUTH, "an authorization event must not be published"},
    {KIND_ZAP_REQUEST, "a zap request is sent to the recipient's payment service, not to relays"},
    {KIND_SEAL, "a seal must not be published without its gift wrap"},
    {KIND_CHAT, "a private message must not be published without its gift wrap"},
    {KIND_CHAT_FILE, "a private message must not be published without its gift wrap"},
};

enum verdict rule_kind(const struct event *ev, const struct policy_env *env, const char **message)
{
    (void)env;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (ev->kind == refused[i].kind) {
            *message = refused[i].message;
            return VERDICT_BLOCKED;
        }
    }
    return VERDICT_ACCEPTED;
}
