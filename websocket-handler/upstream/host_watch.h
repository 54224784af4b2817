#ifndef WEBSOCKET_HANDLER_UPSTREAM_HOST_WATCH_H
#define WEBSOCKET_HANDLER_UPSTREAM_HOST_WATCH_H
/*
 * Which addresses a host name stands for, asked again every few seconds: replicas behind one name
 * come and go. Loop thread only; names are looked up on libuv's threads.
 *
 * Of a name that has both IPv4 and IPv6 addresses only the IPv4 ones count: they are the same
 * machines, and the event handler listens on 0.0.0.0 unless told otherwise.
 */
#include <uv.h>

#include "base/cidr.h"

struct host_watch;

enum { HOST_ADDRESSES = 32 }; /* more of them are not looked at */

/* After each answer, from the loop, with at least one address, no doubles. While the name cannot be
 * looked up nothing is said: what was known may still be right. */
typedef void host_found_fn(void *owner, const struct ip *addresses, unsigned n);

/* Copies host. NULL without memory. */
struct host_watch *host_watch_new(uv_loop_t *loop, const char *host, host_found_fn *found,
                                  void *owner);
/* found is not called any more; memory goes when the loop has run the close callbacks. NULL is
 * fine. */
void host_watch_close(struct host_watch *hw);

#endif
