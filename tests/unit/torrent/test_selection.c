/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"

enum { FILES = 6 };

static void text_and_files_match(void **state)
{
    static const struct {
        const char *text;
        bool files[FILES];
    } cases[] = {
        {NULL, {1, 1, 1, 1, 1, 1}},
        {"", {0}},
        {"0", {1}},
        {"5", {0, 0, 0, 0, 0, 1}},
        {"0,2,4", {1, 0, 1, 0, 1}},
        {"1-3", {0, 1, 1, 1}},
        {"0,2-5", {1, 0, 1, 1, 1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *text = selection_write(cases[i].files, FILES);
        bool files[FILES];

        if (cases[i].text == NULL) {
            assert_null(text);
            continue;
        }
        assert_string_equal(text, cases[i].text);
        selection_read(text, files, FILES);
        assert_memory_equal(files, cases[i].files, sizeof(files));
        free(text);
    }
}

static void foreign_text_does_no_harm(void **state)
{
    static const struct {
        const char *text;
        bool files[FILES];
    } cases[] = {
        {"7", {0}},
        {"4-99999999999999999999", {0, 0, 0, 0, 1, 1}},
        {"4294967295-4294967295", {0}},
        {"4294967296,0", {1}},
        {"18446744073709551616,1", {0, 1}},
        {"3-1", {0}},
        {"1,x,2", {0, 1}},
        {"1-", {0}},
        {"-1", {0}},
        {"2,,3", {0, 0, 1}},
        {"1,1,1", {0, 1}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool files[FILES] = {1, 1, 1, 1, 1, 1};

        selection_read(cases[i].text, files, FILES);
        assert_memory_equal(files, cases[i].files, sizeof(files));
    }
    selection_read("0", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_files_match),
        cmocka_unit_test(foreign_text_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
