#ifndef COMMON_OPS_LOG_H
#define COMMON_OPS_LOG_H
/*
 * One logfmt line per happening on stderr:
 *   ts=2026-01-02T03:04:05.678Z level=warn svc=websocket-handler mod=batcher msg="refused" n=32
 * error: a person should act; warn: degraded; info: lifecycle; debug: per message. Never event
 * content, keys or secrets. Any thread; a line is written whole. log_open() once at start.
 */
#include "base/buf.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* "info", or with levels of single modules "info,conn=debug,live=warn": a setting's check
 * (ops/settings.h). */
bool log_levels_check(const char *levels, struct buf *error);
/* Before there are threads; service must live on. levels has passed the check. Until then lines are
 * by "tandem", at info, in logfmt. */
void log_open(const char *service, const char *levels, enum log_format format);
/* Other levels from now on; one thread at a time, while others may log. */
void log_set_levels(const char *levels);
bool log_enabled(enum log_level level, const char *mod);
/* msg is a fixed phrase; fmt gives further key=value pairs ("n=%zu status=%d") or is "" for none.
 * Use log_quote() for text from outside. */
void log_line(enum log_level level, const char *mod, const char *msg, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#define log_error(mod, msg, ...) log_line(LOG_ERROR, mod, msg, __VA_ARGS__)
#define log_warn(mod, msg, ...) log_line(LOG_WARN, mod, msg, __VA_ARGS__)
#define log_info(mod, msg, ...) log_line(LOG_INFO, mod, msg, __VA_ARGS__)
#define log_debug(mod, msg, ...)                                                                   \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG, mod))                                                           \
            log_line(LOG_DEBUG, mod, msg, __VA_ARGS__);                                            \
    } while (0)

/* text as a quoted, escaped logfmt value in out, shortened ("like th...") when it does not fit;
 * returns out. out_size must be at least 16. */
const char *log_quote(const char *text, size_t len, char *out, size_t out_size);

/* A gate for lines that a client or a broken dependency can cause at will: at most one per
 * interval. Returns true when the line may be written; *suppressed then says how many were held
 * back since. One gate, one thread. */
struct log_gate {
    uint64_t next_ms;
    uint32_t suppressed;
};
bool log_gate_open(struct log_gate *g, uint64_t interval_ms, uint32_t *suppressed);

#endif
