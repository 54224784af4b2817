#include "store/feed_head.h"

enum err feed_head_read(struct db *db, uint64_t *seq)
{
    PGresult *r;
    enum err err = db_exec(db, "feed_head", "SELECT seq FROM feed_head WHERE one", NULL, &r);

    if (err)
        return err;
    if (PQntuples(r) == 1)
        *seq = (uint64_t)db_get_int8(r, 0, 0);
    else
        err = ERR_INVALID;
    PQclear(r);
    return err;
}
