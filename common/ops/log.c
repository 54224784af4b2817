#include "ops/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list_text.h"

enum {
    LINE_MAX_BYTES = 2048
}; /* below PIPE_BUF: lines of several processes on one pipe never mix */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Set once at start, before there are threads. */
static const char *sink_service = "tandem";
static enum log_format sink_format = LOG_LOGFMT;

/* ---- levels ---- */

enum { MAX_MODULES = 16, MODULE_BYTES = 24 };

struct levels {
    enum log_level all;
    struct {
        char name[MODULE_BYTES];
        enum log_level level;
    } module[MAX_MODULES];
    size_t n;
};

/* Two sets, so that one can be filled while the other is read. */
static struct levels level_sets[2] = {{.all = LOG_INFO}, {.all = LOG_INFO}};
static _Atomic unsigned level_set;

static bool parse_level(struct slice name, enum log_level *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(level_names); i++) {
        if (name.len == strlen(level_names[i]) &&
            strncasecmp(name.ptr, level_names[i], name.len) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* One entry: a level, or <module>=<level>. */
static bool parse_entry(struct slice entry, struct levels *out)
{
    const char *equals = memchr(entry.ptr, '=', entry.len);
    size_t len = equals ? (size_t)(equals - entry.ptr) : 0;

    if (!equals)
        return parse_level(entry, &out->all);
    if (len == 0 || len >= MODULE_BYTES || out->n == MAX_MODULES ||
        !parse_level(slice_of(equals + 1, entry.len - len - 1), &out->module[out->n].level))
        return false;
    memcpy(out->module[out->n].name, entry.ptr, len);
    out->module[out->n++].name[len] = '\0';
    return true;
}

static bool parse_levels(const char *text, struct levels *out, struct slice *bad)
{
    struct slice rest = slice_str(text);

    *out = (struct levels){.all = LOG_INFO};
    while (list_text_next(&rest, bad)) {
        if (!parse_entry(*bad, out))
            return false;
    }
    return true;
}

bool log_levels_check(const char *levels, struct buf *error)
{
    struct levels parsed;
    struct slice bad;

    if (parse_levels(levels, &parsed, &bad))
        return true;
    buf_printf(error,
               "\"%.*s\": must be error, warn, info or debug, or <module>=<level> (at most %d)",
               (int)(bad.len < 60 ? bad.len : 60), bad.ptr, MAX_MODULES);
    return false;
}

void log_set_levels(const char *levels)
{
    unsigned next = 1 - atomic_load(&level_set);
    struct slice bad;

    if (parse_levels(levels, &level_sets[next], &bad))
        atomic_store_explicit(&level_set, next, memory_order_release);
}

bool log_enabled(enum log_level level, const char *mod)
{
    const struct levels *l = &level_sets[atomic_load_explicit(&level_set, memory_order_acquire)];

    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->module[i].name, mod) == 0)
            return level <= l->module[i].level;
    }
    return level <= l->all;
}

void log_open(const char *service, const char *levels, enum log_format format)
{
    sink_service = service;
    sink_format = format;
    log_set_levels(levels);
}

/* ---- lines ---- */

/* How much of a piece of `printed` bytes went into `room` bytes with a terminator. */
static size_t fitted(int printed, size_t room)
{
    if (printed < 0)
        return 0;
    return (size_t)printed < room ? (size_t)printed : room - 1;
}

static size_t format_head(char *line, size_t room, enum log_level level, const char *mod,
                          const char *msg)
{
    int64_t now_ms = clock_unix_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    char date[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    if (sink_format == LOG_JSON)
        return fitted(
            snprintf(line, room,
                     "{\"ts\":\"%s.%03dZ\",\"level\":\"%s\",\"svc\":\"%s\",\"mod\":\"%s\","
                     "\"msg\":\"%s\"",
                     date, (int)(now_ms % 1000), level_names[level], sink_service, mod, msg),
            room);
    return fitted(snprintf(line, room, "ts=%s.%03dZ level=%s svc=%s mod=%s msg=\"%s\"", date,
                           (int)(now_ms % 1000), level_names[level], sink_service, mod, msg),
                  room);
}

static bool is_number(struct slice s)
{
    size_t digits = 0;

    for (size_t i = s.len > 0 && s.ptr[0] == '-'; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        digits++;
    }
    return digits > 0 && digits < 16;
}

/* The value of a pair, quoted as log_quote() does or bare, taken off *pairs. */
static struct slice take_value(struct slice *pairs)
{
    size_t end = 0;

    if (pairs->len > 0 && pairs->ptr[0] == '"') {
        for (end = 1; end < pairs->len && pairs->ptr[end] != '"'; end++)
            end += pairs->ptr[end] == '\\' && end + 1 < pairs->len;
        end += end < pairs->len;
    } else {
        while (end < pairs->len && pairs->ptr[end] != ' ')
            end++;
    }
    *pairs = slice_of(pairs->ptr + end, pairs->len - end);
    return slice_of(pairs->ptr - end, end);
}

static void json_value(struct buf *out, struct slice value)
{
    bool quoted = value.len >= 2 && value.ptr[0] == '"';

    if (is_number(value)) {
        buf_add_slice(out, value);
        return;
    }
    if (quoted) /* a line that was cut may have lost the closing quote */
        value = slice_of(value.ptr + 1, value.len - 1 - (value.ptr[value.len - 1] == '"'));
    buf_add_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '\\' && i + 1 < value.len && value.ptr[i + 1] == 'x') {
            buf_add_str(out, "\\u00"); /* logfmt's \xNN */
            i++;
        } else if (c == '\\' && i + 1 < value.len) {
            buf_add_char(out, c);
            buf_add_char(out, value.ptr[++i]);
        } else if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, c);
        } else {
            buf_add_char(out, (unsigned char)c < 0x20 ? ' ' : c);
        }
    }
    buf_add_char(out, '"');
}

/* key=value pairs as members of the object that has begun. */
static void json_pairs(struct buf *out, struct slice pairs)
{
    const char *equals;

    while (pairs.len > 0 && (equals = memchr(pairs.ptr, '=', pairs.len))) {
        struct slice key = slice_of(pairs.ptr, (size_t)(equals - pairs.ptr));

        pairs = slice_of(equals + 1, pairs.len - key.len - 1);
        buf_printf(out, ",\"" SLICE_FMT "\":", SLICE_ARG(key));
        json_value(out, take_value(&pairs));
        while (pairs.len > 0 && pairs.ptr[0] == ' ')
            pairs = slice_of(pairs.ptr + 1, pairs.len - 1);
    }
}

/* One write, so that lines of several threads stay whole. A log that cannot be written is nobody's
 * to repair here. */
static void write_line(const char *line, size_t len)
{
    if (write(STDERR_FILENO, line, len) < 0)
        return;
}

static void write_json(const char *head, size_t head_len, struct slice pairs)
{
    struct buf out;

    buf_init(&out, (size_t)4 * LINE_MAX_BYTES);
    buf_add(&out, head, head_len);
    json_pairs(&out, pairs);
    buf_add_str(&out, "}\n");
    if (!out.failed)
        write_line(out.ptr, out.len);
    buf_deinit(&out);
}

void log_line(enum log_level level, const char *mod, const char *msg, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    size_t room = sizeof(line) - 1; /* one byte is the newline's */
    size_t head, len;

    if (!log_enabled(level, mod))
        return;
    head = len = format_head(line, room, level, mod, msg);
    if (fmt[0] != '\0' && len + 1 < room) {
        va_list args;

        line[len++] = ' ';
        va_start(args, fmt);
        len += fitted(vsnprintf(line + len, room - len, fmt, args), room - len);
        va_end(args);
    }
    if (sink_format == LOG_JSON) {
        size_t begin = head < len ? head + 1 : head; /* behind the blank */

        write_json(line, head, slice_of(line + begin, len - begin));
        return;
    }
    line[len++] = '\n';
    write_line(line, len);
}

/* One byte as logfmt shows it; returns how many of at most 4 bytes it took. */
static size_t quote_byte(unsigned char c, char out[5])
{
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c == '\n') {
        memcpy(out, "\\n", 2);
        return 2;
    }
    if (c < 0x20 || c > 0x7e)
        return (size_t)snprintf(out, 5, "\\x%02x", c);
    out[0] = (char)c;
    return 1;
}

const char *log_quote(const char *text, size_t len, char *out, size_t out_size)
{
    static const char ellipsis[] = "...\"";
    size_t used = 0;

    assert(out_size >= 16);
    out[used++] = '"';
    for (size_t i = 0; i < len; i++) {
        char piece[5];
        size_t n = quote_byte((unsigned char)text[i], piece);

        if (used + n + sizeof(ellipsis) > out_size) {
            memcpy(out + used, ellipsis, sizeof(ellipsis));
            return out;
        }
        memcpy(out + used, piece, n);
        used += n;
    }
    memcpy(out + used, "\"", 2);
    return out;
}

bool log_gate_open(struct log_gate *g, uint64_t interval_ms, uint32_t *suppressed)
{
    uint64_t now = clock_mono_ms();

    if (now < g->next_ms) {
        g->suppressed++;
        return false;
    }
    *suppressed = g->suppressed;
    g->suppressed = 0;
    g->next_ms = now + interval_ms;
    return true;
}
