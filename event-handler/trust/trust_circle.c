#include "trust/trust_circle.h"

#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "config.h"
#include "nostr/kind.h"
#include "trust/trust_store.h"

/* ---- life ---- */

bool trust_circle_forget_lists(struct trust_circle *c)
{
    struct graph *fresh = graph_new();

    if (!fresh)
        return false;
    graph_free(c->graph);
    c->graph = fresh;
    c->mutes_known = false;
    return true;
}

static enum err load_current(struct trust_circle *c, struct db *db)
{
    uint64_t generation;
    enum err err = trust_store_newest(db, &generation);

    if (!err && generation > 0)
        err = trust_store_load(db, generation, &c->current);
    if (!err && !c->current && !(c->current = trust_table_new(0)))
        err = ERR_NOMEM;
    return err;
}

enum err trust_circle_open(struct trust_circle *c, const struct config *cfg, struct access *access,
                           struct db *db)
{
    enum err err;

    *c = (struct trust_circle){.cfg = cfg, .access = access, .lists_version = UINT64_MAX};
    err = trust_circle_forget_lists(c) ? load_current(c, db) : ERR_NOMEM;
    if (err)
        trust_circle_close(c);
    return err;
}

void trust_circle_close(struct trust_circle *c)
{
    graph_free(c->graph);
    trust_table_free(c->current);
    *c = (struct trust_circle){0};
}

void trust_circle_adopt(struct trust_circle *c, struct trust_table *fresh)
{
    trust_table_free(c->current);
    c->current = fresh;
}

/* ---- lists ---- */

static bool set_list(const struct trust_list *list, void *ctx)
{
    struct trust_circle *c = ctx;

    return graph_set_list(c->graph, &list->author, (const uint8_t *)list->keys.ptr,
                          list->keys.len / 32);
}

bool trust_circle_note(struct trust_circle *c, const struct trust_list *list, bool *relevant)
{
    struct access_view *view = access_acquire(c->access);
    bool is_admin = access_is_admin(view, &list->author);

    access_release(view);
    if (list->kind == KIND_MUTES) {
        c->mutes_known &= !is_admin;
        *relevant |= is_admin;
        return true;
    }
    if (!graph_has_list(c->graph, &list->author))
        return true; /* of nobody who counts: loaded when that changes */
    *relevant = true;
    return set_list(list, c);
}

static bool gather_mutes(const struct trust_list *list, void *ctx)
{
    struct key_set *muted = ctx;

    for (size_t at = 0; at + 32 <= list->keys.len; at += 32) {
        if (!key_set_add(muted, (const uint8_t *)list->keys.ptr + at))
            return false;
    }
    return true;
}

static enum err load_mutes(struct trust_circle *c, const struct key_set *admins, struct db *db)
{
    struct key_set muted = {0};
    enum err err = OK;

    for (size_t i = 0; !err && i < admins->n; i++) {
        struct pubkey admin;

        memcpy(admin.b, admins->key[i], sizeof admin.b);
        err = trust_store_lists_of(db, KIND_MUTES, &admin, 1, gather_mutes, &muted);
    }
    if (!err) {
        key_set_seal(&muted);
        graph_set_mutes(c->graph, &muted);
        c->mutes_known = true;
    }
    key_set_deinit(&muted);
    return err;
}

/* The lists of n people into the graph; who has none gets an empty one, so as not to be asked for
 * again. */
static enum err load_lists(struct trust_circle *c, const struct pubkey *who, size_t n,
                           struct db *db)
{
    enum err err = trust_store_lists_of(db, KIND_FOLLOWS, who, n, set_list, c);

    for (size_t i = 0; !err && i < n; i++) {
        if (!graph_has_list(c->graph, &who[i]) && !graph_set_list(c->graph, &who[i], NULL, 0))
            err = ERR_NOMEM;
    }
    return err;
}

bool trust_circle_vouches(const struct trust_circle *c, const struct trust_entry *e)
{
    return e->trusted && e->level < c->cfg->wot_depth;
}

/* Loads the lists of those who count by t and whose lists have not been. *n: how many those are. */
static enum err load_missing(struct trust_circle *c, const struct trust_table *t, struct db *db,
                             size_t *n)
{
    struct pubkey *who = malloc((t->n_trusted + 1) * sizeof *who);
    enum err err;

    *n = 0;
    if (!who)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        const struct trust_entry *e = &t->entry[i];

        if (trust_circle_vouches(c, e) && !graph_has_list(c->graph, &e->pubkey))
            who[(*n)++] = e->pubkey;
    }
    err = load_lists(c, who, *n, db);
    free(who);
    return err;
}

/* ---- computing ---- */

bool trust_circle_is_stale(const struct trust_circle *c)
{
    struct access_view *view = access_acquire(c->access);
    bool changed = view->lists->version != c->lists_version;

    access_release(view);
    return changed;
}

/* Each round lets in those whom the lists of the round before vouch for, until nobody is new. */
static enum err compute(struct trust_circle *c, const struct access_view *view, struct db *db,
                        struct trust_table **out)
{
    const struct graph_params params = {.depth = (unsigned)c->cfg->wot_depth,
                                        .min_followers = (unsigned)c->cfg->wot_min_followers,
                                        .max_follows = (size_t)c->cfg->wot_max_follows};
    struct trust_table *t = NULL;
    enum err err = OK;
    size_t missing = 1;

    while (!err && missing > 0) {
        trust_table_free(t);
        t = graph_compute(c->graph, view->admins, &view->lists->banned, &params, c->current);
        err = t ? load_missing(c, t, db, &missing) : ERR_NOMEM;
    }
    if (!err)
        *out = t;
    else
        trust_table_free(t);
    return err;
}

enum err trust_circle_compute(struct trust_circle *c, struct db *db, struct trust_table **out)
{
    struct access_view *view = access_acquire(c->access);
    enum err err = c->mutes_known ? OK : load_mutes(c, view->admins, db);

    *out = NULL;
    if (!err)
        err = compute(c, view, db, out);
    if (!err)
        c->lists_version = view->lists->version;
    access_release(view);
    return err;
}
