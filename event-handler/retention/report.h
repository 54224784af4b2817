#ifndef EVENT_HANDLER_RETENTION_REPORT_H
#define EVENT_HANDLER_RETENTION_REPORT_H
/*
 * What rules of retention would delete now, without deleting it. Reads on the caller's connection,
 * in pages, for a bounded time. One thread.
 */
#include "retention/walk.h"

struct retention_tally { /* of one rule */
    int64_t events, authors, bytes;
    int64_t oldest; /* created_at; 0 when there is none */
};

struct retention_report {
    struct retention_tally rule[RETENTION_RULES_MOST];
    int64_t looked_at;
    int64_t up_to;    /* events up to this created_at were looked at */
    bool approximate; /* the time was up, or there were more authors than can be told apart */
};

/* Errors as db_exec(), ERR_NOMEM. */
NODISCARD enum err retention_report_make(struct db *db, const struct access_view *view,
                                         const struct retention_rules *rules,
                                         const struct key_set *exempt, int64_t now,
                                         uint64_t budget_ms, struct retention_report *out);

#endif
