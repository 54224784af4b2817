#include "conn/nip11.h"

#include "config.h"
#include "json/jwrite.h"

#ifndef TANDEM_VERSION
#define TANDEM_VERSION "0.0.0"
#endif

size_t nip11_supported(const struct config *cfg, int nips[NIP11_MAX_NIPS])
{
    static const int all[] = {1, 2, 4, 9, 11, 13, 17, 40, 42, 45, 50, 59, 62, 67, 70};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i] != 13 || cfg->shared.min_pow_difficulty > 0)
            nips[n++] = all[i];
    }
    return n;
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

static void add_nips(struct buf *out, const struct config *cfg)
{
    int nips[NIP11_MAX_NIPS];
    size_t n = nip11_supported(cfg, nips);

    buf_add_str(out, "\"supported_nips\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%d", i ? "," : "", nips[i]);
    buf_add_str(out, "],");
}

static void add_number(struct buf *out, const char *name, int64_t n)
{
    buf_printf(out, "\"%s\":%lld,", name, (long long)n);
}

static void add_limitation(struct buf *out, const struct config *cfg)
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
    buf_add_str(out, "\"auth_required\":false,\"payment_required\":false,");
    buf_printf(out, "\"restricted_writes\":%s}", shared->min_pow_difficulty > 0 ? "true" : "false");
}

void nip11_write(struct buf *out, const struct config *cfg)
{
    buf_add_char(out, '{');
    add_text(out, "name", cfg->relay_name);
    add_text(out, "description", cfg->relay_description);
    add_text(out, "icon", cfg->relay_icon);
    add_text(out, "pubkey", cfg->shared.admin_pubkey);
    add_text(out, "contact", cfg->contact);
    add_nips(out, cfg);
    add_text(out, "software", SOFTWARE_URL);
    add_text(out, "version", TANDEM_VERSION);
    add_limitation(out, cfg);
    buf_add_char(out, '}');
}
