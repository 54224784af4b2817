#include "store/search_text.h"

#include "json/jread.h"

/* What of an event is text. */
enum part {
    PART_CONTENT = 1 << 0,
    PART_PROFILE = 1 << 1, /* members of the JSON object in content */
    PART_TITLE = 1 << 2,
    PART_SUMMARY = 1 << 3,
    PART_ALT = 1 << 4,
};

static const int32_t kinds[] = {0, 1, 11, 1063, 1111, 9802, 30023, 30818};
static const unsigned parts[ARRAY_LEN(kinds)] = {
    PART_PROFILE,
    PART_CONTENT,
    PART_CONTENT | PART_TITLE,
    PART_CONTENT | PART_SUMMARY | PART_ALT,
    PART_CONTENT,
    PART_CONTENT,
    PART_CONTENT | PART_TITLE | PART_SUMMARY,
    PART_CONTENT | PART_TITLE | PART_SUMMARY,
};

static const char *const profile_members[] = {"name", "display_name", "about", "nip05"};

const int32_t *search_text_kinds(size_t *n)
{
    *n = ARRAY_LEN(kinds);
    return kinds;
}

/* Cuts s to max bytes at a character's start. */
static struct slice cut(struct slice s, size_t max)
{
    if (s.len <= max)
        return s;
    while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
        max--;
    return slice_of(s.ptr, max);
}

/* PostgreSQL's text cannot hold NUL, which JSON can. */
static void add_words(struct buf *out, struct slice s)
{
    size_t room = out->len < SEARCH_TEXT_MOST ? SEARCH_TEXT_MOST - out->len : 0;
    size_t start;

    if (room < 2 || s.len == 0)
        return;
    buf_add_char(out, ' ');
    start = out->len;
    buf_add_slice(out, cut(s, room - 1));
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '\0')
            out->ptr[i] = ' ';
    }
}

static bool is_profile_member(struct slice key)
{
    for (size_t i = 0; i < ARRAY_LEN(profile_members); i++) {
        if (slice_eq(key, slice_str(profile_members[i])))
            return true;
    }
    return false;
}

/* Whatever can be read of it: clients write all sorts of things. */
static void add_profile(struct buf *out, struct slice json, struct arena *arena)
{
    struct jread r;
    struct slice key, value;

    jread_init(&r, json, arena);
    if (jread_peek(&r) != J_OBJECT || !jread_object(&r))
        return;
    while (jread_key(&r, &key)) {
        if (is_profile_member(key) && jread_peek(&r) == J_STRING) {
            if (!jread_string(&r, &value))
                return;
            add_words(out, value);
        } else if (!jread_skip(&r, NULL)) {
            return;
        }
    }
}

static void add_tag(struct buf *out, const struct event *ev, struct slice name)
{
    const struct tag *t = event_find_tag(ev, name);

    if (t && t->n >= 2)
        add_words(out, t->item[1]);
}

void search_text_write(const struct event *ev, struct arena *arena, struct buf *out)
{
    unsigned which = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i] == ev->kind)
            which = parts[i];
    }
    if (which & PART_TITLE)
        add_tag(out, ev, SLICE("title"));
    if (which & PART_SUMMARY)
        add_tag(out, ev, SLICE("summary"));
    if (which & PART_ALT)
        add_tag(out, ev, SLICE("alt"));
    if (which & PART_PROFILE)
        add_profile(out, ev->content, arena);
    if (which & PART_CONTENT)
        add_words(out, ev->content);
}
