#include "store/index_keys.h"

#include "base/slice.h"

enum { SECRET_BYTES = 16 };

static uint64_t little_endian(const char *bytes)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v << 8 | (uint8_t)bytes[i];
    return v;
}

enum err index_tag_secret_load(struct db *db, struct siphash_key *out)
{
    struct db_params none;
    PGresult *r = NULL;
    enum err err;

    db_params_init(&none);
    err = db_exec(db, "tag_secret", "SELECT value FROM relay_secret WHERE name = 'tag_key'", &none,
                  &r);
    db_params_reset(&none);
    if (err)
        return err;
    if (PQntuples(r) == 1 && db_get_slice(r, 0, 0).len == SECRET_BYTES) {
        struct slice value = db_get_slice(r, 0, 0);

        *out = (struct siphash_key){little_endian(value.ptr), little_endian(value.ptr + 8)};
    } else {
        err = ERR_GONE;
    }
    PQclear(r);
    return err;
}
