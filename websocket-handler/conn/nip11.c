#include "conn/nip11.h"

#include "config.h"
#include "control/control_state.h"
#include "json/jwrite.h"

#ifndef TANDEM_VERSION
#define TANDEM_VERSION "0.0.0"
#endif

static bool has_admin(const struct config *cfg)
{
    return cfg->shared.admin_pubkey[0] != '\0' || cfg->shared.co_admin_pubkeys[0] != '\0';
}

/* Some NIPs are spoken under a condition only. */
static bool is_spoken(int nip, const struct config *cfg, const struct control_state *control)
{
    switch (nip) {
    case 13:
        return cfg->shared.min_pow_difficulty > 0;
    case 42:
        return cfg->shared.auth_mode != AUTH_OFF;
    case 43: /* lists and invites are signed with the relay's own key */
        return control->self[0] != '\0';
    case 86:
        return has_admin(cfg);
    default:
        return true;
    }
}

size_t nip11_supported(const struct config *cfg, const struct control_state *control,
                       int nips[NIP11_MAX_NIPS])
{
    static const int all[] = {1, 2, 4, 9, 11, 13, 17, 40, 42, 43, 45, 50, 59, 62, 67, 70, 86};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (is_spoken(all[i], cfg, control))
            nips[n++] = all[i];
    }
    return n;
}

const char *nip11_name(const struct config *cfg, const struct control_state *control)
{
    return control->name ? control->name : cfg->relay_name;
}

const char *nip11_description(const struct config *cfg, const struct control_state *control)
{
    return control->description ? control->description : cfg->relay_description;
}

const char *nip11_icon(const struct config *cfg, const struct control_state *control)
{
    return control->icon ? control->icon : cfg->relay_icon;
}

/* A member that is left out when it is empty. */
static void add_text(struct buf *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "\"%s\":", name);
    jwrite_string(out, slice_str(text));
    buf_add_char(out, ',');
}

static void add_nips(struct buf *out, const struct config *cfg, const struct control_state *control)
{
    int nips[NIP11_MAX_NIPS];
    size_t n = nip11_supported(cfg, control, nips);

    buf_add_str(out, "\"supported_nips\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%d", i ? "," : "", nips[i]);
    buf_add_str(out, "],");
}

static void add_number(struct buf *out, const char *name, int64_t n)
{
    buf_printf(out, "\"%s\":%lld,", name, (long long)n);
}

static bool reading_needs_auth(const struct shared_config *shared)
{
    return shared->auth_mode == AUTH_ALL || shared->auth_mode == AUTH_MEMBERS;
}

/* Is there more than the usual rules against spam to whose events are taken? */
static bool restricts_writes(const struct config *cfg, const struct control_state *control)
{
    const struct shared_config *shared = &cfg->shared;

    return shared->min_pow_difficulty > 0 || shared->auth_mode == AUTH_WRITES ||
           reading_needs_auth(shared) || control->wot != WOT_OFF || control->restricted_writes;
}

static void add_limitation(struct buf *out, const struct config *cfg,
                           const struct control_state *control)
{
    const struct shared_config *shared = &cfg->shared;

    buf_add_str(out, "\"limitation\":{");
    add_number(out, "max_message_length", cfg->max_message_bytes);
    add_number(out, "max_subscriptions", cfg->max_subscriptions);
    add_number(out, "max_subid_length", NIP11_MAX_SUBID_LENGTH);
    add_number(out, "max_filters", shared->max_filters);
    add_number(out, "max_limit", shared->max_limit);
    add_number(out, "default_limit", shared->default_limit);
    add_number(out, "max_event_tags", shared->max_event_tags);
    add_number(out, "max_content_length", shared->max_content_length);
    add_number(out, "min_pow_difficulty", shared->min_pow_difficulty);
    if (shared->created_at_past_seconds > 0)
        add_number(out, "created_at_lower_limit", shared->created_at_past_seconds);
    add_number(out, "created_at_upper_limit", shared->created_at_future_seconds);
    buf_printf(out, "\"auth_required\":%s,\"payment_required\":false,\"restricted_writes\":%s}",
               reading_needs_auth(shared) ? "true" : "false",
               restricts_writes(cfg, control) ? "true" : "false");
}

void nip11_write(struct buf *out, const struct config *cfg, const struct control_state *control)
{
    buf_add_char(out, '{');
    add_text(out, "name", nip11_name(cfg, control));
    add_text(out, "description", nip11_description(cfg, control));
    add_text(out, "icon", nip11_icon(cfg, control));
    add_text(out, "pubkey", cfg->shared.admin_pubkey);
    add_text(out, "self", control->self);
    add_text(out, "contact", cfg->contact);
    add_nips(out, cfg, control);
    add_text(out, "software", SOFTWARE_URL);
    add_text(out, "version", TANDEM_VERSION);
    add_limitation(out, cfg, control);
    buf_add_char(out, '}');
}
