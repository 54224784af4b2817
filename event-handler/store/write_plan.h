#ifndef EVENT_HANDLER_STORE_WRITE_PLAN_H
#define EVENT_HANDLER_STORE_WRITE_PLAN_H
/*
 * What a batch of events does to the store, decided without touching it (NIP-01 replaceable and
 * addressable kinds, 09, 40, 59, 62).
 *
 * The rule: every verdict is the one that the event would have got had the batch been executed one
 * event after the other; written is only what is left at the end. So a profile that is replaced
 * within its batch was accepted, yet has no row and no seq. Pure: any thread.
 */
#include "base/arena.h"
#include "nostr/event.h"
#include "nostr/verdict.h"

struct new_event { /* one event that wants to be stored */
    const struct event
        *ev; /* verified and within policy; kinds 5 and 62 carry the tags that they need */
    struct slice json;   /* canonical */
    uint8_t address[32]; /* kind, author and d, when has_address */
    bool has_address;
    bool keeps_versions;  /* for the caller to set: what it replaces goes to event_history */
    bool takes_all_wraps; /* for the caller to set, of a kind 62: gift wraps go whatever their date,
                             not only those up to the request */

    /* The outcome. */
    enum verdict verdict;
    const char *message;
    bool insert;   /* accepted and still there at the end of the batch */
    uint64_t seq;  /* when inserted */
    bool deferred; /* see event_writer.h; the rest of the outcome is not set then */
};

/* Fills in the address; the outcome is left zeroed. */
void new_event_init(struct new_event *ne, const struct event *ev, struct slice json);

struct tombstone { /* NIP-09: deleter asked for id to go */
    struct event_id id;
    struct pubkey deleter;
};

struct floor { /* versions of address with created_at up to up_to are refused */
    uint8_t address[32];
    int64_t up_to;
    bool by_author; /* false: they were outlived by a version that expired */
};

struct vanish { /* NIP-62 */
    struct pubkey pubkey;
    int64_t up_to;
    int64_t wraps_up_to; /* of gift wraps that are there; unused in what is known */
};

struct holder { /* the stored version of an address */
    uint8_t address[32];
    struct event_id id;
    struct pubkey pubkey;
    int64_t created_at;
    uint64_t seq;
};

/* What a kind 62 asks for. */
struct vanish vanish_of_request(const struct new_event *ne);

struct write_known { /* what the database says about the batch */
    const struct event_id *stored;
    const struct holder *holder;
    const struct tombstone *tombstone;
    const struct floor *floor;
    const struct vanish *vanish;
    size_t n_stored, n_holders, n_tombstones, n_floors, n_vanish;
};

struct write_plan {     /* what has to be done to the database, besides inserting the events marked
                           `insert` */
    uint64_t *replaced; /* seqs of stored versions that are outdated */
    uint64_t *kept;     /* those of them that go to event_history */
    const struct new_event **superseded; /* versions replaced within the batch, for event_history */
    struct tombstone *tombstone;
    struct floor *floor; /* one address may occur several times */
    struct vanish *vanish;
    size_t n_replaced, n_kept, n_superseded, n_tombstones, n_floors, n_vanish;
    size_t n_inserts;
};

/* Sets verdict, message and insert of each event and fills *plan; memory comes from arena. False
 * without memory. */
NODISCARD bool write_plan_make(struct new_event *const *ne, size_t n,
                               const struct write_known *known, struct arena *arena,
                               struct write_plan *plan);

/* NIP-09: the targets of a deletion request. False when the tag is none; addresses of other people
 * are none. */
NODISCARD bool deletion_names_event(const struct tag *t, struct event_id *id);
NODISCARD bool deletion_names_address(const struct event *deletion, const struct tag *t,
                                      uint8_t address[32]);

/* The next p tag of ev from *at on that holds a pubkey; *at moves on. For `while` over a gift
 * wrap's recipients. */
NODISCARD bool event_next_recipient(const struct event *ev, uint32_t *at, struct pubkey *out);

#endif
