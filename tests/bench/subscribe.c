#include "subscribe.h"

#include <stdio.h>

enum { AT_A_TIME = 64, QUIET_MS = 20000 };

static void ask_next(struct subscribing *s, struct pool *p)
{
    struct client *c = &p->client[s->next];
    char text[400];
    int n;

    if (s->next < s->match)
        n = snprintf(text, sizeof text,
                     "[\"REQ\",\"live\",{\"kinds\":[1,6,7,1111,9735],\"limit\":0}]");
    else
        n = snprintf(text, sizeof text,
                     "[\"REQ\",\"live\",{\"authors\":[\"%064zx\"],\"kinds\":[1,7],\"limit\":0},"
                     "{\"#p\":[\"%064zx\"],\"limit\":0}]",
                     s->next + 1, s->next + 1);
    s->next++;
    client_send(p, c, slice_of(text, (size_t)n));
}

void subscribe_all(struct subscribing *s, struct pool *p, size_t n, size_t match)
{
    *s = (struct subscribing){.n = n, .match = match, .done = n == 0};
    while (s->next < n && s->next < AT_A_TIME)
        ask_next(s, p);
    if (!pool_run(p, &s->done, QUIET_MS))
        bench_die("%zu of %zu subscriptions got no EOSE %s", n - s->ready, n, p->farewell);
}

void subscribing_on_message(struct subscribing *s, struct pool *p, const struct relay_message *m)
{
    if (m->verb == RELAY_CLOSED)
        bench_die("a subscription was refused: " SLICE_FMT, SLICE_ARG(m->words));
    if (m->verb != RELAY_EOSE || s->done)
        return;
    s->done = ++s->ready == s->n;
    if (s->next < s->n)
        ask_next(s, p);
}
