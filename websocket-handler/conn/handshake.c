#include "conn/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { KEY_LEN = 24 };

/* 16 bytes in base64: 22 characters of its alphabet and "==". */
static bool is_key(struct slice s)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (s.len != KEY_LEN || s.ptr[22] != '=' || s.ptr[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        if (s.ptr[i] == '\0' || !strchr(alphabet, s.ptr[i]))
            return false;
    }
    return true;
}

static void compute_accept(struct slice key, char accept[HANDSHAKE_ACCEPT_LEN])
{
    unsigned char input[KEY_LEN + sizeof(guid) - 1], digest[SHA_DIGEST_LENGTH];
    unsigned char text[HANDSHAKE_ACCEPT_LEN + 1];

    memcpy(input, key.ptr, KEY_LEN);
    memcpy(input + KEY_LEN, guid, sizeof(guid) - 1);
    SHA1(input, sizeof(input), digest);
    EVP_EncodeBlock(text, digest, sizeof(digest));
    memcpy(accept, text, HANDSHAKE_ACCEPT_LEN);
}

static enum handshake_result refuse(enum handshake_result result, const char **error,
                                    const char *why)
{
    *error = why;
    return result;
}

enum handshake_result handshake_check(const struct http_head *head,
                                      char accept[HANDSHAKE_ACCEPT_LEN], const char **error)
{
    const struct http_field *key = http_head_find(head, "Sec-WebSocket-Key");
    const struct http_field *version = http_head_find(head, "Sec-WebSocket-Version");

    if (!http_head_lists(head, "Upgrade", "websocket")) {
        if (!key && !version)
            return HANDSHAKE_NONE;
        return refuse(HANDSHAKE_UPGRADE, error,
                      "the Upgrade header is missing; a proxy on the way may have dropped it");
    }
    if (!slice_eq(head->method, SLICE("GET")))
        return refuse(HANDSHAKE_WRONG_METHOD, error, "a WebSocket upgrade is a GET request");
    if (!slice_eq(head->path, SLICE("/")))
        return refuse(HANDSHAKE_WRONG_PATH, error, "the relay is at the path /");
    if (head->minor < 1)
        return refuse(HANDSHAKE_BAD, error, "a WebSocket upgrade needs HTTP/1.1");
    if (http_head_count(head, "Host") != 1)
        return refuse(HANDSHAKE_BAD, error, "there must be one Host header");
    if (!http_head_lists(head, "Connection", "upgrade"))
        return refuse(
            HANDSHAKE_BAD, error,
            "the Connection header must name Upgrade; a proxy on the way may have dropped it");
    if (!version || !slice_eq(version->value, SLICE("13")))
        return refuse(HANDSHAKE_UPGRADE, error, "Sec-WebSocket-Version must be 13");
    if (http_head_count(head, "Sec-WebSocket-Key") != 1 || !is_key(key->value))
        return refuse(HANDSHAKE_BAD, error, "Sec-WebSocket-Key must be 16 bytes in base64");
    compute_accept(key->value, accept);
    return HANDSHAKE_OK;
}
