#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/kind.h"

static void classes_follow_nip_01(void **state)
{
    static const struct {
        int kind;
        enum kind_class class;
    } rows[] = {
        {0, KIND_REPLACEABLE},     {1, KIND_REGULAR},         {2, KIND_REGULAR},
        {3, KIND_REPLACEABLE},     {4, KIND_REGULAR},         {5, KIND_REGULAR},
        {44, KIND_REGULAR},        {45, KIND_REGULAR},        {62, KIND_REGULAR},
        {78, KIND_REGULAR},        {444, KIND_REGULAR},       {999, KIND_REGULAR},
        {1000, KIND_REGULAR},      {9999, KIND_REGULAR},      {10000, KIND_REPLACEABLE},
        {19999, KIND_REPLACEABLE}, {20000, KIND_EPHEMERAL},   {29999, KIND_EPHEMERAL},
        {30000, KIND_ADDRESSABLE}, {39999, KIND_ADDRESSABLE}, {40000, KIND_REGULAR},
        {KIND_MAX, KIND_REGULAR},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (kind_class(rows[i].kind) != rows[i].class)
            fail_msg("kind %d", rows[i].kind);
}

static void private_kinds_and_their_readers(void **state)
{
    static const struct {
        int kind;
        bool private, author_reads;
    } rows[] = {
        {0, false, false},    {1, false, false},  {4, true, true},      {13, true, true},
        {14, true, true},     {15, true, true},   {16, false, false},   {1059, true, false},
        {21059, true, false}, {44, false, false}, {1060, false, false}, {10050, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(kind_is_private(rows[i].kind), rows[i].private);
        assert_int_equal(kind_author_reads(rows[i].kind), rows[i].author_reads);
    }
}

static void the_list_is_what_is_private(void **state)
{
    const int *list;
    size_t n, found = 0;

    (void)state;
    list = kind_private_list(&n);
    for (int kind = 0; kind <= KIND_MAX; kind++)
        found += kind_is_private(kind);
    assert_int_equal(found, n);
    for (size_t i = 0; i < n; i++)
        assert_true(kind_is_private(list[i]));
}

static void further_kinds_are_private_until_configured_otherwise(void **state)
{
    static const int further[] = {30078, 4, 1000, 30078}, one[] = {7};

    (void)state;
    kind_private_configure(further, ARRAY_LEN(further));
    assert_true(kind_is_private(30078) && kind_author_reads(30078));
    assert_true(kind_is_private(1000) && kind_is_private(4) && kind_is_private(1059));
    assert_false(kind_author_reads(1059));
    the_list_is_what_is_private(state);
    kind_private_configure(one, ARRAY_LEN(one));
    assert_true(kind_is_private(7) && kind_is_private(4));
    assert_false(kind_is_private(30078) || kind_is_private(1000));
    kind_private_configure(NULL, 0);
    private_kinds_and_their_readers(state);
    the_list_is_what_is_private(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_follow_nip_01),
        cmocka_unit_test(private_kinds_and_their_readers),
        cmocka_unit_test(the_list_is_what_is_private),
        cmocka_unit_test(further_kinds_are_private_until_configured_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
