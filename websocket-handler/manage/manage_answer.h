#ifndef WEBSOCKET_HANDLER_MANAGE_MANAGE_ANSWER_H
#define WEBSOCKET_HANDLER_MANAGE_MANAGE_ANSWER_H
/* What POST /v1/manage answers: {"status":200|400|401|403,"body":{...}}. Pure; any thread. */
#include "base/buf.h"

/* Appends the body as JSON. False, with nothing to be used, when the answer is malformed. */
NODISCARD bool manage_answer_parse(struct slice json, int *status, struct buf *body);

#endif
