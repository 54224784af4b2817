#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"

enum option_type { TYPE_TEXT, TYPE_SECRET, TYPE_NUMBER, TYPE_FLAG, TYPE_TAGS };

struct option_row {
    const char *name;
    const char *value; /* what --help calls it; NULL for flags */
    enum option_type type;
    size_t offset;
    int64_t min, max;
    unsigned bit; /* 0: every command takes it */
    const char *help;
};

#define FIELD(name) offsetof(struct options, name)

static const struct option_row rows[] = {
    {"relay", "URL", TYPE_TEXT, FIELD(relay), 0, 0, OPTION_RELAY,
     "the relay, ws:// or wss:// (TANDEM_RELAY; ws://127.0.0.1:8008)"},
    {"key", "FILE", TYPE_SECRET, FIELD(key), 0, 0, OPTION_KEY,
     "secret key: a file with an nsec or hex (TANDEM_KEY holds the key itself)"},
    {"auth", NULL, TYPE_FLAG, FIELD(auth), 0, 0, OPTION_AUTH,
     "authenticate at once, not only when the relay asks (NIP-42)"},
    {"kind", "N", TYPE_NUMBER, FIELD(kind), 0, 65535, OPTION_KIND, "kind of the event (1)"},
    {"tag", "NAME=VALUE", TYPE_TAGS, 0, 0, 0, OPTION_TAG, "a tag; again for more of them"},
    {"pow", "BITS", TYPE_NUMBER, FIELD(pow), 1, 64, OPTION_POW,
     "proof of work: leading zero bits of the id (NIP-13)"},
    {"print", NULL, TYPE_FLAG, FIELD(print), 0, 0, OPTION_PRINT,
     "print the signed event instead of publishing it"},
    {"limit", "N", TYPE_NUMBER, FIELD(limit), 0, INT32_MAX, OPTION_LIMIT,
     "the limit of each filter, instead of its own"},
    {"window", "N", TYPE_NUMBER, FIELD(window), 1, 4096, OPTION_WINDOW,
     "events sent before their answers are waited for (256)"},
    {"after", "SEQ", TYPE_NUMBER, FIELD(after), 0, INT64_MAX, OPTION_AFTER,
     "only what was stored after this seq (0)"},
    {"handler", "URL", TYPE_TEXT, FIELD(handler), 0, 0, OPTION_HANDLER,
     "the event handler (http://127.0.0.1:8009)"},
    {"metrics", "URL", TYPE_TEXT, FIELD(metrics), 0, 0, OPTION_METRICS,
     "metrics of the front end (http://127.0.0.1:8010/metrics)"},
    {"timeout", "SECONDS", TYPE_NUMBER, FIELD(timeout_seconds), 1, 3600, OPTION_TIMEOUT,
     "how long to wait for an answer (30)"},
    {"ca", "FILE", TYPE_TEXT, FIELD(ca), 0, 0, OPTION_CA,
     "certificates to trust for wss:// instead of the system's"},
    {"help", NULL, TYPE_FLAG, FIELD(help), 0, 0, 0, "these words"},
    {"version", NULL, TYPE_FLAG, FIELD(version), 0, 0, 0, "the version of this program"},
};

static const struct option_row *find_row(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (slice_eq(slice_str(rows[i].name), name))
            return &rows[i];
    }
    return NULL;
}

static void *field(struct options *o, const struct option_row *row)
{
    return (char *)o + row->offset;
}

static bool set_number(struct options *o, const struct option_row *row, const char *text)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < row->min || n > row->max) {
        output_error("--%s: a number from %lld to %lld is expected", row->name, (long long)row->min,
                     (long long)row->max);
        return false;
    }
    *(int64_t *)field(o, row) = n;
    return true;
}

static bool set(struct options *o, const struct option_row *row, char *value)
{
    o->given |= row->bit;
    switch (row->type) {
    case TYPE_FLAG:
        *(bool *)field(o, row) = true;
        return true;
    case TYPE_NUMBER:
        return set_number(o, row, value);
    case TYPE_TEXT:
        *(const char **)field(o, row) = value;
        return true;
    case TYPE_SECRET:
        *(char **)field(o, row) = value;
        return true;
    case TYPE_TAGS:
        break;
    }
    if (o->n_tags == ARRAY_LEN(o->tags)) {
        output_error("--tag: more than %zu tags", ARRAY_LEN(o->tags));
        return false;
    }
    o->tags[o->n_tags++] = value;
    return true;
}

/* argv[*i] is "--name", "--name=value", or "--name" with its value behind it. */
static bool take_option(struct options *o, char **argv, int *i)
{
    char *text = argv[*i] + 2;
    size_t len = strcspn(text, "=");
    const struct option_row *row = find_row(slice_of(text, len));
    char *value = text[len] == '=' ? text + len + 1 : NULL;

    if (!row) {
        output_error("--%.*s: there is no such option; --help lists them", (int)len, text);
        return false;
    }
    if (row->type == TYPE_FLAG && value) {
        output_error("--%s takes no value", row->name);
        return false;
    }
    if (row->type != TYPE_FLAG && !value) {
        if (!argv[*i + 1]) {
            output_error("--%s: %s is missing", row->name, row->value);
            return false;
        }
        value = argv[++*i];
    }
    return set(o, row, value);
}

static void set_defaults(struct options *o)
{
    const char *relay = getenv("TANDEM_RELAY");

    *o = (struct options){
        .relay = relay && *relay ? relay : "ws://127.0.0.1:8008",
        .handler = "http://127.0.0.1:8009",
        .metrics = "http://127.0.0.1:8010/metrics",
        .kind = 1,
        .limit = -1,
        .window = 256,
        .timeout_seconds = 30,
    };
}

bool options_parse(struct options *o, int argc, char **argv)
{
    size_t n = 0; /* arguments kept */
    bool only_args = false;

    set_defaults(o);
    for (int i = 1; i < argc; i++) {
        if (only_args || (strncmp(argv[i], "--", 2) != 0 && strcmp(argv[i], "-h") != 0))
            argv[n++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_args = true;
        else if (strcmp(argv[i], "-h") == 0)
            o->help = true;
        else if (!take_option(o, argv, &i))
            return false;
    }
    if (n > 0) {
        o->command = argv[0];
        o->args = argv + 1;
        o->n_args = n - 1;
    }
    return true;
}

bool options_check(const struct options *o, unsigned allowed)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].bit & o->given & ~allowed) {
            output_error("%s does not take --%s", o->command, rows[i].name);
            return false;
        }
    }
    return true;
}

void options_help(unsigned bits, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char left[32];

        if (!(rows[i].bit & bits))
            continue;
        snprintf(left, sizeof(left), "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        buf_printf(out, "  %-18s %s\n", left, rows[i].help);
    }
}
