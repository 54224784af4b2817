#include "ingest/verified.h"

#include <stdlib.h>

bool verified_init(struct verified *v, size_t entries)
{
    *v = (struct verified){
        .key_a = siphash_random_key(), .key_b = siphash_random_key(), .mask = entries - 1};
    assert((entries & v->mask) == 0);
    v->entry = calloc(entries, sizeof *v->entry);
    pthread_mutex_init(&v->lock, NULL);
    return v->entry != NULL;
}

void verified_deinit(struct verified *v)
{
    pthread_mutex_destroy(&v->lock);
    free(v->entry);
    v->entry = NULL;
}

struct verified_entry verified_hash(const struct verified *v, struct slice json)
{
    return (struct verified_entry){siphash(&v->key_a, json.ptr, json.len),
                                   siphash(&v->key_b, json.ptr, json.len)};
}

bool verified_has(struct verified *v, struct verified_entry e)
{
    struct verified_entry found;

    pthread_mutex_lock(&v->lock);
    found = v->entry[e.a & v->mask];
    pthread_mutex_unlock(&v->lock);
    return found.a == e.a && found.b == e.b;
}

void verified_add(struct verified *v, struct verified_entry e)
{
    pthread_mutex_lock(&v->lock);
    v->entry[e.a & v->mask] = e;
    pthread_mutex_unlock(&v->lock);
}
