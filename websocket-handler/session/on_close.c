/* CLOSE (NIP-01): ends a subscription without a word; one that is not there is no mistake. */
#include "session/session_internal.h"
#include "json/jwrite.h"

void on_close(struct session *s, const struct client_message *msg)
{
    struct buf *id = &s->shared->id_json;
    struct subscription *sub;

    buf_reset(id);
    jwrite_string(id, msg->sub_id);
    sub = id->failed ? NULL : subs_find(s, buf_slice(id));
    if (sub)
        subs_close(sub);
}
