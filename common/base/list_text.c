#include "base/list_text.h"

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool list_text_next(struct slice *text, struct slice *entry)
{
    size_t start = 0, end;

    while (start < text->len && is_separator(text->ptr[start]))
        start++;
    end = start;
    while (end < text->len && !is_separator(text->ptr[end]))
        end++;
    *entry = slice_of(text->ptr + start, end - start);
    *text = slice_of(text->ptr + end, text->len - end);
    return entry->len > 0;
}
