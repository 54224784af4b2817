#include "nostr/kind.h"

enum kind_class kind_class(int kind)
{
    if (kind == KIND_METADATA || kind == KIND_FOLLOWS || (kind >= 10000 && kind <= 19999))
        return KIND_REPLACEABLE;
    if (kind >= 20000 && kind <= 29999)
        return KIND_EPHEMERAL;
    if (kind >= 30000 && kind <= 39999)
        return KIND_ADDRESSABLE;
    return KIND_REGULAR;
}

/* The NIPs' own kinds, then those of kind_private_configure(). */
static int private_list[KIND_PRIVATE_OWN + KIND_PRIVATE_FURTHER] = {
    KIND_DIRECT_MESSAGE, KIND_SEAL,      KIND_CHAT,
    KIND_CHAT_FILE,      KIND_GIFT_WRAP, KIND_EPHEMERAL_GIFT_WRAP,
};
static size_t n_private = KIND_PRIVATE_OWN;
static bool in_private_list[KIND_MAX + 1] = {
    [KIND_DIRECT_MESSAGE] = true, [KIND_SEAL] = true,      [KIND_CHAT] = true,
    [KIND_CHAT_FILE] = true,      [KIND_GIFT_WRAP] = true, [KIND_EPHEMERAL_GIFT_WRAP] = true,
};

bool kind_is_private(int kind)
{
    return kind >= 0 && kind <= KIND_MAX && in_private_list[kind];
}

void kind_private_configure(const int *further, size_t n)
{
    assert(n <= KIND_PRIVATE_FURTHER);
    while (n_private > KIND_PRIVATE_OWN)
        in_private_list[private_list[--n_private]] = false;
    for (size_t i = 0; i < n; i++) {
        if (kind_is_private(further[i]))
            continue;
        private_list[n_private++] = further[i];
        in_private_list[further[i]] = true;
    }
}

bool kind_author_reads(int kind)
{
    return kind_is_private(kind) && kind != KIND_GIFT_WRAP && kind != KIND_EPHEMERAL_GIFT_WRAP;
}

const int *kind_private_list(size_t *n)
{
    *n = n_private;
    return private_list;
}
