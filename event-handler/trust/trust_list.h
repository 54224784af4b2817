#ifndef EVENT_HANDLER_TRUST_TRUST_LIST_H
#define EVENT_HANDLER_TRUST_TRUST_LIST_H
/*
 * One person's list (kind 3: whom they follow; kind 10000: whom they mute) as the Web of Trust
 * takes it: what a new version of it changes, and what is held back. Pure: any thread.
 */
#include "base/arena.h"
#include "nostr/event.h"

enum { TRUST_FUTURE_SECONDS = 900 };

struct trust_list {
    struct pubkey author;
    int kind;
    int64_t created_at; /* of the newest version */
    struct event_id id; /* of the newest version; the lowest wins within a second */
    bool stored;        /* its event is in the store; false: fetched from another relay */
    struct slice keys;  /* 32 bytes each, ascending, each once: what counts */
    struct slice held;  /* what the newest version says, when not all of it counts; else ptr NULL */
    int64_t vouch_day;  /* days since 1970 */
    int32_t vouches;    /* new people named on that day */
};

enum trust_list_change {
    TRUST_LIST_OLD,    /* no newer than what is known, or from the future: nothing changes */
    TRUST_LIST_TAKEN,  /* counts as it is */
    TRUST_LIST_HELD,   /* lost nine tenths at once: the one before counts until it is confirmed */
    TRUST_LIST_CAPPED, /* names more new people than one may in a day: the others count later */
    TRUST_LIST_NOMEM
};

struct trust_list_rules {
    int64_t now;       /* seconds since 1970 */
    bool is_root;      /* an admin's list is taken whole */
    unsigned most_new; /* people that a list may add in a day, once it is known */
    bool is_stored;    /* the event is in the store, which has judged its date */
};

/*
 * What becomes of the list when ev, a kind 3 or 10000, arrives; old is NULL for a list that was not
 * known. Keys are p tags of 64 lower-case hex digits; anything else in them is passed over. An
 * event that was deleted or banned, and is stored again, counts again. *out points into arena, ev
 * and old.
 */
enum trust_list_change trust_list_apply(const struct trust_list *old, const struct event *ev,
                                        const struct trust_list_rules *rules, struct arena *arena,
                                        struct trust_list *out);

/*
 * What becomes of a list as time passes: one that lost nine tenths counts after two days, or at
 * once when forced, and of one that was capped a further day's share. TRUST_LIST_OLD: nothing
 * changes. *out points into arena and old.
 */
enum trust_list_change trust_list_ripen(const struct trust_list *old,
                                        const struct trust_list_rules *rules, bool forced,
                                        struct arena *arena, struct trust_list *out);

#endif
