#include "client/address.h"
#include "command.h"
#include "http.h"
#include "output.h"
#include "prometheus.h"

enum source { FRONT_END, EVENT_HANDLER, N_SOURCES };

/* What is shown of the metrics. Neighbours with the same heading share a line. */
static const struct figure {
    const char *heading;
    enum source source;
    const char *metric;
    const char *label; /* NULL: the sum of all */
    const char *words; /* behind the number */
} figures[] = {
    {"clients", FRONT_END, "tandem_ws_connections", NULL, "connected"},
    {"clients", FRONT_END, "tandem_ws_subscriptions", NULL, "subscriptions"},
    {"clients", FRONT_END, "tandem_ws_congested_connections", NULL, "slow"},
    {"live", FRONT_END, "tandem_ws_live_deliveries_total", NULL, "deliveries"},
    {"live", FRONT_END, "tandem_ws_feed_gaps_total", NULL, "gaps fetched"},
    {"live", FRONT_END, "tandem_ws_feed_polling", NULL, "workers without Redis"},
    {"events", EVENT_HANDLER, "tandem_eh_events_total", "accepted", "accepted"},
    {"events", EVENT_HANDLER, "tandem_eh_events_total", "duplicate", "duplicate"},
    {"events", EVENT_HANDLER, "tandem_eh_events_total", "invalid", "invalid"},
    {"events", EVENT_HANDLER, "tandem_eh_events_total", "error", "failed"},
    {"store", EVENT_HANDLER, "tandem_eh_feed_head", NULL, "is the newest seq"},
    {"store", EVENT_HANDLER, "tandem_eh_ingest_queue_events", NULL, "events on their way"},
    {"queries", EVENT_HANDLER, "tandem_eh_queries_total", "ok", "answered"},
    {"queries", EVENT_HANDLER, "tandem_eh_queries_total", "busy", "turned away"},
    {"queries", EVENT_HANDLER, "tandem_eh_queries_total", "failed", "failed"},
    {"queries", EVENT_HANDLER, "tandem_eh_queries_waiting", NULL, "waiting"},
};

/* base and path as one URL, or the base when it is absurdly long. */
static void get(const struct options *o, const char *base, const char *path,
                struct http_answer *answer)
{
    struct buf url;

    buf_init(&url, 16 * KIB);
    buf_printf(&url, "%s%s", base, path);
    buf_add_char(&url, '\0');
    http_get(o, url.failed ? base : url.ptr, "Accept: text/plain", answer);
    buf_deinit(&url);
}

static bool take_line(struct slice *text, struct slice *line)
{
    const char *end = text->len > 0 ? memchr(text->ptr, '\n', text->len) : NULL;
    size_t n = end ? (size_t)(end - text->ptr) : text->len;

    *line = slice_of(text->ptr, n);
    *text = slice_of(text->ptr + n, text->len - n);
    if (end)
        *text = slice_of(text->ptr + 1, text->len - 1);
    return line->len > 0;
}

static bool says_well(struct slice line)
{
    static const struct slice ok = {": ok", 4};

    return slice_eq(line, SLICE("ready")) ||
           (line.len > ok.len && slice_eq(slice_of(line.ptr + line.len - ok.len, ok.len), ok));
}

/* One service by its /readyz; the reasons, if it is not entirely well, on lines of their own. */
static bool print_service(const struct options *o, const char *name, const char *base)
{
    struct http_answer answer;
    struct slice text, line;

    get(o, base, "/readyz", &answer);
    text = buf_slice(&answer.body);
    output_line("%-14s %-12s %s", name,
                answer.status == 200 ? "ready"
                : answer.status == 0 ? "unreachable"
                                     : "not ready",
                base);
    if (answer.status == 0)
        output_line("%-14s %s", "", answer.error);
    while (answer.status != 0 && take_line(&text, &line)) {
        if (!says_well(line))
            output_line("%-14s " SLICE_FMT, "", SLICE_ARG(line));
    }
    http_answer_deinit(&answer);
    return answer.status == 200;
}

static void add_figure(struct buf *line, const struct figure *f, struct slice metrics)
{
    double sum;

    if (prometheus_sum(metrics, f->metric, f->label, &sum))
        buf_printf(line, "%.0f %s", sum, f->words);
    else
        buf_printf(line, "? %s", f->words);
}

static void print_figures(const struct http_answer answers[N_SOURCES])
{
    struct buf line;

    buf_init(&line, 4 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        const struct figure *f = &figures[i];
        bool is_last =
            i + 1 == ARRAY_LEN(figures) || strcmp(figures[i + 1].heading, f->heading) != 0;

        if (answers[f->source].status != 200)
            continue;
        add_figure(&line, f, buf_slice(&answers[f->source].body));
        if (!is_last) {
            buf_add_str(&line, ", ");
            continue;
        }
        output_line("%-14s " SLICE_FMT, f->heading, SLICE_ARG(line));
        buf_reset(&line);
    }
    buf_deinit(&line);
}

static void print_metrics(const struct options *o)
{
    struct http_answer answers[N_SOURCES];

    get(o, o->metrics, "", &answers[FRONT_END]);
    get(o, o->handler, "/metrics", &answers[EVENT_HANDLER]);
    if (answers[FRONT_END].status == 0)
        output_error("no metrics at %s: %s", o->metrics, answers[FRONT_END].error);
    else if (answers[FRONT_END].status != 200)
        output_error("no metrics at %s: HTTP status %ld", o->metrics, answers[FRONT_END].status);
    print_figures(answers);
    for (size_t i = 0; i < N_SOURCES; i++)
        http_answer_deinit(&answers[i]);
}

static int run(const struct options *o)
{
    struct address address;
    bool ok;

    if (!address_parse(o->relay, &address)) {
        output_error("%s: " ADDRESS_EXPECTED, o->relay);
        return STATUS_USAGE;
    }
    ok = print_service(o, "front end", address.base);
    ok &= print_service(o, "event handler", o->handler);
    print_metrics(o);
    address_deinit(&address);
    return ok ? STATUS_OK : STATUS_NO;
}

const struct command cmd_status = {
    .name = "status",
    .args = "",
    .summary = "Print whether the services are well, and their main figures",
    .text =
        "For one front end and one event handler, from where their internal ports can be reached.\n"
        "Counts are since the start of each. The exit status is 0 when both are ready.\n",
    .options = OPTIONS_CONNECTION | OPTION_HANDLER | OPTION_METRICS,
    .run = run,
};
