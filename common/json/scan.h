#ifndef COMMON_JSON_SCAN_H
#define COMMON_JSON_SCAN_H
/*
 * Skipping the plain parts of strings, eight bytes at a time; shared by reader and writer.
 *
 * A word is examined with ordinary arithmetic: for a byte x and n <= 128, (x - n) & ~x has its top
 * bit set exactly when x < n, as long as no borrow comes in from below, and a borrow comes only out
 * of a byte that is a hit itself. So "no bit set" is exact, and whoever sees a bit looks at the
 * bytes singly.
 */
#include <string.h>

#include "base/base.h"

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define SCAN_BELOW(word, n) (((word)-SCAN_EACH(n)) & ~(word)&SCAN_EACH(0x80))

/* Not zero when one of the eight bytes must be escaped inside a JSON string. */
static inline uint64_t scan_word_special(uint64_t word)
{
    return SCAN_BELOW(word, 0x20) | SCAN_BELOW(word ^ SCAN_EACH('"'), 1) |
           SCAN_BELOW(word ^ SCAN_EACH('\\'), 1);
}

static inline bool scan_is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static inline uint64_t scan_load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* The first byte in [p, end) that must be escaped, or end. */
static inline const char *scan_unescaped(const char *p, const char *end)
{
    while (end - p >= 8 && !scan_word_special(scan_load(p)))
        p += 8;
    while (p < end && !scan_is_special((unsigned char)*p))
        p++;
    return p;
}

/* The same, stopping also at the first byte that is not ASCII. */
static inline const char *scan_ascii(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word = scan_load(p);

        if (scan_word_special(word) | (word & SCAN_EACH(0x80)))
            break;
        p += 8;
    }
    while (p < end && !scan_is_special((unsigned char)*p) && (unsigned char)*p < 0x80)
        p++;
    return p;
}

#endif
