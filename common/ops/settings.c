#include "ops/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hex.h"
#include "ops/log.h"
#include "ops/npub.h"
#include "ops/settings_file.h"

enum { SECRET_FILE_MAX = 4096, NAME_MAX_BYTES = 96 };

extern char **environ;

/* ---- the one line that names what is wrong ---- */

/* Prints "config: NAME: must be <wanted> (got "value")"; a secret's value is left out. */
static enum err refuse(const struct setting *s, const char *value, const char *wanted)
{
    char shown[128];

    if (s->secret)
        fprintf(stderr, "config: %s: must be %s\n", s->name, wanted);
    else
        fprintf(stderr, "config: %s: must be %s (got %s)\n", s->name, wanted,
                log_quote(value, strlen(value), shown, sizeof(shown)));
    return ERR_CONFIG;
}

static void *field_of(const struct setting *s, void *config)
{
    return (char *)config + s->offset;
}

/* ---- one parser per type: text in, the field filled, or a refusal ---- */

static enum err store_text(const struct setting *s, const char *text, void *config)
{
    char *copy = strdup(text);

    if (!copy) {
        fprintf(stderr, "config: %s: out of memory\n", s->name);
        return ERR_CONFIG;
    }
    *(char **)field_of(s, config) = copy;
    return OK;
}

static enum err parse_int(const struct setting *s, const char *text, void *config)
{
    char wanted[96];
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && n >= s->min && n <= s->max) {
        *(int64_t *)field_of(s, config) = n;
        return OK;
    }
    snprintf(wanted, sizeof(wanted), "a number from %lld to %lld", (long long)s->min,
             (long long)s->max);
    return refuse(s, text, wanted);
}

static enum err parse_bool(const struct setting *s, const char *text, void *config)
{
    static const char *const words[2][4] = {{"false", "0", "no", "off"},
                                            {"true", "1", "yes", "on"}};

    for (int truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < ARRAY_LEN(words[truth]); i++) {
            if (strcasecmp(text, words[truth][i]) == 0) {
                *(bool *)field_of(s, config) = truth;
                return OK;
            }
        }
    }
    return refuse(s, text, "True or False");
}

/* "a|b|c" as "a, b, c". */
static const char *list_choices(const struct setting *s, char *out, size_t room)
{
    size_t len = 0;

    for (const char *p = s->choices; *p && len + 3 < room; p++) {
        out[len++] = *p == '|' ? ',' : *p;
        if (*p == '|')
            out[len++] = ' ';
    }
    out[len] = '\0';
    return out;
}

static enum err parse_enum(const struct setting *s, const char *text, void *config)
{
    char choices[128], wanted[160];
    size_t len = strlen(text);
    const char *choice = s->choices;

    for (int64_t i = 0;; i++) {
        size_t choice_len = strcspn(choice, "|");

        if (choice_len == len && strncasecmp(choice, text, len) == 0) {
            *(int64_t *)field_of(s, config) = i;
            return OK;
        }
        if (choice[choice_len] == '\0')
            break;
        choice += choice_len + 1;
    }
    snprintf(wanted, sizeof(wanted), "one of %s", list_choices(s, choices, sizeof(choices)));
    return refuse(s, text, wanted);
}

static enum err parse_pubkey(const struct setting *s, const char *text, void *config)
{
    char hex[65] = "";
    uint8_t key[32];
    size_t len = strlen(text);

    if (len == 0)
        return store_text(s, "", config);
    if (strncasecmp(text, "nsec", 4) == 0) { /* must not reach the log */
        fprintf(stderr, "config: %s: must be the public key, not the secret one\n", s->name);
        return ERR_CONFIG;
    }
    for (size_t i = 0; len == 64 && i < len; i++) /* people paste upper case as well */
        hex[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + ('a' - 'A')) : text[i];
    if (!hex_decode(slice_str(hex), key, sizeof(key)) && !npub_decode(slice_str(text), key))
        return refuse(s, text, "a public key, as 64 hex digits or npub");
    hex_encode(key, sizeof(key), hex);
    return store_text(s, hex, config);
}

static enum err parse_string(const struct setting *s, const char *text, void *config)
{
    struct buf error;
    bool good;

    buf_init(&error, KIB);
    good = !s->check || s->check(text, &error);
    if (!good)
        fprintf(stderr, "config: %s: " SLICE_FMT "\n", s->name, SLICE_ARG(buf_slice(&error)));
    buf_deinit(&error);
    return good ? store_text(s, text, config) : ERR_CONFIG;
}

static enum err parse(const struct setting *s, const char *text, void *config)
{
    switch (s->type) {
    case SETTING_INT:
        return parse_int(s, text, config);
    case SETTING_BOOL:
        return parse_bool(s, text, config);
    case SETTING_ENUM:
        return parse_enum(s, text, config);
    case SETTING_PUBKEY:
        return parse_pubkey(s, text, config);
    case SETTING_STRING:
        break;
    }
    return parse_string(s, text, config);
}

/* ---- where a value comes from ---- */

/* What SETTINGS_FILE says, while settings are loaded; the environment comes first. */
static struct settings_file file;

/* Compose files pass unset variables on as empty ones: both mean the default. */
static const char *get_nonempty(const char *name)
{
    const char *value = name ? getenv(name) : NULL;

    if (name && (!value || value[0] == '\0'))
        value = settings_file_find(&file, name);
    return value && value[0] != '\0' ? value : NULL;
}

static const char *get_file_name(const char *name, char variable[NAME_MAX_BYTES])
{
    snprintf(variable, NAME_MAX_BYTES, "%s_FILE", name);
    return get_nonempty(variable);
}

/* The content of a secret's file, without the line's end that editors leave. */
static enum err read_secret(const char *variable, const char *path, char text[SECRET_FILE_MAX + 2])
{
    FILE *f = fopen(path, "r");
    size_t len;
    bool failed;

    if (!f) {
        fprintf(stderr, "config: %s: cannot open %s: %s\n", variable, path, strerror(errno));
        return ERR_CONFIG;
    }
    len = fread(text, 1, SECRET_FILE_MAX + 1, f);
    failed = ferror(f) != 0;
    fclose(f);
    if (failed) {
        fprintf(stderr, "config: %s: cannot read %s\n", variable, path);
        return ERR_CONFIG;
    }
    if (len > SECRET_FILE_MAX || memchr(text, '\0', len)) {
        fprintf(stderr, "config: %s: %s must hold at most %d bytes of text\n", variable, path,
                SECRET_FILE_MAX);
        return ERR_CONFIG;
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len] = '\0';
    return OK;
}

static enum err load_secret(const struct setting *s, const char *value, void *config)
{
    char variable[NAME_MAX_BYTES], text[SECRET_FILE_MAX + 2];
    const char *path = get_file_name(s->name, variable);
    enum err err;

    if (!path)
        return parse(s, value ? value : s->def, config);
    if (value) {
        fprintf(stderr, "config: %s: is set as well as %s; choose one\n", variable, s->name);
        return ERR_CONFIG;
    }
    err = read_secret(variable, path, text);
    return err ? err : parse(s, text, config);
}

static enum err load_one(const struct setting *s, void *config)
{
    const char *value = get_nonempty(s->name);

    if (!value)
        value = get_nonempty(s->alias);
    if (s->secret)
        return load_secret(s, value, config);
    return parse(s, value ? value : s->def, config);
}

/* ---- names that nobody knows ---- */

static bool has_prefix(struct slice name, const char *const *prefixes)
{
    for (; *prefixes; prefixes++) {
        if (slice_has_prefix(name, slice_str(*prefixes)))
            return true;
    }
    return false;
}

static bool is_known(struct slice name, const struct setting *table, size_t n)
{
    static const struct slice suffix = {"_FILE", 5};

    for (size_t i = 0; i < n; i++) {
        struct slice own = slice_str(table[i].name);

        if (slice_eq(name, own) || (table[i].alias && slice_eq(name, slice_str(table[i].alias))))
            return true;
        if (table[i].secret && name.len == own.len + suffix.len && slice_has_prefix(name, own) &&
            slice_eq(slice_of(name.ptr + own.len, suffix.len), suffix))
            return true;
    }
    return false;
}

static enum err refuse_name(struct slice name)
{
    fprintf(stderr, "config: " SLICE_FMT ": is not a setting; --help lists them all\n",
            SLICE_ARG(name));
    return ERR_CONFIG;
}

static enum err refuse_unknown(const struct setting *table, size_t n, const char *const *prefixes)
{
    for (char **variable = environ; variable && *variable; variable++) {
        struct slice name = slice_of(*variable, strcspn(*variable, "="));

        if (has_prefix(name, prefixes) && !is_known(name, table, n))
            return refuse_name(name);
    }
    for (size_t i = 0; i < file.n; i++) {
        struct slice name = slice_str(file.line[i].name);

        if (has_prefix(name, prefixes) && !is_known(name, table, n))
            return refuse_name(name);
    }
    return OK;
}

static enum err load_all(const struct setting *table, size_t n, const char *const *prefixes,
                         void *config)
{
    enum err err = refuse_unknown(table, n, prefixes);

    for (size_t i = 0; i < n && !err; i++)
        err = load_one(&table[i], config);
    return err;
}

enum err settings_load(const struct setting *table, size_t n, const char *const *prefixes,
                       void *config)
{
    const char *path = getenv("SETTINGS_FILE");
    enum err err = ERR_CONFIG;

    if (!path || path[0] == '\0' || settings_file_read(path, &file))
        err = load_all(table, n, prefixes, config);
    settings_file_free(&file);
    return err;
}

/* ---- changes while the program runs ---- */

static bool is_text(const struct setting *s)
{
    return s->type == SETTING_STRING || s->type == SETTING_PUBKEY;
}

static size_t value_size(const struct setting *s)
{
    return s->type == SETTING_BOOL ? sizeof(bool) : sizeof(int64_t);
}

static bool is_same(const struct setting *s, void *a, void *b)
{
    if (is_text(s))
        return strcmp(*(char **)field_of(s, a), *(char **)field_of(s, b)) == 0;
    return memcmp(field_of(s, a), field_of(s, b), value_size(s)) == 0;
}

static const char *show_value(const struct setting *s, void *config, char *out, size_t room)
{
    char choices[128];
    const char *choice;

    if (s->secret)
        return "(secret)";
    switch (s->type) {
    case SETTING_STRING:
    case SETTING_PUBKEY:
        choice = *(char **)field_of(s, config);
        return log_quote(choice, strlen(choice), out, room);
    case SETTING_BOOL:
        return *(bool *)field_of(s, config) ? "True" : "False";
    case SETTING_INT:
        snprintf(out, room, "%lld", (long long)*(int64_t *)field_of(s, config));
        return out;
    case SETTING_ENUM:
        break;
    }
    snprintf(choices, sizeof choices, "%s", s->choices);
    choice = strtok(choices, "|");
    for (int64_t i = *(int64_t *)field_of(s, config); i > 0 && choice; i--)
        choice = strtok(NULL, "|");
    snprintf(out, room, "%s", choice ? choice : "");
    return out;
}

static void swap_value(const struct setting *s, void *a, void *b)
{
    size_t size = is_text(s) ? sizeof(char *) : value_size(s);
    char kept[sizeof(int64_t)];

    memcpy(kept, field_of(s, a), size);
    memcpy(field_of(s, a), field_of(s, b), size);
    memcpy(field_of(s, b), kept, size);
}

/* Says in the log how s differs, if it does. */
static bool tell_difference(const struct setting *s, const void *old, const void *fresh)
{
    char before[160], after[160];

    if (is_same(s, (void *)old, (void *)fresh))
        return false;
    log_info("settings", s->reload ? "changed" : "differs: needs a restart",
             "name=%s old=%s new=%s", s->name, show_value(s, (void *)old, before, sizeof before),
             show_value(s, (void *)fresh, after, sizeof after));
    return true;
}

static void tell_sum(size_t adopted, size_t left)
{
    log_info("settings", "read again", "changed=%zu need_restart=%zu", adopted, left);
}

size_t settings_adopt(const struct setting *table, size_t n, void *config, void *fresh)
{
    size_t adopted = 0, left = 0;

    for (size_t i = 0; i < n; i++) {
        const struct setting *s = &table[i];

        if (!tell_difference(s, config, fresh))
            continue;
        if (s->reload)
            swap_value(s, config, fresh);
        adopted += s->reload;
        left += !s->reload;
    }
    tell_sum(adopted, left);
    return adopted;
}

/* False without memory. */
static bool copy_value(const struct setting *s, const void *from, void *to)
{
    char **text = field_of(s, to), *copy;

    if (!is_text(s)) {
        memcpy(field_of(s, to), field_of(s, (void *)from), value_size(s));
        return true;
    }
    copy = strdup(*(char **)field_of(s, (void *)from));
    if (!copy)
        return false;
    free(*text);
    *text = copy;
    return true;
}

enum err settings_inherit(const struct setting *table, size_t n, const void *old, void *fresh)
{
    size_t adopted = 0, left = 0;

    for (size_t i = 0; i < n; i++) {
        const struct setting *s = &table[i];

        if (!tell_difference(s, old, fresh))
            continue;
        if (!s->reload && !copy_value(s, old, fresh))
            return ERR_NOMEM;
        adopted += s->reload;
        left += !s->reload;
    }
    tell_sum(adopted, left);
    return OK;
}

void settings_free(const struct setting *table, size_t n, void *config)
{
    for (size_t i = 0; i < n; i++) {
        if (is_text(&table[i])) {
            char **field = field_of(&table[i], config);

            free(*field);
            *field = NULL;
        }
    }
}

/* ---- the table in words ---- */

/* Calls describe for each setting, group by group in order of first appearance. */
static void for_each_group(const struct setting *table, size_t n, struct buf *out,
                           void (*heading)(struct buf *, const char *),
                           void (*describe)(struct buf *, const struct setting *))
{
    for (size_t first = 0; first < n; first++) {
        const char *group = table[first].group;
        bool seen = false;

        for (size_t i = 0; i < first && !seen; i++)
            seen = strcmp(table[i].group, group) == 0;
        if (seen)
            continue;
        heading(out, group);
        for (size_t i = first; i < n; i++) {
            if (strcmp(table[i].group, group) == 0)
                describe(out, &table[i]);
        }
    }
}

/* The sentences after help: range, choices, other ways to set it. quote is "" or "`". */
static void add_facts(struct buf *out, const struct setting *s, const char *quote)
{
    char choices[128];

    if (s->type == SETTING_INT)
        buf_printf(out, " From %lld to %lld.", (long long)s->min, (long long)s->max);
    if (s->type == SETTING_BOOL)
        buf_add_str(out, " True or False.");
    if (s->type == SETTING_ENUM)
        buf_printf(out, " One of %s.", list_choices(s, choices, sizeof(choices)));
    if (s->alias)
        buf_printf(out, " %s%s%s is read when this is unset.", quote, s->alias, quote);
    if (s->reload)
        buf_add_str(out, " Taken over on SIGHUP.");
    if (s->secret)
        buf_printf(out, " A secret: %s%s_FILE%s may name a file that holds it.", quote, s->name,
                   quote);
}

static void help_heading(struct buf *out, const char *group)
{
    buf_printf(out, "\n%s\n", group);
}

static void help_setting(struct buf *out, const struct setting *s)
{
    buf_printf(out, "  %s", s->name);
    if (s->def[0] != '\0')
        buf_printf(out, " (%s)", s->def);
    buf_printf(out, "\n      %s", s->help);
    add_facts(out, s, "");
    buf_add_char(out, '\n');
}

void settings_help(const struct setting *table, size_t n, struct buf *out)
{
    buf_add_str(out, "Settings are environment variables, or lines NAME=value of SETTINGS_FILE. "
                     "NAME (default): meaning.\n");
    for_each_group(table, n, out, help_heading, help_setting);
}

static void markdown_heading(struct buf *out, const char *group)
{
    buf_printf(out, "\n### %s\n\n| Variable | Default | Meaning |\n|---|---|---|\n", group);
}

/* A bar would end the cell. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void markdown_setting(struct buf *out, const struct setting *s)
{
    buf_printf(out, "| `%s` | ", s->name);
    if (s->def[0] != '\0') {
        buf_add_char(out, '`');
        add_cell(out, s->def);
        buf_add_str(out, "` | ");
    } else {
        buf_add_str(out, "| ");
    }
    add_cell(out, s->help);
    add_facts(out, s, "`");
    buf_add_str(out, " |\n");
}

void settings_markdown(const struct setting *table, size_t n, struct buf *out)
{
    for_each_group(table, n, out, markdown_heading, markdown_setting);
}
