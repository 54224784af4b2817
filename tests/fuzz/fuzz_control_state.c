/* The moderation state from any bytes: read whole or refused with a reason, and usable when read.
 */
#include "control/control_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_state *s;
    struct event ev = {0};
    struct ip ip = {{0}};
    struct buf error;

    buf_init(&error, KIB);
    s = control_state_parse(slice_of((const char *)data, size), &error);
    if (!s)
        assert(error.len > 0);
    if (s) {
        assert(s->n_sentences <= CONTROL_MAX_SENTENCES);
        for (size_t i = 0; i < s->n_sentences; i++)
            assert(s->sentence[i]);
        for (size_t i = 0; i < s->blocked.n; i++)
            assert(control_blocks(s, &s->blocked.entry[i].net));
        for (size_t i = 0; i < s->banned.n; i++) {
            memcpy(ev.pubkey.b, s->banned.key[i], sizeof ev.pubkey.b);
            assert(control_hides(s, &ev));
        }
        (void)control_blocks(s, &ip);
    }
    control_state_free(s);
    buf_deinit(&error);
    return 0;
}
