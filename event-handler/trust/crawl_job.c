#include "trust/crawl_job.h"

#include <pthread.h>
#include <stdlib.h>

#include "config.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "store/db.h"
#include "trust/outbox.h"
#include "trust/trust_store.h"

enum { HOLD_BYTES = 32 * 1024 * 1024 };

struct crawl_job {
    const struct config *cfg;
    pthread_t thread;
    atomic_bool stop, done;
    struct pubkey *authors;
    struct crawl_request request;
    bool answered; /* by any relay */
    pthread_mutex_t lock;
    pthread_cond_t taken;
    struct buf come;    /* JSON lines; under the lock */
    struct buf reading; /* the builder's */
    size_t at;          /* in it */
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
    pthread_mutex_lock(&job->lock);
    while (job->come.len > 0 && job->come.len + json.len >= HOLD_BYTES && !atomic_load(&job->stop))
        pthread_cond_wait(&job->taken, &job->lock);
    if (job->come.len + json.len < HOLD_BYTES) {
        buf_add_slice(&job->come, json);
        buf_add_char(&job->come, '\n');
    }
    pthread_mutex_unlock(&job->lock);
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
    if (atomic_load(&job->stop)) /* there may be many more to ask for */
        return NULL;
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
    job->answered = report.n_answered > 0;
    crawl_report_deinit(&report);
    atomic_store(&job->done, true);
    return NULL;
}

static void discard(struct crawl_job *job)
{
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->taken);
    db_deinit(&job->db);
    buf_deinit(&job->come);
    buf_deinit(&job->reading);
    buf_deinit(&job->urls);
    arena_deinit(&job->arena);
    free(job->authors);
    free(job);
}

static void configure(struct crawl_job *job, const struct pubkey *authors, size_t n)
{
    struct crawl_request *r = &job->request;

    memcpy(job->authors, authors, n * sizeof *authors);
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->taken, NULL);
    buf_init(&job->come, HOLD_BYTES);
    buf_init(&job->reading, HOLD_BYTES);
    buf_init(&job->urls, OUTBOX_MAX_TEXT + 1);
    arena_init(&job->arena, 32 * MIB);
    job->target = config_write_target(job->cfg, "crawl");
    db_init(&job->db, &job->target, NULL);
    crawl_request_configure(r, job->cfg);
    r->authors = job->authors;
    r->n_authors = n;
    r->kinds = kinds;
    r->n_kinds = ARRAY_LEN(kinds);
    r->stop = &job->stop;
    r->on_event = keep;
    r->outbox = find_outbox;
    r->ctx = job;
}

struct crawl_job *crawl_job_start(const struct config *cfg, const struct pubkey *authors, size_t n,
                                  bool impatient, struct relay_health *health)
{
    struct crawl_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->cfg = cfg;
    job->authors = malloc(n * sizeof *authors);
    if (!job->authors) {
        free(job);
        return NULL;
    }
    configure(job, authors, n);
    job->request.impatient = impatient;
    job->request.health = health;
    if (pthread_create(&job->thread, NULL, run, job) == 0)
        return job;
    discard(job);
    return NULL;
}

bool crawl_job_is_done(const struct crawl_job *job)
{
    return atomic_load(&job->done);
}

bool crawl_job_was_answered(const struct crawl_job *job)
{
    return job->answered;
}

/* What has come meanwhile becomes what is read. */
static void take_over(struct crawl_job *job)
{
    struct buf read = job->reading;

    buf_reset(&read);
    job->at = 0;
    pthread_mutex_lock(&job->lock);
    job->reading = job->come;
    job->come = read;
    pthread_cond_signal(&job->taken);
    pthread_mutex_unlock(&job->lock);
}

bool crawl_job_next(struct crawl_job *job, struct slice *json)
{
    const char *line, *end;

    if (job->at == job->reading.len)
        take_over(job);
    if (job->at == job->reading.len)
        return false;
    line = job->reading.ptr + job->at;
    end = memchr(line, '\n', job->reading.len - job->at);
    if (!end) { /* without memory for the whole line */
        job->at = job->reading.len;
        return false;
    }
    *json = slice_of(line, (size_t)(end - line));
    job->at += json->len + 1;
    return true;
}

void crawl_job_free(struct crawl_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    atomic_store(&job->stop, true);
    pthread_cond_signal(&job->taken);
    pthread_mutex_unlock(&job->lock);
    pthread_join(job->thread, NULL);
    discard(job);
}
