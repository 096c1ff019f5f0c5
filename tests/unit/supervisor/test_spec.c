/* SPDX-License-Identifier: MIT */
#include "spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void empty_means_one_of_each_in_start_order(void **state)
{
    struct spec_choice choices[SPEC_MAX];
    size_t count = 0;

    (void)state;
    assert_int_equal(spec_choose("", choices, &count, NULL), ERR_NONE);
    assert_int_equal(count, spec_count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(choices[i].instances, 1);
        assert_true(i == 0 || choices[i - 1].spec->order <= choices[i].spec->order);
    }
}

static void chosen_services_come_in_start_order(void **state)
{
    struct spec_choice choices[SPEC_MAX];
    size_t count = 0;

    (void)state;
    assert_int_equal(spec_choose("http=3, torrent", choices, &count, NULL), ERR_NONE);
    assert_int_equal(count, 2);
    assert_string_equal(choices[0].spec->name, "torrent");
    assert_int_equal(choices[0].instances, 1);
    assert_string_equal(choices[1].spec->name, "http");
    assert_int_equal(choices[1].instances, 3);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *services, *part;
    } cases[] = {
        {"torrent, htpp", "did you mean http"},        {"nonsense", "no service named nonsense"},
        {"http, torrent, http", "stands there twice"}, {"http=0", "not a number of instances"},
        {"http=17", "not a number of instances"},      {"http=x", "not a number of instances"},
        {"http=", "not a number of instances"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct spec_choice choices[SPEC_MAX];
        struct error error = {0};
        size_t count = 0;

        if (spec_choose(cases[i].services, choices, &count, &error) != ERR_CONFIG ||
            strstr(error.text, cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].services, error.text);
    }
}

static void programs_are_next_to_us_unless_told_otherwise(void **state)
{
    char path[4096];

    (void)state;
    assert_true(spec_path("/opt/bin", "http-svc", path, sizeof(path)));
    assert_string_equal(path, "/opt/bin/http-svc");
    assert_true(spec_path("", "http-svc", path, sizeof(path)));
    assert_string_equal(strrchr(path, '/'), "/http-svc");
    assert_int_equal(path[0], '/');
    assert_false(spec_path("/opt/bin", "http-svc", path, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_means_one_of_each_in_start_order),
        cmocka_unit_test(chosen_services_come_in_start_order),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(programs_are_next_to_us_unless_told_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
