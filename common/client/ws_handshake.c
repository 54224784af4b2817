#include "client/ws_handshake.h"

#include <strings.h>
#include <sys/random.h>

#include <openssl/evp.h>

void ws_handshake_key(char out[WS_KEY_LETTERS + 1])
{
    unsigned char nonce[16];
    ssize_t n = getrandom(nonce, sizeof(nonce), 0);

    assert(n == (ssize_t)sizeof(nonce)); /* up to 256 bytes come whole */
    EVP_EncodeBlock((unsigned char *)out, nonce, sizeof(nonce));
}

void ws_handshake_request(struct buf *out, const char *host, const char *path, const char *key,
                          const char *user_agent)
{
    buf_printf(out,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
               "User-Agent: %s\r\n\r\n",
               path, host, key, user_agent);
}

void ws_handshake_accept(const char *key, char out[WS_ACCEPT_LETTERS + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    unsigned char text[WS_KEY_LETTERS + sizeof(guid) - 1], digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    assert(strlen(key) == WS_KEY_LETTERS);
    memcpy(text, key, WS_KEY_LETTERS);
    memcpy(text + WS_KEY_LETTERS, guid, sizeof(guid) - 1);
    EVP_Digest(text, sizeof(text), digest, &n, EVP_sha1(), NULL);
    assert(n == 20);
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
}

/* Takes the next line off *head, without its line end; false at the empty line. */
static bool next_line(struct slice *head, struct slice *line)
{
    const char *end = head->len > 0 ? memchr(head->ptr, '\n', head->len) : NULL;
    size_t n;

    *line = *head;
    if (head->len == 0)
        return false;
    n = end ? (size_t)(end - head->ptr) : head->len;
    line->len = n;
    if (end)
        n++;
    *head = slice_of(head->ptr + n, head->len - n);
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return line->len > 0;
}

static bool is_name(struct slice text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

/* The value of the first header called name; empty when there is none. */
static struct slice find_header(struct slice head, const char *name)
{
    struct slice line;

    while (next_line(&head, &line)) {
        const char *colon = memchr(line.ptr, ':', line.len);
        size_t n = colon ? (size_t)(colon - line.ptr) : line.len;

        if (!colon || !is_name(slice_of(line.ptr, n), name))
            continue;
        for (n++; n < line.len && (line.ptr[n] == ' ' || line.ptr[n] == '\t'); n++) {
        }
        while (line.len > n && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
            line.len--;
        return slice_of(line.ptr + n, line.len - n);
    }
    return SLICE("");
}

static int read_status(struct slice line)
{
    int status = 0;

    if (line.len < 12 || !slice_has_prefix(line, SLICE("HTTP/1.")) || line.ptr[8] != ' ')
        return 0;
    for (size_t i = 9; i < 12; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return 0;
        status = 10 * status + (line.ptr[i] - '0');
    }
    return status;
}

bool ws_handshake_check(struct slice head, const char *key, int *status, const char **error)
{
    char accept[WS_ACCEPT_LETTERS + 1];
    struct slice line;

    *status = next_line(&head, &line) ? read_status(line) : 0;
    ws_handshake_accept(key, accept);
    if (*status == 0)
        *error = "what answers there is no web server";
    else if (*status != 101)
        *error = "it did not switch to WebSocket";
    else if (!is_name(find_header(head, "Upgrade"), "websocket"))
        *error = "it switched to something else than WebSocket";
    else if (!slice_eq(find_header(head, "Sec-WebSocket-Accept"), slice_str(accept)))
        *error = "its Sec-WebSocket-Accept does not answer our key";
    else if (find_header(head, "Sec-WebSocket-Extensions").len > 0)
        *error = "it uses a WebSocket extension that was not offered";
    else
        return true;
    return false;
}
