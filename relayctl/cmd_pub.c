#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/ws_client.h"
#include "command.h"
#include "output.h"
#include "pow.h"
#include "publish.h"
#include "secret.h"
#include "signer.h"

/* An event and what its parts point into. */
struct draft {
    struct event event;
    struct tag tags[OPTIONS_MAX_TAGS + 1]; /* and the nonce */
    struct slice items[2 * OPTIONS_MAX_TAGS];
    struct pow_tag pow;
    struct buf content; /* from stdin */
    struct buf json;    /* signed */
};

/* All of stdin but its last line end. */
static bool read_content(struct buf *out)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
        buf_add(out, bytes, (size_t)n);
    if (n < 0 || out->failed) {
        output_error(n < 0 ? "cannot read the content" : "the content is too long");
        return false;
    }
    if (out->len > 0 && out->ptr[out->len - 1] == '\n')
        out->len--;
    return true;
}

/* "name=value"; "name" alone is a tag of one item, such as NIP-70's "-". */
static void add_tag(struct draft *d, const char *text)
{
    struct slice *items = &d->items[2 * d->event.n_tags];
    const char *equals = strchr(text, '=');

    items[0] = slice_of(text, equals ? (size_t)(equals - text) : strlen(text));
    if (equals)
        items[1] = slice_str(equals + 1);
    d->tags[d->event.n_tags++] = (struct tag){.item = items, .n = equals ? 2 : 1};
}

static bool fill_in(struct draft *d, const struct options *o, const struct signer *signer)
{
    struct event *ev = &d->event;

    *ev = (struct event){.pubkey = *signer_pubkey(signer),
                         .created_at = clock_unix(),
                         .kind = (int)o->kind,
                         .tag = d->tags,
                         .content = slice_str(o->args[0])};
    for (size_t i = 0; i < o->n_tags; i++)
        add_tag(d, o->tags[i]);
    if (strcmp(o->args[0], "-") == 0) {
        if (!read_content(&d->content))
            return false;
        ev->content = buf_slice(&d->content);
    }
    if (!(o->given & OPTION_POW))
        return true;
    if (event_find_tag(ev, SLICE("nonce"))) {
        output_error("--pow makes the nonce tag itself");
        return false;
    }
    d->tags[ev->n_tags++] = pow_tag_init(&d->pow, (int)o->pow);
    return pow_mine(ev, &d->pow, (int)o->pow);
}

/* Is what we made an event by our own rules? Content and tags came from outside: bad UTF-8 shows
 * here. */
static bool is_valid(struct slice json)
{
    struct arena arena;
    struct event ev;
    const char *error;
    bool has_id, ok;

    arena_init(&arena, 8 * WS_MAX_MESSAGE);
    ok = event_parse(json, &relay_event_limits, &arena, &ev, &has_id, &error);
    arena_deinit(&arena);
    if (!ok)
        output_error("that makes no event: %s", error);
    return ok;
}

static bool make_event(struct draft *d, const struct options *o, const struct signer *signer)
{
    if (!fill_in(d, o, signer) || !signer_sign(signer, NULL, &d->event))
        return false;
    event_write(&d->event, &d->json);
    return is_valid(buf_slice(&d->json));
}

static bool publish(struct draft *d, struct relay *relay, bool authenticate)
{
    struct publisher *p = publisher_new(relay, 1);
    struct publish_answer answer = {0};
    char id[65] = "";

    if (authenticate)
        relay_authenticate(relay);
    if (p && publisher_add(p, &d->event.id, buf_slice(&d->json), 0) &&
        publisher_next(p, -1, &answer) == PUBLISH_ANSWERED) {
        hex_encode(d->event.id.b, sizeof(d->event.id.b), id);
        output_line("%s %s%s" SLICE_FMT, answer.accepted ? "accepted" : "refused", id,
                    answer.text.len > 0 ? " " : "", SLICE_ARG(answer.text));
    }
    publisher_free(p);
    return answer.accepted;
}

static bool make_and_publish(struct draft *d, const struct options *o, const struct signer *signer)
{
    struct relay *relay;
    bool ok;

    if (!make_event(d, o, signer))
        return false;
    if (o->print) {
        output_json(buf_slice(&d->json));
        return true;
    }
    relay = relay_open(o, signer);
    ok = relay && publish(d, relay, o->auth);
    relay_close(relay);
    return ok;
}

static int run(const struct options *o)
{
    struct draft draft = {0};
    struct signer *signer;
    bool ok = false;

    if (!secret_load_signer(o->key, &signer))
        return STATUS_NO;
    if (!signer) {
        output_error("a key is needed: --key FILE or TANDEM_KEY (relayctl key new FILE makes one)");
        return STATUS_USAGE;
    }
    buf_init(&draft.content, WS_MAX_MESSAGE);
    buf_init(&draft.json, WS_MAX_MESSAGE);
    ok = make_and_publish(&draft, o, signer);
    buf_deinit(&draft.content);
    buf_deinit(&draft.json);
    signer_free(signer);
    return ok ? STATUS_OK : STATUS_NO;
}

const struct command cmd_pub = {
    .name = "pub",
    .args = "CONTENT|-",
    .summary = "Make, sign and publish an event, and print the relay's answer",
    .text =
        "CONTENT may be - for standard input, whose last line end is left out. The answer begins\n"
        "with \"accepted\" or \"refused\" and the event's id.\n"
        "\n"
        "  relayctl pub --key me.key --tag t=tandem 'Hello, world'\n"
        "  relayctl pub --key me.key --kind 0 '{\"name\":\"me\"}'\n"
        "  relayctl pub --key me.key --tag - --auth 'by me alone (NIP-70)'\n",
    .options = OPTIONS_CONNECTION | OPTION_KEY | OPTION_AUTH | OPTION_KIND | OPTION_TAG |
               OPTION_POW | OPTION_PRINT,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
