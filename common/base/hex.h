#ifndef COMMON_BASE_HEX_H
#define COMMON_BASE_HEX_H
/* Strict lower-case hexadecimal, as NIP-01 wants it. Any thread. */
#include "base/base.h"
#include "base/slice.h"

/* Decodes exactly 2 * n lower-case digits into out; false for any other length or character. */
NODISCARD bool hex_decode(struct slice s, uint8_t *out, size_t n);
/* The first 8 bytes of a key or an id in hex, with a terminator: enough to follow it in a log. */
enum { HEX_PREFIX_DIGITS = 16 };
const char *hex_prefix(const uint8_t *bytes, char out[HEX_PREFIX_DIGITS + 1]);
/* Writes 2 * n digits at out, no terminator. */
void hex_encode(const uint8_t *bytes, size_t n, char *out);

#endif
