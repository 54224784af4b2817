#include "store/tag_key.h"

#include <endian.h>
#include <string.h>

#include "ops/log.h"
#include "store/db.h"

static uint64_t first_eight(const uint8_t *bytes)
{
    uint64_t v;

    memcpy(&v, bytes, sizeof v);
    return be64toh(v);
}

int64_t author_key(const struct pubkey *pubkey)
{
    return (int64_t)(first_eight(pubkey->b) ^ (UINT64_C(1) << 63));
}

int64_t tie_key(const struct event_id *id)
{
    return (int64_t)~(first_eight(id->b) ^ (UINT64_C(1) << 63));
}

/* The letter goes into the key, which spares copying the value behind it. */
int64_t tag_key(const struct siphash_key *secret, char letter, struct slice value)
{
    struct siphash_key k = {secret->k0 ^ (uint64_t)(unsigned char)letter, secret->k1};

    return (int64_t)siphash(&k, value.ptr, value.len);
}

enum err tag_key_load(struct db *db, struct siphash_key *secret)
{
    PGresult *r;
    struct slice value;
    enum err err = db_exec(db, "tag_secret", "SELECT value FROM relay_secret WHERE name = 'tag_key'", NULL, &r);

    if (err)
        return err;
    value = PQntuples(r) == 1 ? db_get_slice(r, 0, 0) : (struct slice){NULL, 0};
    if (value.len == 16) {
        memcpy(&secret->k0, value.ptr, 8);
        memcpy(&secret->k1, value.ptr + 8, 8);
        secret->k0 = le64toh(secret->k0);
        secret->k1 = le64toh(secret->k1);
    } else {
        log_error("store", "the table relay_secret has no usable row tag_key", "%s", "");
        err = ERR_INVALID;
    }
    PQclear(r);
    return err;
}
