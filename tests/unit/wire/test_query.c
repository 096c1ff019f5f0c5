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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_values_are_found_and_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
