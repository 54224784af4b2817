#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void pieces_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 5000, 70000, 3};
    struct arena a;
    char *piece[ARRAY_LEN(sizes)];

    (void)state;
    arena_init(&a, MIB);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        piece[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(piece[i][k], i);
    arena_deinit(&a);
}

static void the_cap_holds_to_the_byte(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 100);
    assert_non_null(arena_alloc(&a, 60));
    assert_null(arena_alloc(&a, 41));
    assert_non_null(arena_alloc(&a, 40));
    assert_null(arena_alloc(&a, 1));
    assert_non_null(arena_alloc(&a, 0));
    assert_int_equal(a.used, 100);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 100));
    arena_deinit(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_null(arena_alloc(&a, SIZE_MAX - 30)); /* with the block's own head it would wrap */
    assert_null(arena_alloc(&a, (size_t)PTRDIFF_MAX + 1));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_int_equal(a.used, 0);
    arena_deinit(&a);
}

static void a_reset_arena_serves_again(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, MIB);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++)
            assert_non_null(arena_alloc(&a, 500));
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_reset(&a); /* twice is harmless */
    arena_deinit(&a);
    assert_non_null(arena_alloc(&a, 10)); /* and so is use after deinit */
    arena_deinit(&a);
}

static void calloc_clears_reused_memory(void **state)
{
    static const char zeros[64];
    struct arena a;
    char *p;

    (void)state;
    arena_init(&a, MIB);
    p = arena_alloc(&a, sizeof zeros);
    assert_non_null(p);
    memset(p, 0xff, sizeof zeros);
    arena_reset(&a);
    p = arena_calloc(&a, 8, 8);
    assert_non_null(p);
    assert_memory_equal(p, zeros, sizeof zeros);
    arena_deinit(&a);
}

static void copies_are_of_their_own(void **state)
{
    char text[] = "text";
    struct arena a;
    struct slice copy;

    (void)state;
    arena_init(&a, 8);
    copy = arena_copy(&a, slice_str(text));
    text[0] = 'n';
    assert_true(slice_eq(copy, SLICE("text")));
    copy = arena_copy(&a, (struct slice){NULL, 0});
    assert_int_equal(copy.len, 0);
    copy = arena_copy(&a, SLICE("too long"));
    assert_null(copy.ptr);
    assert_int_equal(copy.len, 0);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_cap_holds_to_the_byte),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_reset_arena_serves_again),
        cmocka_unit_test(calloc_clears_reused_memory),
        cmocka_unit_test(copies_are_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
