/*
 * The policy in plain words, for the page that people see who open the relay in a browser: what
 * holds for everybody, not who is let in and kept out by name.
 */
#include "config.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"
#include "json/jwrite.h"

enum { KINDS_BYTES = 160 /* of a list of kinds; a longer one ends with "..." */ };

static void say(struct buf *out, bool holds, const char *sentence)
{
    if (!holds)
        return;
    if (out->len > 0 && out->ptr[out->len - 1] == '"')
        buf_add_char(out, ',');
    jwrite_string(out, slice_str(sentence));
}

/* "0, 3, 10000-19999" */
static void add_kinds(struct buf *out, const struct kind_set *kinds)
{
    size_t begin = out->len;

    for (int kind = 0, last; kind <= KIND_MAX; kind = last + 1) {
        last = kind;
        if (!kind_set_has(kinds, kind))
            continue;
        while (last < KIND_MAX && kind_set_has(kinds, last + 1))
            last++;
        if (out->len - begin > KINDS_BYTES) {
            buf_add_str(out, ", ...");
            return;
        }
        buf_printf(out, out->len > begin ? ", %d" : "%d", kind);
        if (last > kind)
            buf_printf(out, last > kind + 1 ? "-%d" : ", %d", last);
    }
}

static void say_kinds(struct buf *out, const char *beginning, const struct kind_set *kinds)
{
    struct buf text;

    if (kinds->empty)
        return;
    buf_init(&text, KIB);
    buf_add_str(&text, beginning);
    add_kinds(&text, kinds);
    buf_add_str(&text, ".");
    buf_add_char(&text, '\0');
    say(out, !text.failed, text.ptr ? text.ptr : "");
    buf_deinit(&text);
}

/* The operator and the moderators both choose: a kind must suit both. */
static void say_chosen_kinds(struct buf *out, const struct policy_lists *own,
                             const struct mod_lists *theirs)
{
    struct kind_set taken = own->allow_kinds, refused = own->deny_kinds;

    for (size_t i = 0; i < ARRAY_LEN(taken.bits); i++) {
        if (taken.empty)
            taken.bits[i] = theirs->allowed_kinds.empty ? 0 : theirs->allowed_kinds.bits[i];
        else if (!theirs->allowed_kinds.empty)
            taken.bits[i] &= theirs->allowed_kinds.bits[i];
        refused.bits[i] |= theirs->denied_kinds.bits[i];
    }
    taken.empty = taken.empty && theirs->allowed_kinds.empty;
    refused.empty = refused.empty && theirs->denied_kinds.empty;
    say_kinds(out, "Takes only events of kind ", &taken);
    say_kinds(out, "Takes no events of kind ", &refused);
}

static void say_number(struct buf *out, const char *format, int64_t number)
{
    struct buf text;

    buf_init(&text, KIB);
    for (const char *c = format; *c; c++) {
        if (*c == '#')
            buf_add_i64(&text, number);
        else
            buf_add_char(&text, *c);
    }
    buf_add_char(&text, '\0');
    say(out, !text.failed, text.ptr ? text.ptr : "");
    buf_deinit(&text);
}

static void say_who(struct buf *out, const struct access_view *view)
{
    const struct config *cfg = view->cfg;
    bool trust = cfg->wot_enabled, lacks_admin = access_lacks_admin(view);
    bool listed = cfg->policy && cfg->policy->allow_pubkeys.n > 0;

    say(out, listed, "Only people on the operator's list may write.");
    say(out, !trust && !listed, "Everybody may write.");
    say(out, lacks_admin,
        "Nobody may write yet: the operator has to set ADMIN_PUBKEY, or WOT_ENABLED=False.");
    if (!trust || lacks_admin)
        return;
    say(out, true, "Who may write depends on who follows them, starting from the admins.");
    say_kinds(out, "Everybody may write events of kind ", &cfg->wot_guest_kind_set);
    say(out, cfg->wot_guest_replies, "Everybody may write to people of this relay.");
}

static void say_work(struct buf *out, const struct config *cfg)
{
    if (cfg->shared.min_pow_difficulty > 0)
        say_number(out, "Events need proof of work of # bits.", cfg->shared.min_pow_difficulty);
    say(out, cfg->policy && cfg->policy->n_pow > 0,
        "Some kinds of events need proof of work, but not those of trusted people.");
}

void policy_sentences(const struct access_view *view, struct buf *out)
{
    static const struct policy_lists no_lists = {.allow_kinds.empty = true,
                                                 .deny_kinds.empty = true};
    const struct config *cfg = view->cfg;
    const struct policy_lists *l = cfg->policy ? cfg->policy : &no_lists;

    say_who(out, view);
    say(out, cfg->nip43_enabled, "People may join with an invitation.");
    say_chosen_kinds(out, l, view->lists);
    say_work(out, cfg);
    if (cfg->shared.created_at_past_seconds > 0)
        say_number(out, "Takes no events that are older than # seconds.",
                   cfg->shared.created_at_past_seconds);
    say(out, cfg->shared.auth_mode == AUTH_WRITES, "Who writes must authenticate.");
    say(out, cfg->shared.auth_mode == AUTH_ALL, "Everybody must authenticate.");
    say(out, cfg->shared.auth_mode == AUTH_MEMBERS,
        "Everybody must authenticate, and only members read.");
    say(out, l->words.set || l->patterns.set, "Some words are not taken.");
    say(out, cfg->policy_plugin && cfg->policy_plugin[0], "The operator has further rules.");
}

bool policy_restricts_writes(const struct config *cfg)
{
    const struct policy_lists *l = cfg->policy;

    return cfg->wot_enabled || (l && (l->allow_pubkeys.n > 0 || l->n_pow > 0)) ||
           (cfg->policy_plugin && cfg->policy_plugin[0]);
}
