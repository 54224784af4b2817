/*
 * What storing an event costs, in CPU of this process and of PostgreSQL, by size of the batch.
 * Works on the database that the PG*_WRITE variables name, which tests/support/services.sh makes
 * (with --durable, or the figures mean little):
 *
 *   bench_store BATCH EVENTS      e.g. bench_store 500 50000
 *
 * Events are notes of about 600 bytes with an e, a p and a t tag; nothing is verified. Prints one
 * line.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "store/event_writer.h"
#include "store/migrate.h"

enum { AUTHORS = 1000, TAGS = 3 };

static const char content[] =
    "A note of ordinary length, such as people write them all day: a thought, a question, a link "
    "to "
    "something that they read (https://example.com/a/page/that/is/worth/it), and a greeting at the "
    "end.";

struct made {
    struct event ev;
    struct tag tag[TAGS];
    struct slice item[2 * TAGS];
    char hex[2][64];
    struct buf json;
    struct new_event ne;
};

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "bench_store: %s\n", why);
    exit(2);
}

static void random_bytes(void *out, size_t n)
{
    if (getrandom(out, n, 0) != (ssize_t)n)
        die("no random bytes");
}

static const char *need(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        die("the PG*_WRITE variables are not set");
    return value;
}

static void make_event(struct made *m, const struct pubkey *authors, int64_t now)
{
    static const char *const words[] = {"nostr", "bitcoin", "art",         "music",
                                        "c",     "cats",    "photography", "news"};
    uint8_t bytes[32];
    uint32_t pick;

    random_bytes(&pick, sizeof pick);
    random_bytes(m->ev.id.b, sizeof m->ev.id.b);
    random_bytes(m->ev.sig.b, sizeof m->ev.sig.b);
    m->ev.pubkey = authors[pick % AUTHORS];
    m->ev.kind = 1;
    m->ev.created_at = now - pick % 1000;
    random_bytes(bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, m->hex[0]);
    hex_encode(authors[(pick >> 8) % AUTHORS].b, 32, m->hex[1]);
    m->item[0] = SLICE("e");
    m->item[1] = slice_of(m->hex[0], 64);
    m->item[2] = SLICE("p");
    m->item[3] = slice_of(m->hex[1], 64);
    m->item[4] = SLICE("t");
    m->item[5] = slice_str(words[pick % ARRAY_LEN(words)]);
    for (size_t i = 0; i < TAGS; i++)
        m->tag[i] = (struct tag){&m->item[2 * i], 2};
    m->ev.tag = m->tag;
    m->ev.n_tags = TAGS;
    m->ev.content = slice_of(content, sizeof content - 1);
    buf_reset(&m->json);
    event_write(&m->ev, &m->json);
    new_event_init(&m->ne, &m->ev, buf_slice(&m->json));
}

/* CPU seconds of all processes called postgres whose ancestor is pid (its children; pid itself is
 * idle). */
static double postgres_cpu(int postmaster)
{
    DIR *proc = opendir("/proc");
    double ticks = 0;

    for (struct dirent *d; proc && (d = readdir(proc));) {
        char path[64], line[1024];
        unsigned long user, system;
        int parent;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%.20s/stat", d->d_name);
        f = fopen(path, "r");
        if (!f)
            continue;
        if (fgets(line, sizeof line, f) && strrchr(line, ')') &&
            sscanf(strrchr(line, ')') + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                   &parent, &user, &system) == 3 &&
            parent == postmaster)
            ticks += (double)(user + system);
        fclose(f);
    }
    if (proc)
        closedir(proc);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_committed(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                         void *ctx)
{
    (void)ne;
    (void)n;
    *(uint64_t *)ctx += seq - prev;
}

int main(int argc, char **argv)
{
    size_t batch = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
    size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 50000;
    struct db_target target = {.host = need("PGHOST_WRITE"),
                               .user = need("PGUSER_WRITE"),
                               .password = need("PGPASSWORD_WRITE"),
                               .database = need("PGDATABASE_WRITE"),
                               .port = (int)strtol(need("PGPORT_WRITE"), NULL, 10),
                               .role = "bench"};
    int postmaster = (int)strtol(need("TANDEM_POSTGRES_PID"), NULL, 10);
    struct made *made = calloc(batch, sizeof *made);
    struct new_event **list = calloc(batch, sizeof(struct new_event *));
    struct pubkey authors[AUTHORS];
    struct event_writer w;
    struct db db;
    uint64_t stored = 0, us = 0;
    double own = 0, pg;

    if (!made || !list || batch == 0)
        die("no memory");
    db_init(&db, &target, NULL);
    if (migrate(&db) != OK)
        die("no schema");
    db_deinit(&db);
    random_bytes(authors, sizeof authors);
    for (size_t i = 0; i < batch; i++)
        buf_init(&made[i].json, 64 * KIB);
    event_writer_init(&w, &target, 10000, on_committed, &stored);
    pg = postgres_cpu(postmaster);
    while (stored < events) {
        double before;
        uint64_t start;

        for (size_t i = 0; i < batch; i++) {
            make_event(&made[i], authors, clock_unix());
            list[i] = &made[i].ne;
        }
        before = own_cpu();
        start = clock_mono_us();
        event_writer_store(&w, list, batch);
        us += clock_mono_us() - start;
        own += own_cpu() - before;
        if (made[0].ne.verdict != VERDICT_ACCEPTED)
            die(made[0].ne.message);
    }
    pg = postgres_cpu(postmaster) - pg;
    printf("batch %4zu: %7.0f events/s, PostgreSQL %5.1f us, writer %4.1f us of CPU per event\n",
           batch, (double)stored * 1e6 / (double)us, pg * 1e6 / (double)stored,
           own * 1e6 / (double)stored);
    event_writer_deinit(&w);
    for (size_t i = 0; i < batch; i++)
        buf_deinit(&made[i].json);
    free(made);
    free(list);
    return 0;
}
