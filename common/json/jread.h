#ifndef COMMON_JSON_JREAD_H
#define COMMON_JSON_JREAD_H
/*
 * A bounded, zero-copy pull reader of one JSON text (RFC 8259), for the hot path.
 *
 * The caller asks for what it expects, in order. A call that does not find it returns false and the
 * reader stays failed: `error` then holds a few words and `pos` the byte. No recursion over input,
 * no allocation except for strings with escapes, which are decoded into the arena. Strings must be
 * valid UTF-8; a lone surrogate is an error; U+0000 (as \u0000) is a legal character. Nesting in
 * skipped values is bounded at 32. One thread.
 *
 * Objects:  if (!jread_object(r)) ...; while (jread_key(r, &key)) { read exactly one value }
 * Arrays:   if (!jread_array(r)) ...;  while (jread_item(r))      { read exactly one value }
 * After either loop check jread_ok(r): false means malformed text or a value of the wrong type.
 */
#include "base/arena.h"
#include "base/slice.h"

enum jtype { J_NONE, J_OBJECT, J_ARRAY, J_STRING, J_NUMBER, J_TRUE, J_FALSE, J_NULL };

struct jread {
    const char *start, *pos, *end;
    struct arena *arena; /* where strings with escapes are decoded */
    const char *error;   /* NULL while all is well; a static sentence otherwise */
    bool first;          /* just behind '[' or '{': no comma is due */
};

/* text and arena are borrowed for as long as the reader and its strings are used. */
void jread_init(struct jread *r, struct slice text, struct arena *arena);
static inline bool jread_ok(const struct jread *r)
{
    return r->error == NULL;
}
/* What comes next, without consuming it; J_NONE at the end or on a character no value starts with.
 */
enum jtype jread_peek(struct jread *r);
bool jread_object(struct jread *r); /* consumes '{' */
bool jread_key(struct jread *r,
               struct slice *key); /* next key and ':', or consumes '}' and false */
bool jread_array(struct jread *r); /* consumes '[' */
bool jread_item(struct jread *r);  /* true: a value follows; false: ']' consumed */
bool jread_string(struct jread *r, struct slice *out); /* decoded */
/* A plain integer: optional '-', digits, no leading zero, no fraction, no exponent, fits int64. */
bool jread_int(struct jread *r, int64_t *out);
bool jread_bool(struct jread *r, bool *out);
bool jread_null(struct jread *r);
/* Skips one whole value of any type (checked for well-formedness); *raw (may be NULL) is its text.
 */
bool jread_skip(struct jread *r, struct slice *raw);
/* True when only white space is left. */
bool jread_end(struct jread *r);
/* Marks the reader failed with a static sentence (first one wins) and returns false. */
bool jread_fail(struct jread *r, const char *error);

#endif
