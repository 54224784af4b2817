#ifndef RELAYCTL_PRETTY_H
#define RELAYCTL_PRETTY_H
/* JSON for people: a member per line, indented; lists stay on one line. Any thread. */
#include "base/buf.h"

/* False when json is not one well-formed JSON text; *error is then a static sentence. */
NODISCARD bool pretty_json(struct slice json, struct buf *out, const char **error);

#endif
