#ifndef EVENT_HANDLER_INGEST_CHECK_H
#define EVENT_HANDLER_INGEST_CHECK_H
/* What is found out about a chunk of events without the database: form, policy, identity. A
 * checking thread. */
#include "ingest/batch.h"
#include "ingest/verified.h"
#include "ops/kind_set.h"
#include "policy/policy.h"

struct checker { /* one per thread */
    const struct config *cfg;
    struct access *access;         /* shared */
    struct limits *limits;         /* shared */
    struct access_view *view;      /* while a chunk is checked */
    struct verified *verified;     /* shared */
    struct kind_set history_kinds; /* whose replaced versions are kept */
    struct buf scratch;
    bool ask_plugin; /* set by the owner: the operator's plugin decides as well */
};

void checker_init(struct checker *c, const struct config *cfg, struct access *access,
                  struct limits *limits, struct verified *verified);
void checker_deinit(struct checker *c);
/* Sets the route of every item, and with ROUTE_DECIDED its verdict. */
void check_chunk(struct checker *c, struct chunk *chunk);

#endif
