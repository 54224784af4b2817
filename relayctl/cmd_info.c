#include "client/address.h"
#include "command.h"
#include "http.h"
#include "output.h"
#include "pretty.h"

static bool print_document(struct slice body)
{
    const char *error;
    struct buf text;
    bool ok;

    buf_init(&text, 16 * MIB);
    ok = pretty_json(body, &text, &error);
    if (ok)
        output_json(buf_slice(&text));
    else
        output_error("what the relay sent is not JSON: %s", error);
    buf_deinit(&text);
    return ok;
}

static bool print_answer(const struct http_answer *answer, const char *relay)
{
    if (answer->status == 0)
        output_error("%s: %s", relay, answer->error);
    else if (answer->status != 200)
        output_error("%s: HTTP status %ld", relay, answer->status);
    else
        return print_document(buf_slice(&answer->body));
    return false;
}

static int run(const struct options *o)
{
    struct http_answer answer;
    struct address address;
    struct buf url;
    bool ok;

    if (!address_parse(o->relay, &address)) {
        output_error("%s: " ADDRESS_EXPECTED, o->relay);
        return STATUS_USAGE;
    }
    buf_init(&url, 16 * KIB);
    buf_printf(&url, "%s%s", address.base, address.path);
    buf_add_char(&url, '\0');
    http_get(o, url.failed ? address.base : url.ptr, "Accept: application/nostr+json", &answer);
    ok = print_answer(&answer, o->relay);
    http_answer_deinit(&answer);
    buf_deinit(&url);
    address_deinit(&address);
    return ok ? STATUS_OK : STATUS_NO;
}

const struct command cmd_info = {
    .name = "info",
    .args = "",
    .summary = "Print the relay's information document (NIP-11)",
    .text = "",
    .options = OPTIONS_CONNECTION,
    .run = run,
};
