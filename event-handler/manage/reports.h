#ifndef EVENT_HANDLER_MANAGE_REPORTS_H
#define EVENT_HANDLER_MANAGE_REPORTS_H
/*
 * Reports (NIP-56) by people whom this relay trusts: a queue for the moderators to work through.
 * Reports of guests are events like others and raise nothing. The manage thread, but report_read().
 */
#include "access/access.h"
#include "manage/change.h"
#include "nostr/event.h"

struct config;

enum { REPORT_TARGETS = 8, REPORT_TYPE_ROOM = 40, REPORT_REASON_ROOM = 500 };

struct report {
    struct pubkey reporter;
    struct event_id event;
    enum tier tier; /* of the reporter, on arrival */
    bool of_events; /* else of pubkeys */
    uint8_t target[REPORT_TARGETS][32];
    size_t n_targets;
    char type[REPORT_TYPE_ROOM];
    char reason[REPORT_REASON_ROOM];
};

/* What ev, a kind 1984, reports. False when it names nothing, or nobody trusts its author. Any
 * thread. */
NODISCARD bool report_read(const struct event *ev, const struct access_view *view,
                           struct report *out);

/* Puts it in the queue, once per reporter and target; hides an event when the settings say so.
 * Errors as db_exec(). */
NODISCARD enum err report_take(struct db *db, const struct config *cfg,
                               const struct report *report);

/* Takes the reports of the last day that are stored and not in the queue: those that waited when
 * their event handler ended, or when the database was away. Errors as db_exec(). */
NODISCARD enum err reports_catch_up(struct db *db, const struct access_view *view);

/* Within a change: the open reports of target (hex) are dealt with. state: "acted", "dismissed". */
void reports_resolve(struct change *c, const char *target, const char *state);

#endif
