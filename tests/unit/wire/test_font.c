/* SPDX-License-Identifier: MIT */
#include "wire/font.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fonts_are_known_by_their_first_bytes(void **state)
{
    (void)state;
    assert_string_equal(font_type(bytes_of("\0\1\0\0more", 8)), "font/ttf");
    assert_string_equal(font_type(bytes_of("OTTO", 4)), "font/otf");
    assert_string_equal(font_type(bytes_of("wOF2....", 8)), "font/woff2");
    assert_null(font_type(bytes_of("OTT", 3)));
    assert_null(font_type(bytes_of("<html>", 6)));
    assert_null(font_type(bytes_of(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fonts_are_known_by_their_first_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
