#ifndef WEBSOCKET_HANDLER_CONTROL_ACCESS_ANSWER_H
#define WEBSOCKET_HANDLER_CONTROL_ACCESS_ANSWER_H
/* What GET /v1/access?pubkey= says about one person (docs/PROTOCOL.md). Pure; any thread. */
#include "nostr/tier.h"

struct access_answer {
    enum tier tier;
    bool banned;
    bool member; /* may read where only members do (AUTH_MODE) */
};

/* False when it is malformed. Unknown members are ignored. */
NODISCARD bool access_answer_parse(struct slice json, struct access_answer *out);

#endif
