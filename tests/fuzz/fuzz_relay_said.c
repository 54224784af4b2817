/*
 * What a relay may send to relayctl, from any bytes: the handshake's answer, messages, metrics, and
 * all of it on the way to a terminal, where no control character may arrive.
 */
#include "base/buf.h"
#include "client/relay_message.h"
#include "client/ws_handshake.h"
#include "output.h"
#include "prometheus.h"

static void check_message(struct slice text)
{
    struct relay_message m;
    struct arena arena;
    const char *error = NULL;
    int64_t count;
    bool approximate;

    arena_init(&arena, 256 * KIB);
    if (!relay_message_parse(text, &arena, &m, &error))
        assert(error);
    else if (m.verb == RELAY_EVENT || m.verb == RELAY_COUNT)
        assert(m.body.len >= 2 && m.body.ptr[0] == '{' && m.body.ptr[m.body.len - 1] == '}');
    if (relay_message_count(text, &arena, &count, &approximate))
        assert(count >= 0);
    arena_deinit(&arena);
}

static void check_visible(struct slice text)
{
    struct buf once, twice;

    buf_init(&once, 6 * text.len);
    buf_init(&twice, 6 * text.len);
    output_visible(&once, text, "");
    assert(!once.failed);
    for (size_t i = 0; i < once.len; i++)
        assert((unsigned char)once.ptr[i] >= 0x20 && once.ptr[i] != 0x7f);
    output_visible(&twice, buf_slice(&once), "");
    assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    buf_deinit(&once);
    buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    const char *error = NULL;
    double sum;
    int status;

    check_message(text);
    check_visible(text);
    if (!ws_handshake_check(text, "dGhlIHNhbXBsZSBub25jZQ==", &status, &error))
        assert(error && status >= 0 && status <= 999);
    if (!prometheus_sum(text, "a", "b", &sum))
        assert(sum == 0);
    return 0;
}
