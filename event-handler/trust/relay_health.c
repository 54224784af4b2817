/* A plain array: a crawl asks a few hundred relays, so looking through it costs nothing. */
#include "trust/relay_health.h"

#include <stdlib.h>
#include <string.h>

enum {
    STRANGER_SCORE = 50,
    HOSTILE_FAILURES = 6, /* being hostile once counts like failing so often in a row */
};

struct record {
    char *url;
    unsigned score;
    unsigned failures; /* in a row */
    int64_t noted_at;
};

struct relay_health {
    struct record record[RELAY_HEALTH_MOST];
    size_t n;
};

struct relay_health *relay_health_new(void)
{
    return calloc(1, sizeof(struct relay_health));
}

void relay_health_free(struct relay_health *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        free(h->record[i].url);
    free(h);
}

static const struct record *find(const struct relay_health *h, const char *url)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->record[i].url, url) == 0)
            return &h->record[i];
    }
    return NULL;
}

/* A free place, or that of the relay that was not asked for longest. */
static struct record *make_room(struct relay_health *h)
{
    struct record *oldest = &h->record[0];

    if (h->n < RELAY_HEALTH_MOST)
        return &h->record[h->n++];
    for (size_t i = 1; i < h->n; i++) {
        if (h->record[i].noted_at < oldest->noted_at)
            oldest = &h->record[i];
    }
    free(oldest->url);
    return oldest;
}

static struct record *add(struct relay_health *h, const char *url)
{
    char *copy = strdup(url);
    struct record *r;

    if (!copy)
        return NULL;
    r = make_room(h);
    *r = (struct record){.url = copy, .score = STRANGER_SCORE};
    return r;
}

void relay_health_note(struct relay_health *h, const char *url, enum relay_conduct conduct,
                       int64_t now)
{
    struct record *r = (struct record *)find(h, url);

    if (!r)
        r = add(h, url);
    if (!r)
        return;
    r->noted_at = now;
    switch (conduct) {
    case RELAY_CONDUCT_GOOD:
        r->failures = 0;
        r->score += (100 - r->score + 3) / 4;
        break;
    case RELAY_CONDUCT_FAILED:
        r->failures++;
        r->score -= (r->score + 3) / 4;
        break;
    case RELAY_CONDUCT_HOSTILE:
        r->failures += HOSTILE_FAILURES;
        r->score = 0;
        break;
    }
}

int64_t relay_health_retry_at(const struct relay_health *h, const char *url, bool seed)
{
    const struct record *r = find(h, url);
    int64_t most = seed ? RELAY_HEALTH_SEED_SECONDS : RELAY_HEALTH_MOST_SECONDS;
    int64_t pause = RELAY_HEALTH_FIRST_SECONDS;

    if (!r || r->failures == 0)
        return 0;
    for (unsigned i = 1; i < r->failures && pause < most; i++)
        pause *= 2;
    return r->noted_at + (pause < most ? pause : most);
}

unsigned relay_health_score(const struct relay_health *h, const char *url)
{
    const struct record *r = find(h, url);

    return r ? r->score : STRANGER_SCORE;
}
