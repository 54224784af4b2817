/*
 * PROXY headers on any bytes: no read outside them, a bounded length, and the same outcome however
 * the bytes arrived.
 */
#include <stdlib.h>

#include "conn/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct ip client, again;
    size_t used = 0, used_again = 0;
    enum proxy_result r = proxy_protocol_parse(slice_of(bytes, size), &client, &used);

    if (r == PROXY_MORE) {
        must(size < PROXY_V2_MAX_BYTES);
        return 0;
    }
    if (r == PROXY_BAD)
        return 0;
    must(used > 0 && used <= size && used <= PROXY_V2_MAX_BYTES);
    must(proxy_protocol_parse(slice_of(bytes, used - 1), &again, &used_again) == PROXY_MORE);
    must(proxy_protocol_parse(slice_of(bytes, used), &again, &used_again) == r);
    must(used_again == used && (r == PROXY_LOCAL || ip_eq(&client, &again)));
    return 0;
}
