/*
 * Parameters of a scan:
 *   $1,$2  created_at and tie that all rows sort behind (both indexes end in this pair)
 *   $3     since            $4  newest seq of the snapshot    $5  now, for expiry
 *   $6     limit            $7  events up to this size come along
 *   $8     kinds            FAMILY_TAGS and statements with residuals; NULL for any
 *   $9..   authors, tag keys, tag keys, readers, keys of the readers' p tags; each NULL for "no
 * condition" then   the sources
 *
 * Three habits keep PostgreSQL on the index that was meant. A condition that must not choose an
 * index is written so that it cannot (seq + 0, $n IS NULL OR ...). Each branch of a union has its
 * own ORDER BY and LIMIT, so that its rows arrive sorted and Merge Append can stop early. What has
 * to be sorted is fenced off by OFFSET 0, since read connections run with enable_sort off
 * (query_pool.c).
 */
#include "query/query_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "nostr/kind.h"

enum { COMMON_PARAMS = 7, KINDS_PARAM = 8, FIRST_FULL_SOURCE = 14, TEXT_CAP = 64 * 1024 };

#define KEYSET(t)                                                                                  \
    "(" t ".created_at, " t ".tie) < ($1::bigint, $2::bigint) AND " t ".created_at >= $3::bigint"  \
    " AND " t ".seq + 0 <= $4::bigint"
#define ALIVE "(e.expires_at IS NULL OR e.expires_at > $5::bigint)"
#define NEWEST_FIRST(t) " ORDER BY " t ".created_at DESC, " t ".tie DESC"
#define EVENT "CASE WHEN e.size <= $7::int THEN e.event END AS event"
#define WITH_HEAD "SELECT h.seq, q.* FROM (SELECT seq FROM feed_head LIMIT 1) h LEFT JOIN LATERAL ("

static size_t first_source(enum query_family family, bool full)
{
    if (full)
        return FIRST_FULL_SOURCE;
    return family == FAMILY_TAGS ? KINDS_PARAM + 1 : KINDS_PARAM;
}

static bool family_has_value(enum query_family f)
{
    return f == FAMILY_AUTHORS || f == FAMILY_AUTHOR_KINDS || f == FAMILY_TAGS;
}

static bool family_has_kind(enum query_family f)
{
    return f == FAMILY_KINDS || f == FAMILY_AUTHOR_KINDS;
}

enum query_shape query_shape_for(size_t n)
{
    return n <= 1   ? SHAPE_ONE
           : n <= 2 ? SHAPE_TWO
           : n <= 4 ? SHAPE_FOUR
           : n <= 8 ? SHAPE_EIGHT
                    : SHAPE_LATERAL;
}

size_t query_shape_sources(enum query_shape shape)
{
    static const size_t n[QUERY_SHAPES] = {1, 2, 4, SHAPE_EIGHT_SOURCES, 0, 0};

    return n[shape];
}

/* ---- conditions ---- */

static void kind_list(struct buf *b, bool author_reads_only)
{
    size_t n;
    const int *kind = kind_private_list(&n);
    const char *comma = "";

    buf_add_str(b, "'{");
    for (size_t i = 0; i < n; i++) {
        if (author_reads_only && !kind_author_reads(kind[i]))
            continue;
        buf_printf(b, "%s%d", comma, kind[i]);
        comma = ",";
    }
    buf_add_str(b, "}'::int[]");
}

/* The residual conditions on row e and the privacy rule of canonical_readable(). */
static void residuals(struct buf *b)
{
    buf_add_str(b, " AND ($8::int[] IS NULL OR e.kind = ANY ($8))"
                   " AND ($9::bigint[] IS NULL OR e.author = ANY ($9))"
                   " AND ($10::bigint[] IS NULL OR e.tag_keys && $10)"
                   " AND ($11::bigint[] IS NULL OR e.tag_keys && $11)"
                   " AND ($12::bytea[] IS NULL OR e.kind <> ALL (");
    kind_list(b, false);
    buf_add_str(b, ") OR (e.kind = ANY (");
    kind_list(b, true);
    buf_add_str(b, ") AND e.pubkey = ANY ($12)) OR e.tag_keys && $13::bigint[])");
}

/* ---- branches: one ordered range each ---- */

struct branch {
    enum query_family family;
    bool full;
    const char *value, *kind; /* SQL of this source's key */
    const char *source;       /* SQL of its number */
    const char *limit;
};

static void range_of_tags(struct buf *b, const struct branch *br)
{
    buf_printf(b,
               "SELECT e.seq, t.created_at, t.tie, e.kind, e.size, " EVENT ", %s AS source"
               " FROM event_tags t JOIN events e ON e.seq = t.seq WHERE t.key = %s AND " KEYSET(
                   "t") " AND ($8::int[] IS NULL OR t.kind = ANY ($8)) AND " ALIVE,
               br->source, br->value);
    if (br->full)
        residuals(b);
    buf_printf(b, NEWEST_FIRST("t") " LIMIT %s", br->limit);
}

static void range(struct buf *b, const struct branch *br)
{
    if (br->family == FAMILY_TAGS) {
        range_of_tags(b, br);
        return;
    }
    buf_printf(b,
               "SELECT e.seq, e.created_at, e.tie, e.kind, e.size, " EVENT
               ", %s AS source FROM events e WHERE ",
               br->source);
    if (family_has_value(br->family))
        buf_printf(b, "e.author = %s AND ", br->value);
    if (family_has_kind(br->family))
        buf_printf(b, "e.kind = %s AND ", br->kind);
    buf_add_str(b, KEYSET("e") " AND " ALIVE);
    if (br->full)
        residuals(b);
    buf_printf(b, NEWEST_FIRST("e") " LIMIT %s", br->limit);
}

/* ---- shapes ---- */

static void union_shape(struct buf *b, enum query_family family, bool full, size_t n)
{
    size_t param = first_source(family, full);

    for (size_t i = 0; i < n; i++) {
        char value[32] = "", kind[32] = "";

        if (family_has_value(family))
            snprintf(value, sizeof value, "$%zu::bigint", param++);
        if (family_has_kind(family))
            snprintf(kind, sizeof kind, "$%zu::int", param++);
        buf_add_str(b, i > 0 ? " UNION ALL (" : "(");
        range(b, &(struct branch){family, full, value, kind, "0::bigint", "$6::bigint"});
        buf_add_char(b, ')');
    }
    if (n > 1)
        buf_add_str(b, " ORDER BY created_at DESC, tie DESC LIMIT $6");
}

/* unnest(...) WITH ORDINALITY s(value, kind, most, i), of what the family has. */
static void unnest_sources(struct buf *b, enum query_family family, size_t param, bool with_limits)
{
    const char *comma = "";

    buf_add_str(b, "unnest(");
    if (family_has_value(family)) {
        buf_printf(b, "$%zu::bigint[]", param++);
        comma = ", ";
    }
    if (family_has_kind(family)) {
        buf_printf(b, "%s$%zu::int[]", comma, param++);
        comma = ", ";
    }
    if (with_limits)
        buf_printf(b, "%s$%zu::bigint[]", comma, param);
    buf_add_str(b, ") WITH ORDINALITY s(");
    if (family_has_value(family))
        buf_add_str(b, "value, ");
    if (family_has_kind(family))
        buf_add_str(b, "kind, ");
    if (with_limits)
        buf_add_str(b, "most, ");
    buf_add_str(b, "i)");
}

/* Tag values without residuals: merges index entries alone, then fetches the events of those that
 * are left. An entry whose event is expired keeps its row, with an empty event: the caller counts
 * rows per source. */
static void lateral_tags(struct buf *b)
{
    buf_add_str(b, "SELECT k.seq, k.created_at, k.tie, k.kind, coalesce(e.size, 0),"
                   " CASE WHEN e.seq IS NULL OR NOT " ALIVE
                   " THEN '' WHEN e.size <= $7::int THEN e.event END AS event,"
                   " k.source FROM (SELECT t.*, s.i AS source FROM ");
    unnest_sources(b, FAMILY_TAGS, first_source(FAMILY_TAGS, false), true);
    buf_add_str(
        b, ", LATERAL (SELECT t.seq, t.created_at, t.tie, t.kind FROM event_tags t WHERE t.key = "
           "s.value AND " KEYSET("t") " AND ($8::int[] IS NULL OR t.kind = ANY ($8))" NEWEST_FIRST(
               "t") " LIMIT s.most) t"
                    " ORDER BY created_at DESC, tie DESC LIMIT $6::bigint) k LEFT JOIN events e ON "
                    "e.seq = k.seq" NEWEST_FIRST("k"));
}

static void lateral_shape(struct buf *b, enum query_family family, bool full)
{
    if (family == FAMILY_TAGS && !full) {
        lateral_tags(b);
        return;
    }
    buf_add_str(b, "SELECT r.* FROM ");
    unnest_sources(b, family, first_source(family, full), true);
    buf_add_str(b, ", LATERAL (");
    range(b, &(struct branch){family, full, "s.value", "s.kind", "s.i", "s.most"});
    buf_add_str(b, ") r" NEWEST_FIRST("r") " LIMIT $6::bigint");
}

/*
 * The walk looks at no more than budget rows, whoever wrote them. The OR with a parameter keeps the
 * list of authors a hash table that is asked per row. If the walk finds too little, the second
 * branch says where it stopped.
 */
static void walk_shape(struct buf *b, bool of_one_kind, bool full)
{
    size_t p = full ? FIRST_FULL_SOURCE : KINDS_PARAM + 1; /* authors, any author, budget, kind */
    char kind[40] = "";

    if (of_one_kind)
        snprintf(kind, sizeof kind, "e.kind = $%zu::int AND ", p + 3);
    buf_printf(b,
               "(SELECT e.seq, e.created_at, e.tie, e.kind, e.size, " EVENT ", 0::bigint AS source"
               " FROM (SELECT * FROM events e WHERE %s" KEYSET("e") NEWEST_FIRST(
                   "e") " LIMIT $%zu::bigint) e"
                        " WHERE " ALIVE " AND ($8::int[] IS NULL OR e.kind = ANY ($8))"
                        " AND (e.author IN (SELECT unnest($%zu::bigint[])) OR $%zu::boolean)",
               kind, p + 2, p, p + 1);
    if (full)
        residuals(b);
    buf_printf(b,
               " LIMIT $6::bigint) UNION ALL (SELECT -1, e.created_at, e.tie, 0, 0, NULL, 0 FROM "
               "events e WHERE %s" KEYSET("e")
                   NEWEST_FIRST("e") " OFFSET $%zu::bigint - 1 LIMIT 1) LIMIT $6",
               kind, p + 2);
}

static void points_shape(struct buf *b, const char *column)
{
    buf_printf(b,
               "SELECT r.* FROM (SELECT e.seq, e.created_at, e.tie, e.kind, e.size, " EVENT
               ", 0::bigint AS source"
               " FROM unnest($8::bytea[]) p(point) JOIN events e ON e.%s = p.point WHERE " KEYSET(
                   "e") " AND " ALIVE " OFFSET 0) r" NEWEST_FIRST("r") " LIMIT $6::bigint",
               column);
}

/* Best match first. Only which events, and in which order: they are then fetched by found_shape().
 */
static void search_shape(struct buf *b)
{
    buf_add_str(b, "SELECT e.seq, e.created_at, e.tie, e.kind, e.size, NULL::text AS event, "
                   "0::bigint AS source"
                   " FROM plainto_tsquery('simple', $14::text) AS wanted, event_search s, events e"
                   " WHERE s.words @@ wanted AND e.seq = s.seq AND $7::int IS NOT NULL AND " KEYSET(
                       "e") " AND " ALIVE);
    residuals(b);
    buf_add_str(
        b,
        " ORDER BY ts_rank(s.words, wanted) DESC, e.created_at DESC, e.tie DESC LIMIT $6::bigint");
}

static void found_shape(struct buf *b)
{
    buf_add_str(b, "SELECT r.* FROM (SELECT e.seq, e.created_at, e.tie, e.kind, e.size, " EVENT
                   ", s.i AS source"
                   " FROM unnest($8::bigint[]) WITH ORDINALITY s(seq, i) JOIN events e ON e.seq = "
                   "s.seq WHERE " KEYSET("e") " AND " ALIVE
                                              " OFFSET 0) r ORDER BY r.source LIMIT $6::bigint");
}

/* ---- counting ---- */

static void counted_rows(struct buf *b, enum query_family family)
{
    buf_add_str(b, "SELECT e.seq, e.pubkey FROM ");
    if (family == FAMILY_TAGS) {
        unnest_sources(b, family, FIRST_FULL_SOURCE, false);
        buf_add_str(
            b, " JOIN event_tags t ON t.key = s.value JOIN events e ON e.seq = t.seq WHERE " KEYSET(
                   "t") " AND ($8::int[] IS NULL OR t.kind = ANY ($8)) AND ");
    } else if (family == FAMILY_IDS) {
        buf_add_str(b,
                    "unnest($14::bytea[]) p(point) JOIN events e ON e.id = p.point WHERE " KEYSET(
                        "e") " AND ");
    } else if (family == FAMILY_TIME) {
        buf_add_str(b, "events e WHERE " KEYSET("e") " AND ");
    } else {
        unnest_sources(b, family, FIRST_FULL_SOURCE, false);
        buf_printf(b, " JOIN events e ON %s%s%s WHERE " KEYSET("e") " AND ",
                   family_has_value(family) ? "e.author = s.value" : "",
                   family == FAMILY_AUTHOR_KINDS ? " AND " : "",
                   family_has_kind(family) ? "e.kind = s.kind" : "");
    }
    buf_add_str(b, ALIVE);
    residuals(b);
    buf_add_str(b, " LIMIT $6::bigint");
}

/* An event that has several of the values comes several times. */
static const char *distinct_events(enum query_family family)
{
    return family == FAMILY_TAGS ? "count(DISTINCT c.seq)" : "count(*)";
}

static void count_text(struct buf *b, enum query_family family)
{
    buf_printf(b, "SELECT (SELECT seq FROM feed_head LIMIT 1), count(*), %s FROM (",
               distinct_events(family));
    counted_rows(b, family);
    buf_add_str(b, ") c WHERE $7::int IS NOT NULL");
}

/* NIP-45: the register is named by one byte of the pubkey; its value grows as the bytes behind it
 * get smaller. */
static void sketch_text(struct buf *b, enum query_family family)
{
    buf_printf(b,
               WITH_HEAD
               "SELECT count(*), %s, get_byte(c.pubkey, $7::int),"
               " min(encode(substring(c.pubkey FROM $7 + 2), 'hex') COLLATE \"C\") FROM (",
               distinct_events(family));
    counted_rows(b, family);
    buf_add_str(b, ") c GROUP BY 3) q ON true");
}

/* ---- the table ---- */

static char *take_text(struct buf *b)
{
    char *text;

    buf_add_char(b, '\0');
    text = b->failed ? NULL : strdup(b->ptr);
    assert(text);
    buf_reset(b);
    return text;
}

static struct query_statement named(struct buf *b, const char *what, enum query_family family,
                                    int shape, int full)
{
    struct query_statement st;

    st.sql = take_text(b);
    buf_printf(b, "%s_%d_%d_%d", what, (int)family, shape, full);
    st.name = take_text(b);
    return st;
}

static struct query_statement scan_statement(struct buf *b, enum query_family family,
                                             enum query_shape shape, bool full)
{
    buf_add_str(b, WITH_HEAD);
    if (family == FAMILY_IDS)
        points_shape(b, "id");
    else if (family == FAMILY_ADDRESSES)
        points_shape(b, "address");
    else if (family == FAMILY_SEARCH && full)
        search_shape(b);
    else if (family == FAMILY_SEARCH)
        found_shape(b);
    else if (shape == SHAPE_WALK)
        walk_shape(b, family == FAMILY_KINDS, full);
    else if (shape == SHAPE_LATERAL)
        lateral_shape(b, family, full);
    else
        union_shape(b, family, full, query_shape_sources(shape));
    buf_add_str(b, ") q ON true");
    return named(b, "scan", family, (int)shape, full);
}

static bool scan_exists(enum query_family family, enum query_shape shape, bool full)
{
    switch (family) {
    case FAMILY_NOTHING:
    case QUERY_FAMILIES:
        return false;
    case FAMILY_IDS:
    case FAMILY_ADDRESSES:
        return shape == SHAPE_ONE && !full;
    case FAMILY_SEARCH:
        return shape == SHAPE_ONE;
    case FAMILY_TIME:
        return shape == SHAPE_ONE || shape == SHAPE_WALK;
    case FAMILY_KINDS:
        return true;
    case FAMILY_AUTHORS:
    case FAMILY_AUTHOR_KINDS:
    case FAMILY_TAGS:
        return shape != SHAPE_WALK;
    }
    return false;
}

static bool count_exists(enum query_family family)
{
    return family != FAMILY_NOTHING && family != FAMILY_ADDRESSES && family != FAMILY_SEARCH;
}

struct query_sql *query_sql_new(void)
{
    struct query_sql *sql = calloc(1, sizeof *sql);
    struct buf b;

    assert(sql);
    buf_init(&b, TEXT_CAP);
    for (int f = 0; f < QUERY_FAMILIES; f++) {
        for (int s = 0; s < QUERY_SHAPES; s++)
            for (int full = 0; full < 2; full++)
                if (scan_exists((enum query_family)f, (enum query_shape)s, full))
                    sql->scan[f][s][full] =
                        scan_statement(&b, (enum query_family)f, (enum query_shape)s, full);
        if (!count_exists((enum query_family)f))
            continue;
        count_text(&b, (enum query_family)f);
        sql->count[f] = named(&b, "count", (enum query_family)f, 0, 1);
        sketch_text(&b, (enum query_family)f);
        sql->sketch[f] = named(&b, "sketch", (enum query_family)f, 0, 1);
    }
    buf_deinit(&b);
    return sql;
}

static void free_statements(struct query_statement *st, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)st[i].name);
        free((char *)st[i].sql);
    }
}

void query_sql_free(struct query_sql *sql)
{
    if (!sql)
        return;
    free_statements(&sql->scan[0][0][0], sizeof sql->scan / sizeof sql->scan[0][0][0]);
    free_statements(sql->count, ARRAY_LEN(sql->count));
    free_statements(sql->sketch, ARRAY_LEN(sql->sketch));
    free(sql);
}

/* ---- parameters ---- */

static void param_kinds(struct db_params *p, const int32_t *kinds, size_t n)
{
    if (n > 0)
        db_param_int4_array(p, kinds, n);
    else
        db_param_null(p);
}

static void param_keys(struct db_params *p, const struct plan_keys *keys)
{
    if (keys->n > 0)
        db_param_int8_array(p, keys->v, NULL, keys->n);
    else
        db_param_null(p);
}

/* $1 to $7 */
static void param_bounds(struct db_params *p, const struct scan_bounds *b)
{
    db_param_int8(p, b->created_at);
    db_param_int8(p, b->tie);
    db_param_int8(p, b->since);
    db_param_int8(p, b->snapshot);
    db_param_int8(p, b->now);
    db_param_int8(p, b->limit);
    db_param_int4(p, b->inline_bytes);
}

/* $8 to $13 */
static void param_residuals(struct db_params *p, const struct query_plan *plan,
                            const struct scan_privacy *privacy)
{
    param_kinds(p, plan->kinds, plan->n_kinds);
    param_keys(p, &plan->authors);
    for (size_t i = 0; i < PLAN_RESIDUAL_TAGS; i++)
        param_keys(p, &plan->tag[i]);
    if (!privacy->on) {
        db_param_null(p);
        db_param_null(p);
        return;
    }
    db_param_bytea_array(p, privacy->readers, privacy->n_readers);
    db_param_int8_array(p, privacy->reader_keys, NULL, privacy->n_readers);
}

static void param_union(struct db_params *p, const struct query_plan *plan, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool unused = i >= plan->n;

        if (plan->value && unused)
            db_param_null(p);
        else if (plan->value)
            db_param_int8(p, plan->value[i]);
        if (plan->kind && unused)
            db_param_null(p);
        else if (plan->kind)
            db_param_int4(p, plan->kind[i]);
    }
}

static void param_arrays(struct db_params *p, const struct query_plan *plan)
{
    if (plan->value)
        db_param_int8_array(p, plan->value, NULL, plan->n);
    if (plan->kind)
        db_param_int4_array(p, plan->kind, plan->n);
}

void query_sql_params(struct db_params *p, const struct query_plan *plan, enum query_shape shape,
                      bool full, const struct scan_bounds *b, const struct scan_privacy *privacy,
                      const int64_t *limits)
{
    param_bounds(p, b);
    if (full)
        param_residuals(p, plan, privacy);
    else if (plan->family == FAMILY_TAGS)
        param_kinds(p, plan->kinds, plan->n_kinds);

    if (plan->point) {
        db_param_bytea_array(p, plan->point, plan->n);
    } else if (plan->family == FAMILY_SEARCH) {
        db_param_text(p, plan->search.ptr, plan->search.len);
    } else if (shape == SHAPE_LATERAL) {
        param_arrays(p, plan);
        db_param_int8_array(p, limits, NULL, plan->n);
    } else {
        param_union(p, plan, query_shape_sources(shape));
    }
}

void query_sql_walk_params(struct db_params *p, const struct query_plan *plan, bool full,
                           const struct scan_bounds *b, const struct scan_privacy *privacy,
                           int64_t budget)
{
    struct query_plan walk = {.kinds = plan->walk_kinds, .n_kinds = plan->n_walk_kinds};

    param_bounds(p, b);
    if (full)
        param_residuals(p, &walk, privacy);
    else
        param_kinds(p, walk.kinds, walk.n_kinds);
    db_param_int8_array(p, plan->walk_authors.v, NULL, plan->walk_authors.n);
    db_param_bool(p, plan->walk_authors.n == 0);
    db_param_int8(p, budget);
    if (plan->n_walk_kinds == 1)
        db_param_int4(p, plan->walk_kinds[0]);
}

void query_sql_found_params(struct db_params *p, const struct scan_bounds *b, const int64_t *seqs,
                            size_t n)
{
    param_bounds(p, b);
    db_param_int8_array(p, seqs, NULL, n);
}

void query_sql_count_params(struct db_params *p, const struct query_plan *plan,
                            const struct scan_bounds *b, const struct scan_privacy *privacy,
                            int byte)
{
    struct scan_bounds bounds = *b;

    bounds.inline_bytes = byte;
    param_bounds(p, &bounds);
    param_residuals(p, plan, privacy);
    if (plan->point)
        db_param_bytea_array(p, plan->point, plan->n);
    else
        param_arrays(p, plan);
}
