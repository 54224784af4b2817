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

static const int private_kinds[] = {
    KIND_DIRECT_MESSAGE, KIND_SEAL,      KIND_CHAT,
    KIND_CHAT_FILE,      KIND_GIFT_WRAP, KIND_EPHEMERAL_GIFT_WRAP,
};

bool kind_is_private(int kind)
{
    for (size_t i = 0; i < ARRAY_LEN(private_kinds); i++)
        if (private_kinds[i] == kind)
            return true;
    return false;
}

bool kind_author_reads(int kind)
{
    return kind_is_private(kind) && kind != KIND_GIFT_WRAP && kind != KIND_EPHEMERAL_GIFT_WRAP;
}

const int *kind_private_list(size_t *n)
{
    *n = ARRAY_LEN(private_kinds);
    return private_kinds;
}
