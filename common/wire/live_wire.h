#ifndef COMMON_WIRE_LIVE_WIRE_H
#define COMMON_WIRE_LIVE_WIRE_H
/*
 * The live record: what an event handler publishes on Redis after a commit, and what GET /v1/feed
 * answers (docs/PROTOCOL.md). Text lines, any thread.
 *
 *   1 <prev> <seq> <control> <sent>\n  head: format version; the record covers (prev, seq]
 *   <seq> <canonical JSON>\n  one line per stored event of that range that still exists, ascending
 *   0 <canonical JSON>\n      an ephemeral event: outside the numbering
 * A record with prev == seq and no stored lines is a heartbeat (or carries ephemeral events only)
 * and says that the feed stands at seq. control is the version of the relay's moderation state that
 * its sender knows: a front end that has an older one fetches GET /v1/control. sent is when the
 * record was made, in milliseconds since 1970.
 */
#include "base/buf.h"

#define LIVE_CHANNEL "tandem:live"

struct live_head {
    uint64_t prev, seq, control, sent_ms;
};

struct live_line {
    uint64_t seq; /* 0: ephemeral */
    struct slice event;
};

void live_head_write(struct buf *out, const struct live_head *head);
void live_line_write(struct buf *out, uint64_t seq, struct slice event);
/* Takes the head line off *record; false when malformed, of another version, or prev > seq. */
NODISCARD bool live_head_parse(struct slice *record, struct live_head *out);
/* Takes the next line off *record; false at the end (len 0) or when malformed (len > 0). */
NODISCARD bool live_line_next(struct slice *record, struct live_line *out);

#endif
