#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/refbuf.h"

static void it_is_a_copy(void **state)
{
    char text[] = "text";
    struct refbuf *r = refbuf_new(slice_str(text));

    (void)state;
    assert_non_null(r);
    text[0] = 'n';
    assert_true(slice_eq(refbuf_slice(r), SLICE("text")));
    refbuf_unref(r);
}

static void it_lives_until_the_last_owner_leaves(void **state)
{
    struct refbuf *r = refbuf_new(SLICE("x"));

    (void)state;
    assert_non_null(r);
    assert_ptr_equal(refbuf_ref(r), r);
    assert_int_equal(r->refs, 2);
    refbuf_unref(r);
    assert_true(slice_eq(refbuf_slice(r), SLICE("x")));
    refbuf_unref(r); /* the leak checker sees to it that this freed it */
    refbuf_unref(NULL);
}

static void it_may_be_empty_but_not_huge(void **state)
{
    struct refbuf *r = refbuf_new((struct slice){NULL, 0});

    (void)state;
    assert_non_null(r);
    assert_int_equal(refbuf_slice(r).len, 0);
    refbuf_unref(r);
    assert_null(refbuf_new(slice_of("", (size_t)UINT32_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_copy),
        cmocka_unit_test(it_lives_until_the_last_owner_leaves),
        cmocka_unit_test(it_may_be_empty_but_not_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
