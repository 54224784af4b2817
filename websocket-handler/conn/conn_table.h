#ifndef WEBSOCKET_HANDLER_CONN_CONN_TABLE_H
#define WEBSOCKET_HANDLER_CONN_CONN_TABLE_H
/*
 * Names for connections: a slot and a generation. A slot is used again, its generation never, so
 * that a name that outlives its connection finds nothing. Loop thread only.
 */
#include "conn/conn.h"

struct conn_slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* of a free slot: the next one + 1, or 0 */
};

struct conn_table {
    struct conn_slot *slots;
    uint32_t n_slots;
    uint32_t first_free; /* + 1, or 0 */
    uint32_t n_used;
};

/* A zeroed struct is an empty table. */
void conn_table_deinit(struct conn_table *t);
/* Gives c a name. False without memory. */
NODISCARD bool conn_table_add(struct conn_table *t, struct conn *c, struct conn_handle *out);
void conn_table_remove(struct conn_table *t, struct conn_handle h);
struct conn *conn_table_find(const struct conn_table *t, struct conn_handle h);

#endif
