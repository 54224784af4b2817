#ifndef COMMON_OPS_SHARED_CONFIG_H
#define COMMON_OPS_SHARED_CONFIG_H
/*
 * Settings that both services read, embedded in each service's config struct as `shared`. The
 * limits are enforced by both and advertised by the front end (NIP-11), so they have one
 * definition.
 */
#include "nostr/event.h"
#include "nostr/filter.h"
#include "ops/key_set.h"
#include "ops/log.h"
#include "ops/private_kinds.h"
#include "ops/settings.h"
#include "otel/otel.h"

/* AUTH_MODE: for what a client must have authenticated (NIP-42). */
enum auth_mode { AUTH_PRIVATE, AUTH_WRITES, AUTH_ALL, AUTH_MEMBERS, AUTH_OFF };
/* As the setting has it. mode: an enum auth_mode. */
const char *auth_mode_name(int64_t mode);

struct shared_config {
    char *settings_file; /* read by settings_load() itself */
    char *log_levels;    /* ops/log.h */
    int64_t log_format;  /* enum log_format */
    char *redis_host;
    int64_t redis_port;
    char *redis_password;
    char *internal_token;
    char *domain; /* NOSTPY_DOMAIN: hosts of this relay, comma-separated */
    int64_t max_event_bytes;
    int64_t max_event_tags;
    int64_t max_content_length; /* characters */
    int64_t max_filters;
    int64_t max_filter_values;
    int64_t max_limit;
    int64_t default_limit;
    int64_t created_at_future_seconds;
    int64_t created_at_past_seconds; /* 0: no lower limit */
    int64_t min_pow_difficulty;
    char *admin_pubkey;     /* 64 hex digits or "" */
    char *co_admin_pubkeys; /* comma-separated; ops/key_set.h */
    int64_t auth_mode;      /* enum auth_mode */
    char *private_kinds;    /* ops/private_kinds.h */
    bool rate_limits;       /* RATE_LIMITS: False switches all of them off */
    char *otel_endpoint;    /* "" : no export */
    char *otel_headers;
    char *otel_ratio; /* a number from 0 to 1 */
    int64_t otel_metric_interval_ms;
};

/* The rows for a service's table: SHARED_SETTINGS(offset of `shared` in the config struct). */
#define SHARED_SETTING(base, field) ((base) + offsetof(struct shared_config, field))
/* clang-format off */
#define SHARED_SETTINGS(base)                                                                     \
    {.name = "SETTINGS_FILE", .type = SETTING_STRING,                                             \
     .offset = SHARED_SETTING(base, settings_file), .def = "", .group = "General",                \
     .help = "A file of further settings, one NAME=value per line. What the environment sets "    \
             "comes first. It is read again on SIGHUP."},                                         \
    {.name = "LOG_LEVEL", .type = SETTING_STRING, .offset = SHARED_SETTING(base, log_levels),     \
     .def = "info", .reload = true, .check = log_levels_check, .group = "General",                                \
     .help = "Least severe lines that are written: error, warn, info or debug. Single modules "   \
             "(mod= in the lines) may differ: info,conn=debug."},                                 \
    {.name = "LOG_FORMAT", .type = SETTING_ENUM, .offset = SHARED_SETTING(base, log_format),      \
     .def = "logfmt", .choices = "logfmt|json", .group = "General",                               \
     .help = "How lines are written."},                                                           \
    {.name = "NOSTPY_DOMAIN", .alias = "DOMAIN", .type = SETTING_STRING,                          \
     .offset = SHARED_SETTING(base, domain), .def = "", .group = "General",                       \
     .help = "Public host names of this relay, comma-separated. Needed for NIP-62 requests "      \
             "that name the relay; without it NIP-42 compares with the Host that the client "     \
             "used."},                                                                            \
    {.name = "INTERNAL_TOKEN", .type = SETTING_STRING,                                            \
     .offset = SHARED_SETTING(base, internal_token), .def = "", .secret = true,                   \
     .group = "General",                                                                          \
     .help = "Shared secret of the internal API. The same on both services; empty switches the "  \
             "check off."},                                                                       \
    {.name = "REDIS_HOST", .type = SETTING_STRING, .offset = SHARED_SETTING(base, redis_host),    \
     .def = "redis", .group = "Redis", .help = "Host of the Redis that carries live events."},    \
    {.name = "REDIS_PORT", .type = SETTING_INT, .offset = SHARED_SETTING(base, redis_port),       \
     .def = "6379", .min = 1, .max = 65535, .group = "Redis", .help = "Its port."},               \
    {.name = "REDIS_PASSWORD", .type = SETTING_STRING,                                            \
     .offset = SHARED_SETTING(base, redis_password), .def = "", .secret = true,                   \
     .group = "Redis", .help = "Its password, if it asks for one."},                              \
    {.name = "RATE_LIMITS", .type = SETTING_BOOL, .offset = SHARED_SETTING(base, rate_limits),     \
     .def = "True", .group = "Rate limits",                                                       \
     .help = "Whether clients are held to the rates below; False switches all of them off. The "  \
             "same on both services."},                                                           \
    {.name = "MAX_EVENT_BYTES", .type = SETTING_INT,                                              \
     .offset = SHARED_SETTING(base, max_event_bytes), .def = "262144", .min = 1024,               \
     .max = 4194304, .group = "Limits", .help = "Largest event, in bytes of JSON."},              \
    {.name = "MAX_EVENT_TAGS", .type = SETTING_INT,                                               \
     .offset = SHARED_SETTING(base, max_event_tags), .def = "5000", .min = 1, .max = 50000,       \
     .group = "Limits", .help = "Most tags in an event."},                                        \
    {.name = "MAX_CONTENT_LENGTH", .type = SETTING_INT,                                           \
     .offset = SHARED_SETTING(base, max_content_length), .def = "262144", .min = 1,               \
     .max = 4194304, .group = "Limits", .help = "Most characters in an event's content."},        \
    {.name = "MAX_FILTERS", .type = SETTING_INT, .offset = SHARED_SETTING(base, max_filters),     \
     .def = "100", .min = 1, .max = 1000, .group = "Limits",                                      \
     .help = "Most filters in one REQ or COUNT."},                                                \
    {.name = "MAX_FILTER_VALUES", .type = SETTING_INT,                                            \
     .offset = SHARED_SETTING(base, max_filter_values), .def = "2000", .min = 1, .max = 20000,    \
     .group = "Limits", .help = "Most values in one list of a filter."},                          \
    {.name = "MAX_LIMIT", .type = SETTING_INT, .offset = SHARED_SETTING(base, max_limit),         \
     .def = "5000", .min = 1, .max = 50000, .group = "Limits",                                    \
     .help = "A filter's limit above this is lowered to it."},                                    \
    {.name = "DEFAULT_LIMIT", .type = SETTING_INT,                                                \
     .offset = SHARED_SETTING(base, default_limit), .def = "500", .min = 1, .max = 50000,         \
     .group = "Limits", .help = "The limit of a filter that names none."},                        \
    {.name = "CREATED_AT_FUTURE_SECONDS", .type = SETTING_INT,                                    \
     .offset = SHARED_SETTING(base, created_at_future_seconds), .def = "900", .min = 0,           \
     .max = 3153600000, .group = "Limits",                                                        \
     .help = "How far ahead of now an event's created_at may be, in seconds."},                   \
    {.name = "CREATED_AT_PAST_SECONDS", .type = SETTING_INT,                                      \
     .offset = SHARED_SETTING(base, created_at_past_seconds), .def = "0", .min = 0,               \
     .max = 3153600000, .group = "Limits",                                                        \
     .help = "How old an event may be on arrival, in seconds; 0 for any age."},                   \
    {.name = "MIN_POW_DIFFICULTY", .type = SETTING_INT,                                           \
     .offset = SHARED_SETTING(base, min_pow_difficulty), .def = "0", .min = 0, .max = 256,        \
     .group = "Limits",                                                                           \
     .help = "Leading zero bits that an event's id must have (NIP-13); 0 asks for none."},         \
    {.name = "ADMIN_PUBKEY", .type = SETTING_PUBKEY,                                              \
     .offset = SHARED_SETTING(base, admin_pubkey), .def = "", .group = "Admins",                  \
     .help = "The operator's public key, hex or npub: the root of the Web of Trust, may manage "  \
             "the relay (NIP-86), and is named in NIP-11."},                                      \
    {.name = "CO_ADMIN_PUBKEYS", .type = SETTING_STRING,                                          \
     .offset = SHARED_SETTING(base, co_admin_pubkeys), .def = "", .check = key_set_check,         \
     .group = "Admins",                                                                           \
     .help = "Further admins with the same rights, comma-separated, hex or npub."},               \
    {.name = "AUTH_MODE", .type = SETTING_ENUM,                                                   \
     .offset = SHARED_SETTING(base, auth_mode), .def = "private",                                 \
     .choices = "private|writes|all|members|off", .group = "Auth and privacy",                    \
     .help = "For what clients must authenticate (NIP-42). private: to read private kinds and to "\
             "publish protected events; writes: to publish at all; all: for everything; members: "\
             "for everything, and only members read; off: nobody is asked, so private kinds are " \
             "served to nobody."},                                                                \
    {.name = "PRIVATE_KINDS", .type = SETTING_STRING,                                             \
     .offset = SHARED_SETTING(base, private_kinds), .def = "", .check = private_kinds_check,      \
     .group = "Auth and privacy",                                                                 \
     .help = "Further kinds that only their author and whom they name in p tags may read, such as "\
             "\"30078, 1000-1009\"; 4, 13, 14, 15, 1059 and 21059 always are."},                  \
    {.name = "OTEL_EXPORTER_OTLP_ENDPOINT", .type = SETTING_STRING,                               \
     .offset = SHARED_SETTING(base, otel_endpoint), .def = "", .check = otel_check_endpoint,      \
     .group = "OpenTelemetry",                                                                    \
     .help = "Collector that traces and metrics are sent to over OTLP/HTTP, such as "             \
             "http://collector:4318; empty for none."},                                           \
    {.name = "OTEL_EXPORTER_OTLP_HEADERS", .type = SETTING_STRING,                                \
     .offset = SHARED_SETTING(base, otel_headers), .def = "", .secret = true,                     \
     .check = otel_check_headers, .group = "OpenTelemetry",                                       \
     .help = "Headers for the collector, as key=value pairs, comma-separated, values percent-"    \
             "encoded where needed: Authorization=Basic%20dTpw."},                                \
    {.name = "OTEL_TRACES_SAMPLER_ARG", .type = SETTING_STRING,                                   \
     .offset = SHARED_SETTING(base, otel_ratio), .def = "0.01", .check = otel_check_ratio,        \
     .group = "OpenTelemetry",                                                                    \
     .help = "Share of the batches of events and of the REQs that are traced, from 0 to 1."},     \
    {.name = "OTEL_METRIC_EXPORT_INTERVAL", .type = SETTING_INT,                                  \
     .offset = SHARED_SETTING(base, otel_metric_interval_ms), .def = "60000", .min = 0,           \
     .max = 86400000, .group = "OpenTelemetry",                                                   \
     .help = "How often the metrics are sent, in milliseconds; 0 for never."}
/* clang-format on */

#endif
