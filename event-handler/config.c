#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/plugin_process.h"
#include "policy/policy_lists.h"

#include "access/relay_key.h"
#include "ops/key_set.h"
#include "retention/rules.h"
#include "store/history.h"

#include "trust/crawler.h"

#define FIELD(name) offsetof(struct config, name)

/* One row per variable; PGx_READ and PGx_WRITE differ in their default and help only. */
static const struct setting settings[] = {
    SHARED_SETTINGS(FIELD(shared)),

    {.name = "EVENT_HANDLER_HOST",
     .type = SETTING_STRING,
     .offset = FIELD(host),
     .def = "0.0.0.0",
     .group = "Internal API",
     .help = "Address that the internal API listens on."},
    {.name = "EVENT_HANDLER_PORT",
     .type = SETTING_INT,
     .offset = FIELD(port),
     .def = "8009",
     .min = 1,
     .max = 65535,
     .group = "Internal API",
     .help = "Its port."},
    {.name = "API_THREADS",
     .type = SETTING_INT,
     .offset = FIELD(http_threads),
     .def = "2",
     .min = 1,
     .max = 64,
     .group = "Internal API",
     .help = "Threads that read requests and send answers."},
    {.name = "API_CONNECTIONS",
     .type = SETTING_INT,
     .offset = FIELD(http_connections),
     .def = "1024",
     .min = 8,
     .max = 65536,
     .group = "Internal API",
     .help = "Most connections at the same time; further ones are refused."},

    {.name = "PGHOST_WRITE",
     .type = SETTING_STRING,
     .offset = FIELD(pg_write.host),
     .def = "postgres",
     .group = "PostgreSQL",
     .help = "Host of the PostgreSQL primary."},
    {.name = "PGPORT_WRITE",
     .type = SETTING_INT,
     .offset = FIELD(pg_write.port),
     .def = "5432",
     .min = 1,
     .max = 65535,
     .group = "PostgreSQL",
     .help = "Its port."},
    {.name = "PGUSER_WRITE",
     .type = SETTING_STRING,
     .offset = FIELD(pg_write.user),
     .def = "nostr",
     .group = "PostgreSQL",
     .help = "User that owns the schema."},
    {.name = "PGPASSWORD_WRITE",
     .type = SETTING_STRING,
     .offset = FIELD(pg_write.password),
     .def = "",
     .secret = true,
     .group = "PostgreSQL",
     .help = "Its password."},
    {.name = "PGDATABASE_WRITE",
     .type = SETTING_STRING,
     .offset = FIELD(pg_write.database),
     .def = "nostr",
     .group = "PostgreSQL",
     .help = "Database that holds the events."},
    {.name = "PGHOST_READ",
     .type = SETTING_STRING,
     .offset = FIELD(pg_read.host),
     .def = "",
     .group = "PostgreSQL",
     .help = "Host of the read replica; empty for PGHOST_WRITE."},
    {.name = "PGPORT_READ",
     .type = SETTING_INT,
     .offset = FIELD(pg_read.port),
     .def = "0",
     .min = 0,
     .max = 65535,
     .group = "PostgreSQL",
     .help = "Its port; 0 for PGPORT_WRITE."},
    {.name = "PGUSER_READ",
     .type = SETTING_STRING,
     .offset = FIELD(pg_read.user),
     .def = "",
     .group = "PostgreSQL",
     .help = "User for reading; empty for PGUSER_WRITE."},
    {.name = "PGPASSWORD_READ",
     .type = SETTING_STRING,
     .offset = FIELD(pg_read.password),
     .def = "",
     .secret = true,
     .group = "PostgreSQL",
     .help = "Its password; empty for PGPASSWORD_WRITE."},
    {.name = "PGDATABASE_READ",
     .type = SETTING_STRING,
     .offset = FIELD(pg_read.database),
     .def = "",
     .group = "PostgreSQL",
     .help = "Database for reading; empty for PGDATABASE_WRITE."},

    {.name = "READ_WORKERS",
     .type = SETTING_INT,
     .offset = FIELD(read_workers),
     .def = "4",
     .min = 1,
     .max = 256,
     .group = "Queries",
     .help = "Threads that read for queries, each with its own connection to the _READ database."},
    {.name = "READ_QUEUE",
     .type = SETTING_INT,
     .offset = FIELD(read_queue),
     .def = "4096",
     .min = 1,
     .max = 1000000,
     .group = "Queries",
     .help = "Queries that may exist at the same time, waiting, running or being sent; further "
             "ones are refused."},
    {.name = "READ_TIMEOUT_MS",
     .type = SETTING_INT,
     .offset = FIELD(read_timeout_ms),
     .def = "5000",
     .min = 10,
     .max = 600000,
     .group = "Queries",
     .help = "Longest that PostgreSQL may work on one page of an answer, in milliseconds."},
    {.name = "QUERY_PAGE",
     .type = SETTING_INT,
     .offset = FIELD(query_page),
     .def = "500",
     .min = 1,
     .max = 5000,
     .group = "Queries",
     .help = "Most events that are read at a time for one query."},
    {.name = "COUNT_CAP",
     .type = SETTING_INT,
     .offset = FIELD(count_cap),
     .def = "100000",
     .min = 1,
     .max = 100000000,
     .group = "Queries",
     .help = "COUNT stops here and marks its answer as approximate."},
    {.name = "SEARCH_ENABLED",
     .type = SETTING_BOOL,
     .offset = FIELD(search_enabled),
     .def = "True",
     .group = "Queries",
     .help = "Full-text search (NIP-50): whether events are indexed for it and queries for it are "
             "answered."},

    {.name = "VERIFY_THREADS",
     .type = SETTING_INT,
     .offset = FIELD(verify_threads),
     .def = "0",
     .min = 0,
     .max = 256,
     .group = "Ingest",
     .help = "Threads that check signatures; 0 for one per processor."},
    {.name = "INGEST_QUEUE_EVENTS",
     .type = SETTING_INT,
     .offset = FIELD(ingest_queue_events),
     .def = "20000",
     .min = 1,
     .max = 1000000,
     .group = "Ingest",
     .help = "Events that may wait to be verified or written; further ones are refused."},
    {.name = "WRITE_BATCH_EVENTS",
     .type = SETTING_INT,
     .offset = FIELD(write_batch_events),
     .def = "500",
     .min = 1,
     .max = 10000,
     .group = "Ingest",
     .help = "Most events that one transaction stores."},
    {.name = "WRITE_TIMEOUT_MS",
     .type = SETTING_INT,
     .offset = FIELD(write_timeout_ms),
     .def = "10000",
     .min = 100,
     .max = 600000,
     .group = "Ingest",
     .help = "Longest that one statement of the writer may take, in milliseconds."},
    {.name = "EXPIRY_SWEEP_SECONDS",
     .type = SETTING_INT,
     .offset = FIELD(sweep_seconds),
     .def = "60",
     .min = 1,
     .max = 86400,
     .group = "Ingest",
     .help = "How often expired events are deleted (NIP-40), in seconds. They are never served "
             "meanwhile."},

    {.name = "RELAY_SECRET_KEY",
     .type = SETTING_STRING,
     .offset = FIELD(relay_secret_key),
     .def = "",
     .secret = true,
     .check = relay_key_check,
     .group = "Moderation",
     .help =
         "The relay's own secret key, hex or nsec, with which it signs membership (NIP-43); its "
         "public key is \"self\" in NIP-11. Empty: one is made and kept in the database."},
    {.name = "NIP43_ENABLED",
     .type = SETTING_BOOL,
     .offset = FIELD(nip43_enabled),
     .def = "False",
     .group = "Moderation",
     .help = "Whether people may join with an invitation and leave (NIP-43). Members count as "
             "known."},
    {.name = "NIP43_INVITE_TIER",
     .type = SETTING_ENUM,
     .offset = FIELD(nip43_invite_tier),
     .def = "trusted",
     .choices = "admin|trusted|known",
     .group = "Moderation",
     .help = "From which tier on people get an invitation to pass on when their client asks for "
             "one (kind 28935)."},
    {.name = "NIP43_INVITE_HOURS",
     .type = SETTING_INT,
     .offset = FIELD(nip43_invite_hours),
     .def = "72",
     .min = 1,
     .max = 8760,
     .group = "Moderation",
     .help = "How long such an invitation is good, in hours."},
    {.name = "MOD_AUTO_HIDE_REPORTS",
     .type = SETTING_INT,
     .offset = FIELD(mod_auto_hide_reports),
     .def = "0",
     .min = 0,
     .max = 1000,
     .group = "Moderation",
     .help = "An event that so many different trusted people have reported (kind 1984) is hidden "
             "until a moderator looks at it; 0 never hides by itself."},

    {.name = "LIMIT_EVENTS_TRUSTED",
     .type = SETTING_INT,
     .offset = FIELD(limit_key_trusted),
     .def = "2400",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "Events per minute of one pubkey that this relay trusts; a minute's worth may come at "
             "once. 0 for no limit, as in the rows below. Admins have none."},
    {.name = "LIMIT_EVENTS_KNOWN",
     .type = SETTING_INT,
     .offset = FIELD(limit_key_known),
     .def = "600",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "The same for one that is known; without a Web of Trust that is everybody."},
    {.name = "LIMIT_EVENTS_GUEST",
     .type = SETTING_INT,
     .offset = FIELD(limit_key_guest),
     .def = "60",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "The same for a guest."},
    {.name = "LIMIT_EVENTS_ALL_TRUSTED",
     .type = SETTING_INT,
     .offset = FIELD(limit_all_trusted),
     .def = "0",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "Events per minute of all trusted pubkeys together."},
    {.name = "LIMIT_EVENTS_ALL_KNOWN",
     .type = SETTING_INT,
     .offset = FIELD(limit_all_known),
     .def = "0",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "The same for all that are known."},
    {.name = "LIMIT_EVENTS_ALL_GUESTS",
     .type = SETTING_INT,
     .offset = FIELD(limit_all_guest),
     .def = "12000",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "The same for all guests, so that many new pubkeys cannot crowd out the others."},
    {.name = "LIMIT_WRAPS_RECIPIENT",
     .type = SETTING_INT,
     .offset = FIELD(limit_wraps_recipient),
     .def = "60",
     .min = 0,
     .max = 100000000,
     .group = "Rate limits",
     .help = "Gift wraps per hour that one recipient gets from strangers; an hour's worth may come "
             "at once."},

    {.name = "HISTORY_KINDS",
     .type = SETTING_STRING,
     .offset = FIELD(history_kinds),
     .def = "0,3,10000,10002",
     .check = history_kinds_check,
     .group = "History",
     .help = "Replaceable and addressable kinds (list of kinds and ranges) whose overwritten "
             "versions are kept for people who are known or better, so that they can get a lost "
             "list back (search \"history:true\", see NIPS.md)."},
    {.name = "HISTORY_VERSIONS",
     .type = SETTING_INT,
     .offset = FIELD(history_versions),
     .def = "10",
     .min = 0,
     .max = 1000,
     .group = "History",
     .help = "How many overwritten versions of one list are kept; 0 for none."},
    {.name = "HISTORY_DAYS",
     .type = SETTING_INT,
     .offset = FIELD(history_days),
     .def = "90",
     .min = 0,
     .max = 36500,
     .group = "History",
     .help = "For how many days; 0 for none."},

    {.name = "RETENTION_RULES",
     .type = SETTING_STRING,
     .offset = FIELD(retention_rules),
     .def = "",
     .check = retention_rules_check,
     .group = "Retention",
     .help = "How long what is kept: a list of TIER:KINDS:AGE, of which the first that fits an "
             "event decides, as in guest:*:30d,known:1+6-7:365d,*:30023:keep. AGE counts from "
             "created_at: 30d, 12h, 0 or keep. What no rule fits is kept; kinds 0, 3, 5, 62, 10002 "
             "and 10050 of members, 13534 and 33534 of this relay go only by a rule that names the "
             "kind by itself."},
    {.name = "RETENTION_APPLY",
     .type = SETTING_BOOL,
     .offset = FIELD(retention_apply),
     .def = "False",
     .group = "Retention",
     .help =
         "Whether those events are deleted. Otherwise the method retentionplan tells what would "
         "be."},
    {.name = "RETENTION_KEEP_PUBKEYS",
     .type = SETTING_STRING,
     .offset = FIELD(retention_keep_pubkeys),
     .def = "",
     .check = key_set_check,
     .group = "Retention",
     .help = "Pubkeys (hex or npub, comma-separated) whose events no rule deletes."},
    {.name = "RETENTION_INTERVAL_SECONDS",
     .type = SETTING_INT,
     .offset = FIELD(retention_interval_seconds),
     .def = "3600",
     .min = 1,
     .max = 31536000,
     .group = "Retention",
     .help = "How long after one walk through the events the next begins, in seconds."},

    {.name = "POLICY_ALLOW_KINDS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_allow_kinds),
     .def = "",
     .check = kind_set_check,
     .group = "Policy",
     .help = "The only kinds that are taken, as numbers and ranges; empty for all."},
    {.name = "POLICY_DENY_KINDS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_deny_kinds),
     .def = "",
     .check = kind_set_check,
     .group = "Policy",
     .help = "Kinds that are not taken."},
    {.name = "POLICY_ALLOW_PUBKEYS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_allow_pubkeys),
     .def = "",
     .check = key_set_check,
     .group = "Policy",
     .help = "The only authors besides the admins and whom these allow or invite, comma-separated, "
             "hex or npub; empty for all. Gift wraps are taken for them."},
    {.name = "POLICY_DENY_PUBKEYS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_deny_pubkeys),
     .def = "",
     .check = key_set_check,
     .group = "Policy",
     .help = "Authors of whom nothing is taken."},
    {.name = "POLICY_POW",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_pow),
     .def = "",
     .group = "Policy",
     .help =
         "Proof of work (NIP-13) that a kind needs, but for trusted authors, as <kind>:<bits> with "
         "ranges as in 1:16,30000-39999:8. The first that fits counts. For all kinds: "
         "MIN_POW_DIFFICULTY."},
    {.name = "POLICY_GUEST_MAX_CONTENT",
     .reload = true,
     .type = SETTING_INT,
     .offset = FIELD(policy_guest_max_content),
     .def = "32768",
     .min = 0,
     .max = 4194304,
     .group = "Policy",
     .help = "Longest content that a guest may write, in bytes; 0 for no such limit."},
    {.name = "POLICY_GUEST_MAX_TAGS",
     .reload = true,
     .type = SETTING_INT,
     .offset = FIELD(policy_guest_max_tags),
     .def = "200",
     .min = 0,
     .max = 50000,
     .group = "Policy",
     .help = "Most tags in an event of a guest, follow lists excepted; 0 for no such limit."},
    {.name = "POLICY_FLOOD_COPIES",
     .reload = true,
     .type = SETTING_INT,
     .offset = FIELD(policy_flood_copies),
     .def = "5",
     .min = 0,
     .max = 1000000,
     .group = "Policy",
     .help = "How often guests together may send one and the same text within "
             "POLICY_FLOOD_SECONDS; 0 for any number."},
    {.name = "POLICY_FLOOD_SECONDS",
     .reload = true,
     .type = SETTING_INT,
     .offset = FIELD(policy_flood_seconds),
     .def = "3600",
     .min = 1,
     .max = 604800,
     .group = "Policy",
     .help = "See POLICY_FLOOD_COPIES."},
    {.name = "POLICY_BLOCKED_WORDS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_blocked_words),
     .def = "",
     .group = "Policy",
     .help = "Words and phrases, comma-separated, that content may not hold, whatever their case; "
             "admins excepted."},
    {.name = "POLICY_BLOCKED_PATTERNS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(policy_blocked_patterns),
     .def = "",
     .group = "Policy",
     .help = "A file of regular expressions, one per line, that content may not match."},
    {.name = "POLICY_PLUGIN",
     .type = SETTING_STRING,
     .offset = FIELD(policy_plugin),
     .def = "",
     .check = plugin_check_command,
     .group = "Policy plugin",
     .help = "A program that decides about each event that the rules above let pass, as a command "
             "for /bin/sh; it speaks the protocol of strfry's write-policy plugins. It does not "
             "see this program's passwords and keys. When the command is just the path of a file, "
             "it is started anew after the file has changed."},
    {.name = "POLICY_PLUGIN_WORKERS",
     .type = SETTING_INT,
     .offset = FIELD(policy_plugin_workers),
     .def = "2",
     .min = 1,
     .max = 64,
     .group = "Policy plugin",
     .help = "How many of it run. Each author is always judged by the same one."},
    {.name = "POLICY_PLUGIN_TIMEOUT_MS",
     .type = SETTING_INT,
     .offset = FIELD(policy_plugin_timeout_ms),
     .def = "2000",
     .min = 10,
     .max = 6000,
     .group = "Policy plugin",
     .help = "Longest that an answer may take, in milliseconds; after that the program is killed "
             "and started again. An event that has waited longer for its turn is refused."},
    {.name = "POLICY_PLUGIN_ON_FAILURE",
     .type = SETTING_ENUM,
     .offset = FIELD(policy_plugin_on_failure),
     .def = "reject",
     .choices = "reject|accept",
     .group = "Policy plugin",
     .help = "What becomes of an event when the program does not answer, answers nonsense or has "
             "ended."},

    {.name = "WOT_ENABLED",
     .type = SETTING_BOOL,
     .offset = FIELD(wot_enabled),
     .def = "True",
     .group = "Web of Trust",
     .help = "Whether what people may write depends on who follows them. Needs ADMIN_PUBKEY."},
    {.name = "WOT_DEPTH",
     .type = SETTING_INT,
     .offset = FIELD(wot_depth),
     .def = "2",
     .min = 1,
     .max = 5,
     .group = "Web of Trust",
     .help = "1: the admins and whom they follow; 2: and whom enough of those follow; and so on."},
    {.name = "WOT_MIN_FOLLOWERS",
     .type = SETTING_INT,
     .offset = FIELD(wot_min_followers),
     .def = "3",
     .min = 1,
     .max = 1000,
     .group = "Web of Trust",
     .help = "How many people of the circle must follow somebody whom no admin follows."},
    {.name = "WOT_MAX_FOLLOWS",
     .type = SETTING_INT,
     .offset = FIELD(wot_max_follows),
     .def = "5000",
     .min = 1,
     .max = 100000,
     .group = "Web of Trust",
     .help = "Who follows more people than this vouches for none of them; admins always do."},
    {.name = "WOT_MAX_NEW_VOUCHES",
     .type = SETTING_INT,
     .offset = FIELD(wot_max_new_vouches),
     .def = "500",
     .min = 1,
     .max = 100000,
     .group = "Web of Trust",
     .help = "People that one list may add in a day; further ones do not count, so that a stolen "
             "key cannot let in a crowd."},
    {.name = "WOT_REFRESH_MINUTES",
     .type = SETTING_INT,
     .offset = FIELD(wot_refresh_minutes),
     .def = "360",
     .min = 1,
     .max = 44640,
     .group = "Web of Trust",
     .help = "How often everything is computed anew, and other relays are asked, in minutes. New "
             "lists that arrive here count within two seconds."},
    {.name = "WOT_GUEST_KINDS",
     .reload = true,
     .type = SETTING_STRING,
     .offset = FIELD(wot_guest_kinds),
     .def = "0,3,5,10002,10050,62",
     .check = kind_set_check,
     .group = "Web of Trust",
     .help = "Kinds that anybody may write, as numbers and ranges."},
    {.name = "WOT_GUEST_REPLIES",
     .reload = true,
     .type = SETTING_BOOL,
     .offset = FIELD(wot_guest_replies),
     .def = "True",
     .group = "Web of Trust",
     .help = "Whether anybody may write events whose p tags name a member."},
    {.name = "WOT_WRAP_POW",
     .reload = true,
     .type = SETTING_INT,
     .offset = FIELD(wot_wrap_pow),
     .def = "16",
     .min = 0,
     .max = 64,
     .group = "Web of Trust",
     .help = "Gift wraps from strangers with so many bits of proof of work (NIP-13) do not count "
             "against their recipient's budget; 0 for none."},
    {.name = "WOT_SEED_RELAYS",
     .type = SETTING_STRING,
     .offset = FIELD(wot_seed_relays),
     .def = "",
     .check = crawl_check_seeds,
     .group = "Web of Trust",
     .help = "Relays (ws:// or wss://, comma-separated) that are asked for follow, mute and relay "
             "lists, besides those that authors name themselves. Empty: no relay is asked, and "
             "what is stored here must do."},
    {.name = "WOT_PROXY",
     .type = SETTING_STRING,
     .offset = FIELD(wot_proxy),
     .def = "",
     .secret = true,
     .check = crawl_check_proxy,
     .group = "Web of Trust",
     .help = "Proxy for that: socks5h://HOST:PORT (Tor, for example), socks4a://, http:// or "
             "https://. It must not lead strangers into your network: it resolves the names."},
    {.name = "WOT_CRAWL_TIMEOUT_SECONDS",
     .type = SETTING_INT,
     .offset = FIELD(wot_crawl_seconds),
     .def = "900",
     .min = 1,
     .max = 86400,
     .group = "Web of Trust",
     .help = "Longest that asking all relays may take, in seconds. What has come by then counts."},
    {.name = "WOT_CRAWL_RELAY_SECONDS",
     .type = SETTING_INT,
     .offset = FIELD(wot_crawl_relay_seconds),
     .def = "300",
     .min = 1,
     .max = 86400,
     .group = "Web of Trust",
     .help = "Longest that asking one relay may take, in seconds."},
    {.name = "WOT_CRAWL_ANSWER_SECONDS",
     .type = SETTING_INT,
     .offset = FIELD(wot_crawl_answer_seconds),
     .def = "15",
     .min = 1,
     .max = 600,
     .group = "Web of Trust",
     .help = "Longest that connecting to a relay, and each of its answers, may take, in seconds."},
    {.name = "WOT_CRAWL_RELAYS",
     .type = SETTING_INT,
     .offset = FIELD(wot_crawl_relays),
     .def = "200",
     .min = 1,
     .max = 10000,
     .group = "Web of Trust",
     .help = "Most relays that are asked in one go, seed relays included."},
    {.name = "WOT_CRAWL_CONNECTIONS",
     .type = SETTING_INT,
     .offset = FIELD(wot_crawl_connections),
     .def = "8",
     .min = 1,
     .max = 64,
     .group = "Web of Trust",
     .help = "Most of them at the same time."},
    {.name = "WOT_CRAWL_PRIVATE_ADDRESSES",
     .type = SETTING_BOOL,
     .offset = FIELD(wot_crawl_private_addresses),
     .def = "False",
     .group = "Web of Trust",
     .help = "Whether relays that authors name may be at addresses that are not public (this "
             "machine, private networks). True lets strangers make this program connect to your "
             "neighbours; for tests. Seed relays may be anywhere."},
};

/* Beginnings that no other program's variables have: what is left over with them is a typing error.
 */
static const char *const prefixes[] = {
    "PGHOST_", "PGPORT_",       "PGUSER_",      "PGPASSWORD_", "PGDATABASE_", "READ_",
    "WRITE_",  "LIMIT_EVENTS_", "LIMIT_WRAPS_", "INGEST_",     "VERIFY_",     "QUERY_",
    "API_",    "SEARCH_",       "EXPIRY_",      "HISTORY_",    "RETENTION_",  "WOT_",
    "POLICY_", "NIP43_",        "MOD_",         NULL};

static bool default_to(char **value, const char *other)
{
    if ((*value)[0] != '\0')
        return true;
    free(*value);
    *value = strdup(other);
    return *value != NULL;
}

/* The check of the setting has said what is wrong with it. */
static bool parse_kinds(const char *text, struct kind_set *out)
{
    struct buf error;
    bool good;

    buf_init(&error, KIB);
    good = kind_set_parse(slice_str(text), out, &error);
    buf_deinit(&error);
    return good;
}

enum err config_load_plain(struct config *cfg)
{
    const struct pg_settings *w = &cfg->pg_write;
    struct pg_settings *r = &cfg->pg_read;
    enum err err;

    memset(cfg, 0, sizeof *cfg);
    err = settings_load(settings, ARRAY_LEN(settings), prefixes, cfg);
    if (err)
        return err;
    if (r->port == 0)
        r->port = w->port;
    if (!default_to(&r->host, w->host) || !default_to(&r->user, w->user) ||
        !default_to(&r->password, w->password) || !default_to(&r->database, w->database))
        return ERR_NOMEM;
    return OK;
}

enum err config_load(struct config *cfg)
{
    enum err err = config_load_plain(cfg);

    if (err)
        return err;
    cfg->policy = policy_lists_new(cfg);
    if (!cfg->policy || !parse_kinds(cfg->wot_guest_kinds, &cfg->wot_guest_kind_set))
        return ERR_CONFIG;
    return OK;
}

struct config *config_reload(const struct config *old)
{
    struct config *fresh = calloc(1, sizeof *fresh);

    if (fresh && config_load(fresh) == OK &&
        settings_inherit(settings, ARRAY_LEN(settings), old, fresh) == OK)
        return fresh;
    if (fresh)
        config_free(fresh);
    free(fresh);
    return NULL;
}

void config_free(struct config *cfg)
{
    policy_lists_free(cfg->policy);
    cfg->policy = NULL;
    settings_free(settings, ARRAY_LEN(settings), cfg);
}

bool config_is_secret(struct slice name)
{
    static const struct slice file = {"_FILE", 5};

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct slice own = slice_str(settings[i].name);

        if (settings[i].secret && slice_has_prefix(name, own) &&
            (name.len == own.len ||
             slice_eq(slice_of(name.ptr + own.len, name.len - own.len), file)))
            return true;
    }
    return false;
}

void config_help(struct buf *out)
{
    settings_help(settings, ARRAY_LEN(settings), out);
}

void config_markdown(struct buf *out)
{
    settings_markdown(settings, ARRAY_LEN(settings), out);
}

static struct db_target target(const struct pg_settings *pg, const char *role)
{
    return (struct db_target){.host = pg->host,
                              .user = pg->user,
                              .password = pg->password,
                              .database = pg->database,
                              .port = (int)pg->port,
                              .role = role};
}

struct db_target config_write_target(const struct config *cfg, const char *role)
{
    return target(&cfg->pg_write, role);
}

struct db_target config_read_target(const struct config *cfg, const char *role)
{
    return target(&cfg->pg_read, role);
}
