/*
 * Request heads and the upgrade check on any bytes: no crash, slices stay inside the input, and
 * what is decided about a whole head does not depend on how its bytes arrived.
 */
#include <stdlib.h>

#include "conn/handshake.h"
#include "conn/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void must_lie_within(struct slice part, struct slice whole)
{
    must(part.len == 0 || part.ptr[0] != '\0');
    if (part.len == 1 && (part.ptr[0] == '/' || part.ptr[0] == '*'))
        return; /* may be the constant path of a target without one */
    must(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static enum http_head_result parse(struct slice input, struct http_head *head, size_t *used)
{
    const char *error = NULL;
    enum http_head_result result = http_head_parse(input, head, used, &error);

    must((result == HTTP_HEAD_BAD || result == HTTP_HEAD_TOO_LARGE) == (error != NULL));
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    char accept[HANDSHAKE_ACCEPT_LEN];
    struct http_head head, again;
    const char *error = NULL;
    size_t used = 0, used_again = 0;
    enum handshake_result upgrade;

    if (parse(input, &head, &used) != HTTP_HEAD_OK)
        return 0;
    must(used <= size && used <= HTTP_HEAD_MAX_BYTES && head.n_fields <= HTTP_HEAD_MAX_FIELDS);
    must_lie_within(head.method, input);
    must_lie_within(head.path, input);
    for (size_t i = 0; i < head.n_fields; i++) {
        must_lie_within(head.fields[i].name, input);
        must_lie_within(head.fields[i].value, input);
        must(http_head_count(&head, "Host") <= head.n_fields);
    }
    /* Without its last byte it is incomplete, and what follows a head does not matter. */
    must(parse(slice_of(input.ptr, used - 1), &again, &used_again) == HTTP_HEAD_MORE);
    must(parse(slice_of(input.ptr, used), &again, &used_again) == HTTP_HEAD_OK &&
         used_again == used);

    upgrade = handshake_check(&head, accept, &error);
    must((upgrade == HANDSHAKE_OK || upgrade == HANDSHAKE_NONE) == (error == NULL));
    if (upgrade == HANDSHAKE_OK)
        must(http_head_find(&head, "Host") != NULL);
    return 0;
}
