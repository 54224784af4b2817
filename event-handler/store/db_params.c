/* PostgreSQL's binary formats: big-endian numbers; an array is {dimensions, has nulls, element
 * type, length, lower bound, then per element its length (-1 for NULL) and bytes}. */
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "store/db.h"

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

enum { ARRAY_HEAD = 20 };

void db_params_init(struct db_params *p)
{
    *p = (struct db_params){0};
}

void db_params_reset(struct db_params *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->owned[i]);
    db_params_init(p);
}

/* Fills the next slot; owned is what db_params_reset() frees. False when there is none. */
static bool add(struct db_params *p, const char *bytes, size_t n, char *owned)
{
    if (p->n == DB_MAX_PARAMS || n > INT_MAX) {
        p->failed = true;
        return false;
    }
    p->value[p->n] = bytes;
    p->length[p->n] = (int)n;
    p->format[p->n] = 1;
    p->owned[p->n] = owned;
    p->n++;
    return true;
}

static char *put32(char *at, uint32_t v)
{
    v = htobe32(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

static char *put64(char *at, uint64_t v)
{
    v = htobe64(v);
    memcpy(at, &v, sizeof v);
    return at + sizeof v;
}

/* A fixed-size value of our own; NULL (and p->failed) without memory. */
static char *add_owned(struct db_params *p, size_t n)
{
    char *copy = malloc(n ? n : 1);

    if (!copy)
        p->failed = true;
    if (!copy || !add(p, NULL, n, copy)) {
        free(copy);
        return NULL;
    }
    p->value[p->n - 1] = copy;
    return copy;
}

void db_param_null(struct db_params *p)
{
    add(p, NULL, 0, NULL);
}

void db_param_int4(struct db_params *p, int32_t v)
{
    char *at = add_owned(p, 4);

    if (at)
        put32(at, (uint32_t)v);
}

void db_param_int8(struct db_params *p, int64_t v)
{
    char *at = add_owned(p, 8);

    if (at)
        put64(at, (uint64_t)v);
}

void db_param_bool(struct db_params *p, bool v)
{
    add(p, v ? "\1" : "\0", 1, NULL);
}

/* libpq takes a NULL pointer for SQL NULL, so that an empty value needs some address. */
void db_param_bytes(struct db_params *p, const void *bytes, size_t n)
{
    add(p, n ? bytes : "", n, NULL);
}

void db_param_text(struct db_params *p, const char *text, size_t n)
{
    add(p, n ? text : "", n, NULL);
}

void db_param_text_copy(struct db_params *p, const char *text, size_t n)
{
    char *at = add_owned(p, n);

    if (at && n > 0)
        memcpy(at, text, n);
}

static char *put_array_head(char *at, bool has_null, uint32_t type, size_t n)
{
    at = put32(at, 1);
    at = put32(at, has_null);
    at = put32(at, type);
    at = put32(at, (uint32_t)n);
    return put32(at, 1);
}

/* Room for an array of n elements with data_bytes in them, its head written. */
static char *add_array(struct db_params *p, bool has_null, uint32_t type, size_t n,
                       size_t data_bytes)
{
    char *at = add_owned(p, ARRAY_HEAD + 4 * n + data_bytes);

    return at ? put_array_head(at, has_null, type, n) : NULL;
}

void db_param_int4_array(struct db_params *p, const int32_t *v, size_t n)
{
    char *at = add_array(p, false, OID_INT4, n, 4 * n);

    for (size_t i = 0; at && i < n; i++)
        at = put32(put32(at, 4), (uint32_t)v[i]);
}

void db_param_int8_array(struct db_params *p, const int64_t *v, const bool *is_null, size_t n)
{
    size_t nulls = 0;
    char *at;

    for (size_t i = 0; is_null && i < n; i++)
        nulls += is_null[i];
    at = add_array(p, nulls > 0, OID_INT8, n, 8 * (n - nulls));
    for (size_t i = 0; at && i < n; i++) {
        if (is_null && is_null[i])
            at = put32(at, UINT32_MAX);
        else
            at = put64(put32(at, 8), (uint64_t)v[i]);
    }
}

void db_param_bool_array(struct db_params *p, const bool *v, size_t n)
{
    char *at = add_array(p, false, OID_BOOL, n, n);

    for (size_t i = 0; at && i < n; i++) {
        at = put32(at, 1);
        *at++ = (char)v[i];
    }
}

static void add_slices(struct db_params *p, uint32_t type, const struct slice *v, size_t n)
{
    size_t bytes = 0;
    bool has_null = false;
    char *at;

    for (size_t i = 0; i < n; i++) {
        bytes += v[i].len;
        has_null |= v[i].ptr == NULL;
    }
    at = add_array(p, has_null, type, n, bytes);
    for (size_t i = 0; at && i < n; i++) {
        at = put32(at, v[i].ptr ? (uint32_t)v[i].len : UINT32_MAX);
        if (v[i].ptr)
            memcpy(at, v[i].ptr, v[i].len);
        at += v[i].len;
    }
}

void db_param_bytea_array(struct db_params *p, const struct slice *v, size_t n)
{
    add_slices(p, OID_BYTEA, v, n);
}

void db_param_text_array(struct db_params *p, const struct slice *v, size_t n)
{
    add_slices(p, OID_TEXT, v, n);
}

/* ---- results ---- */

int64_t db_get_int8(const PGresult *r, int row, int col)
{
    uint64_t v;

    assert(PQgetlength(r, row, col) == 8);
    memcpy(&v, PQgetvalue(r, row, col), sizeof v);
    return (int64_t)be64toh(v);
}

int32_t db_get_int4(const PGresult *r, int row, int col)
{
    uint32_t v;

    assert(PQgetlength(r, row, col) == 4);
    memcpy(&v, PQgetvalue(r, row, col), sizeof v);
    return (int32_t)be32toh(v);
}

bool db_get_bool(const PGresult *r, int row, int col)
{
    assert(PQgetlength(r, row, col) == 1);
    return PQgetvalue(r, row, col)[0] != 0;
}

struct slice db_get_slice(const PGresult *r, int row, int col)
{
    if (PQgetisnull(r, row, col))
        return (struct slice){NULL, 0};
    return slice_of(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col));
}
