#include "wire/ingest_wire.h"

#include "wire/take.h"
#include "json/jwrite.h"

static_assert(sizeof(struct pubkey) == 32 && _Alignof(struct pubkey) == 1,
              "records hold pubkeys as they are");

/* ---- requests ---- */

enum { LENGTH_BYTES = 4 };

static void write_u32(struct buf *body, size_t n)
{
    const unsigned char bytes[LENGTH_BYTES] = {
        (unsigned char)(n >> 24),
        (unsigned char)(n >> 16),
        (unsigned char)(n >> 8),
        (unsigned char)n,
    };

    buf_add(body, bytes, sizeof bytes);
}

static size_t read_u32(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;

    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

void ingest_record_write(struct buf *body, const struct ingest_record *rec)
{
    size_t auth_size = rec->n_auth * sizeof *rec->auth;

    assert(rec->n_auth <= INGEST_MAX_AUTH && rec->address.len <= INGEST_MAX_ADDRESS);
    assert(rec->event.len < UINT32_MAX - KIB);
    write_u32(body, 1 + auth_size + 1 + rec->address.len + rec->event.len);
    buf_add_char(body, (char)rec->n_auth);
    buf_add(body, rec->auth, auth_size);
    buf_add_char(body, (char)rec->address.len);
    buf_add_slice(body, rec->address);
    buf_add_slice(body, rec->event);
}

/* Takes a piece that is preceded by its count in one byte, of size bytes each. */
static bool take_counted(struct slice *s, size_t max, size_t size, struct slice *out, size_t *n)
{
    if (s->len == 0)
        return false;
    *n = (unsigned char)s->ptr[0];
    if (*n > max || s->len - 1 < *n * size)
        return false;
    *out = slice_of(s->ptr + 1, *n * size);
    s->ptr += 1 + out->len;
    s->len -= 1 + out->len;
    return true;
}

bool ingest_record_next(struct slice *body, struct ingest_record *rec)
{
    struct slice rest, auth;
    size_t length, n;

    if (body->len < LENGTH_BYTES)
        return false;
    length = read_u32(body->ptr);
    if (length > body->len - LENGTH_BYTES)
        return false;
    rest = slice_of(body->ptr + LENGTH_BYTES, length);
    if (!take_counted(&rest, INGEST_MAX_AUTH, sizeof *rec->auth, &auth, &rec->n_auth) ||
        !take_counted(&rest, INGEST_MAX_ADDRESS, 1, &rec->address, &n))
        return false;
    rec->auth = (const struct pubkey *)(const void *)auth.ptr;
    rec->event = rest;
    body->ptr += LENGTH_BYTES + length;
    body->len -= LENGTH_BYTES + length;
    return true;
}

/* ---- verdicts ---- */

void ingest_verdict_write(struct buf *body, uint64_t seq, struct slice id_hex, enum verdict v,
                          const char *message)
{
    const char *prefix = verdict_prefix(v);

    buf_add_u64(body, seq);
    buf_add_str(body, " [\"");
    buf_add_slice(body, id_hex);
    buf_add_str(body, verdict_is_ok(v) ? "\",true,\"" : "\",false,\"");
    if (*prefix) {
        buf_add_str(body, prefix);
        buf_add_str(body, ": ");
    }
    jwrite_escaped(body, slice_str(message));
    buf_add_str(body, "\"]\n");
}

void ingest_verdict_write_at(struct buf *body, uint64_t place, uint64_t seq, struct slice id_hex,
                             enum verdict v, const char *message)
{
    buf_add_u64(body, place);
    buf_add_char(body, ' ');
    ingest_verdict_write(body, seq, id_hex, v, message);
}

void ingest_split_write(struct buf *body)
{
    buf_add_str(body, "-\n");
}

/* 64 lower-case hex digits or nothing. */
static void take_id(struct slice *s)
{
    size_t n = 0;

    while (n < s->len && n < 64 &&
           ((s->ptr[n] >= '0' && s->ptr[n] <= '9') || (s->ptr[n] >= 'a' && s->ptr[n] <= 'f')))
        n++;
    if (n == 64) {
        s->ptr += n;
        s->len -= n;
    }
}

/* Takes the inside of a JSON string. Only its end has to be certain, as the text goes to clients as
 * it is: no bare quote, no control character, no lone backslash at the end. */
static bool take_string_inside(struct slice *s)
{
    size_t n = 0;

    while (n < s->len && s->ptr[n] != '"') {
        if ((unsigned char)s->ptr[n] < 0x20)
            return false;
        n += s->ptr[n] == '\\' ? 2 : 1;
    }
    if (n >= s->len)
        return false;
    s->ptr += n;
    s->len -= n;
    return true;
}

/* <seq> ["<id>",<true|false>,"<message>"] */
static bool read_verdict(struct slice line, struct ingest_verdict *out)
{
    if (!take_u64(&line, &out->seq) || !take_text(&line, SLICE(" ")))
        return false;
    out->ok = line;
    if (!take_text(&line, SLICE("[\"")))
        return false;
    take_id(&line);
    return take_text(&line, SLICE("\",")) && take_bool(&line, &out->accepted) &&
           take_text(&line, SLICE(",\"")) && take_string_inside(&line) &&
           slice_eq(line, SLICE("\"]"));
}

bool ingest_verdict_next(struct slice *body, struct ingest_verdict *out)
{
    struct slice rest = *body, line;

    if (!take_line(&rest, &line) || !read_verdict(line, out))
        return false;
    *body = rest;
    return true;
}

bool ingest_split_take(struct slice *body)
{
    return take_text(body, SLICE("-\n"));
}

bool ingest_verdict_next_at(struct slice *body, uint64_t *place, struct ingest_verdict *out)
{
    struct slice rest = *body, line;

    if (!take_line(&rest, &line) || !take_u64(&line, place) || !take_text(&line, SLICE(" ")) ||
        !read_verdict(line, out))
        return false;
    *body = rest;
    return true;
}
