#include "ingest/check.h"

#include "access/relay_key.h"
#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "nostr/verify.h"
#include "plugin/plugin_pool.h"

/* Kinds whose versions are kept; none when that is off. */
static void read_history_kinds(struct checker *c)
{
    struct buf error;
    bool good;

    c->history_kinds.empty = true;
    if (c->cfg->history_versions == 0 || c->cfg->history_days == 0)
        return;
    buf_init(&error, KIB);
    good = kind_set_parse(slice_str(c->cfg->history_kinds), &c->history_kinds, &error);
    assert(good); /* the settings were checked */
    buf_deinit(&error);
}

void checker_init(struct checker *c, const struct config *cfg, struct access *access,
                  struct limits *limits, struct verified *verified)
{
    *c = (struct checker){.cfg = cfg, .access = access, .limits = limits, .verified = verified};
    /* Text before it is measured, and its canonical or hashed form: never longer, the brackets
     * aside. */
    buf_init(&c->scratch, 2 * (size_t)cfg->shared.max_event_bytes + MIB);
    read_history_kinds(c);
}

void checker_deinit(struct checker *c)
{
    buf_deinit(&c->scratch);
}

static void refuse(struct ingest_item *item, enum verdict v, const char *message)
{
    item->route = ROUTE_DECIDED;
    item->verdict = v;
    item->message = message;
}

static bool parse(struct checker *c, struct ingest_item *item, struct arena *arena)
{
    const struct shared_config *s = &c->cfg->shared;
    struct event_limits limits = {(size_t)s->max_event_bytes, (size_t)s->max_event_tags,
                                  (size_t)s->max_content_length};
    const char *error;

    if (event_parse(item->rec.event, &limits, arena, &item->ev, &item->has_id, &error))
        return true;
    refuse(item, VERDICT_INVALID, error);
    return false;
}

static bool pass_policy(struct checker *c, enum policy_phase phase, struct ingest_item *item,
                        struct arena *arena)
{
    struct policy_env env = {.cfg = c->view->cfg,
                             .view = c->view,
                             .limits = c->limits,
                             .now = clock_unix(),
                             .auth = item->rec.auth,
                             .n_auth = item->rec.n_auth,
                             .address = item->rec.address,
                             .arena = arena,
                             .import = item->batch->import};
    const char *message = "";
    enum verdict v = policy_judge(phase, &item->ev, &env, &message, NULL);

    if (v == VERDICT_ACCEPTED)
        return true;
    refuse(item, v, message);
    return false;
}

static bool make_canonical(struct checker *c, struct ingest_item *item, struct arena *arena)
{
    buf_reset(&c->scratch);
    event_write(&item->ev, &c->scratch);
    item->json =
        c->scratch.failed ? (struct slice){NULL, 0} : arena_copy(arena, buf_slice(&c->scratch));
    if (item->json.ptr)
        return true;
    refuse(item, VERDICT_ERROR, "not enough memory for this event");
    return false;
}

static bool verify(struct checker *c, struct ingest_item *item)
{
    struct verified_entry hash = verified_hash(c->verified, item->json);
    enum verify_result r;

    if (verified_has(c->verified, hash)) {
        metric_add(M_VERIFY_SKIPPED, 0, 1);
        return true;
    }
    r = verify_event(&item->ev, &c->scratch);
    if (r == VERIFY_OK) {
        verified_add(c->verified, hash);
        return true;
    }
    refuse(item, r == VERIFY_NOMEM ? VERDICT_ERROR : VERDICT_INVALID, verify_result_text(r));
    return false;
}

/* Recovery of overwritten lists is for members, and for everybody where there is no Web of Trust.
 */
static bool keeps_versions(const struct checker *c, const struct event *ev)
{
    return !c->history_kinds.empty && kind_set_has(&c->history_kinds, ev->kind) &&
           access_standing(c->view, &ev->pubkey).tier <= TIER_KNOWN;
}

/* Who is asked about: all but the relay itself, and who wants to vanish, which must be obeyed. */
static bool wants_plugin(const struct checker *c, const struct event *ev)
{
    const struct relay_key *relay = c->view->relay;

    return c->ask_plugin && ev->kind != KIND_VANISH &&
           !(relay && pubkey_eq(&ev->pubkey, relay_key_pubkey(relay)));
}

/* The author if that is among those who have authenticated, else the first of them. */
static const struct pubkey *authed(const struct ingest_item *item)
{
    for (size_t i = 0; i < item->rec.n_auth; i++) {
        if (pubkey_eq(&item->rec.auth[i], &item->ev.pubkey))
            return &item->rec.auth[i];
    }
    return item->rec.n_auth > 0 ? item->rec.auth : NULL;
}

static void route_by_plugin(struct ingest_item *item, struct arena *arena)
{
    item->job = arena_calloc(arena, 1, sizeof *item->job);
    if (!item->job) {
        refuse(item, VERDICT_ERROR, "not enough memory for this event");
        return;
    }
    *item->job = (struct plugin_job){.question = {.event = item->json,
                                                  .received_at = clock_unix(),
                                                  .address = item->rec.address,
                                                  .authed = authed(item)},
                                     .id = &item->ev.id,
                                     .author = &item->ev.pubkey,
                                     .owner = item};
    item->after_plugin = item->route;
    item->route = ROUTE_PLUGIN;
}

static void check_item(struct checker *c, struct ingest_item *item, struct arena *arena)
{
    if (!parse(c, item, arena) || !pass_policy(c, POLICY_BEFORE_SIGNATURE, item, arena) ||
        !make_canonical(c, item, arena) || !verify(c, item) ||
        !pass_policy(c, POLICY_AFTER_SIGNATURE, item, arena))
        return;
    if (item->batch->import && kind_class(item->ev.kind) == KIND_EPHEMERAL) {
        refuse(item, VERDICT_INVALID, "ephemeral events are not stored");
        return;
    }
    if (item->ev.kind == KIND_JOIN || item->ev.kind == KIND_LEAVE) {
        item->route = ROUTE_REQUEST; /* never broadcast: a claim is a secret */
        return;
    }
    if (kind_class(item->ev.kind) == KIND_EPHEMERAL) {
        item->route = ROUTE_BROADCAST;
    } else {
        item->route = ROUTE_STORE;
        new_event_init(&item->store, &item->ev, item->json);
        item->store.keeps_versions = keeps_versions(c, &item->ev);
        item->store.takes_all_wraps = vanish_is_fresh(&item->ev, clock_unix());
    }
    if (!item->batch->import && wants_plugin(c, &item->ev))
        route_by_plugin(item, arena);
}

void check_chunk(struct checker *c, struct chunk *chunk)
{
    c->view = access_acquire(c->access);
    for (size_t i = 0; i < chunk->n; i++)
        check_item(c, &chunk->item[i], &chunk->arena);
    access_release(c->view);
    c->view = NULL;
}
