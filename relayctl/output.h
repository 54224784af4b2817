#ifndef RELAYCTL_OUTPUT_H
#define RELAYCTL_OUTPUT_H
/*
 * What the user sees. Words from a relay may hold control characters that a terminal obeys, so
 * everything leaves through here, where they become \u00xx. One thread.
 */
#include "base/buf.h"

/* A line on stderr, with "relayctl: " before it. */
void output_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A line on stdout. */
void output_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* JSON text and a newline on stdout. Inside JSON the replacement means the same character. */
void output_json(struct slice json);
/* Flushes stdout; false, after complaining, when anything written was lost. */
NODISCARD bool output_finish(void);

/* Appends text; control characters (U+0000 to U+001F, U+007F to U+009F) but for those in keep
 * become \u00xx. */
void output_visible(struct buf *out, struct slice text, const char *keep);

#endif
