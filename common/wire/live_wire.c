#include "wire/live_wire.h"

#include "wire/take.h"

void live_head_write(struct buf *out, const struct live_head *head)
{
    buf_add_str(out, "1 ");
    buf_add_u64(out, head->prev);
    buf_add_char(out, ' ');
    buf_add_u64(out, head->seq);
    buf_add_char(out, ' ');
    buf_add_u64(out, head->control);
    buf_add_char(out, ' ');
    buf_add_u64(out, head->sent_ms);
    buf_add_char(out, '\n');
}

void live_line_write(struct buf *out, uint64_t seq, struct slice event)
{
    buf_add_u64(out, seq);
    buf_add_char(out, ' ');
    buf_add_slice(out, event);
    buf_add_char(out, '\n');
}

bool live_head_parse(struct slice *record, struct live_head *out)
{
    struct slice rest = *record, line;

    if (!take_line(&rest, &line) || !take_text(&line, SLICE("1 ")) ||
        !take_u64(&line, &out->prev) || !take_text(&line, SLICE(" ")) ||
        !take_u64(&line, &out->seq) || !take_text(&line, SLICE(" ")) ||
        !take_u64(&line, &out->control) || !take_text(&line, SLICE(" ")) ||
        !take_u64(&line, &out->sent_ms) || line.len > 0 || out->prev > out->seq)
        return false;
    *record = rest;
    return true;
}

bool live_line_next(struct slice *record, struct live_line *out)
{
    struct slice rest = *record, line;

    if (!take_line(&rest, &line) || !take_u64(&line, &out->seq) || !take_text(&line, SLICE(" ")))
        return false;
    if (line.len < 2 || line.ptr[0] != '{' || line.ptr[line.len - 1] != '}')
        return false;
    out->event = line;
    *record = rest;
    return true;
}
