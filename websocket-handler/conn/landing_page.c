#include "conn/landing_page.h"

#include "config.h"
#include "conn/nip11.h"
#include "conn/pages.h"
#include "conn/qr.h"
#include "control/control_state.h"
#include "metrics.h"

#ifndef TANDEM_VERSION
#define TANDEM_VERSION "0.0.0"
#endif

void landing_escape(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_add_str(out, "&amp;");
            break;
        case '<':
            buf_add_str(out, "&lt;");
            break;
        case '>':
            buf_add_str(out, "&gt;");
            break;
        case '"':
            buf_add_str(out, "&quot;");
            break;
        case '\'':
            buf_add_str(out, "&#39;");
            break;
        default:
            buf_add_char(out, text.ptr[i]);
        }
    }
}

/* What the page is made of. */
struct page {
    const struct config *cfg;
    const struct control_state *control;
    const struct http_head *head;
};

typedef void fill_fn(struct buf *, const struct page *);

static fill_fn fill_name, fill_mark, fill_description, fill_url, fill_qr, fill_clients,
    fill_warning, fill_policy, fill_operator, fill_nips, fill_limits, fill_version, fill_software;

static void fill_name(struct buf *out, const struct page *page)
{
    landing_escape(out, slice_str(nip11_name(page->cfg, page->control)));
}

/* The first character of the name, which is UTF-8. */
static struct slice initial(const char *name)
{
    size_t n = name[0] != '\0';

    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n++;
    return slice_of(name, n);
}

/* The icon when the page has it in itself, else a letter: a visitor's browser asks nobody else. */
static void fill_mark(struct buf *out, const struct page *page)
{
    const char *icon = nip11_icon(page->cfg, page->control);

    if (strncmp(icon, "data:image/", strlen("data:image/")) == 0) {
        buf_add_str(out, "<img class=\"mark\" alt=\"\" src=\"");
        landing_escape(out, slice_str(icon));
        buf_add_str(out, "\">");
    } else {
        buf_add_str(out, "<span class=\"mark\" aria-hidden=\"true\">");
        landing_escape(out, initial(nip11_name(page->cfg, page->control)));
        buf_add_str(out, "</span>");
    }
}

static void fill_description(struct buf *out, const struct page *page)
{
    landing_escape(out, slice_str(nip11_description(page->cfg, page->control)));
}

/* The address the visitor sees, with ws in place of http. Shown, never trusted. */
static void add_address(struct buf *out, const struct page *page)
{
    const struct http_field *host = http_head_find(page->head, "Host");
    bool secure = http_head_lists(page->head, "X-Forwarded-Proto", "https") ||
                  http_head_lists(page->head, "X-Forwarded-Proto", "wss");

    buf_add_str(out, secure ? "wss://" : "ws://");
    buf_add_slice(out, host ? host->value : SLICE("this-host"));
}

static void fill_url(struct buf *out, const struct page *page)
{
    struct buf address;

    buf_init(&address, HTTP_HEAD_MAX_BYTES);
    add_address(&address, page);
    landing_escape(out, buf_slice(&address));
    buf_deinit(&address);
}

/* Left out for an address that is too long for it. */
static void fill_qr(struct buf *out, const struct page *page)
{
    struct buf address;
    struct qr qr;

    buf_init(&address, HTTP_HEAD_MAX_BYTES);
    add_address(&address, page);
    if (!address.failed && qr_encode(buf_slice(&address), &qr))
        qr_write_svg(&qr, SLICE("The address as a QR code"), out);
    buf_deinit(&address);
}

static void fill_clients(struct buf *out, const struct page *page)
{
    long long n = (long long)metric_get(M_CONNECTIONS, 0);

    (void)page;
    buf_printf(out, n == 1 ? "%lld client connected" : "%lld clients connected", n);
}

static void fill_warning(struct buf *out, const struct page *page)
{
    if (page->control->wot == WOT_NO_ADMIN)
        buf_add_str(out,
                    "<p class=\"warning\"><strong>This relay is not set up yet.</strong> Its Web "
                    "of Trust has no root, so nobody can publish: its operator must set "
                    "<code>ADMIN_PUBKEY</code>.</p>\n");
    else if (page->control->wot == WOT_BUILDING)
        buf_add_str(out,
                    "<p class=\"note\">The Web of Trust is being built for the first time. Until "
                    "then few people can publish.</p>\n");
}

static void add_rule(struct buf *out, const char *sentence)
{
    buf_add_str(out, "<li>");
    landing_escape(out, slice_str(sentence));
    buf_add_str(out, "</li>\n");
}

static void fill_policy(struct buf *out, const struct page *page)
{
    static const char *const auth[] = {
        [AUTH_PRIVATE] =
            "Private messages are served to their parties only, who must authenticate.",
        [AUTH_WRITES] = "To publish you must authenticate.",
        [AUTH_ALL] = "To publish and to read you must authenticate.",
        [AUTH_MEMBERS] = "To publish you must authenticate; only members read.",
        [AUTH_OFF] = "Private messages are served to nobody.",
    };

    for (size_t i = 0; i < page->control->n_sentences; i++)
        add_rule(out, page->control->sentence[i]);
    add_rule(out, auth[page->cfg->shared.auth_mode]);
}

static void add_fact(struct buf *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_printf(out, "<dt>%s</dt><dd>", name);
    landing_escape(out, slice_str(value));
    buf_add_str(out, "</dd>\n");
}

static void fill_operator(struct buf *out, const struct page *page)
{
    add_fact(out, "Contact", page->cfg->contact);
    add_fact(out, "Operator", page->cfg->shared.admin_pubkey);
    add_fact(out, "Relay's key", page->control->self);
}

static void fill_nips(struct buf *out, const struct page *page)
{
    int nips[NIP11_MAX_NIPS];
    size_t n = nip11_supported(page->cfg, page->control, nips);

    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%02d", i ? ", " : "", nips[i]);
}

static void add_limit(struct buf *out, const char *what, int64_t n, const char *unit)
{
    buf_printf(out, "<tr><td>%s</td><td>%lld%s</td></tr>\n", what, (long long)n, unit);
}

static void add_size(struct buf *out, const char *what, int64_t n)
{
    bool whole_kib = n % 1024 == 0;

    add_limit(out, what, whole_kib ? n / 1024 : n, whole_kib ? " KiB" : " bytes");
}

static void fill_limits(struct buf *out, const struct page *page)
{
    const struct config *cfg = page->cfg;
    const struct shared_config *shared = &cfg->shared;

    add_size(out, "Event", shared->max_event_bytes);
    add_size(out, "Message", cfg->max_message_bytes);
    add_limit(out, "Tags of an event", shared->max_event_tags, "");
    add_limit(out, "Subscriptions of a connection", cfg->max_subscriptions, "");
    add_limit(out, "Filters of a subscription", shared->max_filters, "");
    add_limit(out, "Values in one list of a filter", shared->max_filter_values, "");
    add_limit(out, "Events for a filter that names no limit", shared->default_limit, "");
    add_limit(out, "Events for a filter at most", shared->max_limit, "");
    add_limit(out, "Clock of an event ahead by", shared->created_at_future_seconds, " s");
    if (shared->created_at_past_seconds > 0)
        add_limit(out, "Age of an event on arrival", shared->created_at_past_seconds, " s");
    if (shared->min_pow_difficulty > 0)
        add_limit(out, "Proof of work at least", shared->min_pow_difficulty, " bits");
}

static void fill_version(struct buf *out, const struct page *page)
{
    (void)page;
    buf_add_str(out, TANDEM_VERSION);
}

static void fill_software(struct buf *out, const struct page *page)
{
    (void)page;
    buf_add_str(out, SOFTWARE_URL);
}

static const struct {
    struct slice name;
    fill_fn *fill;
} blanks[] = {
    {{"name", 4}, fill_name},
    {{"mark", 4}, fill_mark},
    {{"description", 11}, fill_description},
    {{"url", 3}, fill_url},
    {{"qr", 2}, fill_qr},
    {{"clients", 7}, fill_clients},
    {{"warning", 7}, fill_warning},
    {{"policy", 6}, fill_policy},
    {{"operator", 8}, fill_operator},
    {{"nips", 4}, fill_nips},
    {{"limits", 6}, fill_limits},
    {{"version", 7}, fill_version},
    {{"software", 8}, fill_software},
};

static void fill_blank(struct buf *out, struct slice name, const struct page *page)
{
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        if (slice_eq(blanks[i].name, name)) {
            blanks[i].fill(out, page);
            return;
        }
    }
    assert(false && "landing.html has a {{name}} that nobody fills in");
}

void landing_page_write(struct buf *out, const struct config *cfg,
                        const struct control_state *control, const struct http_head *head)
{
    const struct page page = {cfg, control, head};
    const char *pos = landing_html;
    const char *open, *close;

    while ((open = strstr(pos, "{{")) && (close = strstr(open, "}}"))) {
        buf_add(out, pos, (size_t)(open - pos));
        fill_blank(out, slice_of(open + 2, (size_t)(close - open) - 2), &page);
        pos = close + 2;
    }
    buf_add_str(out, pos);
}
