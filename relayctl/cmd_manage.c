/*
 * What an operator may do to a relay: one table of the words on the command line and the management
 * methods (NIP-86) behind them. `manage` calls any method by its own name.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/list_text.h"
#include "command.h"
#include "management.h"
#include "ops/npub.h"
#include "output.h"
#include "print_result.h"

enum { MAX_PARAMS = 8 };

/* The kinds of a parameter, in the order of the method's params. */
enum param {
    PARAM_NONE,
    PARAM_TEXT,   /* as it is; an npub becomes hex */
    PARAM_NUMBER, /* an integer */
    PARAM_VALUE,  /* JSON if it is, else text */
    PARAM_LIST,   /* words with commas between them, as a list */
};

static const struct action {
    const struct command *command;
    const char *word;
    const char *method;
    enum param params[4]; /* the first `needed` must be given */
    size_t needed;
    const char *args; /* for the usage line */
} actions[] = {
    {&cmd_policy,
     "explain",
     "explainpolicy",
     {PARAM_VALUE, PARAM_NUMBER},
     1,
     "PUBKEY [KIND] | EVENT | -"},

    {&cmd_wot, "status", "wotstatus", {0}, 0, ""},
    {&cmd_wot, "explain", "wotexplain", {PARAM_TEXT}, 1, "PUBKEY"},
    {&cmd_wot, "rebuild", "wotrebuild", {PARAM_TEXT}, 0, "[force]"},

    {&cmd_mod, "ban", "banpubkey", {PARAM_TEXT, PARAM_TEXT}, 1, "PUBKEY [REASON]"},
    {&cmd_mod, "unban", "unbanpubkey", {PARAM_TEXT, PARAM_TEXT}, 1, "PUBKEY [REASON]"},
    {&cmd_mod, "banned", "listbannedpubkeys", {0}, 0, ""},
    {&cmd_mod, "allow", "allowpubkey", {PARAM_TEXT, PARAM_TEXT}, 1, "PUBKEY [REASON]"},
    {&cmd_mod, "unallow", "unallowpubkey", {PARAM_TEXT, PARAM_TEXT}, 1, "PUBKEY [REASON]"},
    {&cmd_mod, "allowed", "listallowedpubkeys", {0}, 0, ""},
    {&cmd_mod, "ban-event", "banevent", {PARAM_TEXT, PARAM_TEXT}, 1, "ID [REASON]"},
    {&cmd_mod, "allow-event", "allowevent", {PARAM_TEXT, PARAM_TEXT}, 1, "ID [REASON]"},
    {&cmd_mod, "banned-events", "listbannedevents", {0}, 0, ""},
    {&cmd_mod, "block-ip", "blockip", {PARAM_TEXT, PARAM_TEXT}, 1, "ADDRESS|CIDR [REASON]"},
    {&cmd_mod, "unblock-ip", "unblockip", {PARAM_TEXT}, 1, "ADDRESS|CIDR"},
    {&cmd_mod, "blocked-ips", "listblockedips", {0}, 0, ""},
    {&cmd_mod, "reports", "listreports", {0}, 0, ""},
    {&cmd_mod,
     "resolve",
     "resolvereport",
     {PARAM_TEXT, PARAM_TEXT, PARAM_TEXT},
     2,
     "EVENT-ID|PUBKEY dismiss|hide|ban [REASON]"},
    {&cmd_mod, "audit", "listaudit", {PARAM_NUMBER}, 0, "[COUNT]"},
    {&cmd_mod, "undo", "undo", {PARAM_NUMBER, PARAM_TEXT}, 1, "AUDIT-NUMBER [REASON]"},
    {&cmd_mod, "grant", "grantmoderator", {PARAM_TEXT, PARAM_LIST}, 2, "PUBKEY RIGHT,RIGHT..."},
    {&cmd_mod, "revoke", "revokemoderator", {PARAM_TEXT}, 1, "PUBKEY"},
    {&cmd_mod, "moderators", "listmoderators", {0}, 0, ""},
    {&cmd_mod, "stats", "stats", {0}, 0, ""},

    {&cmd_invite,
     "create",
     "createinvite",
     {PARAM_NUMBER, PARAM_NUMBER, PARAM_TEXT},
     0,
     "[USES [HOURS [ROLE]]]"},
    {&cmd_invite, "list", "listinvites", {0}, 0, ""},
    {&cmd_invite, "revoke", "revokeinvite", {PARAM_TEXT}, 1, "CODE"},
    {&cmd_invite, "members", "listmembers", {0}, 0, ""},

    {&cmd_retention, "plan", "retentionplan", {0}, 0, ""},
    {&cmd_retention, "status", "retentionstatus", {0}, 0, ""},
};

/* ---- parameters ---- */

/* People write npubs, methods want hex. */
static json_t *text_param(const char *text)
{
    uint8_t key[32];
    char hex[65] = "";

    if (!npub_decode(slice_str(text), key))
        return json_string(text);
    hex_encode(key, sizeof key, hex);
    return json_string(hex);
}

static json_t *number_param(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);

    return end != text && *end == '\0' ? json_integer(n) : NULL;
}

static json_t *value_param(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    return value ? value : text_param(text);
}

/* "-": the value is on standard input, for events that are too long for a command line. */
static json_t *read_param(void)
{
    json_t *value = json_loadf(stdin, JSON_DECODE_ANY, NULL);

    if (!value)
        output_error("standard input is not JSON");
    return value;
}

static json_t *list_param(const char *text)
{
    struct slice rest = slice_str(text), word;
    json_t *list = json_array();

    while (list_text_next(&rest, &word))
        json_array_append_new(list, json_stringn(word.ptr, word.len));
    return list;
}

static json_t *make_param(enum param kind, const char *text)
{
    if (strcmp(text, "-") == 0)
        return read_param();
    switch (kind) {
    case PARAM_TEXT:
        return text_param(text);
    case PARAM_NUMBER:
        return number_param(text);
    case PARAM_VALUE:
        return value_param(text);
    case PARAM_LIST:
        return list_param(text);
    case PARAM_NONE:
        break;
    }
    return NULL;
}

/* NULL after saying what is wrong; args are those behind the action's word. */
static json_t *make_params(const struct action *a, char *const *args, size_t n)
{
    json_t *params = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *param = i < ARRAY_LEN(a->params) ? make_param(a->params[i], args[i]) : NULL;

        if (!param) {
            output_error("%s: is not what is expected here; usage: relayctl %s %s %s", args[i],
                         a->command->name, a->word, a->args);
            json_decref(params);
            return NULL;
        }
        json_array_append_new(params, param);
    }
    return params;
}

/* ---- running ---- */

static int call(const struct options *o, const char *method, json_t *params)
{
    json_t *result;

    if (!management_call(o, method, params, &result))
        return STATUS_NO;
    print_result(result);
    json_decref(result);
    return STATUS_OK;
}

static int usage(const struct command *c)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (actions[i].command == c)
            output_error("usage: relayctl %s %s %s", c->name, actions[i].word, actions[i].args);
    }
    return STATUS_USAGE;
}

static int run_action(const struct options *o, const struct command *c)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const struct action *a = &actions[i];
        json_t *params;

        if (a->command != c || strcmp(a->word, o->args[0]) != 0)
            continue;
        if (o->n_args - 1 < a->needed)
            break;
        params = make_params(a, o->args + 1, o->n_args - 1);
        return params ? call(o, a->method, params) : STATUS_USAGE;
    }
    return usage(c);
}

static int run_mod(const struct options *o)
{
    return run_action(o, &cmd_mod);
}

static int run_wot(const struct options *o)
{
    return run_action(o, &cmd_wot);
}

static int run_policy(const struct options *o)
{
    return run_action(o, &cmd_policy);
}

static int run_retention(const struct options *o)
{
    return run_action(o, &cmd_retention);
}

static int run_invite(const struct options *o)
{
    return run_action(o, &cmd_invite);
}

static int run_manage(const struct options *o)
{
    json_t *params = json_array();

    for (size_t i = 1; i < o->n_args; i++)
        json_array_append_new(params, value_param(o->args[i]));
    return call(o, o->args[0], params);
}

#define HOW_TO_REACH                                                                               \
    "\nThe relay is asked over its public address, signed with an admin's or a moderator's key\n"  \
    "(NIP-86, NIP-98). With --handler an event handler is asked directly, with its\n"              \
    "INTERNAL_TOKEN in the environment.\n"
#define OPTIONS_MANAGE (OPTIONS_CONNECTION | OPTION_KEY | OPTION_HANDLER)

const struct command cmd_mod = {
    .name = "mod",
    .args = "ACTION [ARGUMENT...]",
    .summary = "Moderate: bans, reports, moderators, the audit log, undo",
    .text = "\n"
            "  mod ban PUBKEY [REASON]          nothing of theirs is taken or shown any more\n"
            "  mod unban PUBKEY                 and what was hidden is back\n"
            "  mod allow|unallow PUBKEY         trusted, whatever the web of trust says\n"
            "  mod ban-event|allow-event ID     one event\n"
            "  mod block-ip|unblock-ip ADDRESS  an address or a network\n"
            "  mod banned | allowed | banned-events | blocked-ips\n"
            "  mod reports                      what people have reported (kind 1984)\n"
            "  mod resolve EVENT-ID|PUBKEY dismiss|hide|ban [REASON]\n"
            "  mod audit [COUNT]                who did what, when and why\n"
            "  mod undo AUDIT-NUMBER            takes one of these back\n"
            "  mod grant PUBKEY people,events   a moderator with these rights; revoke, moderators\n"
            "  mod stats\n" HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 1,
    .max_args = MAX_PARAMS,
    .run = run_mod,
};

const struct command cmd_wot = {
    .name = "wot",
    .args = "status | explain PUBKEY | rebuild [force]",
    .summary = "The web of trust: how it stands, why somebody is in it or not",
    .text = "rebuild computes it now. force publishes a result that the guards would hold back,\n"
            "such as one that lost a third of its people.\n" HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 1,
    .max_args = MAX_PARAMS,
    .run = run_wot,
};

const struct command cmd_policy = {
    .name = "policy",
    .args = "explain PUBKEY [KIND] | explain EVENT | explain -",
    .summary = "Which rule of the policy decides on an event or a person, and why",
    .text = "EVENT is JSON; - reads it from standard input. Nothing is stored, and no budget is\n"
            "spent.\n" HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 2,
    .max_args = MAX_PARAMS,
    .run = run_policy,
};

const struct command cmd_retention = {
    .name = "retention",
    .args = "plan | status",
    .summary = "What RETENTION_RULES would delete, and what they have",
    .text = HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 1,
    .max_args = MAX_PARAMS,
    .run = run_retention,
};

const struct command cmd_invite = {
    .name = "invite",
    .args = "create [USES [HOURS [ROLE]]] | list | revoke CODE | members",
    .summary = "Invitations to the relay, and who has come (NIP-43)",
    .text = HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 1,
    .max_args = MAX_PARAMS,
    .run = run_invite,
};

const struct command cmd_manage = {
    .name = "manage",
    .args = "METHOD [PARAM...]",
    .summary = "Call any management method (NIP-86) by its name",
    .text =
        "A PARAM that is JSON is sent as such, anything else as a string; an npub becomes hex.\n"
        "\n"
        "  relayctl manage supportedmethods\n"
        "  relayctl manage allowkind 30023\n" HOW_TO_REACH,
    .options = OPTIONS_MANAGE,
    .min_args = 1,
    .max_args = MAX_PARAMS,
    .run = run_manage,
};
