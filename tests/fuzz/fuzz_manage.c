/*
 * What arrives from outside for management: the Authorization header of NIP-98, and the envelope
 * with its body. First byte: which; a database is not needed for what is refused before one is
 * asked. (config.h comes with api/request.h: its own name is both services'.)
 */
#include "manage/method.h"

#include "api/request.h"
#include "manage/nip98.h"
#include "nostr/verify.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config cfg;
static struct access *relay_access;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    verify_setup();
    setenv("INTERNAL_TOKEN", "token", 1);
    setenv("PGHOST_WRITE", "/nonexistent", 1);
    assert(config_load(&cfg) == OK);
    relay_access = access_new(&cfg);
    assert(relay_access);
    return 0;
}

static void try_header(struct slice text)
{
    struct nip98_request req = {.authorization = text,
                                .method = SLICE("POST"),
                                .url = SLICE("https://relay.example/"),
                                .hosts = SLICE("relay.example"),
                                .body = SLICE("{}"),
                                .now = 1700000000};
    const char *error;
    struct pubkey signer;
    struct arena arena;
    uint8_t once[32];

    arena_init(&arena, 4 * MIB);
    if (!nip98_check(&req, &arena, &signer, once, &error))
        assert(error);
    arena_deinit(&arena);
}

static void try_base64(struct slice text)
{
    struct buf out;

    buf_init(&out, MIB);
    if (nip98_base64(text, &out))
        assert(out.len <= text.len);
    buf_deinit(&out);
}

static void try_envelope(struct slice text)
{
    struct db_target target = config_write_target(&cfg, "fuzz");
    struct buf out;
    struct db db;
    int status;

    db_init(&db, &target, NULL);
    db.reported_down = true;
    db.retry_at_ms = UINT64_MAX; /* nobody is there */
    buf_init(&out, MIB);
    status = manage_answer(&(struct manage_env){&cfg, relay_access, NULL, &db}, text, &out);
    assert(status == 400 || status == 503);
    buf_deinit(&out);
    db_deinit(&db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text;

    if (size == 0)
        return 0;
    text = slice_of((const char *)data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        try_header(text);
        break;
    case 1:
        try_base64(text);
        break;
    default:
        try_envelope(text);
    }
    return 0;
}
