#ifndef COMMON_BASE_HEX_H
#define COMMON_BASE_HEX_H
/* Strict lower-case hexadecimal, as NIP-01 wants it. Any thread. */
#include "base/base.h"
#include "base/slice.h"

/* Decodes exactly 2 * n lower-case digits into out; false for any other length or character. */
NODISCARD bool hex_decode(struct slice s, uint8_t *out, size_t n);
/* Writes 2 * n digits at out, no terminator. */
void hex_encode(const uint8_t *bytes, size_t n, char *out);

#endif
