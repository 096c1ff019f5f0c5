/* SPDX-License-Identifier: MIT */
#include "wire/mkv_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID "\x1f\x43\xb6\x75"

static void clusters_are_found_wherever_they_begin(void **state)
{
    static const struct {
        const char *name, *data;
        size_t len, at;
        uint64_t ticks;
    } cases[] = {
        {"at once", ID "\x81\xe7\x81\x05", 8, 0, 5},
        {"behind others, of unknown length",
         "ab\x1f\x43" ID "\x01\xff\xff\xff\xff\xff\xff\xff"
         "\xe7\x82\x12\x34",
         20, 4, 0x1234},
        {"with a checksum",
         ID "\x42\x86\xbf\x84"
            "abcd"
            "\xe7\x88\0\0\0\1\0\0\0\2",
         22, 0, UINT64_C(0x100000002)},
        {"behind a number that is none", ID "\0\xe7\x81\x05" ID "\x81\xe7\x81\x06", 16, 8, 6},
        {"behind one without a time", ID "\x81\xa3\x81\x05" ID "\x81\xe7\x81\x06", 16, 8, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t ticks = 0;
        size_t at = 99;

        print_message("%s\n", cases[i].name);
        assert_true(mkv_cluster_find(bytes_of(cases[i].data, cases[i].len), &at, &ticks));
        assert_int_equal(at, cases[i].at);
        assert_true(ticks == cases[i].ticks);
        assert_false(mkv_cluster_find(bytes_of(cases[i].data, cases[i].len - 1), &at, &ticks));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_are_found_wherever_they_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
