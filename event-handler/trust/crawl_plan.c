#include "trust/crawl_plan.h"

#include <stdlib.h>

#include "base/list_text.h"
#include "trust/outbox.h"

enum { MAX_URLS_MIB = 64 };

void crawl_plan_deinit(struct crawl_plan *p)
{
    arena_deinit(&p->arena);
    free(p->task);
    free(p->members);
}

/* url in its normal form, kept in the plan; NULL when it has none or memory is short. */
static const char *keep_url(struct crawl_plan *p, struct slice url)
{
    struct slice kept = {NULL, 0};
    struct buf text;

    buf_init(&text, OUTBOX_MAX_URL_BYTES + 2);
    if (outbox_normalise(url, &text)) {
        buf_add_char(&text, '\0');
        kept = arena_copy(&p->arena, buf_slice(&text));
    }
    buf_deinit(&text);
    return kept.ptr;
}

static bool has_task(const struct crawl_plan *p, const char *url)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->task[i].url, url) == 0)
            return true;
    }
    return false;
}

bool crawl_plan_seeds(struct crawl_plan *p, const struct crawl_request *request)
{
    struct slice text = slice_str(request->seeds), entry;

    *p = (struct crawl_plan){.n = 0};
    arena_init(&p->arena, MIB);
    p->task = calloc(CRAWL_MAX_SEEDS, sizeof(*p->task));
    if (!p->task)
        return false;
    while (p->n < CRAWL_MAX_SEEDS && list_text_next(&text, &entry)) {
        const char *url = keep_url(p, entry);

        if (url && !has_task(p, url))
            p->task[p->n++] = (struct crawl_task){url, NULL, request->n_authors, true};
    }
    return true;
}

/* ---- outboxes ---- */

/* An author to be asked for at a relay. */
struct wish {
    const char *url;
    uint32_t author;
};

struct wishes {
    struct wish *wish;
    size_t n, room;
};

static bool add_wish(struct wishes *w, const char *url, size_t author)
{
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 1024;
        struct wish *grown = reallocarray(w->wish, room, sizeof(*grown));

        if (!grown)
            return false;
        w->wish = grown;
        w->room = room;
    }
    w->wish[w->n++] = (struct wish){url, (uint32_t)author};
    return true;
}

/* What the author said in this crawl, else what is stored of him. */
static const char *urls_of(const struct crawl_request *request, const struct crawl_authors *authors,
                           size_t author)
{
    const char *urls = authors->relays[author];

    if (!urls && request->outbox)
        urls = request->outbox(&request->authors[author], request->ctx);
    return urls ? urls : "";
}

static bool is_left_alone(const struct crawl_request *request, const char *url, int64_t now)
{
    return request->health && !request->impatient &&
           relay_health_retry_at(request->health, url, false) > now;
}

/* Of authors not found. False without memory for the wishes; URLs there is no room for are left
 * out. */
static bool collect(struct crawl_plan *p, const struct crawl_request *request,
                    const struct crawl_authors *authors, struct wishes *w)
{
    for (size_t i = 0; i < authors->n; i++) {
        struct slice text, entry;

        if (crawl_authors_found(authors, i))
            continue;
        text = slice_str(urls_of(request, authors, i));
        for (int n = 0; n < OUTBOX_MAX_RELAYS && list_text_next(&text, &entry); n++) {
            const char *url = keep_url(p, entry);

            if (url && !add_wish(w, url, i))
                return false;
        }
    }
    return true;
}

static int by_url(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    int order = strcmp(x->url, y->url);

    return order != 0 ? order : (x->author > y->author) - (x->author < y->author);
}

/* A relay's worth: how many it may help with, by how far it can be relied on. */
struct candidate {
    struct crawl_task task;
    size_t worth;
};

static int by_worth(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->worth != y->worth)
        return x->worth < y->worth ? 1 : -1;
    return strcmp(x->task.url, y->task.url);
}

/* The authors of the wishes [from, to), which name one relay. */
static struct candidate make_candidate(const struct crawl_request *request, const struct wish *wish,
                                       size_t n, uint32_t *authors)
{
    struct candidate c = {.task = {wish[0].url, authors, 0, false}};
    unsigned score = request->health ? relay_health_score(request->health, wish[0].url) : 0;

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || wish[i].author != wish[i - 1].author)
            authors[c.task.n++] = wish[i].author;
    }
    c.worth = c.task.n * (score + 1);
    return c;
}

/* Groups the sorted wishes by relay. Returns how many candidates there are. */
static size_t group(const struct crawl_request *request, const struct crawl_plan *before,
                    const struct wishes *w, int64_t now, uint32_t *authors, struct candidate *out)
{
    size_t n = 0;

    for (size_t from = 0, to; from < w->n; from = to) {
        const char *url = w->wish[from].url;

        for (to = from + 1; to < w->n && strcmp(w->wish[to].url, url) == 0; to++) {
        }
        if (!has_task(before, url) && !is_left_alone(request, url, now))
            out[n++] = make_candidate(request, w->wish + from, to - from, authors + from);
    }
    return n;
}

static bool choose(struct crawl_plan *p, const struct crawl_request *request,
                   const struct crawl_plan *before, const struct wishes *w, size_t max, int64_t now)
{
    struct candidate *candidates = calloc(w->n + 1, sizeof(*candidates));
    size_t n;

    p->task = calloc(max + 1, sizeof(*p->task));
    p->members = calloc(w->n + 1, sizeof(*p->members));
    if (!candidates || !p->task || !p->members) {
        free(candidates);
        return false;
    }
    n = group(request, before, w, now, p->members, candidates);
    qsort(candidates, n, sizeof(*candidates), by_worth);
    for (; p->n < n && p->n < max; p->n++)
        p->task[p->n] = candidates[p->n].task;
    free(candidates);
    return true;
}

bool crawl_plan_outbox(struct crawl_plan *p, const struct crawl_request *request,
                       const struct crawl_authors *authors, const struct crawl_plan *before,
                       size_t max, int64_t now)
{
    struct wishes w = {0};
    bool ok;

    *p = (struct crawl_plan){.n = 0};
    arena_init(&p->arena, MAX_URLS_MIB * MIB);
    ok = collect(p, request, authors, &w);
    if (w.n > 1)
        qsort(w.wish, w.n, sizeof(*w.wish), by_url);
    ok = ok && choose(p, request, before, &w, max, now);
    free(w.wish);
    return ok;
}
