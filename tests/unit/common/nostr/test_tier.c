/* The names of tiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/tier.h"

static void test_tiers(void **state)
{
    enum tier tier;

    (void)state;
    for (unsigned i = 0; i < TIERS; i++) {
        assert_true(tier_parse(slice_str(tier_name((enum tier)i)), &tier));
        assert_int_equal(tier, i);
    }
    assert_false(tier_parse(SLICE("king"), &tier));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
