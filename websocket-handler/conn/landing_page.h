#ifndef WEBSOCKET_HANDLER_CONN_LANDING_PAGE_H
#define WEBSOCKET_HANDLER_CONN_LANDING_PAGE_H
/*
 * The page that a browser gets at `/`: conn/landing.html with its {{names}} filled in. Any thread.
 */
#include "base/buf.h"
#include "conn/http_head.h"

struct config;
struct control_state;

/* Appends the page. head tells under which address the visitor came. */
void landing_page_write(struct buf *out, const struct config *cfg,
                        const struct control_state *control, const struct http_head *head);
/* Appends text so that it is inert anywhere in HTML, attribute values included. */
void landing_escape(struct buf *out, struct slice text);

#endif
