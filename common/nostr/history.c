#include "nostr/history.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice next_token(struct slice *text)
{
    const char *at = text->ptr, *end = text->ptr + text->len, *from;

    while (at < end && is_blank(*at))
        at++;
    from = at;
    while (at < end && !is_blank(*at))
        at++;
    *text = slice_of(at, (size_t)(end - at));
    return slice_of(from, (size_t)(at - from));
}

/* *alone: nothing else is searched for. */
static bool asks(const struct filter *f, bool *alone)
{
    struct slice text = f->search, token;
    bool asked = false;

    *alone = true;
    if (!(f->has & FILTER_SEARCH))
        return false;
    while ((token = next_token(&text)).len > 0) {
        if (slice_eq(token, SLICE("history:true")))
            asked = true;
        else
            *alone = false;
    }
    return asked;
}

bool history_asked(const struct filter *filters, size_t n)
{
    bool alone;

    for (size_t i = 0; i < n; i++) {
        if (asks(&filters[i], &alone))
            return true;
    }
    return false;
}

/* An impossible filter has lost what made it so: it asks for nothing, and is answered so. */
static const char *malformed(const struct filter *f)
{
    bool alone;

    (void)asks(f, &alone);
    if (!alone)
        return "history:true cannot be joined with other words of search";
    if ((f->has & FILTER_IDS) || f->n_tags > 0)
        return "history takes kinds, authors, since, until and limit only";
    if (!(f->has & FILTER_KINDS) || (f->n_kinds == 0 && !(f->has & FILTER_NOTHING)))
        return "a request for history must name kinds";
    if (!(f->has & FILTER_AUTHORS) || f->n_authors != 1)
        return "a request for history must name its one author";
    return NULL;
}

static bool is_among(const struct pubkey *pk, const struct pubkey *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (pubkey_eq(pk, &keys[i]))
            return true;
    }
    return false;
}

enum verdict history_judge(const struct filter *filters, size_t n, const struct pubkey *readers,
                           size_t n_readers, const char **sentence)
{
    *sentence = n == 1 ? malformed(&filters[0]) : "a request for history is one filter alone";
    if (*sentence)
        return VERDICT_INVALID;
    if (n_readers == 0) {
        *sentence = "the history of a list is only shown to its owner, who must authenticate";
        return VERDICT_AUTH_REQUIRED;
    }
    if (!is_among(&filters[0].authors[0], readers, n_readers)) {
        *sentence = "the history of a list is only shown to its owner";
        return VERDICT_RESTRICTED;
    }
    return VERDICT_ACCEPTED;
}
