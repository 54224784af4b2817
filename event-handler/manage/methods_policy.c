/* Which rule of the policy decides about an event, and why (policy/policy.h). */
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "manage/method.h"
#include "manage/params.h"
#include "nostr/kind.h"
#include "nostr/verify.h"
#include "policy/policy.h"

enum { ARENA_CAP = 64 * 1024 * 1024 };

struct explanation {
    const char *rule; /* that decides; NULL: none objects */
    enum verdict verdict;
    const char *message;
    json_t *rules;
};

static json_t *make_sentence(enum verdict v, const char *message)
{
    if (v == VERDICT_ACCEPTED)
        return json_string("");
    return json_sprintf("%s: %s", verdict_prefix(v), message);
}

/* The first that objects decides. */
static void add_opinion(struct explanation *x, const char *rule, enum verdict v,
                        const char *message)
{
    json_array_append_new(x->rules,
                          json_pack("{s:s, s:s, s:o}", "name", rule, "verdict", verdict_name(v),
                                    "message", make_sentence(v, message)));
    if (x->rule || v == VERDICT_ACCEPTED)
        return;
    x->rule = rule;
    x->verdict = v;
    x->message = message;
}

static void add_signature(struct explanation *x, const struct event *ev)
{
    struct buf scratch;
    enum verify_result r;

    buf_init(&scratch, 64 * MIB);
    r = verify_event(ev, &scratch);
    buf_deinit(&scratch);
    add_opinion(x, "signature", r == VERIFY_OK ? VERDICT_ACCEPTED : VERDICT_INVALID,
                verify_result_text(r));
}

static json_t *show_author(const struct event *ev, const struct standing *s)
{
    char hex[64];

    hex_encode(ev->pubkey.b, sizeof ev->pubkey.b, hex);
    return json_pack("{s:s%, s:s, s:s, s:i, s:o}", "pubkey", hex, sizeof hex, "tier",
                     tier_name(s->tier), "why", s->why, "followers", (int)s->followers, "level",
                     s->level == TRUST_LEVEL_NONE ? json_null() : json_integer(s->level));
}

static void explain(struct manage_call *call, const struct event *ev, bool is_signed,
                    struct arena *arena)
{
    struct policy_env env = {
        .cfg = call->view->cfg, .view = call->view, .now = clock_unix(), .arena = arena};
    struct policy_opinion opinion[POLICY_RULES_MOST];
    struct explanation x = {.verdict = VERDICT_ACCEPTED, .message = "", .rules = json_array()};
    size_t n = policy_explain(ev, &env, opinion);
    bool checked = !is_signed;

    for (size_t i = 0; i < n; i++) {
        if (!checked && opinion[i].after_signature) {
            add_signature(&x, ev);
            checked = true;
        }
        add_opinion(&x, opinion[i].rule, opinion[i].verdict, opinion[i].message);
    }
    if (!checked)
        add_signature(&x, ev);
    call->result = json_pack("{s:s, s:s?, s:o, s:o, s:o, s:b}", "verdict", verdict_name(x.verdict),
                             "rule", x.rule, "message", make_sentence(x.verdict, x.message),
                             "author", show_author(ev, &env.author), "rules", x.rules,
                             "asks_plugin", call->cfg->policy_plugin[0] != '\0');
}

static enum err explain_event(struct manage_call *call, const json_t *json, struct arena *arena)
{
    const struct shared_config *s = &call->cfg->shared;
    struct event_limits limits = {(size_t)s->max_event_bytes, (size_t)s->max_event_tags,
                                  (size_t)s->max_content_length};
    char *text = json_dumps(json, JSON_COMPACT);
    const char *error = "not enough memory";
    struct event ev;
    bool has_id;

    if (!text || !event_parse(slice_str(text), &limits, arena, &ev, &has_id, &error)) {
        free(text);
        return manage_refuse(call, "invalid params: %s", error);
    }
    explain(call, &ev, true, arena);
    free(text);
    return OK;
}

/* What if this pubkey wrote an event of that kind, without tags and without work? */
static enum err explain_pubkey(struct manage_call *call, struct arena *arena)
{
    struct event ev = {.created_at = clock_unix(), .content = SLICE("")};
    int64_t kind;
    char key[65];

    if (!param_pubkey(call, 0, key) ||
        !param_optional_int(call, 1, "a kind", 0, KIND_MAX, KIND_NOTE, &kind))
        return ERR_INVALID;
    if (!hex_decode(slice_of(key, 64), ev.pubkey.b, sizeof ev.pubkey.b))
        return manage_refuse(call, "invalid params: a pubkey must be 64 hex digits or npub");
    memset(ev.id.b, 0xff, sizeof ev.id.b);
    ev.kind = (int)kind;
    explain(call, &ev, false, arena);
    return OK;
}

/* [event] or [pubkey, kind?], as if it came from somebody who has not authenticated -> the verdict
 * and what every rule thinks */
enum err method_explainpolicy(struct manage_call *call)
{
    const json_t *what = json_array_get(call->params, 0);
    struct arena arena;
    enum err err;

    arena_init(&arena, ARENA_CAP);
    err = json_is_object(what) ? explain_event(call, what, &arena) : explain_pubkey(call, &arena);
    arena_deinit(&arena);
    return err;
}
