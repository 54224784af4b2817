#ifndef WEBSOCKET_HANDLER_CONN_LANDING_H
#define WEBSOCKET_HANDLER_CONN_LANDING_H
/*
 * The page that browsers get at `/`: the bytes of conn/landing.html, embedded by the Makefile.
 */
#include "base/base.h"

extern const char landing_html[]; /* landing_html_len bytes, and a terminator */
extern const size_t landing_html_len;

#endif
