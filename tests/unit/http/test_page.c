/* SPDX-License-Identifier: MIT */
#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void the_best_coding_that_is_taken_is_chosen(void **state)
{
    static const struct {
        const char *accept;
        enum page_coding coding;
    } cases[] = {
        {"", PAGE_PLAIN},
        {"identity", PAGE_PLAIN},
        {"gzip", PAGE_GZIP},
        {"GZIP", PAGE_GZIP},
        {"gzip, deflate, br", PAGE_BROTLI},
        {"br;q=1.0, gzip;q=0.8", PAGE_BROTLI},
        {"gzip;q=1, br;q=0.1", PAGE_BROTLI},
        {"gzip, br;q=0", PAGE_GZIP},
        {"gzip , br ; q=0.000", PAGE_GZIP},
        {"gzip;q=0, br; q=0.", PAGE_PLAIN},
        {"br;x=0;q=0", PAGE_PLAIN},
        {"br;q=0.001", PAGE_BROTLI},
        {"br;q=", PAGE_BROTLI},
        {"brr, xgzip, b", PAGE_PLAIN},
        {"*", PAGE_PLAIN},
        {",,;;,=q", PAGE_PLAIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].accept);
        assert_int_equal(page_choose(bytes_of_text(cases[i].accept)), cases[i].coding);
    }
    assert_int_equal(page_choose(bytes_of(NULL, 0)), PAGE_PLAIN);
}

static void browsers_and_programs_are_told_apart(void **state)
{
    (void)state;
    assert_true(page_is_for(bytes_of_text("text/html,application/xhtml+xml,*/*;q=0.8")));
    assert_true(page_is_for(bytes_of_text("application/json, text/html;q=0.9")));
    assert_false(page_is_for(bytes_of_text("*/*")));
    assert_false(page_is_for(bytes_of_text("text/plain")));
    assert_false(page_is_for(bytes_of_text("text/html;q=0, */*")));
    assert_false(page_is_for(bytes_of(NULL, 0)));
}

static void the_page_and_nothing_else_is_found(void **state)
{
    size_t count = 0;

    (void)state;
    for (const struct page_file *file = page_files; file->path != NULL; file++, count++) {
        assert_ptr_equal(page_find(bytes_of_text(file->path)), file);
        assert_int_equal(file->path[0], '/');
        for (enum page_coding i = 0; i < PAGE_CODINGS; i++)
            assert_true(file->forms[i].len > 0);
    }
    assert_true(count > 3);
    assert_non_null(page_find(bytes_of_text("/index.html")));
    assert_non_null(page_find(bytes_of_text("/room.html")));
    assert_null(page_find(bytes_of_text("/index.htm")));
    assert_null(page_find(bytes_of_text("/assets/")));
    assert_null(page_find(bytes_of(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_coding_that_is_taken_is_chosen),
        cmocka_unit_test(browsers_and_programs_are_told_apart),
        cmocka_unit_test(the_page_and_nothing_else_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
