#ifndef COMMON_WIRE_INGEST_WIRE_H
#define COMMON_WIRE_INGEST_WIRE_H
/*
 * POST /v1/events: a batch of events in, one verdict each out (docs/PROTOCOL.md). Both directions
 * of both forms, so that the two services cannot disagree. Any thread.
 *
 * Request body: records one after the other, numbers big-endian:
 *   u32 length of the rest of the record
 *   u8  number of authenticated pubkeys, then 32 bytes each
 *   u8  length of the client's address, then its text ("192.0.2.1", "2001:db8::1")
 *   ... the event: one JSON object
 * Response body: one line per record, in order:
 *   <seq> ["<id>",<true|false>,"<message>"]\n
 * seq is the newest seq the event handler knows to be committed after this event was dealt with (0
 * if unknown).
 *
 * A split response (asked for with ?split=1) begins with the line "-". Its lines come as the
 * verdicts do, in any order, each with the place of its record, from 0:
 *   <place> <seq> ["<id>",<true|false>,"<message>"]\n
 */
#include "base/buf.h"
#include "nostr/keys.h"
#include "nostr/verdict.h"

enum { INGEST_MAX_AUTH = 16, INGEST_MAX_ADDRESS = 63 };

struct ingest_record {
    const struct pubkey *auth; /* points into the body; alignment 1 */
    size_t n_auth;
    struct slice address;
    struct slice event;
};

/* Appends one record. n_auth is at most INGEST_MAX_AUTH, address at most INGEST_MAX_ADDRESS bytes.
 */
void ingest_record_write(struct buf *body, const struct ingest_record *rec);
/* Takes the next record off *body; false at the end (body->len == 0) or when malformed (body->len >
 * 0). */
NODISCARD bool ingest_record_next(struct slice *body, struct ingest_record *rec);

/* Appends one verdict line. id_hex is 64 digits, or empty when the event had no id. message: the
 * sentence without its prefix ("" for none). */
void ingest_verdict_write(struct buf *body, uint64_t seq, struct slice id_hex, enum verdict v,
                          const char *message);

/* Begins a split response. */
void ingest_split_write(struct buf *body);
/* The same, as a line of a split response. */
void ingest_verdict_write_at(struct buf *body, uint64_t place, uint64_t seq, struct slice id_hex,
                             enum verdict v, const char *message);

struct ingest_verdict {
    uint64_t seq;
    struct slice ok; /* ["<id>",true,""] whole: the front end sends ["OK", + ok without its '[' */
    bool accepted;   /* the boolean in it */
};

/* Takes the next line off *body; false at the end (len 0) or when malformed (len > 0). */
NODISCARD bool ingest_verdict_next(struct slice *body, struct ingest_verdict *out);
/* Takes the line that begins a split response; false when it is none, or not whole yet. */
NODISCARD bool ingest_split_take(struct slice *body);
/* The same for a line of a split response, which may not be whole yet: then false as well. */
NODISCARD bool ingest_verdict_next_at(struct slice *body, uint64_t *place,
                                      struct ingest_verdict *out);

#endif
