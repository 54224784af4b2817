/* Lines that a policy plugin writes: bytes of somebody else's program. */
#include <stdlib.h>
#include <string.h>

#include "plugin/plugin_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct event_id id; /* zeroes, which the corpus knows */
    struct plugin_reply reply;
    const char *error = NULL;
    enum plugin_line line =
        plugin_reply_read(slice_of((const char *)data, size), &id, &reply, &error);

    if (line != PLUGIN_REPLY) {
        if (!error)
            abort();
        return 0;
    }
    if (strlen(reply.message) > PLUGIN_MESSAGE_MOST ||
        (reply.action == PLUGIN_REJECT) != (reply.message[0] != '\0') ||
        (reply.action == PLUGIN_REJECT) != (reply.verdict != VERDICT_ACCEPTED))
        abort();
    for (const char *c = reply.message; *c; c++) {
        if ((unsigned char)*c < ' ')
            abort();
    }
    return 0;
}
