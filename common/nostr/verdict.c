#include "nostr/verdict.h"

static const struct {
    bool ok;
    const char *prefix, *name;
} verdicts[] = {
    [VERDICT_ACCEPTED] = {true, "", "accepted"},
    [VERDICT_DUPLICATE] = {true, "duplicate", "duplicate"},
    [VERDICT_STALE] = {false, "duplicate", "stale"},
    [VERDICT_INVALID] = {false, "invalid", "invalid"},
    [VERDICT_BLOCKED] = {false, "blocked", "blocked"},
    [VERDICT_RESTRICTED] = {false, "restricted", "restricted"},
    [VERDICT_AUTH_REQUIRED] = {false, "auth-required", "auth-required"},
    [VERDICT_POW] = {false, "pow", "pow"},
    [VERDICT_RATE_LIMITED] = {false, "rate-limited", "rate-limited"},
    [VERDICT_MUTE] = {false, "mute", "mute"},
    [VERDICT_UNSUPPORTED] = {false, "unsupported", "unsupported"},
    [VERDICT_ERROR] = {false, "error", "error"},
};

bool verdict_is_ok(enum verdict v)
{
    return verdicts[v].ok;
}

const char *verdict_prefix(enum verdict v)
{
    return verdicts[v].prefix;
}

const char *verdict_name(enum verdict v)
{
    return verdicts[v].name;
}
