#include "trust/crawl_job.h"

#include <pthread.h>
#include <stdlib.h>

#include "config.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "store/db.h"
#include "trust/outbox.h"
#include "trust/trust_store.h"

enum { KEEP_BYTES = 256 * 1024 * 1024 };

struct crawl_job {
    const struct config *cfg;
    pthread_t thread;
    atomic_bool stop, done;
    struct pubkey *authors;
    struct crawl_request request;
    struct buf events; /* JSON lines */
    /* For outboxes: a connection of its own, opened when first needed. */
    struct db_target target;
    struct db db;
    struct buf urls;
    struct arena arena;
};

static const int kinds[] = {KIND_FOLLOWS, KIND_MUTES, KIND_RELAY_LIST};

static void keep(const struct event *ev, struct slice json, void *ctx)
{
    struct crawl_job *job = ctx;

    if (ev->kind == KIND_RELAY_LIST)
        return; /* the crawler itself has looked at it */
    buf_add_slice(&job->events, json);
    buf_add_char(&job->events, '\n');
}

/* The relays that author writes to, by the list that is stored here. */
static const char *find_outbox(const struct pubkey *author, void *ctx)
{
    struct event_limits limits = {
        .max_event_bytes = MIB, .max_tags = 10000, .max_content_chars = MIB};
    struct crawl_job *job = ctx;
    PGresult *rows = NULL;
    const char *error;
    struct event ev;
    bool has_id;

    buf_reset(&job->urls);
    arena_reset(&job->arena);
    if (db_ready(&job->db) != OK || trust_store_relay_list(&job->db, author, &rows) != OK)
        return NULL;
    if (PQntuples(rows) == 1 &&
        event_parse(db_get_slice(rows, 0, 0), &limits, &job->arena, &ev, &has_id, &error))
        outbox_write_urls(&ev, &job->urls);
    PQclear(rows);
    buf_add_char(&job->urls, '\0');
    return job->urls.failed || job->urls.len == 1 ? NULL : job->urls.ptr;
}

static void *run(void *arg)
{
    struct crawl_job *job = arg;
    struct crawl_report report;

    crawl_run(&job->request, &report);
    log_info("trust", "other relays were asked",
             "end=\"%s\" relays=%zu answered=%zu authors=%zu found=%zu events=%llu seconds=%.1f",
             crawl_end_text(report.end), report.n_relays, report.n_answered, job->request.n_authors,
             report.n_found, (unsigned long long)report.n_events, report.seconds);
    crawl_report_deinit(&report);
    atomic_store(&job->done, true);
    return NULL;
}

struct crawl_job *crawl_job_start(const struct config *cfg, const struct pubkey *authors, size_t n,
                                  bool impatient, struct relay_health *health)
{
    struct crawl_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->authors = malloc(n * sizeof *authors);
    if (!job->authors) {
        free(job);
        return NULL;
    }
    memcpy(job->authors, authors, n * sizeof *authors);
    job->cfg = cfg;
    buf_init(&job->events, KEEP_BYTES);
    buf_init(&job->urls, OUTBOX_MAX_TEXT + 1);
    arena_init(&job->arena, 32 * MIB);
    job->target = config_write_target(cfg, "crawl");
    db_init(&job->db, &job->target, NULL);
    crawl_request_configure(&job->request, cfg);
    job->request.authors = job->authors;
    job->request.n_authors = n;
    job->request.kinds = kinds;
    job->request.n_kinds = ARRAY_LEN(kinds);
    job->request.impatient = impatient;
    job->request.health = health;
    job->request.stop = &job->stop;
    job->request.on_event = keep;
    job->request.outbox = find_outbox;
    job->request.ctx = job;
    if (pthread_create(&job->thread, NULL, run, job) == 0)
        return job;
    free(job->authors);
    free(job);
    return NULL;
}

bool crawl_job_is_done(const struct crawl_job *job)
{
    return atomic_load(&job->done);
}

void crawl_job_each(const struct crawl_job *job, void (*fn)(struct slice json, void *ctx),
                    void *ctx)
{
    struct slice rest = buf_slice(&job->events);

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);

        if (!end)
            return;
        fn(slice_of(rest.ptr, (size_t)(end - rest.ptr)), ctx);
        rest = slice_of(end + 1, rest.len - (size_t)(end + 1 - rest.ptr));
    }
}

void crawl_job_free(struct crawl_job *job)
{
    if (!job)
        return;
    atomic_store(&job->stop, true);
    pthread_join(job->thread, NULL);
    db_deinit(&job->db);
    buf_deinit(&job->events);
    buf_deinit(&job->urls);
    arena_deinit(&job->arena);
    free(job->authors);
    free(job);
}
