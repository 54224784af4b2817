#include "trust/graph.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

/* A list is a run of `follow`; a list that is replaced leaves its old run behind until enough of
 * that has gathered. */
struct run {
    bool is_set; /* if only to nobody */
    uint32_t n;
    size_t first;
};

struct graph {
    struct siphash_key secret;
    uint32_t *slot; /* person plus one, 0 for a free one */
    size_t mask;
    struct pubkey *key; /* of each person */
    struct run *list;   /* of each person */
    uint32_t *mark;     /* of each person: the last stamp that met it */
    uint32_t stamp;
    size_t n, room; /* people */
    uint32_t *follow;
    size_t n_follow, room_follow; /* with what was left behind */
    size_t n_live;                /* in lists */
    struct key_set muted;
};

/* ---- people ---- */

struct graph *graph_new(void)
{
    struct graph *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->secret = siphash_random_key();
    g->mask = 1023;
    g->slot = calloc(g->mask + 1, sizeof *g->slot);
    if (g->slot)
        return g;
    free(g);
    return NULL;
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    free(g->slot);
    free(g->key);
    free(g->list);
    free(g->mark);
    free(g->follow);
    key_set_deinit(&g->muted);
    free(g);
}

static uint32_t *find_slot(const struct graph *g, const uint8_t *key)
{
    size_t at = siphash(&g->secret, key, 32) & g->mask;

    while (g->slot[at] != 0 && memcmp(g->key[g->slot[at] - 1].b, key, 32) != 0)
        at = (at + 1) & g->mask;
    return &g->slot[at];
}

static uint32_t find(const struct graph *g, const uint8_t *key)
{
    uint32_t slot = *find_slot(g, key);

    return slot ? slot - 1 : NOBODY;
}

static bool grow_slots(struct graph *g)
{
    size_t slots = 2 * (g->mask + 1);
    uint32_t *grown = calloc(slots, sizeof *grown);

    if (!grown)
        return false;
    free(g->slot);
    g->slot = grown;
    g->mask = slots - 1;
    for (uint32_t i = 0; i < g->n; i++)
        *find_slot(g, g->key[i].b) = i + 1;
    return true;
}

/* One array of people to `room`. */
static bool grow(void **array, size_t size, size_t room)
{
    void *grown = realloc(*array, room * size);

    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool grow_people(struct graph *g)
{
    size_t room = g->room ? 2 * g->room : 1024;

    if (room > NOBODY - 1 || !grow((void **)&g->key, sizeof *g->key, room) ||
        !grow((void **)&g->list, sizeof *g->list, room) ||
        !grow((void **)&g->mark, sizeof *g->mark, room))
        return false;
    g->room = room;
    return true;
}

/* The person with this key, new if need be; NOBODY without memory. */
static uint32_t person(struct graph *g, const uint8_t *key)
{
    uint32_t found = find(g, key);

    if (found != NOBODY)
        return found;
    if ((g->n == g->room && !grow_people(g)) || (g->n > g->mask / 4 * 3 && !grow_slots(g)))
        return NOBODY;
    memcpy(g->key[g->n].b, key, 32);
    g->list[g->n] = (struct run){0};
    g->mark[g->n] = 0;
    *find_slot(g, key) = (uint32_t)g->n + 1;
    return (uint32_t)g->n++;
}

/* ---- lists ---- */

/* A stamp that no mark bears. */
static uint32_t next_stamp(struct graph *g)
{
    if (++g->stamp == 0) {
        memset(g->mark, 0, g->n * sizeof *g->mark);
        g->stamp = 1;
    }
    return g->stamp;
}

/* Moves the lists together when more than half of the room is left behind. */
static bool compact(struct graph *g)
{
    uint32_t *fresh;
    size_t n = 0;

    if (g->n_follow < 1024 || g->n_live > g->n_follow / 2)
        return true;
    fresh = malloc((g->n_live + 1) * sizeof *fresh);
    if (!fresh)
        return false;
    for (size_t i = 0; i < g->n; i++) {
        struct run *r = &g->list[i];

        memcpy(fresh + n, g->follow + r->first, r->n * sizeof *fresh);
        r->first = n;
        n += r->n;
    }
    free(g->follow);
    g->follow = fresh;
    g->n_follow = g->n_live = n;
    g->room_follow = n + 1;
    return true;
}

static bool reserve_follows(struct graph *g, size_t n)
{
    size_t room = g->room_follow;

    if (g->n_follow + n <= room)
        return true;
    while (room < g->n_follow + n)
        room = room ? room + room / 2 : 4096;
    if (!grow((void **)&g->follow, sizeof *g->follow, room))
        return false;
    g->room_follow = room;
    return true;
}

bool graph_set_list(struct graph *g, const struct pubkey *author, const uint8_t *follows, size_t n)
{
    uint32_t self = person(g, author->b), stamp;
    size_t first, kept = 0;

    if (self == NOBODY || !compact(g) || !reserve_follows(g, n))
        return false;
    stamp = next_stamp(g);
    g->mark[self] = stamp; /* nobody vouches for himself */
    first = g->n_follow;
    for (size_t i = 0; i < n; i++) {
        uint32_t other = person(g, follows + 32 * i);

        if (other == NOBODY)
            return false;
        if (g->mark[other] == stamp)
            continue;
        g->mark[other] = stamp;
        g->follow[first + kept++] = other;
    }
    g->n_live = g->n_live - g->list[self].n + kept;
    g->n_follow += kept;
    g->list[self] = (struct run){true, (uint32_t)kept, first};
    return true;
}

bool graph_has_list(const struct graph *g, const struct pubkey *author)
{
    uint32_t who = find(g, author->b);

    return who != NOBODY && g->list[who].is_set;
}

void graph_set_mutes(struct graph *g, struct key_set *muted)
{
    key_set_deinit(&g->muted);
    g->muted = *muted;
    *muted = (struct key_set){0};
}

size_t graph_people(const struct graph *g)
{
    return g->n;
}

size_t graph_follows(const struct graph *g)
{
    return g->n_live;
}

size_t graph_memory(const struct graph *g)
{
    return sizeof *g + (g->mask + 1) * sizeof *g->slot + g->room_follow * sizeof *g->follow +
           g->room * (sizeof *g->key + sizeof *g->list + sizeof *g->mark) + 32 * g->muted.room;
}

/* ---- the circle ---- */

struct circle {
    const struct graph *g;
    const struct graph_params *params;
    const struct key_set *banned;
    uint8_t *level;      /* of each person; TRUST_LEVEL_NONE outside */
    uint32_t *followers; /* of each person, among those that have been asked */
    uint32_t *member;    /* in the order of admission */
    size_t n, asked;     /* members; those whose lists have been counted */
};

static void admit(struct circle *c, uint32_t who, unsigned level)
{
    const struct pubkey *pk = &c->g->key[who];

    if (c->level[who] != TRUST_LEVEL_NONE)
        return;
    if (level > 0 && (key_set_has_pubkey(c->banned, pk) || key_set_has_pubkey(&c->g->muted, pk)))
        return;
    c->level[who] = (uint8_t)level;
    c->member[c->n++] = who;
}

/* Counts the lists of those admitted since the last time; whom the roots follow is admitted with
 * them. */
static void ask_members(struct circle *c)
{
    for (size_t end = c->n; c->asked < end; c->asked++) {
        uint32_t who = c->member[c->asked];
        const struct run *r = &c->g->list[who];

        if (c->level[who] > 0 && r->n > c->params->max_follows)
            continue; /* who follows everybody vouches for nobody */
        for (size_t i = 0; i < r->n; i++) {
            c->followers[c->g->follow[r->first + i]]++;
            if (c->level[who] == 0)
                admit(c, c->g->follow[r->first + i], 1);
        }
    }
}

static bool was_trusted(const struct trust_table *previous, const struct pubkey *pk)
{
    const struct trust_entry *e = previous ? trust_table_find(previous, pk) : NULL;

    return e && e->trusted;
}

static void admit_vouched(struct circle *c, unsigned level, const struct trust_table *previous)
{
    uint32_t enough = c->params->min_followers;

    for (uint32_t i = 0; i < c->g->n; i++) {
        if (c->followers[i] >= enough)
            admit(c, i, level);
        else if (enough > 1 && c->followers[i] == enough - 1 &&
                 was_trusted(previous, &c->g->key[i]))
            admit(c, i, level);
    }
}

static void run_circle(struct circle *c, const struct key_set *roots,
                       const struct trust_table *previous)
{
    for (size_t i = 0; i < roots->n; i++) {
        uint32_t root = find(c->g, roots->key[i]);

        if (root != NOBODY)
            admit(c, root, 0);
    }
    ask_members(c); /* the roots: admits level 1 */
    for (unsigned level = 2; level <= c->params->depth; level++) {
        ask_members(c);
        admit_vouched(c, level, previous);
    }
}

/* ---- the table ---- */

static bool put_person(struct trust_table *t, const struct circle *c, uint32_t i)
{
    uint32_t followers = c->followers[i];
    struct trust_entry e = {.pubkey = c->g->key[i],
                            .level = c->level[i],
                            .trusted = c->level[i] != TRUST_LEVEL_NONE,
                            .follows = c->level[i] == 0 && c->g->list[i].n > 0,
                            .followers = (uint16_t)(followers < 65535 ? followers : 65535)};

    return trust_table_put(t, &e);
}

/* Roots without a list, and the muted, may be nobody the graph knows. */
static bool put_special(struct trust_table *t, const struct key_set *muted,
                        const struct key_set *roots)
{
    for (size_t i = 0; i < roots->n; i++) {
        struct trust_entry e = {.trusted = true};

        memcpy(e.pubkey.b, roots->key[i], 32);
        if (!trust_table_find(t, &e.pubkey) && !trust_table_put(t, &e))
            return false;
    }
    for (size_t i = 0; i < muted->n; i++) {
        struct trust_entry e = {.level = TRUST_LEVEL_NONE};
        const struct trust_entry *known;

        memcpy(e.pubkey.b, muted->key[i], 32);
        if (key_set_has_pubkey(roots, &e.pubkey))
            continue;
        known = trust_table_find(t, &e.pubkey);
        if (known)
            e = *known;
        e.muted = true;
        if (!trust_table_put(t, &e))
            return false;
    }
    return true;
}

static struct trust_table *make_table(const struct circle *c, const struct key_set *roots)
{
    size_t n = roots->n + c->g->muted.n;
    struct trust_table *t;
    bool good = true;

    for (uint32_t i = 0; i < c->g->n; i++)
        n += c->followers[i] > 0 || c->level[i] != TRUST_LEVEL_NONE;
    t = trust_table_new(n);
    for (uint32_t i = 0; t && good && i < c->g->n; i++) {
        if (c->followers[i] > 0 || c->level[i] != TRUST_LEVEL_NONE)
            good = put_person(t, c, i);
    }
    if (t && good && put_special(t, &c->g->muted, roots))
        return t;
    trust_table_free(t);
    return NULL;
}

struct trust_table *graph_compute(const struct graph *g, const struct key_set *roots,
                                  const struct key_set *banned, const struct graph_params *params,
                                  const struct trust_table *previous)
{
    size_t n = g->n ? g->n : 1;
    struct circle c = {.g = g,
                       .params = params,
                       .banned = banned,
                       .level = malloc(n),
                       .followers = calloc(n, sizeof *c.followers),
                       .member = malloc(n * sizeof *c.member)};
    struct trust_table *t = NULL;

    if (c.level && c.followers && c.member) {
        memset(c.level, TRUST_LEVEL_NONE, n);
        run_circle(&c, roots, previous);
        t = make_table(&c, roots);
    }
    free(c.level);
    free(c.followers);
    free(c.member);
    return t;
}
