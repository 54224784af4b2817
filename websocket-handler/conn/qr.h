#ifndef WEBSOCKET_HANDLER_CONN_QR_H
#define WEBSOCKET_HANDLER_CONN_QR_H
/*
 * A QR code (ISO/IEC 18004) for a short text such as a relay's address: byte mode, versions 1 to 6,
 * error correction level M. Pure; any thread.
 */
#include "base/buf.h"

enum {
    QR_MAX_VERSION = 6,
    QR_MAX_SIZE = 17 + 4 * QR_MAX_VERSION,
    QR_MAX_BYTES = 106, /* what version 6 holds */
};

struct qr {
    int size;                            /* modules on each side */
    bool dark[QR_MAX_SIZE][QR_MAX_SIZE]; /* [row][column] */
};

/* The smallest version that holds text. False when it is longer than QR_MAX_BYTES. */
NODISCARD bool qr_encode(struct slice text, struct qr *out);
/* Appends it as one SVG element, black on white with its quiet zone, whatever the page's colours.
 * label is read out in its place and must be inert in HTML. */
void qr_write_svg(const struct qr *qr, struct slice label, struct buf *out);

#endif
