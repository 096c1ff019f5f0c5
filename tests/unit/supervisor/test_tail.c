/* SPDX-License-Identifier: MIT */
#include "tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static struct text seen;

static void see(void *arg, struct bytes line)
{
    (void)arg;
    text_add_bytes(&seen, line);
}

static void whole_lines_go_on_and_halves_wait(void **state)
{
    struct tail tail = {0};

    (void)state;
    text_clear(&seen);
    tail_feed(&tail, bytes_of_text("one\ntw"), see, NULL);
    assert_string_equal(text_str(&seen), "one\n");
    tail_feed(&tail, bytes_of_text("o\nthree"), see, NULL);
    assert_string_equal(text_str(&seen), "one\ntwo\n");
    tail_finish(&tail, see, NULL);
    assert_string_equal(text_str(&seen), "one\ntwo\nthree\n");
    tail_finish(&tail, see, NULL);
    assert_string_equal(text_str(&seen), "one\ntwo\nthree\n");

    struct obituary obituary = {0};
    tail_take(&tail, &obituary);
    assert_int_equal(obituary.line_count, 3);
    assert_string_equal(obituary.lines[2], "three");
    obituary_fini(&obituary);
    tail_take(&tail, &obituary);
    assert_int_equal(obituary.line_count, 0);
    tail_fini(&tail);
}

static void only_the_last_lines_are_remembered(void **state)
{
    struct tail tail = {0};
    struct obituary obituary = {0};
    char line[16];

    (void)state;
    text_clear(&seen);
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "%d\n", i);
        tail_feed(&tail, bytes_of_text(line), see, NULL);
    }
    tail_take(&tail, &obituary);
    assert_int_equal(obituary.line_count, OBITUARY_LINES);
    assert_string_equal(obituary.lines[0], "980");
    assert_string_equal(obituary.lines[OBITUARY_LINES - 1], "999");
    obituary_fini(&obituary);
    tail_fini(&tail);
}

static void a_line_without_end_is_broken_and_cut(void **state)
{
    struct tail tail = {0};
    struct obituary obituary = {0};
    static char endless[20000];

    (void)state;
    text_clear(&seen);
    memset(endless, 'x', sizeof(endless));
    tail_feed(&tail, bytes_of(endless, sizeof(endless)), see, NULL);
    tail_finish(&tail, see, NULL);
    assert_int_equal(seen.len, sizeof(endless) + 5); /* newlines of ours */
    tail_take(&tail, &obituary);
    assert_int_equal(obituary.line_count, 5);
    assert_int_equal(strlen(obituary.lines[0]), OBITUARY_LINE_MAX - 1);
    obituary_fini(&obituary);
    tail_fini(&tail);
    text_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_lines_go_on_and_halves_wait),
        cmocka_unit_test(only_the_last_lines_are_remembered),
        cmocka_unit_test(a_line_without_end_is_broken_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
