#include "policy/policy_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list_text.h"
#include "config.h"
#include "wire/take.h"

enum { SHOWN_BYTES = 60 };

static bool refuse(struct buf *error, struct slice entry, const char *why)
{
    buf_printf(error, "\"%.*s\" %s", (int)(entry.len < SHOWN_BYTES ? entry.len : SHOWN_BYTES),
               entry.ptr, why);
    return false;
}

/* ---- POLICY_POW: "1:20, 30000-39999:8" ---- */

static bool parse_kinds(struct slice *s, struct policy_pow *out)
{
    uint64_t first, last;

    if (!take_u64(s, &first))
        return false;
    last = first;
    if (take_text(s, SLICE("-")) && !take_u64(s, &last))
        return false;
    out->first = (int)first;
    out->last = (int)last;
    return first <= last && last <= KIND_MAX;
}

static bool parse_pow(const char *text, struct policy_lists *l, struct buf *error)
{
    struct slice rest = slice_str(text), entry;

    while (list_text_next(&rest, &entry)) {
        struct slice s = entry;
        struct policy_pow pow;
        uint64_t bits;

        if (!parse_kinds(&s, &pow) || !take_text(&s, SLICE(":")) || !take_u64(&s, &bits) ||
            s.len > 0)
            return refuse(error, entry, "must be <kind>:<bits> or <kind>-<kind>:<bits>");
        if (pow.first == 0 && pow.last == KIND_MAX)
            return refuse(error, entry,
                          "is about all kinds: that is MIN_POW_DIFFICULTY, which "
                          "clients are told");
        if (bits > 64)
            return refuse(error, entry, "asks for more than 64 bits");
        if (l->n_pow == POLICY_MAX_POW)
            return refuse(error, entry, "is one entry too many (at most 64)");
        pow.bits = (int)bits;
        l->pow[l->n_pow++] = pow;
    }
    return true;
}

int policy_pow_for(const struct policy_lists *l, int kind)
{
    for (size_t i = 0; i < l->n_pow; i++) {
        if (kind >= l->pow[i].first && kind <= l->pow[i].last)
            return l->pow[i].bits;
    }
    return 0;
}

/* ---- all of it ---- */

static bool fill(struct policy_lists *l, const struct config *cfg, struct buf *error,
                 const char **name)
{
    *name = "POLICY_ALLOW_KINDS";
    if (!kind_set_parse(slice_str(cfg->policy_allow_kinds), &l->allow_kinds, error))
        return false;
    *name = "POLICY_DENY_KINDS";
    if (!kind_set_parse(slice_str(cfg->policy_deny_kinds), &l->deny_kinds, error))
        return false;
    *name = "POLICY_ALLOW_PUBKEYS";
    if (!key_set_parse(slice_str(cfg->policy_allow_pubkeys), &l->allow_pubkeys, error))
        return false;
    *name = "POLICY_DENY_PUBKEYS";
    if (!key_set_parse(slice_str(cfg->policy_deny_pubkeys), &l->deny_pubkeys, error))
        return false;
    *name = "POLICY_POW";
    if (!parse_pow(cfg->policy_pow, l, error))
        return false;
    *name = "POLICY_BLOCKED_WORDS";
    if (!blocked_read_words(cfg->policy_blocked_words, &l->words, error))
        return false;
    *name = "POLICY_BLOCKED_PATTERNS";
    return blocked_read_patterns(cfg->policy_blocked_patterns, &l->patterns, error);
}

struct policy_lists *policy_lists_new(const struct config *cfg)
{
    struct policy_lists *l = calloc(1, sizeof *l);
    const char *name = "POLICY";
    struct buf error;

    buf_init(&error, 4 * KIB);
    if (l && !fill(l, cfg, &error, &name)) {
        fprintf(stderr, "config: %s: " SLICE_FMT "\n", name, SLICE_ARG(buf_slice(&error)));
        policy_lists_free(l);
        l = NULL;
    }
    buf_deinit(&error);
    return l;
}

void policy_lists_free(struct policy_lists *l)
{
    if (!l)
        return;
    key_set_deinit(&l->allow_pubkeys);
    key_set_deinit(&l->deny_pubkeys);
    blocked_deinit(&l->words);
    blocked_deinit(&l->patterns);
    free(l);
}
