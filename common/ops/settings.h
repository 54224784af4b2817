#ifndef COMMON_OPS_SETTINGS_H
#define COMMON_OPS_SETTINGS_H
/*
 * Settings from the environment, or from the file that SETTINGS_FILE names, described by one table
 * per service: it feeds the parser, --help and docs/CONFIG.md. A bad value, or an unknown name with
 * one of the service's prefixes, stops the boot with one line on stderr that names it.
 */
#include "base/buf.h"

enum setting_type {
    SETTING_STRING, /* char * (owned by the config; "" when unset and default is "") */
    SETTING_INT,    /* int64_t, with min and max */
    SETTING_BOOL,   /* bool: True/False/1/0/yes/no/on/off in any case */
    SETTING_ENUM,   /* int64_t: index into choices */
    SETTING_PUBKEY, /* char *: "" or 64 hex digits; given as hex or npub (NIP-19) */
};

struct setting {
    const char *name;
    const char *alias; /* older name that is read when name is unset, or NULL */
    enum setting_type type;
    size_t offset;       /* of the field in the config struct */
    const char *def;     /* as text */
    int64_t min, max;    /* SETTING_INT */
    const char *choices; /* SETTING_ENUM: "error|warn|info|debug" */
    bool secret;         /* also read from the file named by NAME_FILE; never printed */
    bool reload;         /* a running program takes a new value over (SIGHUP) */
    /* SETTING_STRING, or NULL: false after saying in error which part of value is wrong. */
    bool (*check)(const char *value, struct buf *error);
    const char *group; /* heading in --help and CONFIG.md */
    const char *help;  /* one or two sentences, with the unit */
};

/*
 * Fills config (zeroed by the caller) from the environment. prefixes is NULL-terminated: names that
 * start with one of them and are not in the table are refused. An empty variable counts as unset.
 * ERR_CONFIG after printing "config: NAME: what is wrong" to stderr. settings_free() in either
 * case.
 */
NODISCARD enum err settings_load(const struct setting *table, size_t n, const char *const *prefixes,
                                 void *config);
void settings_free(const struct setting *table, size_t n, void *config);

/*
 * After SIGHUP: fresh holds the settings as they are now. Tells each difference in the log, moves
 * the values of those marked `reload` to config, and says of the others that they need a restart.
 * Both are then freed as usual. Returns how many were taken over. The thread that owns config.
 */
size_t settings_adopt(const struct setting *table, size_t n, void *config, void *fresh);
/*
 * The same for a program whose threads read old while it is replaced: old stays as it is, and fresh
 * becomes the new configuration, with copies of old's values where `reload` is not set. ERR_NOMEM.
 */
NODISCARD enum err settings_inherit(const struct setting *table, size_t n, const void *old,
                                    void *fresh);
/* The list for --help. */
void settings_help(const struct setting *table, size_t n, struct buf *out);
/* The same as Markdown tables, a section per group, for docs/CONFIG.md. */
void settings_markdown(const struct setting *table, size_t n, struct buf *out);

enum { EXIT_BAD_CONFIG = 78 };

#endif
