#include "access/access.h"

#include <pthread.h>
#include <stdlib.h>

#include "access/relay_key.h"
#include "config.h"

struct access {
    pthread_mutex_t changing; /* held by whoever makes a new view of the present one */
    pthread_mutex_t lock;     /* guards view, for as long as it takes to count a reference */
    struct access_view *view;
    struct key_set admins;
    const struct relay_key *relay;
};

/* ---- views ---- */

static struct access_view *view_new(const struct access *a, struct mod_lists *lists,
                                    atomic_size_t *lists_users, struct trust_table *trust,
                                    atomic_size_t *trust_users)
{
    struct access_view *view = calloc(1, sizeof *view);

    if (!view)
        return NULL;
    atomic_init(&view->references, 1);
    view->cfg = a->view ? a->view->cfg : NULL;
    view->admins = &a->admins;
    view->relay = a->relay;
    view->lists = lists;
    view->lists_users = lists_users;
    view->trust = trust;
    view->trust_users = trust_users;
    atomic_fetch_add(lists_users, 1);
    atomic_fetch_add(trust_users, 1);
    return view;
}

static atomic_size_t *counter_new(void)
{
    atomic_size_t *counter = malloc(sizeof *counter);

    if (counter)
        atomic_init(counter, 0);
    return counter;
}

static void drop_lists(struct access_view *view)
{
    if (atomic_fetch_sub(view->lists_users, 1) != 1)
        return;
    mod_lists_free(view->lists);
    free(view->lists_users);
}

static void drop_trust(struct access_view *view)
{
    if (atomic_fetch_sub(view->trust_users, 1) != 1)
        return;
    trust_table_free(view->trust);
    free(view->trust_users);
}

void access_release(struct access_view *view)
{
    if (atomic_fetch_sub(&view->references, 1) != 1)
        return;
    drop_lists(view);
    drop_trust(view);
    free(view);
}

struct access_view *access_acquire(struct access *a)
{
    struct access_view *view;

    pthread_mutex_lock(&a->lock);
    view = a->view;
    atomic_fetch_add(&view->references, 1);
    pthread_mutex_unlock(&a->lock);
    return view;
}

static void put_in_place(struct access *a, struct access_view *view)
{
    struct access_view *old;

    pthread_mutex_lock(&a->lock);
    old = a->view;
    a->view = view;
    pthread_mutex_unlock(&a->lock);
    access_release(old);
}

/* False, with nothing changed, when view is NULL. Ends what pthread_mutex_lock(&a->changing) began.
 */
static bool finish_change(struct access *a, struct access_view *view)
{
    if (view)
        put_in_place(a, view);
    pthread_mutex_unlock(&a->changing);
    return view != NULL;
}

bool access_set_lists(struct access *a, struct mod_lists *lists)
{
    atomic_size_t *users = counter_new();
    struct access_view *view = NULL;

    pthread_mutex_lock(&a->changing);
    if (users)
        view = view_new(a, lists, users, a->view->trust, a->view->trust_users);
    if (finish_change(a, view))
        return true;
    free(users);
    mod_lists_free(lists);
    return false;
}

bool access_set_trust(struct access *a, struct trust_table *trust)
{
    atomic_size_t *users = counter_new();
    struct access_view *view = NULL;

    pthread_mutex_lock(&a->changing);
    if (users)
        view = view_new(a, a->view->lists, a->view->lists_users, trust, users);
    if (finish_change(a, view))
        return true;
    free(users);
    trust_table_free(trust);
    return false;
}

bool access_set_config(struct access *a, const struct config *cfg)
{
    struct access_view *view;

    pthread_mutex_lock(&a->changing);
    view = view_new(a, a->view->lists, a->view->lists_users, a->view->trust, a->view->trust_users);
    if (view)
        view->cfg = cfg;
    return finish_change(a, view);
}

/* ---- life ---- */

void access_set_relay(struct access *a, const struct relay_key *relay)
{
    a->relay = a->view->relay = relay;
}

static bool read_admins(struct access *a, const struct config *cfg)
{
    struct buf error;
    bool good;

    buf_init(&error, KIB);
    good = key_set_parse(slice_str(cfg->shared.admin_pubkey), &a->admins, &error) &&
           key_set_parse(slice_str(cfg->shared.co_admin_pubkeys), &a->admins, &error);
    buf_deinit(&error);
    return good;
}

struct access *access_new(const struct config *cfg)
{
    struct access *a = calloc(1, sizeof *a);
    struct mod_lists *lists = mod_lists_new();
    struct trust_table *trust = trust_table_new(0);
    atomic_size_t *lists_users = counter_new(), *trust_users = counter_new();

    if (a && lists && trust && lists_users && trust_users && read_admins(a, cfg)) {
        a->view = view_new(a, lists, lists_users, trust, trust_users);
    }
    if (a && a->view) {
        a->view->cfg = cfg;
        pthread_mutex_init(&a->changing, NULL);
        pthread_mutex_init(&a->lock, NULL);
        return a;
    }
    mod_lists_free(lists);
    trust_table_free(trust);
    free(lists_users);
    free(trust_users);
    if (a)
        key_set_deinit(&a->admins);
    free(a);
    return NULL;
}

void access_free(struct access *a)
{
    if (!a)
        return;
    access_release(a->view);
    pthread_mutex_destroy(&a->changing);
    pthread_mutex_destroy(&a->lock);
    key_set_deinit(&a->admins);
    free(a);
}

/* ---- standing ---- */

bool access_is_admin(const struct access_view *view, const struct pubkey *pk)
{
    return key_set_has_pubkey(view->admins, pk);
}

bool access_lacks_admin(const struct access_view *view)
{
    return view->cfg->wot_enabled && view->admins->n == 0;
}

static struct standing standing(enum tier tier, const struct trust_entry *e, const char *why)
{
    return (struct standing){.tier = tier,
                             .level = e ? e->level : TRUST_LEVEL_NONE,
                             .followers = e ? e->followers : 0,
                             .why = why};
}

static struct standing judge_by_graph(const struct access_view *view, const struct pubkey *pk,
                                      const struct trust_entry *e)
{
    /* Level 0 was an admin when this was computed, and is none now. */
    if (e && e->trusted && e->level == 1)
        return standing(TIER_TRUSTED, e, "followed by an admin of this relay");
    if (e && e->trusted && e->level > 1)
        return standing(TIER_KNOWN, e, "followed by enough of the people this relay trusts");
    if (key_set_has_pubkey(&view->lists->members, pk))
        return standing(TIER_KNOWN, e, "a member of this relay");
    return standing(TIER_GUEST, e, "not in this relay's web of trust");
}

struct standing access_standing(const struct access_view *view, const struct pubkey *pk)
{
    const struct trust_entry *e = trust_table_find(view->trust, pk);

    if (view->relay && pubkey_eq(pk, relay_key_pubkey(view->relay)))
        return standing(TIER_ADMIN, e, "this relay itself");
    if (access_is_admin(view, pk))
        return standing(TIER_ADMIN, e, "an admin of this relay");
    if (key_set_has_pubkey(&view->lists->banned, pk))
        return standing(TIER_MUTED, e, "banned from this relay");
    if (key_set_has_pubkey(&view->lists->allowed, pk))
        return standing(TIER_TRUSTED, e, "allowed by an admin of this relay");
    if (e && e->muted)
        return standing(TIER_MUTED, e, "muted by an admin of this relay");
    if (!view->cfg->wot_enabled)
        return standing(TIER_KNOWN, e, "this relay has no web of trust");
    return judge_by_graph(view, pk, e);
}
