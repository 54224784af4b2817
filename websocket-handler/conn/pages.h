#ifndef WEBSOCKET_HANDLER_CONN_PAGES_H
#define WEBSOCKET_HANDLER_CONN_PAGES_H
/*
 * The pages for browsers, embedded by the Makefile: conn/<name>.html is <name>_html, with its
 * length in <name>_html_len and a terminator behind it.
 */
#include "base/base.h"

extern const char landing_html[]; /* at `/` of the public port; landing_page.h fills it in */
extern const size_t landing_html_len;

extern const char status_html[]; /* at `/` of METRICS_PORT, for the operator; reads /metrics */
extern const size_t status_html_len;

#endif
