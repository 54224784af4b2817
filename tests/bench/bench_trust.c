/*
 * The Web of Trust of a large relay: a hundred thousand people who follow fifty each, five million
 * follows, with everybody let in, which is the dearest case; and a table of a million keys. With
 * PGHOST_WRITE and its kin set (docs/CONFIG.md) it also publishes and loads a generation, loads all
 * lists from the database, and lets one of them change; the database must have the schema, and
 * should have nothing else.
 *
 *   build/bench/bench_trust
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "trust/graph.h"
#include "trust/trust_circle.h"
#include "trust/trust_store.h"

enum { PEOPLE = 100000, FOLLOWS = 50, MILLION = 1000000, LOOKUPS = 5000000 };

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct pubkey key(uint64_t n)
{
    struct pubkey pk;

    for (unsigned i = 0; i < 4; i++) { /* spread, as real keys are */
        uint64_t x = (n + 1) * 0x9e3779b97f4a7c15u * (i + 1);

        x ^= x >> 29;
        memcpy(pk.b + 8 * i, &x, sizeof x);
    }
    return pk;
}

/* Few are followed by many: the square of a uniform number. */
static uint64_t choose(void)
{
    double u = (double)(next_random() >> 11) / 0x1p53;

    return (uint64_t)(u * u * PEOPLE);
}

static double seconds_since(uint64_t start_us)
{
    return (double)(clock_mono_us() - start_us) / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_trust: %s\n", what);
    exit(1);
}

/* Whom the next person follows. */
static void make_list(uint8_t list[FOLLOWS][32])
{
    for (unsigned k = 0; k < FOLLOWS; k++) {
        struct pubkey other = key(choose());

        memcpy(list[k], other.b, sizeof list[k]);
    }
}

static struct graph *fill_graph(void)
{
    static uint8_t list[FOLLOWS][32];
    struct graph *g = graph_new();

    for (uint64_t i = 0; g && i < PEOPLE; i++) {
        struct pubkey self = key(i);

        make_list(list);
        if (!graph_set_list(g, &self, list[0], FOLLOWS))
            die("out of memory");
    }
    return g;
}

static struct trust_table *compute(const struct graph *g)
{
    const struct graph_params params = {.depth = 5, .min_followers = 1, .max_follows = 5000};
    struct key_set roots = {0}, banned = {0};
    struct pubkey root = key(0);
    struct trust_table *t;
    uint64_t start;

    if (!key_set_add(&roots, root.b))
        die("out of memory");
    key_set_seal(&roots);
    start = clock_mono_us();
    t = graph_compute(g, &roots, &banned, &params, NULL);
    if (!t)
        die("out of memory");
    printf("compute              %8.3f s, %zu people in the table\n", seconds_since(start), t->n);
    key_set_deinit(&roots);
    return t;
}

static void look_up(const struct trust_table *t, uint64_t people, const char *name)
{
    size_t found = 0;
    uint64_t start = clock_mono_us();

    for (unsigned i = 0; i < LOOKUPS; i++) {
        struct pubkey pk = key(next_random() % (2 * people)); /* half of them nobody knows */

        found += trust_table_find(t, &pk) != NULL;
    }
    printf("%-20s %8.1f ns a look-up, %zu %% found\n", name, seconds_since(start) * 1e9 / LOOKUPS,
           found * 100 / LOOKUPS);
}

static void measure_million(void)
{
    struct trust_table *t = trust_table_new(MILLION);

    for (uint64_t i = 0; t && i < MILLION; i++) {
        struct trust_entry e = {.pubkey = key(i), .level = 2, .trusted = true, .followers = 3};

        if (!trust_table_put(t, &e))
            die("the table is too small");
    }
    if (!t)
        die("out of memory");
    printf("a million keys       %8.1f MB\n", (double)trust_table_memory(t) / 1e6);
    look_up(t, MILLION, "in a million");
    trust_table_free(t);
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

/* ---- with a database ---- */

static uint64_t publish(struct db *db, const struct trust_table *t)
{
    struct trust_generation gen = {.reason = "bench", .made_at = clock_unix()};

    if (trust_store_publish(db, t, &gen) != OK)
        die("could not publish");
    return gen.generation;
}

static void load(struct db *db, uint64_t generation, size_t n)
{
    struct trust_table *loaded;

    if (trust_store_load(db, generation, &loaded) != OK || loaded->n != n)
        die("could not load");
    trust_table_free(loaded);
}

static void measure_generation(struct db *db, const struct trust_table *t)
{
    uint64_t start = clock_mono_us(), generation = publish(db, t);

    printf("publish              %8.3f s\n", seconds_since(start));
    start = clock_mono_us();
    load(db, generation, t->n);
    printf("load                 %8.3f s\n", seconds_since(start));
}

static void store_lists(struct db *db)
{
    static uint8_t keys[TRUST_STORE_STEP][FOLLOWS][32];
    static struct trust_list list[TRUST_STORE_STEP];

    for (uint64_t i = 0; i < PEOPLE; i += TRUST_STORE_STEP) {
        for (unsigned k = 0; k < TRUST_STORE_STEP; k++) {
            make_list(keys[k]);
            list[k] = (struct trust_list){.author = key(i + k),
                                          .kind = 3,
                                          .keys = slice_of((char *)keys[k][0], sizeof keys[k])};
        }
        if (trust_store_put_lists(db, list, TRUST_STORE_STEP, 0) != OK)
            die("could not store the lists");
    }
}

/* From somebody's new list to a generation that an event handler has loaded. */
static void measure_change(struct trust_circle *c, struct db *db)
{
    static uint8_t keys[FOLLOWS][32];
    struct trust_list list = {
        .author = key(0), .kind = 3, .keys = slice_of((char *)keys[0], sizeof keys)};
    struct trust_table *t;
    uint64_t start;
    bool relevant = false;

    make_list(keys);
    start = clock_mono_us();
    if (trust_store_put_lists(db, &list, 1, 0) != OK || !trust_circle_note(c, &list, &relevant) ||
        !relevant || trust_circle_compute(c, db, &t) != OK)
        die("could not compute");
    load(db, publish(db, t), t->n);
    printf("a changed list       %8.3f s until it is loaded\n", seconds_since(start));
    trust_table_free(t);
}

static void measure_circle(struct db *db)
{
    static char admin[65], nothing[1];
    struct config cfg = {.wot_enabled = true,
                         .wot_depth = 5,
                         .wot_min_followers = 1,
                         .wot_max_follows = 5000,
                         .shared = {.admin_pubkey = admin, .co_admin_pubkeys = nothing}};
    struct pubkey root = key(0);
    struct access *access;
    struct trust_circle c;
    struct trust_table *t;
    uint64_t start;

    hex_encode(root.b, sizeof root.b, admin);
    access = access_new(&cfg);
    start = clock_mono_us();
    if (!access || trust_circle_open(&c, &cfg, access, db) != OK ||
        trust_circle_compute(&c, db, &t) != OK)
        die("could not load the lists");
    printf("lists from database  %8.3f s, %zu follows, %zu people in the circle\n",
           seconds_since(start), graph_follows(c.graph), t->n_trusted);
    trust_table_free(t);
    measure_change(&c, db);
    trust_circle_close(&c);
    access_free(access);
}

static void measure_database(const struct trust_table *t)
{
    struct db_target target = {.host = getenv("PGHOST_WRITE"),
                               .user = setting("PGUSER_WRITE"),
                               .password = setting("PGPASSWORD_WRITE"),
                               .database = setting("PGDATABASE_WRITE"),
                               .port = atoi(setting("PGPORT_WRITE")),
                               .role = "bench"};
    struct db db;

    if (!target.host)
        return;
    db_init(&db, &target, NULL);
    if (db_ready(&db) != OK)
        die("no database");
    measure_generation(&db, t);
    store_lists(&db);
    measure_circle(&db);
    db_deinit(&db);
}

int main(void)
{
    uint64_t start = clock_mono_us();
    struct graph *g = fill_graph();
    struct trust_table *t;

    if (!g)
        die("out of memory");
    printf("fill the graph       %8.3f s, %zu people, %zu follows, %.1f MB\n", seconds_since(start),
           graph_people(g), graph_follows(g), (double)graph_memory(g) / 1e6);
    t = compute(g);
    printf("the table            %8.1f MB\n", (double)trust_table_memory(t) / 1e6);
    look_up(t, PEOPLE, "in it");
    measure_database(t);
    measure_million();
    trust_table_free(t);
    graph_free(g);
    return 0;
}
