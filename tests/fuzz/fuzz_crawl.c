/*
 * What a relay may say to the crawler, a message per line: the conversation ends or goes on, and
 * only what the author signed comes through. Time passes by a second a message. The corpus has true
 * events of the author below.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/list_text.h"
#include "nostr/verify.h"
#include "trust/crawl_talk.h"
#include "trust/outbox.h"

enum { NOW = 1800000000 }; /* later than the corpus */

static const int kinds[] = {3, 10000, 10002};
/* of the secret key 1 */
static const char author_hex[] = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

static void on_event(const struct event *ev, struct slice json, void *ctx)
{
    struct buf *scratch = ctx;

    assert(json.len > 0 && json.ptr[0] == '{' && json.ptr[json.len - 1] == '}');
    assert(verify_event(ev, scratch) == VERIFY_OK);
    assert(ev->kind == 3 || ev->kind == 10000 || ev->kind == 10002);
}

/* A URL that is accepted is in its normal form, and stays one entry of a list. */
static void check_url(struct slice text)
{
    struct buf once, twice;
    struct slice rest, entry;

    buf_init(&once, KIB);
    buf_init(&twice, KIB);
    if (outbox_normalise(text, &once)) {
        assert(once.len <= OUTBOX_MAX_URL_BYTES + 1);
        if (once.len <= OUTBOX_MAX_URL_BYTES)
            assert(outbox_normalise(buf_slice(&once), &twice) &&
                   slice_eq(buf_slice(&once), buf_slice(&twice)));
        rest = buf_slice(&once);
        assert(list_text_next(&rest, &entry) && slice_eq(entry, buf_slice(&once)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
}

/* Asks when there is something to ask. False when the conversation is over. */
static bool turn(struct crawl_talk *t, uint64_t now_ms)
{
    switch (crawl_talk_turn(t, now_ms)) {
    case CRAWL_SAY:
        assert(t->words.len > 0);
        return true;
    case CRAWL_WAIT:
        assert(crawl_talk_due(t) > now_ms);
        return true;
    case CRAWL_DONE:
        assert(t->report->error[0] == '\0');
        break;
    case CRAWL_FAIL:
        assert(t->report->error[0] != '\0');
        break;
    }
    return false;
}

static void talk(struct crawl_talk *t, struct slice text)
{
    uint64_t now_ms = 1000;

    while (text.len > 0 && turn(t, now_ms)) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        size_t n = newline ? (size_t)(newline - text.ptr) : text.len;

        check_url(slice_of(text.ptr, n));
        crawl_talk_hear(t, slice_of(text.ptr, n), now_ms);
        now_ms += 1000;
        n += newline != NULL;
        text = slice_of(text.ptr + n, text.len - n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct pubkey author;
    struct crawl_request request = {.authors = &author,
                                    .n_authors = 1,
                                    .kinds = kinds,
                                    .n_kinds = ARRAY_LEN(kinds),
                                    .limits = crawl_default_limits,
                                    .on_event = on_event};
    struct crawl_relay_report report = {.url = NULL};
    struct crawl_authors authors;
    struct crawl_judge judge;
    struct crawl_queue queue;
    struct crawl_talk t;
    struct buf scratch;

    if (!ready)
        verify_setup();
    clock_freeze_unix(NOW);
    ready = true;
    if (!hex_decode(slice_str(author_hex), author.b, sizeof(author.b)) ||
        !crawl_authors_init(&authors, &author, 1, kinds, ARRAY_LEN(kinds)))
        abort();
    buf_init(&scratch, 4 * MIB);
    request.ctx = &scratch;
    crawl_judge_init(&judge, &authors, MIB);
    crawl_queue_init(&queue, &authors, NULL, 1, false, 500);
    crawl_talk_init(&t, &request, &judge, &report, &queue);
    talk(&t, slice_of((const char *)data, size));
    crawl_talk_deinit(&t);
    crawl_judge_deinit(&judge);
    crawl_authors_deinit(&authors);
    buf_deinit(&scratch);
    return 0;
}
