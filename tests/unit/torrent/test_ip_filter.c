/* SPDX-License-Identifier: MIT */
#include "ip_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void lines_of_the_usual_lists_are_read(void **state)
{
    static const struct {
        const char *line, *first, *last; /* first NULL: no range */
    } cases[] = {
        {"1.2.3.4 - 1.2.3.9", "1.2.3.4", "1.2.3.9"},
        {"1.2.3.4-1.2.3.9\r", "1.2.3.4", "1.2.3.9"},
        {"  1.2.3.4\t-\t1.2.3.9  ", "1.2.3.4", "1.2.3.9"},
        {"1.2.3.4", "1.2.3.4", "1.2.3.4"},
        {"001.002.003.004 - 001.002.003.009 , 000 , A name", "1.2.3.4", "1.2.3.9"},
        {"000.000.000.000 - 000.255.255.255 , 100 , Not-so, 1.2.3.4", "0.0.0.0", "0.255.255.255"},
        {"001.002.003.004 - 001.002.003.009 , 127 , refused", "1.2.3.4", "1.2.3.9"},
        {"001.002.003.004 - 001.002.003.009 , 128 , allowed", NULL, NULL},
        {"A name:1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"},
        {"A name, Inc. - #1 (x:y):1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"},
        {":1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"},
        {"2001:db8::1 - 2001:db8::ff", "2001:db8::1", "2001:db8::ff"},
        {"::1", "::1", "::1"},
        {"Somebody:2001:db8::1-2001:db8::ff", "2001:db8::1", "2001:db8::ff"},
        {"0.0.0.0 - 255.255.255.255", "0.0.0.0", "255.255.255.255"},
        {"", NULL, NULL},
        {"   ", NULL, NULL},
        {"# 1.2.3.4 - 1.2.3.9", NULL, NULL},
        {"// 1.2.3.4 - 1.2.3.9", NULL, NULL},
        {"nonsense", NULL, NULL},
        {"1.2.3.9 - 1.2.3.4", NULL, NULL},
        {"1.2.3.4 - ::1", NULL, NULL},
        {"1.2.3 - 1.2.4", NULL, NULL},
        {"1.2.3.256", NULL, NULL},
        {"1.2.3.4 -", NULL, NULL},
        {"1.2.3.4 5.6.7.8", NULL, NULL},
        {"1.2.3.4/24", NULL, NULL},
        {"0000000000000000000000000000000000000000000000001.2.3.4", NULL, NULL},
        {"1.2.3.4 - 1.2.3.9 - 1.2.3.10", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lt_range range;
        char line[128];

        snprintf(line, sizeof(line), "%s", cases[i].line);
        bool is_range = ip_filter_line(line, &range);
        if (is_range != (cases[i].first != NULL))
            fail_msg("'%s' is%s taken for a range", cases[i].line, is_range ? "" : " not");
        if (!is_range)
            continue;
        assert_string_equal(range.first, cases[i].first);
        assert_string_equal(range.last, cases[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_usual_lists_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
