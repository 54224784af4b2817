#include "policy/flood.h"

#include <pthread.h>

#include "base/siphash.h"

enum { BUCKETS = 16384, WAYS = 4 };

struct text {
    uint64_t hash; /* 0: free */
    uint64_t since_ms;
    uint32_t n;
    uint32_t last; /* beginning of the id of the event that brought it last */
};

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    struct siphash_key key;
    struct text text[BUCKETS][WAYS];
} memory = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void choose_key(void)
{
    memory.key = siphash_random_key();
}

/* Its place, or the oldest of its bucket for a text that is new or whose window has passed. */
static struct text *find(uint64_t hash, uint64_t now_ms, uint64_t window_ms)
{
    struct text *bucket = memory.text[hash % BUCKETS], *oldest = bucket;

    for (unsigned i = 0; i < WAYS; i++) {
        if (bucket[i].hash == hash && now_ms - bucket[i].since_ms < window_ms)
            return &bucket[i];
        if (bucket[i].since_ms < oldest->since_ms)
            oldest = &bucket[i];
    }
    *oldest = (struct text){.hash = hash, .since_ms = now_ms};
    return oldest;
}

unsigned flood_count(struct slice text, const struct event_id *id, uint64_t now_ms,
                     uint64_t window_ms)
{
    struct text *t;
    uint64_t hash;
    uint32_t last;
    unsigned n;

    pthread_once(&memory.once, choose_key);
    hash = siphash(&memory.key, text.ptr, text.len) | 1;
    memcpy(&last, id->b, sizeof last);
    pthread_mutex_lock(&memory.lock);
    t = find(hash, now_ms, window_ms);
    if (t->n == 0 || t->last != last)
        t->n++;
    t->last = last;
    n = t->n;
    pthread_mutex_unlock(&memory.lock);
    return n;
}
