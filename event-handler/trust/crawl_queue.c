#include "trust/crawl_queue.h"

#include "base/hex.h"
#include "json/jwrite.h"

enum { NO_TIME = -1, SLACK = 64 };

void crawl_queue_init(struct crawl_queue *q, const struct crawl_authors *authors,
                      const uint32_t *list, size_t n, bool only_missing, size_t chunk)
{
    *q = (struct crawl_queue){.authors = authors,
                              .list = list,
                              .n = n,
                              .only_missing = only_missing,
                              .chunk = chunk,
                              .until = NO_TIME};
}

static size_t author_at(const struct crawl_queue *q, size_t i)
{
    return q->list ? q->list[i] : i;
}

static bool is_wanted(const struct crawl_queue *q, size_t i)
{
    return !q->only_missing || !crawl_authors_found(q->authors, author_at(q, i));
}

/* Lets the chunk that begins at q->at end behind so many wanted authors. Returns their number. */
static size_t choose_chunk(struct crawl_queue *q)
{
    size_t n = 0;

    for (q->end = q->at; q->end < q->n && n < q->chunk; q->end++) {
        if (!is_wanted(q, q->end))
            continue;
        n++;
        if (q->end >= q->counted)
            q->n_asked++;
    }
    if (q->end > q->counted)
        q->counted = q->end;
    q->n_chunk = 0;
    q->n_in_chunk = n;
    /* Some relays keep an older version or two. */
    q->most_chunk = 2 * n * q->authors->n_kinds + SLACK;
    return n;
}

static size_t write_authors(const struct crawl_queue *q, struct buf *out)
{
    char hex[64];
    size_t n = 0;

    for (size_t i = q->at; i < q->end; i++) {
        if (!is_wanted(q, i))
            continue;
        buf_add_str(out, n++ > 0 ? ",\"" : "\"");
        hex_encode(q->authors->pubkey[author_at(q, i)].b, 32, hex);
        buf_add(out, hex, sizeof(hex));
        buf_add_char(out, '"');
    }
    return n;
}

static void write_kinds(const struct crawl_queue *q, struct buf *out)
{
    for (size_t i = 0; i < q->authors->n_kinds; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_i64(out, q->authors->kind[i]);
    }
}

static void write_question(const struct crawl_queue *q, const char *sub_id, struct buf *out)
{
    size_t limit;

    buf_add_str(out, "[\"REQ\",");
    jwrite_string(out, slice_str(sub_id));
    buf_add_str(out, ",{\"kinds\":[");
    write_kinds(q, out);
    buf_add_str(out, "],\"authors\":[");
    limit = write_authors(q, out) * q->authors->n_kinds;
    buf_add_str(out, "],\"limit\":");
    buf_add_u64(out, limit < CRAWL_PAGE ? limit : CRAWL_PAGE);
    if (q->until != NO_TIME) {
        buf_add_str(out, ",\"until\":");
        buf_add_i64(out, q->until);
    }
    buf_add_str(out, "}]");
}

static bool any_wanted(const struct crawl_queue *q)
{
    for (size_t i = q->at; i < q->end; i++) {
        if (is_wanted(q, i))
            return true;
    }
    return false;
}

bool crawl_queue_ask(struct crawl_queue *q, const char *sub_id, struct buf *out)
{
    if (q->until != NO_TIME && !any_wanted(q)) {
        q->at = q->end;
        q->until = NO_TIME;
    }
    if (q->until == NO_TIME && choose_chunk(q) == 0)
        return false;
    q->n_page = 0;
    q->oldest = INT64_MAX;
    write_question(q, sub_id, out);
    return true;
}

bool crawl_queue_event(struct crawl_queue *q, int64_t created_at)
{
    q->n_page++;
    if (created_at < q->oldest)
        q->oldest = created_at;
    return ++q->n_chunk <= q->most_chunk;
}

void crawl_queue_eose(struct crawl_queue *q)
{
    if (q->n_page >= CRAWL_MIN_PAGE && (q->until == NO_TIME || q->oldest < q->until)) {
        q->until = q->oldest;
        return;
    }
    q->at = q->end;
    q->until = NO_TIME;
}

bool crawl_queue_refused(struct crawl_queue *q)
{
    if (++q->refusals > CRAWL_MAX_REFUSALS)
        return false;
    q->chunk = q->n_in_chunk > 1 ? q->n_in_chunk / 2 : 1;
    q->until = NO_TIME;
    return true;
}
