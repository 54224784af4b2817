#include "ops/private_kinds.h"

#include "ops/kind_set.h"

static size_t list_kinds(const struct kind_set *set, int kinds[KIND_PRIVATE_FURTHER])
{
    size_t n = 0;

    for (int kind = 0; kind <= KIND_MAX; kind++) {
        if (!kind_set_has(set, kind))
            continue;
        if (n < KIND_PRIVATE_FURTHER)
            kinds[n] = kind;
        n++;
    }
    return n;
}

bool private_kinds_check(const char *text, struct buf *error)
{
    int kinds[KIND_PRIVATE_FURTHER];
    struct kind_set set;
    size_t n;

    if (!kind_set_parse(slice_str(text), &set, error))
        return false;
    n = list_kinds(&set, kinds);
    if (n > KIND_PRIVATE_FURTHER)
        buf_printf(error, "names %zu kinds, the most are %d", n, KIND_PRIVATE_FURTHER);
    return n <= KIND_PRIVATE_FURTHER;
}

void private_kinds_configure(const char *text)
{
    int kinds[KIND_PRIVATE_FURTHER];
    struct kind_set set;
    struct buf error;

    buf_init(&error, KIB);
    if (!kind_set_parse(slice_str(text), &set, &error))
        assert(false && "not checked");
    else
        kind_private_configure(kinds, list_kinds(&set, kinds));
    buf_deinit(&error);
}
