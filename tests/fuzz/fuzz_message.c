/*
 * Client messages from any bytes. What a message yields must lie inside the frame and be
 * well-formed JSON of the kind that was promised, since others forward it as it is.
 */
#include "base/buf.h"
#include "nostr/message.h"
#include "nostr/relay_url.h"

static bool lies_in(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_object(struct slice body, struct arena *arena)
{
    struct jread r;

    jread_init(&r, body, arena);
    assert(jread_peek(&r) == J_OBJECT && jread_skip(&r, NULL) && jread_end(&r));
}

/* Between brackets, the filters are a JSON array. */
static void check_filters(struct slice body, struct arena *arena)
{
    struct buf list;
    struct jread r;

    buf_init(&list, MIB);
    buf_add_char(&list, '[');
    buf_add_slice(&list, body);
    buf_add_char(&list, ']');
    jread_init(&r, buf_slice(&list), arena);
    assert(jread_skip(&r, NULL) && jread_end(&r));
    buf_deinit(&list);
}

static void check_message(struct slice text, const struct client_message *msg, struct arena *arena)
{
    bool has_id = msg->verb == VERB_REQ || msg->verb == VERB_COUNT || msg->verb == VERB_CLOSE;

    assert(lies_in(msg->body, text));
    assert(msg->has_sub_id == has_id);
    assert(utf8_length(msg->sub_id) <= msg->sub_id.len);
    if (msg->verb == VERB_EVENT || msg->verb == VERB_AUTH)
        check_object(msg->body, arena);
    else if (msg->verb == VERB_REQ || msg->verb == VERB_COUNT)
        check_filters(msg->body, arena);
    else
        assert(msg->body.len == 0);
}

/* A normalised host is its own normal form. */
static void check_url(struct slice text)
{
    char host[256], again[256];

    if (!relay_url_host(text, host, sizeof host))
        return;
    assert(relay_url_host(slice_str(host), again, sizeof again) && strcmp(host, again) == 0);
    assert(relay_url_in_list(text, slice_str(host)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    struct client_message msg;
    struct arena arena;
    const char *error = NULL;

    arena_init(&arena, 256 * KIB);
    if (message_parse(text, &arena, &msg, &error) == MESSAGE_OK)
        check_message(text, &msg, &arena);
    else
        assert(error);
    assert(client_verb_name(msg.verb));
    check_url(text);
    arena_deinit(&arena);
    return 0;
}
