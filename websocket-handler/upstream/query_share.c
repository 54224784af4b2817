#include "upstream/query_share.h"

#include <stdlib.h>

struct query_share *query_share_join(struct subject_table *shares, struct slice name)
{
    struct subject s = subject_of(0, name);
    struct subject_node *node = subject_table_find(shares, &s);
    struct query_share *share = node ? container_of(node, struct query_share, node) : NULL;

    if (!share) {
        share = calloc(1, sizeof *share);
        if (!share)
            return NULL;
        share->node.subject = s;
        list_init(&share->held);
        subject_table_add(shares, &share->node);
    }
    share->n_lanes++;
    return share;
}

void query_share_leave(struct subject_table *shares, struct query_share *share)
{
    if (--share->n_lanes > 0)
        return;
    assert(share->n_running == 0 && list_empty(&share->held));
    subject_table_remove(shares, &share->node);
    free(share);
}
