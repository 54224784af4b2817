#ifndef EVENT_HANDLER_STORE_SEARCH_INDEX_H
#define EVENT_HANDLER_STORE_SEARCH_INDEX_H
/*
 * NIP-50: fills event_search behind the writer's back, in seq order, a bounded step at a time. An
 * advisory lock lets one event handler do it.
 */
#include "base/arena.h"
#include "store/db.h"

struct search_index {
    int64_t step;    /* seqs of the next step: small for a while after one failed */
    uint64_t behind; /* seqs that are not indexed yet, as of the last step */
    struct arena arena;
};

void search_index_init(struct search_index *s);
void search_index_deinit(struct search_index *s);
/* One step; *indexed tells how many events it added. ERR_BUSY: another event handler is at it. Else
 * errors as db_exec(). */
NODISCARD enum err search_index_step(struct search_index *s, struct db *db, size_t *indexed);

#endif
