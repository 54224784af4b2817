#include "json/jwrite.h"

#include "base/hex.h"
#include "json/scan.h"

size_t jwrite_escape_byte(unsigned char c, char out[JWRITE_ESCAPE_MAX])
{
    static const char two_letter[256] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
    };

    if (two_letter[c]) {
        out[0] = '\\';
        out[1] = two_letter[c];
        return 2;
    }
    if (c < 0x20) {
        memcpy(out, "\\u00", 4);
        hex_encode(&c, 1, out + 4);
        return 6;
    }
    out[0] = (char)c;
    return 1;
}

void jwrite_escaped(struct buf *b, struct slice s)
{
    const char *p = s.ptr;
    const char *end = s.len > 0 ? p + s.len : p;

    while (p < end) {
        const char *special = scan_unescaped(p, end);
        char escape[JWRITE_ESCAPE_MAX];

        buf_add(b, p, (size_t)(special - p));
        if (special == end)
            return;
        buf_add(b, escape, jwrite_escape_byte((unsigned char)*special, escape));
        p = special + 1;
    }
}

void jwrite_string(struct buf *b, struct slice s)
{
    buf_add_char(b, '"');
    jwrite_escaped(b, s);
    buf_add_char(b, '"');
}
