/* What is kept for how long: what the rules would delete, and how far they have come. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config.h"
#include "manage/lists.h"
#include "manage/params.h"
#include "retention/report.h"

enum { PLAN_MS = 3000 }; /* other callers wait meanwhile */

/* The rules to look at: those given, or else the settings'. The caller retention_deinit()s it. */
static enum err read_rules(struct manage_call *call, struct retention *r)
{
    const char *text;
    struct buf error;
    enum err err = OK;

    if (!retention_init(r, call->cfg))
        return ERR_NOMEM;
    if (!param_optional_text(call, 0, "rules such as \"guest:*:30d\"", &text))
        return ERR_INVALID;
    if (text[0] == '\0')
        return OK;
    buf_init(&error, KIB);
    if (!retention_rules_parse(slice_str(text), &r->rules, &error))
        err = manage_refuse(call, "invalid params: " SLICE_FMT, SLICE_ARG(buf_slice(&error)));
    buf_deinit(&error);
    return err;
}

static json_t *write_report(const struct retention *r, const struct retention_report *report)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < r->rules.n; i++) {
        const struct retention_tally *t = &report->rule[i];

        json_array_append_new(
            rules, json_pack("{s:s,s:I,s:I,s:I,s:I}", "rule", r->rules.rule[i].text, "events",
                             (json_int_t)t->events, "authors", (json_int_t)t->authors, "bytes",
                             (json_int_t)t->bytes, "oldest", (json_int_t)t->oldest));
    }
    return json_pack("{s:o,s:b,s:I,s:I,s:b}", "rules", rules, "approximate", report->approximate,
                     "looked_at", (json_int_t)report->looked_at, "up_to", (json_int_t)report->up_to,
                     "apply", r->apply);
}

static enum err make_plan(struct manage_call *call, struct retention *r,
                          struct retention_report *report)
{
    enum err err = read_rules(call, r);

    if (!err && !retention_knows_tiers(call->view))
        err = manage_refuse(call, "there is no web of trust yet: everybody would count as a guest");
    if (!err)
        err = retention_report_make(call->db, call->view, &r->rules, &r->exempt, clock_unix(),
                                    PLAN_MS, report);
    return err;
}

/* [rules?] -> per rule what it would delete now; nothing is deleted */
enum err method_retentionplan(struct manage_call *call)
{
    struct retention_report *report = calloc(1, sizeof *report);
    struct retention *r = calloc(1, sizeof *r);
    enum err err = r && report ? make_plan(call, r, report) : ERR_NOMEM;

    if (!err)
        call->result = write_report(r, report);
    if (r)
        retention_deinit(r);
    free(r);
    free(report);
    return err;
}

/* Why nothing is deleted at present, or that it is. */
static const char *state_of(const struct manage_call *call)
{
    const struct config *cfg = call->cfg;

    if (cfg->retention_rules[0] == '\0')
        return "no-rules";
    if (!cfg->retention_apply)
        return "dry-run";
    return retention_knows_tiers(call->view) ? "applied" : "no-web-of-trust";
}

/* [] -> the rules, and how far the walk through the events has come */
enum err method_retentionstatus(struct manage_call *call)
{
    json_t *walk;
    PGresult *r;
    enum err err = sql_text(call->db, "retention_status",
                            "SELECT json_build_object('started_at', started_at, 'finished_at', "
                            "finished_at, 'position', greatest(created_at, 0), 'looked_at', "
                            "looked_at, 'deleted', deleted, 'deleted_ever', deleted_ever)::text "
                            "FROM retention_progress",
                            0, NULL, &r);

    if (err)
        return err;
    walk = PQntuples(r) == 1 ? json_column(r, 0, 0) : NULL;
    PQclear(r);
    call->result =
        json_pack("{s:s,s:s,s:I,s:o}", "state", state_of(call), "rules", call->cfg->retention_rules,
                  "interval_seconds", (json_int_t)call->cfg->retention_interval_seconds, "walk",
                  walk ? walk : json_null());
    return OK;
}
