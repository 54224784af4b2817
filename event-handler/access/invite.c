#include "access/invite.h"

#include <sys/random.h>

#include <openssl/crypto.h>

#include "access/relay_key.h"
#include "base/hex.h"
#include "config.h"
#include "nostr/kind.h"

enum { AT_INVITER = 4, AT_NONCE = AT_INVITER + 32, AT_MAC = AT_NONCE + 8, MAC_BYTES = 12 };

bool invite_entitled(const struct access_view *view, const struct pubkey *pk)
{
    return (int64_t)access_standing(view, pk).tier <= view->cfg->nip43_invite_tier;
}

void invite_make(const struct relay_key *relay, const struct pubkey *inviter, int64_t expires_at,
                 char code[INVITE_CODE_ROOM])
{
    uint8_t bytes[INVITE_BYTES], mac[32];
    ssize_t n = getrandom(bytes + AT_NONCE, AT_MAC - AT_NONCE, 0);

    assert(n == AT_MAC - AT_NONCE);
    for (int i = 0; i < AT_INVITER; i++)
        bytes[i] = (uint8_t)(expires_at >> (24 - 8 * i));
    memcpy(bytes + AT_INVITER, inviter->b, sizeof inviter->b);
    relay_key_mac(relay, bytes, AT_MAC, mac);
    memcpy(bytes + AT_MAC, mac, MAC_BYTES);
    hex_encode(bytes, sizeof bytes, code);
    code[INVITE_CODE_ROOM - 1] = '\0';
}

bool invite_read(const struct relay_key *relay, struct slice code, struct pubkey *inviter,
                 int64_t *expires_at)
{
    uint8_t bytes[INVITE_BYTES], mac[32];

    if (!hex_decode(code, bytes, sizeof bytes))
        return false;
    relay_key_mac(relay, bytes, AT_MAC, mac);
    if (CRYPTO_memcmp(bytes + AT_MAC, mac, MAC_BYTES) != 0)
        return false;
    memcpy(inviter->b, bytes + AT_INVITER, sizeof inviter->b);
    *expires_at = 0;
    for (int i = 0; i < AT_INVITER; i++)
        *expires_at = *expires_at << 8 | bytes[i];
    return true;
}

static void write_event(const struct access_view *view, const struct pubkey *inviter, int64_t now,
                        struct buf *out)
{
    char code[INVITE_CODE_ROOM];
    struct slice protect[] = {SLICE("-")}, claim[] = {SLICE("claim"), {0}};
    struct tag tags[] = {{protect, 1}, {claim, 2}};
    struct event ev = {.created_at = now, .kind = KIND_INVITE, .tag = tags, .n_tags = 2};

    invite_make(view->relay, inviter, now + view->cfg->nip43_invite_hours * 3600, code);
    claim[1] = slice_str(code);
    if (!relay_key_sign(view->relay, &ev))
        return;
    event_write(&ev, out);
    buf_add_char(out, '\n');
}

void invite_write_event(const struct access_view *view, const struct pubkey *readers, size_t n,
                        int64_t now, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (invite_entitled(view, &readers[i])) {
            write_event(view, &readers[i], now, out);
            return;
        }
    }
}
