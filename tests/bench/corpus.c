#include "corpus.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "nostr/kind.h"

static const struct event_limits limits = {
    .max_event_bytes = MIB,
    .max_tags = 50000,
    .max_content_chars = MIB,
};

static void map_file(struct corpus *c, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0)
        bench_die("cannot read %s", path);
    if (st.st_size == 0)
        bench_die("%s is empty", path);
    c->map_len = (size_t)st.st_size;
    c->map = mmap(NULL, c->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (c->map == MAP_FAILED)
        bench_die("cannot map %s", path);
}

/* Takes the next line, without its end, off *text. */
static struct slice take_line(struct slice *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    struct slice line = slice_of(text->ptr, end != NULL ? (size_t)(end - text->ptr) : text->len);
    size_t used = line.len + (end != NULL);

    *text = slice_of(text->ptr + used, text->len - used);
    return line;
}

static void add_event(struct corpus *c, struct slice line, size_t *room)
{
    size_t json_room = *room;
    const char *error;
    bool has_id;

    bench_grow((void **)&c->json, &json_room, c->n, sizeof *c->json);
    bench_grow((void **)&c->event, room, c->n, sizeof *c->event);
    c->json[c->n] = line;
    if (!event_parse(line, &limits, &c->arena, &c->event[c->n], &has_id, &error))
        bench_die("the corpus holds something that is no event: %s", error);
    c->n++;
}

static size_t id_hash(const struct event_id *id)
{
    size_t hash;

    memcpy(&hash, id->b, sizeof hash);
    return hash;
}

static void index_ids(struct corpus *c)
{
    size_t room = 2;

    while (room < c->n * 2)
        room *= 2;
    c->slot = bench_calloc(room, sizeof *c->slot);
    c->mask = room - 1;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = id_hash(&c->event[i].id) & c->mask;

        while (c->slot[at] != 0)
            at = (at + 1) & c->mask;
        c->slot[at] = (uint32_t)i + 1;
    }
}

void corpus_load(struct corpus *c, const char *path, size_t skip, size_t limit)
{
    struct slice text;
    size_t room = 0;

    *c = (struct corpus){0};
    arena_init(&c->arena, SIZE_MAX);
    map_file(c, path);
    text = slice_of(c->map, c->map_len);
    while (text.len > 0 && (limit == 0 || c->n < limit)) {
        struct slice line = take_line(&text);

        if (skip > 0)
            skip--;
        else if (line.len > 0)
            add_event(c, line, &room);
    }
    if (c->n == 0)
        bench_die("%s has no events in that part", path);
    index_ids(c);
}

void corpus_check_public(const struct corpus *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (kind_class(c->event[i].kind) != KIND_REGULAR || kind_is_private(c->event[i].kind))
            bench_die("this needs a corpus that was made without --mixed");
}

void corpus_free(struct corpus *c)
{
    free(c->event);
    free(c->json);
    free(c->slot);
    arena_deinit(&c->arena);
    munmap(c->map, c->map_len);
}

size_t corpus_find(const struct corpus *c, const struct event_id *id)
{
    for (size_t at = id_hash(id) & c->mask; c->slot[at] != 0; at = (at + 1) & c->mask)
        if (event_id_eq(&c->event[c->slot[at] - 1].id, id))
            return c->slot[at] - 1;
    return CORPUS_NONE;
}
