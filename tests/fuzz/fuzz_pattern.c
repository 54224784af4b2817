/*
 * An expression and a text, with a line end between them. Nothing may go wrong with any; the table
 * and the following of instructions must agree; and where glibc's regexec() understands the same,
 * so must it.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "policy/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EXPRESSION_MOST = 64, TEXT_MOST = 256 };

static struct pattern_set *compile(struct slice expression, bool tables)
{
    struct pattern_set *s = pattern_set_new();
    const char *error;
    size_t culprit;

    if (s && pattern_set_add(s, expression, &error) &&
        (tables ? pattern_set_seal(s, &culprit, &error)
                : pattern_set_seal_untabled(s, &culprit, &error)))
        return s;
    pattern_set_free(s);
    return NULL;
}

/* Only what both take for the same: plain characters, . ( ) | * + ? and simple classes. */
static bool is_common(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr("abcdABCD .()|*+?", s.ptr[i]) || s.ptr[i] == '\0')
            return false;
        /* () is no expression to POSIX, nor is an empty branch; and it takes a?? otherwise. */
        if (i + 1 < s.len && strchr("(|", s.ptr[i]) && strchr(")|*+?", s.ptr[i + 1]))
            return false;
        if (i + 1 < s.len && strchr("*+?", s.ptr[i]) && strchr("*+?", s.ptr[i + 1]))
            return false;
    }
    return s.len > 0 && !strchr("|*+?(", s.ptr[0]) && s.ptr[s.len - 1] != '|';
}

static void compare_with_glibc(struct slice expression, struct slice text, bool found)
{
    char pattern[EXPRESSION_MOST + 1], subject[TEXT_MOST + 1];
    regex_t re;

    if (!is_common(expression) || memchr(text.ptr, '\0', text.len) ||
        memchr(text.ptr, '\n', text.len))
        return;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return;
    }
    memcpy(pattern, expression.ptr, expression.len);
    pattern[expression.len] = '\0';
    memcpy(subject, text.ptr, text.len);
    subject[text.len] = '\0';
    if (regcomp(&re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
        return;
    if ((regexec(&re, subject, 0, NULL, 0) == 0) != found)
        abort();
    regfree(&re);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    struct slice expression, text;
    struct pattern_set *tabled, *followed;
    bool found;

    if (!end)
        return 0;
    expression = slice_of(bytes, (size_t)(end - bytes));
    text = slice_of(end + 1, size - expression.len - 1);
    if (expression.len > EXPRESSION_MOST || text.len > TEXT_MOST)
        return 0;
    tabled = compile(expression, true);
    followed = compile(expression, false);
    if (!tabled != !followed)
        abort();
    if (tabled) {
        found = pattern_set_find(tabled, text) == 0;
        if (found != (pattern_set_find(followed, text) == 0))
            abort();
        compare_with_glibc(expression, text, found);
    }
    pattern_set_free(tabled);
    pattern_set_free(followed);
    return 0;
}
