#ifndef EVENT_HANDLER_MANAGE_PARAMS_H
#define EVENT_HANDLER_MANAGE_PARAMS_H
/*
 * Taking the parameters of a method. All set call->error ("invalid params: ...") and return false
 * when a parameter is not what it should be. An optional one may be absent, null or "". The manage
 * thread.
 */
#include "manage/method.h"

enum { PARAM_TEXT_MOST = 2000 }; /* bytes of a text */

/* A text that must be there and not be empty. */
NODISCARD bool param_text(struct manage_call *call, size_t i, const char *what, const char **out);
/* "" when it is left out. */
NODISCARD bool param_optional_text(struct manage_call *call, size_t i, const char *what,
                                   const char **out);
/* A pubkey as hex or npub, or an event id in hex; out is lower-case hex. */
NODISCARD bool param_pubkey(struct manage_call *call, size_t i, char out[65]);
NODISCARD bool param_event_id(struct manage_call *call, size_t i, char out[65]);
/* An integer, also written as a text. */
NODISCARD bool param_int(struct manage_call *call, size_t i, const char *what, int64_t least,
                         int64_t most, int64_t *out);
NODISCARD bool param_optional_int(struct manage_call *call, size_t i, const char *what,
                                  int64_t least, int64_t most, int64_t def, int64_t *out);
/* Is there anything at all? */
bool param_given(const struct manage_call *call, size_t i);

#endif
