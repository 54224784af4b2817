#ifndef WEBSOCKET_HANDLER_CONN_NIP11_H
#define WEBSOCKET_HANDLER_CONN_NIP11_H
/*
 * The relay information document (NIP-11). Every limit in it is read from the setting that is
 * enforced. Any thread.
 */
#include "base/buf.h"

struct config;
struct control_state;

#define SOFTWARE_URL "https://github.com/tandem-relay/tandem"

enum { NIP11_MAX_SUBID_LENGTH = 64, NIP11_MAX_NIPS = 32 };

/* Appends the document, one JSON object. What the admins have changed takes the place of the
 * settings. */
void nip11_write(struct buf *out, const struct config *cfg, const struct control_state *control);
/* The NIPs that are supported under these circumstances; returns how many. */
size_t nip11_supported(const struct config *cfg, const struct control_state *control,
                       int nips[NIP11_MAX_NIPS]);
/* The relay's name, description and icon as of now; "" for none. */
const char *nip11_name(const struct config *cfg, const struct control_state *control);
const char *nip11_description(const struct config *cfg, const struct control_state *control);
const char *nip11_icon(const struct config *cfg, const struct control_state *control);

#endif
