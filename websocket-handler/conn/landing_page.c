#include "conn/landing_page.h"

#include "config.h"
#include "conn/nip11.h"
#include "conn/pages.h"
#include "control/control_state.h"

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

typedef void fill_fn(struct buf *, const struct config *, const struct http_head *);

static fill_fn fill_name, fill_description, fill_url, fill_operator, fill_nips, fill_limits,
    fill_version, fill_software;

static void fill_name(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    (void)head;
    landing_escape(out, slice_str(cfg->relay_name));
}

static void fill_description(struct buf *out, const struct config *cfg,
                             const struct http_head *head)
{
    (void)head;
    landing_escape(out, slice_str(cfg->relay_description));
}

/* The address the visitor sees, with ws in place of http. Shown, never trusted. */
static void fill_url(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    const struct http_field *host = http_head_find(head, "Host");
    bool secure = http_head_lists(head, "X-Forwarded-Proto", "https") ||
                  http_head_lists(head, "X-Forwarded-Proto", "wss");

    (void)cfg;
    buf_add_str(out, secure ? "wss://" : "ws://");
    landing_escape(out, host ? host->value : SLICE("this-host"));
}

static void add_fact(struct buf *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_printf(out, "<dt>%s</dt><dd>", name);
    landing_escape(out, slice_str(value));
    buf_add_str(out, "</dd>\n");
}

static void fill_operator(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    (void)head;
    add_fact(out, "Contact", cfg->contact);
    add_fact(out, "Operator", cfg->shared.admin_pubkey);
}

static void fill_nips(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    int nips[NIP11_MAX_NIPS];
    size_t n = nip11_supported(cfg, &control_nothing, nips);

    (void)head;
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

static void fill_limits(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    const struct shared_config *shared = &cfg->shared;

    (void)head;
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

static void fill_version(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    (void)cfg, (void)head;
    buf_add_str(out, TANDEM_VERSION);
}

static void fill_software(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    (void)cfg, (void)head;
    buf_add_str(out, SOFTWARE_URL);
}

static const struct {
    struct slice name;
    fill_fn *fill;
} blanks[] = {
    {{"name", 4}, fill_name},       {{"description", 11}, fill_description},
    {{"url", 3}, fill_url},         {{"operator", 8}, fill_operator},
    {{"nips", 4}, fill_nips},       {{"limits", 6}, fill_limits},
    {{"version", 7}, fill_version}, {{"software", 8}, fill_software},
};

static void fill_blank(struct buf *out, struct slice name, const struct config *cfg,
                       const struct http_head *head)
{
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        if (slice_eq(blanks[i].name, name)) {
            blanks[i].fill(out, cfg, head);
            return;
        }
    }
    assert(false && "landing.html has a {{name}} that nobody fills in");
}

void landing_page_write(struct buf *out, const struct config *cfg, const struct http_head *head)
{
    const char *pos = landing_html;
    const char *open, *close;

    while ((open = strstr(pos, "{{")) && (close = strstr(open, "}}"))) {
        buf_add(out, pos, (size_t)(open - pos));
        fill_blank(out, slice_of(open + 2, (size_t)(close - open) - 2), cfg, head);
        pos = close + 2;
    }
    buf_add_str(out, pos);
}
