#include "store/keymap.h"

#include <pthread.h>
#include <string.h>

#include "base/siphash.h"

static struct siphash_key secret;

static void make_secret(void)
{
    secret = siphash_random_key();
}

bool keymap_init(struct keymap *m, struct arena *arena, size_t key_len, size_t max)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t slots = 8;

    pthread_once(&once, make_secret);
    assert(max < INT32_MAX / 4);
    while (slots < 2 * max)
        slots *= 2;
    *m = (struct keymap){.key_len = key_len, .max = max, .mask = slots - 1};
    m->key = arena_alloc(arena, max * sizeof *m->key);
    m->slot = arena_alloc(arena, slots * sizeof *m->slot);
    if (!m->key || !m->slot)
        return false;
    memset(m->slot, 0xff, slots * sizeof *m->slot); /* KEYMAP_NONE */
    return true;
}

/* The slot that holds key, or the free one where it belongs. At most half of them are in use, so
 * the walk ends. */
static int32_t *locate(const struct keymap *m, const void *key)
{
    size_t at = (size_t)siphash(&secret, key, m->key_len) & m->mask;

    while (m->slot[at] != KEYMAP_NONE && memcmp(m->key[m->slot[at]], key, m->key_len) != 0)
        at = (at + 1) & m->mask;
    return &m->slot[at];
}

int32_t keymap_find(const struct keymap *m, const void *key)
{
    return *locate(m, key);
}

int32_t keymap_add(struct keymap *m, const void *key)
{
    int32_t *slot = locate(m, key);

    if (*slot == KEYMAP_NONE) {
        assert(m->n < m->max);
        *slot = (int32_t)m->n;
        m->key[m->n++] = key;
    }
    return *slot;
}
