#ifndef WEBSOCKET_HANDLER_CONN_NIP11_H
#define WEBSOCKET_HANDLER_CONN_NIP11_H
/*
 * The relay information document (NIP-11). Every limit in it is read from the setting that is
 * enforced. Any thread.
 */
#include "base/buf.h"

struct config;

#define SOFTWARE_URL "https://github.com/tandem-relay/tandem"

enum { NIP11_MAX_SUBID_LENGTH = 64, NIP11_MAX_NIPS = 32 };

/* Appends the document, one JSON object. */
void nip11_write(struct buf *out, const struct config *cfg);
/* The NIPs that are supported under these settings; returns how many. */
size_t nip11_supported(const struct config *cfg, int nips[NIP11_MAX_NIPS]);

#endif
