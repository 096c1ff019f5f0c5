/* SPDX-License-Identifier: MIT */
#include "wire/query.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void query_values_are_found_and_decoded(void **state)
{
    struct bytes query = bytes_of_text("a=1&token=x%20y+z&empty=&flag&a=2&tok=no");
    char out[16];

    (void)state;
    assert_true(query_get(query, "a", out, sizeof(out)));
    assert_string_equal(out, "1");
    assert_true(query_get(query, "token", out, sizeof(out)));
    assert_string_equal(out, "x y z");
    assert_true(query_get(query, "empty", out, sizeof(out)));
    assert_string_equal(out, "");
    assert_true(query_get(query, "flag", out, sizeof(out)));
    assert_false(query_get(query, "toke", out, sizeof(out)));
    assert_false(query_get(query, "token", out, 3));
    assert_false(query_get(bytes_of_text("a=%zz"), "a", out, sizeof(out)));
    assert_false(query_get(bytes_of(NULL, 0), "a", out, sizeof(out)));
    assert_false(query_get(bytes_of_text("&&&"), "a", out, sizeof(out)));
}

static void a_target_is_a_path_and_a_query(void **state)
{
    static const struct {
        const char *target, *path, *query; /* NULL: there is none */
    } cases[] = {
        {"/a?b=1", "/a", "b=1"}, {"/a", "/a", NULL},      {"/a?", "/a", ""},
        {"?x", "", "x"},         {"/a?b?c", "/a", "b?c"}, {"", "", NULL},
    };
    struct bytes path, query;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        query = query_split(bytes_of_text(cases[i].target), &path);
        assert_true(bytes_equal_text(path, cases[i].path));
        assert_int_equal(query.data == NULL, cases[i].query == NULL);
        assert_true(bytes_equal_text(query, cases[i].query != NULL ? cases[i].query : ""));
    }
    assert_null(query_split(bytes_of(NULL, 0), &path).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_a_path_and_a_query),
        cmocka_unit_test(query_values_are_found_and_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
