#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policy/pattern.h"

static const struct {
    const char *expression, *text;
    bool found;
} searches[] = {
    {"abc", "xxabcxx", true},
    {"abc", "xxabxcx", false},
    {"ABC", "xabc", true},
    {"(?-i)ABC", "xabc", false},
    {"(?-i)ABC", "xABC", true},
    {"(?i)ABC", "xabc", true},
    {"é", "É", true},
    {"straße", "STRAßE", true},
    {"ПРИВЕТ", "привет", true},
    {"ΑΒΓ", "αβγ", true},
    {"ž", "Ž", true},
    {"a.c", "aéc", true},
    {"^a.c$", "aéc", true},
    {"^a..c$", "aéc", false},
    {"a.c", "a\nc", false},
    {"^abc", "xabc", false},
    {"abc$", "abcx", false},
    {"^$", "", true},
    {"^$", "x", false},
    {"a*b", "b", true},
    {"^a*$", "aaaa", true},
    {"^a+$", "", false},
    {"^a+$", "aaa", true},
    {"^a?b$", "ab", true},
    {"^a?b$", "aab", false},
    {"^a{2}$", "aa", true},
    {"^a{2}$", "aaa", false},
    {"^a{2,}$", "aaaaa", true},
    {"^a{2,}$", "a", false},
    {"^a{2,4}$", "aaaa", true},
    {"^a{2,4}$", "aaaaa", false},
    {"^a{2,4}$", "a", false},
    {"^a{0,2}$", "", true},
    {"^a{0}$", "", true},
    {"^a{0}$", "a", false},
    {"^(ab|cd){2,3}$", "abcdab", true},
    {"^(ab|cd){2,3}$", "ab", false},
    {"^(ab|cd){2,3}$", "abababab", false},
    {"^(ab|cd)+$", "abcdab", true},
    {"^(ab|cd)+$", "abc", false},
    {"^(?:a|b|c|)d$", "d", true},
    {"^(a*)*$", "aaa", true},
    {"^(a|b*)*c$", "abbac", true},
    {"^a+?b$", "aab", true},
    {"^a+?b$", "b", false},
    {"[a-c]x", "bX", true},
    {"[^a-c]x", "Bx", false},
    {"[^a-c]x", "€x", true},
    {"[à-é]", "É", true},
    {"[]a]", "]", true},
    {"[^]a]", "]", false},
    {"[a-]", "-", true},
    {"[\\d_]+!", "x12_!", true},
    {"[^\\w]", "abc", false},
    {"\\d{3}-\\d{3}", "call 555-123 now", true},
    {"\\bfree\\b", "it is free!", true},
    {"\\bfree\\b", "freedom", false},
    {"\\bfree\\B", "freedom", true},
    {"\\bfree\\b", "free", true},
    {"\\bпривет\\b", "да, привет!", true},
    {"\\bпривет\\b", "приветик", false},
    {"\\x41\\x{1F600}", "a😀", true},
    {"t\\.me/\\w+", "see T.ME/spam", true},
    {"t\\.me/\\w+", "see tXme/spam", false},
    {"a\\tb", "a\tb", true},
    {"free.{0,20}money", "free, free, real money", true},
    {"free.{0,5}money", "free, free, real money", false},
    {"\\s", "a\xc2\xa0z", true},
    {"\\S", "  ", false},
};

static struct pattern_set *seal(struct pattern_set *s, bool tables)
{
    const char *error;
    size_t culprit;

    assert_true(tables ? pattern_set_seal(s, &culprit, &error)
                       : pattern_set_seal_untabled(s, &culprit, &error));
    return s;
}

static struct pattern_set *compile(const char *expression, bool tables)
{
    struct pattern_set *s = pattern_set_new();
    const char *error;

    if (!pattern_set_add(s, slice_str(expression), &error))
        fail_msg("%s: %s", expression, error);
    return seal(s, tables);
}

static void test_searches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        for (int tables = 0; tables < 2; tables++) {
            struct pattern_set *s = compile(searches[i].expression, tables);

            if ((pattern_set_find(s, slice_str(searches[i].text)) == 0) != searches[i].found)
                fail_msg("%s in %s, %s", searches[i].expression, searches[i].text,
                         tables ? "by table" : "followed");
            pattern_set_free(s);
        }
    }
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "",
        "(",
        ")",
        "a)",
        "(a",
        "[a",
        "[",
        "[]",
        "*a",
        "a**",
        "a{2",
        "a{2,1}",
        "a{256}",
        "a{,2}",
        "(?=a)",
        "(?<x>a)",
        "\\1",
        "\\",
        "\\q",
        "[z-a]",
        "[\\d-z]x[",
        "[[:alpha:]]",
        "\\x4",
        "\\x{110000}",
        "a{200}{200}",
        "((a{100}){100}){100}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pattern_set *s = pattern_set_new();
        const char *error = NULL;

        if (pattern_set_add(s, slice_str(bad[i]), &error))
            fail_msg("%s was understood", bad[i]);
        assert_non_null(error);
        pattern_set_free(s);
    }
}

static void test_words(void **state)
{
    static const struct {
        const char *text;
        int found;
    } rows[] = {
        {"at the CASINO tonight", 0},
        {"casinos", -1},
        {"free  money", -1},
        {"Free Money!", 1},
        {"C++ is fun", 2},
        {"c+", -1},
        {"我在赌博网站", 3},
        {"nothing", -1},
        {"", -1},
        {"#casino", 0},
        {"casino_x", -1},
    };
    static const char *const words[] = {"casino", "free money", "c++", "赌博"};

    (void)state;
    for (int tables = 0; tables < 2; tables++) {
        struct pattern_set *s = pattern_set_new();
        const char *error;

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            assert_true(pattern_set_add_word(s, slice_str(words[i]), &error));
        seal(s, tables);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            assert_int_equal(pattern_set_find(s, slice_str(rows[i].text)), rows[i].found);
        pattern_set_free(s);
    }
}

/* ---- against glibc ---- */

static unsigned seed = 1;

static unsigned number(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

static char *put(char *out, const char *text)
{
    return stpcpy(out, text);
}

/* A random expression that both understand alike. */
static char *make(char *out, int depth)
{
    static const char *const atoms[] = {"a", "b", "c", ".", "[ab]", "[^b]", "B"};
    static const char *const repeats[] = {"", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}"};
    unsigned n = 1 + number(3);

    for (unsigned i = 0; i < n; i++) {
        if (depth > 0 && number(3) == 0) {
            out = make(put(out, "("), depth - 1);
            if (number(2) == 0)
                out = make(put(out, "|"), depth - 1);
            out = put(out, ")");
        } else {
            out = put(out, atoms[number(ARRAY_LEN(atoms))]);
        }
        out = put(out, repeats[number(ARRAY_LEN(repeats))]);
    }
    return out;
}

static void compare(const char *expression)
{
    struct pattern_set *tabled = compile(expression, true), *followed = compile(expression, false);
    regex_t re;

    assert_int_equal(regcomp(&re, expression, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
    for (int i = 0; i < 10; i++) {
        char text[16] = "";
        bool expected;

        for (unsigned k = number(15); k > 0; k--)
            text[k - 1] = "abcd"[number(4)];
        text[15] = '\0';
        expected = regexec(&re, text, 0, NULL, 0) == 0;
        if ((pattern_set_find(tabled, slice_str(text)) == 0) != expected ||
            (pattern_set_find(followed, slice_str(text)) == 0) != expected)
            fail_msg("%s in \"%s\"", expression, text);
    }
    regfree(&re);
    pattern_set_free(tabled);
    pattern_set_free(followed);
}

static void test_against_glibc(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char inner[2000], expression[2010];

        make(inner, 2);
        snprintf(expression, sizeof expression, i % 3 == 0 ? "^(%s)$" : "%s", inner);
        compare(expression);
    }
}

/* ---- costs ---- */

/* What makes backtracking engines hang, on a text as long as an event may be. */
static void test_linear(void **state)
{
    static const char *const evil[] = {"(a*)*b", "(a|aa)+$b", "(a?){50}a{50}b",
                                       "a.{0,40}a.{0,40}b"};
    size_t n = 262144;
    char *text = malloc(n);
    uint64_t start = clock_mono_ms();

    (void)state;
    assert_non_null(text);
    memset(text, 'a', n);
    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        struct pattern_set *s = compile(evil[i], true);

        assert_int_equal(pattern_set_find(s, slice_of(text, n)), -1);
        pattern_set_free(s);
    }
    assert_true(clock_mono_ms() - start < 20000);
    free(text);
}

/* Thousands of words, and one expression whose table would be too large among others. */
static void test_many(void **state)
{
    struct pattern_set *s = pattern_set_new();
    const char *error;
    char word[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(word, sizeof word, "spam%dword", i * 7);
        assert_true(pattern_set_add_word(s, slice_str(word), &error));
    }
    assert_true(pattern_set_add(s, SLICE("x.{0,60}y.{0,60}z"), &error));
    seal(s, true);
    assert_int_equal(pattern_set_find(s, SLICE("no spam5word here")), -1);
    assert_int_equal(pattern_set_find(s, SLICE("a SPAM6993WORD here")), 999);
    assert_int_equal(pattern_set_find(s, SLICE("x, then y, then z")), 1000);
    pattern_set_free(s);
}

/* What is kept of an expression is no larger than what it says. */
static void test_memory(void **state)
{
    struct pattern_set *s = pattern_set_new();
    const char *error;
    size_t before = mallinfo2().uordblks;

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(
            pattern_set_add(s, SLICE("\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w\\w"), &error));
    assert_in_range(mallinfo2().uordblks - before, 0, 16 * MIB);
    pattern_set_free(s);
}

static void test_too_much(void **state)
{
    struct pattern_set *s = pattern_set_new();
    size_t culprit = 0;
    const char *error;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(pattern_set_add(s, SLICE("x.{0,240}y.{0,240}z"), &error));
    assert_false(pattern_set_seal_untabled(s, &culprit, &error));
    assert_true(culprit > 0);
    pattern_set_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_searches), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_against_glibc),
        cmocka_unit_test(test_linear),   cmocka_unit_test(test_many),
        cmocka_unit_test(test_too_much), cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
