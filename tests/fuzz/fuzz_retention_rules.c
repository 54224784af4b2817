/* Rules of retention, which managers send too: whatever is taken can be judged by, and an entry
 * that is refused is named. */
#include <stdlib.h>

#include "retention/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct retention_rules *rules = malloc(sizeof *rules);
    struct buf error;

    if (!rules)
        return 0;
    buf_init(&error, KIB);
    if (!retention_rules_parse(slice_of((const char *)data, size), rules, &error)) {
        if (error.len == 0 || error.ptr[0] != '"')
            abort();
    } else {
        int64_t horizon = retention_rules_horizon(rules, INT64_C(2000000000));

        for (enum tier tier = TIER_ADMIN; tier < TIERS; tier++) {
            for (int kind = 0; kind < 70; kind++) {
                if (retention_rules_doom(rules, tier, kind, horizon + 1, INT64_C(2000000000)))
                    abort(); /* newer than the horizon */
            }
        }
    }
    buf_deinit(&error);
    free(rules);
    return 0;
}
