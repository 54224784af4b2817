#include "print_event.h"

#include "client/ws_client.h"
#include "nostr/verify.h"
#include "output.h"
#include "relay.h"

void event_printer_init(struct event_printer *p)
{
    *p = (struct event_printer){.all_good = true};
    arena_init(&p->arena, 8 * WS_MAX_MESSAGE);
    buf_init(&p->text, 8 * WS_MAX_MESSAGE);
}

void event_printer_deinit(struct event_printer *p)
{
    arena_deinit(&p->arena);
    buf_deinit(&p->text);
}

static bool check(struct event_printer *p, struct slice json, struct event *ev, const char **error)
{
    enum verify_result result;
    bool has_id;

    arena_reset(&p->arena);
    if (!event_parse(json, &relay_event_limits, &p->arena, ev, &has_id, error))
        return false;
    result = verify_event(ev, &p->text);
    *error = verify_result_text(result);
    return result == VERIFY_OK;
}

void event_printer_put(struct event_printer *p, struct slice json)
{
    struct event ev;
    const char *error;

    if (!check(p, json, &ev, &error)) {
        output_error("the relay sent a bad event: %s", error);
        p->all_good = false;
        return;
    }
    buf_reset(&p->text);
    event_write(&ev, &p->text);
    output_json(buf_slice(&p->text));
}
