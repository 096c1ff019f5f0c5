/* SPDX-License-Identifier: MIT */
#include "wire/traceparent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static void what_the_standard_says_is_read(void **state)
{
    static const char *const good[] = {
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what comes later",
    };
    char text[TRACEPARENT_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct traceparent parent;

        assert_true(traceparent_parse(bytes_of_text(good[i]), &parent));
        assert_int_equal(parent.trace_high, 0x4bf92f3577b34da6);
        assert_int_equal(parent.trace, 0xa3ce929d0e0e4736);
        assert_int_equal(parent.span, 0x00f067aa0ba902b7);
        assert_string_equal(traceparent_text(&parent, text), good[0]);
    }
}

static void what_is_wrong_is_ignored(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
    };
    struct traceparent parent;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(traceparent_parse(bytes_of_text(bad[i]), &parent));
}

static void a_flag_that_we_do_not_know_is_not_handed_on(void **state)
{
    struct traceparent parent;
    char text[TRACEPARENT_TEXT];

    (void)state;
    assert_true(traceparent_parse(
        bytes_of_text("00-0000000000000000a3ce929d0e0e4736-00f067aa0ba902b7-fe"), &parent));
    assert_string_equal(traceparent_text(&parent, text),
                        "00-0000000000000000a3ce929d0e0e4736-00f067aa0ba902b7-00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_standard_says_is_read),
        cmocka_unit_test(what_is_wrong_is_ignored),
        cmocka_unit_test(a_flag_that_we_do_not_know_is_not_handed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
