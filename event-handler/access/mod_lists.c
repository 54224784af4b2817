#include "access/mod_lists.h"

#include <stdlib.h>

void mod_lists_free(struct mod_lists *lists)
{
    if (!lists)
        return;
    key_set_deinit(&lists->banned);
    key_set_deinit(&lists->allowed);
    key_set_deinit(&lists->members);
    key_set_deinit(&lists->hidden);
    free(lists);
}
