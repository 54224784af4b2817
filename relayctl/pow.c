/*
 * The text whose hash is the id is written once; from then on only the digits of the nonce in it
 * change, so each try costs one SHA-256. The nonce has all its digits from the start (leading
 * zeros are part of the string), so nothing moves.
 */
#include "pow.h"

#include <stdio.h>

#include "nostr/verify.h"

struct tag pow_tag_init(struct pow_tag *p, int bits)
{
    int n = snprintf(p->target, sizeof(p->target), "%d", bits);

    assert(n > 0 && n < (int)sizeof(p->target));
    memset(p->nonce, '0', sizeof(p->nonce));
    p->items[0] = SLICE("nonce");
    p->items[1] = slice_of(p->nonce, sizeof(p->nonce));
    p->items[2] = slice_of(p->target, (size_t)n);
    return (struct tag){.item = p->items, .n = ARRAY_LEN(p->items)};
}

/* Adds one to the decimal number. */
static void count_up(char digits[POW_NONCE_DIGITS])
{
    size_t i = POW_NONCE_DIGITS;

    while (i > 0 && digits[--i] == '9')
        digits[i] = '0';
    digits[i]++;
}

/* Inside a JSON string a quote has a backslash before it, so this text can only be the tag. */
static char *find_nonce(const struct buf *preimage)
{
    static const char start[] = "[\"nonce\",\"";
    char *at = memmem(preimage->ptr, preimage->len, start, sizeof(start) - 1);

    assert(at);
    return at + sizeof(start) - 1;
}

bool pow_mine(const struct event *ev, struct pow_tag *p, int bits)
{
    struct event_id id;
    struct buf preimage;
    char *nonce;

    buf_init(&preimage, 64 * MIB);
    event_write_preimage(ev, false, &preimage);
    if (preimage.failed) {
        buf_deinit(&preimage);
        return false;
    }
    nonce = find_nonce(&preimage);
    for (;;) {
        sha256(preimage.ptr, preimage.len, id.b);
        if (event_id_difficulty(&id) >= bits)
            break;
        count_up(nonce);
    }
    memcpy(p->nonce, nonce, sizeof(p->nonce));
    buf_deinit(&preimage);
    return true;
}
