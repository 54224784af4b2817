#include "base/hex.h"
#include "command.h"
#include "nostr/keys.h"
#include "ops/npub.h"
#include "output.h"
#include "secret.h"
#include "signer.h"

static void print_public(const struct pubkey *key)
{
    char hex[65] = "", npub[NPUB_LETTERS + 1];

    hex_encode(key->b, sizeof(key->b), hex);
    npub_encode(key->b, npub);
    output_line("pubkey  %s", hex);
    output_line("npub    %s", npub);
}

static void print_secret(const uint8_t secret[SECRET_BYTES])
{
    char hex[65] = "", nsec[NPUB_LETTERS + 1];

    hex_encode(secret, SECRET_BYTES, hex);
    nsec_encode(secret, nsec);
    output_line("secret  %s", hex);
    output_line("nsec    %s", nsec);
    explicit_bzero(hex, sizeof(hex));
    explicit_bzero(nsec, sizeof(nsec));
}

/* Into the file, if one is named; else onto the screen. */
static int make_key(const char *path)
{
    uint8_t secret[SECRET_BYTES];
    struct signer *signer;
    bool ok;

    signer_new_secret(secret);
    signer = signer_new(secret);
    ok = signer && (!path || secret_store(path, secret));
    if (ok) {
        if (!path)
            print_secret(secret);
        print_public(signer_pubkey(signer));
    }
    explicit_bzero(secret, sizeof(secret));
    signer_free(signer);
    return ok ? STATUS_OK : STATUS_NO;
}

static int convert(const char *text)
{
    struct pubkey key;

    if (!hex_decode(slice_str(text), key.b, sizeof(key.b)) &&
        !npub_decode(slice_str(text), key.b)) {
        output_error("%s: a public key is an npub or 64 lower-case hex digits", text);
        return STATUS_USAGE;
    }
    print_public(&key);
    return STATUS_OK;
}

static int print_own(const struct options *o)
{
    struct signer *signer;

    if (!secret_load_signer(o->key, &signer))
        return STATUS_NO;
    if (!signer) {
        output_error("which key? --key FILE, TANDEM_KEY, or a public key to convert");
        return STATUS_USAGE;
    }
    print_public(signer_pubkey(signer));
    signer_free(signer);
    return STATUS_OK;
}

static int run(const struct options *o)
{
    const char *what = o->args[0];
    const char *argument = o->n_args > 1 ? o->args[1] : NULL;

    if (strcmp(what, "new") == 0)
        return make_key(argument);
    if (strcmp(what, "public") == 0)
        return argument ? convert(argument) : print_own(o);
    output_error("usage: relayctl key %s", cmd_key.args);
    return STATUS_USAGE;
}

const struct command cmd_key = {
    .name = "key",
    .args = "new [FILE] | public [PUBKEY]",
    .summary = "Make a key, or print the public half of one, as hex and npub",
    .text =
        "new FILE writes the secret half to a new file that only you may read; without FILE it is\n"
        "printed. public prints the public half of --key or TANDEM_KEY, or converts PUBKEY.\n"
        "\n"
        "  relayctl key new me.key\n"
        "  relayctl key public --key me.key\n",
    .options = OPTION_KEY,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
