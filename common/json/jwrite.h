#ifndef COMMON_JSON_JWRITE_H
#define COMMON_JSON_JWRITE_H
/* Append-only JSON text. Escapes as NIP-01 serialises: \b \t \n \f \r \" \\ in two characters,
 * other bytes below 0x20 as \u00xx, everything else (DEL and UTF-8 included) as it is. Any thread.
 */
#include "base/buf.h"

/* s with quotes around it, escaped. */
void jwrite_string(struct buf *b, struct slice s);
/* s escaped, without the quotes. */
void jwrite_escaped(struct buf *b, struct slice s);

enum { JWRITE_ESCAPE_MAX = 6 };
/* One byte in escaped form: writes 1, 2 or 6 characters at out and returns how many. */
size_t jwrite_escape_byte(unsigned char c, char out[JWRITE_ESCAPE_MAX]);

#endif
