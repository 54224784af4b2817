#ifndef EVENT_HANDLER_TRUST_CRAWLER_H
#define EVENT_HANDLER_TRUST_CRAWLER_H
/*
 * Fetches lists (kinds 3, 10000, 10002, ...) of given authors from other relays: the seed relays
 * first, each for all authors, so that no single one decides what is newest; then, for authors of
 * whom no seed had a list, the relays that they say they write to (NIP-65).
 *
 * Every relay is taken for hostile. What reaches on_event() was asked for (author and kind), is
 * well-formed, no larger than the limits, not from the future, newer than what came before in this
 * run, and its id and signature are good. Relays that an author names are never contacted at an
 * address that is not public (loopback, private, link-local, ...), unless the request allows it;
 * neither are redirects followed. Each relay and each run is bounded in bytes and seconds, and a
 * relay that sends too much of what nobody asked for is cut.
 *
 * crawl_run() blocks its caller, any one thread; callbacks run on it. verify_setup() must have run.
 */
#include <stdatomic.h>

#include "base/buf.h"
#include "nostr/event.h"
#include "trust/relay_health.h"

struct config;

enum { CRAWL_MAX_KINDS = 8 };

/* Why something that a relay sent was not taken. */
enum crawl_reject {
    CRAWL_MALFORMED,      /* no relay message, or no event */
    CRAWL_FOREIGN_AUTHOR, /* not asked for */
    CRAWL_FOREIGN_KIND,   /* not asked for */
    CRAWL_FORGED,         /* id or signature is wrong */
    CRAWL_FUTURE,         /* created more than CRAWL_FUTURE_SECONDS from now, or expired (NIP-40) */
    CRAWL_OVERSIZED,      /* larger than max_event_bytes */
    CRAWL_STALE,          /* not newer than what this run has already: no fault of the relay's */
    CRAWL_REJECTS
};

enum { CRAWL_FUTURE_SECONDS = 900 };

struct crawl_limits {
    unsigned relays_at_once;  /* connections at the same time */
    unsigned max_relays;      /* asked in one run, seeds included */
    unsigned chunk_authors;   /* most authors in one REQ */
    unsigned run_seconds;     /* for the whole run */
    unsigned relay_seconds;   /* for one relay, connecting included */
    unsigned answer_seconds;  /* for connecting, and from a REQ to its EOSE */
    unsigned max_faults;      /* rejected events that cost a relay its connection */
    size_t max_event_bytes;   /* an event's JSON; larger ones are passed over */
    size_t max_message_bytes; /* a larger message costs the connection */
    size_t relay_bytes;       /* received from one relay */
    size_t run_bytes;         /* received from all of them */
};

/* What the settings start from. */
extern const struct crawl_limits crawl_default_limits;

struct crawl_request {
    const struct pubkey *authors; /* without doubles, or a double counts as one */
    size_t n_authors;
    const int *kinds;       /* an author with an event of kinds[0] counts as found */
    size_t n_kinds;         /* 1 to CRAWL_MAX_KINDS */
    const char *seeds;      /* comma-separated ws:// and wss:// URLs; may be "" */
    const char *proxy;      /* socks5h://host:port, http://host:port, ...; "" for none */
    bool private_addresses; /* relays named by authors may be at addresses that are not public */
    bool impatient;         /* ask relays although they failed a moment ago (a crawl on demand) */
    struct crawl_limits limits;
    struct relay_health *health; /* or NULL: nothing is remembered */
    const atomic_bool *stop;     /* or NULL; obeyed within 200 ms */

    /* ev and json (canonical, as events are stored) are good during the call. */
    void (*on_event)(const struct event *ev, struct slice json, void *ctx);
    /* Or NULL. The URLs that author writes to by the 10002 that is stored, with commas or blanks
     * between them (outbox.h makes such text), NULL for none; good until the next call. Asked only
     * for authors of whom this run has brought no 10002. */
    const char *(*outbox)(const struct pubkey *author, void *ctx);
    void *ctx;
};

struct crawl_relay_report {
    char *url;
    bool seed;
    bool answered;     /* at least one REQ up to its EOSE */
    size_t n_authors;  /* asked for */
    uint64_t n_events; /* taken */
    uint64_t rejected[CRAWL_REJECTS];
    uint64_t bytes;
    double seconds;
    char error[200]; /* why it was not asked, or not to the end; "" when all went well */
};

enum crawl_end {
    CRAWL_COMPLETE, /* all relays were asked, whatever came of it */
    CRAWL_STOPPED,
    CRAWL_OUT_OF_TIME,
    CRAWL_OUT_OF_BYTES,
    CRAWL_NO_MEMORY,
};

struct crawl_report {
    enum crawl_end end;
    struct crawl_relay_report *relay;
    size_t n_relays;
    size_t n_answered; /* relays */
    size_t n_failed;   /* relays asked and not answered to the end */
    size_t n_found;    /* authors */
    bool *found;       /* by the index of the request's authors; NULL without memory */
    uint64_t n_events;
    uint64_t rejected[CRAWL_REJECTS];
    double seconds;
};

/* Fills in what the settings say: seeds, proxy, private_addresses, limits. Borrows from cfg. */
void crawl_request_configure(struct crawl_request *request, const struct config *cfg);
/* Fills in report, also when the run ended early; crawl_report_deinit() in any case. */
void crawl_run(const struct crawl_request *request, struct crawl_report *report);
void crawl_report_deinit(struct crawl_report *report);
const char *crawl_end_text(enum crawl_end why); /* "complete", ... */

/* Checks of settings (ops/settings.h): each entry a ws:// or wss:// URL with a host; a proxy's URL
 * with a scheme that is known. */
bool crawl_check_seeds(const char *value, struct buf *error);
bool crawl_check_proxy(const char *value, struct buf *error);

#endif
