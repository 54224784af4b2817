#ifndef RELAYCTL_MANAGEMENT_H
#define RELAYCTL_MANAGEMENT_H
/*
 * Calls to the relay's management methods (NIP-86). Through the relay's public address, signed with
 * the user's key (NIP-98); or, with --handler, straight to an event handler on the internal
 * network, with the secret INTERNAL_TOKEN. Blocking; one thread.
 */
#include <jansson.h>

#include "options.h"

/*
 * Calls method with params (an array; taken over). On true *result is the relay's result, the
 * caller's to json_decref(). False after saying what went wrong.
 */
NODISCARD bool management_call(const struct options *o, const char *method, json_t *params,
                               json_t **result);

#endif
