#include "ops/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LINE_MAX_BYTES = 2048
}; /* below PIPE_BUF: lines of several processes on one pipe never mix */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Set once at start, before there are threads. */
static const char *sink_service = "tandem";
static enum log_level sink_level = LOG_INFO;

void log_open(const char *service, enum log_level level)
{
    sink_service = service;
    sink_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= sink_level;
}

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
    return fitted(snprintf(line, room, "ts=%s.%03dZ level=%s svc=%s mod=%s msg=\"%s\"", date,
                           (int)(now_ms % 1000), level_names[level], sink_service, mod, msg),
                  room);
}

void log_line(enum log_level level, const char *mod, const char *msg, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    size_t room = sizeof(line) - 1; /* one byte is the newline's */
    size_t len;

    if (!log_enabled(level))
        return;
    len = format_head(line, room, level, mod, msg);
    if (fmt[0] != '\0' && len + 1 < room) {
        va_list args;

        line[len++] = ' ';
        va_start(args, fmt);
        len += fitted(vsnprintf(line + len, room - len, fmt, args), room - len);
        va_end(args);
    }
    line[len++] = '\n';
    /* One write, so that lines of several threads stay whole. A log that cannot be written is
     * nobody's to repair here. */
    if (write(STDERR_FILENO, line, len) < 0)
        return;
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
