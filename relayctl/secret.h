#ifndef RELAYCTL_SECRET_H
#define RELAYCTL_SECRET_H
/*
 * Where the user's secret key comes from: a file (--key), the environment (TANDEM_KEY), or, with a
 * warning, the command line itself (--key). Wherever it was read from inside this process is wiped.
 * One thread.
 */
#include "base/base.h"
#include "base/slice.h"

struct signer;

enum { SECRET_BYTES = 32 };

/*
 * given is what --key said, or NULL. OK; ERR_GONE when there is no key anywhere (nothing is said);
 * otherwise an error that the user has been told. out is the caller's to wipe.
 */
NODISCARD enum err secret_load(char *given, uint8_t out[SECRET_BYTES]);
/* The same as a signer: *out is NULL when there is no key anywhere. False after saying what is
 * wrong with it. */
NODISCARD bool secret_load_signer(char *given, struct signer **out);
/* 64 hex digits or an nsec, with white space around it. */
NODISCARD bool secret_parse(struct slice text, uint8_t out[SECRET_BYTES]);
/* A new file with the key as nsec that only its owner may read; false after saying why not. */
NODISCARD bool secret_store(const char *path, const uint8_t secret[SECRET_BYTES]);

#endif
