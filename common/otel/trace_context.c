#include "otel/trace_context.h"

#include <string.h>

#include "base/hex.h"

/* 00-<32 hex>-<16 hex>-<2 hex>; later versions may go on behind another dash. */
enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return any == 0;
}

static bool has_shape(struct slice h, uint8_t *version)
{
    if (h.len < TRACEPARENT_BYTES || h.ptr[TRACE_AT - 1] != '-' || h.ptr[SPAN_AT - 1] != '-' ||
        h.ptr[FLAGS_AT - 1] != '-' || !hex_decode(slice_of(h.ptr, 2), version, 1))
        return false;
    if (*version == 0)
        return h.len == TRACEPARENT_BYTES;
    return *version != 0xff && (h.len == TRACEPARENT_BYTES || h.ptr[TRACEPARENT_BYTES] == '-');
}

bool trace_context_parse(struct slice header, struct trace_context *out)
{
    uint8_t version, flags;

    *out = (struct trace_context){0};
    if (!has_shape(header, &version) ||
        !hex_decode(slice_of(header.ptr + TRACE_AT, 32), out->trace_id, sizeof out->trace_id) ||
        !hex_decode(slice_of(header.ptr + SPAN_AT, 16), out->span_id, sizeof out->span_id) ||
        !hex_decode(slice_of(header.ptr + FLAGS_AT, 2), &flags, 1) ||
        is_zero(out->trace_id, sizeof out->trace_id) ||
        is_zero(out->span_id, sizeof out->span_id)) {
        *out = (struct trace_context){0};
        return false;
    }
    out->sampled = flags & 1;
    return true;
}

void trace_context_format(const struct trace_context *c, char out[TRACEPARENT_BYTES + 1])
{
    memcpy(out, "00-", TRACE_AT);
    hex_encode(c->trace_id, sizeof c->trace_id, out + TRACE_AT);
    out[SPAN_AT - 1] = '-';
    hex_encode(c->span_id, sizeof c->span_id, out + SPAN_AT);
    memcpy(out + FLAGS_AT - 1, c->sampled ? "-01" : "-00", 4);
}
