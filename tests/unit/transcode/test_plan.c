/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

enum { SECOND = 1000 * 1000 };

/* "0 6 12 | 20": where segments begin, and the end, in seconds. */
static char *plan_text(const struct plan *plan)
{
    struct text text = {0};

    for (size_t i = 0; i < plan->count; i++)
        text_addf(&text, "%g ", (double)plan->starts[i] / SECOND);
    if (plan->count > 0)
        text_addf(&text, "| %g", (double)plan->starts[plan->count] / SECOND);
    return text_take(&text);
}

static void segments_begin_at_keyframes_as_soon_as_they_are_long_enough(void **state)
{
    static const struct {
        const char *name;
        double keyframes[8];
        size_t count;
        double end;
        const char *result; /* "": refused */
    } cases[] = {
        {"every 2 s", {0, 2, 4, 6, 8, 10, 12}, 7, 18, "0 2 8 | 18"},
        {"the first is a short one", {0, 1.99, 4, 8, 12}, 5, 18, "0 4 12 | 18"},
        {"a little less than the target is not enough", {0, 2, 7.99, 12}, 4, 20, "0 2 12 | 20"},
        {"every 10 s", {0, 10, 20}, 3, 30, "0 10 20 | 30"},
        {"does not begin at 0", {1.5, 7.5}, 2, 14, "1.5 7.5 | 14"},
        {"begins before 0", {-0.5, 6}, 2, 12, "-0.5 6 | 12"},
        {"short tail joins the one before", {0, 6, 12}, 3, 14.9, "0 6 | 14.9"},
        {"half a target is long enough", {0, 6, 12}, 3, 15, "0 6 12 | 15"},
        {"nothing but a short tail", {0, 1}, 2, 2, "0 | 2"},
        {"keyframes behind the end", {0, 6, 12, 18}, 4, 12, "0 6 | 12"},

        {"no keyframes", {0}, 0, 12, ""},
        {"one keyframe is no index", {0}, 1, 12, ""},
        {"no length", {0, 6}, 2, 0, ""},
        {"ends before it begins", {5, 6}, 2, 4, ""},
        {"31 s without a keyframe", {0, 6, 37}, 3, 40, ""},
        {"30 s are bearable", {0, 6, 36}, 3, 40, "0 6 36 | 40"},
        {"a minute without one at the end", {0, 6}, 2, 66, ""},
        {"goes back", {0, 12, 6, 18}, 4, 24, ""},
        {"twice the same", {0, 6, 6, 12}, 4, 24, ""},
        {"longer than any film", {0, 6}, 2, 1e13 / SECOND, ""},
        {"times out of this world", {-9e12, 9e12}, 2, 12, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t keyframes[8];
        struct plan plan;

        for (size_t k = 0; k < cases[i].count; k++)
            keyframes[k] = (int64_t)(cases[i].keyframes[k] * SECOND);
        bool is_made = plan_keyframes(&plan, keyframes, cases[i].count,
                                      (int64_t)(cases[i].end * SECOND), 6 * SECOND);
        char *text = plan_text(&plan);

        if (strcmp(text, cases[i].result) != 0 || is_made != (cases[i].result[0] != '\0'))
            fail_msg("%s: '%s', wanted '%s'", cases[i].name, text, cases[i].result);
        free(text);
        plan_fini(&plan);
    }
}

static void grid_has_equal_segments_and_no_sliver(void **state)
{
    static const struct {
        double end, target;
        const char *result;
    } cases[] = {
        {18, 6, "0 6 12 | 18"},
        {20, 6, "0 6 12 | 20"},
        {21, 6, "0 6 12 18 | 21"},
        {2, 6, "0 | 2"},
        {0.000001, 6, "0 | 1e-06"},
        {0, 6, ""},
        {-1, 6, ""},
        {12, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct plan plan;

        plan_grid(&plan, (int64_t)(cases[i].end * SECOND), (int64_t)(cases[i].target * SECOND));
        char *text = plan_text(&plan);

        assert_string_equal(text, cases[i].result);
        free(text);
        plan_fini(&plan);
    }
}

static void finer_plans_keep_the_cuts_of_the_coarse_one(void **state)
{
    static const struct {
        int64_t target;
        const char *result;
    } cases[] = {
        {2 * SECOND, "0 2 4 6 8 10 | 11.5"},
        {4 * SECOND, "0 3 6 10 | 11.5"},
        {6 * SECOND, "0 6 10 | 11.5"},
        {INT64_MAX / 2, "0 6 10 | 11.5"},
    };
    int64_t starts[] = {0, 6 * SECOND, 10 * SECOND, 11500000};
    const struct plan coarse = {starts, 3}, none = {0};
    struct plan plan;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(plan_refine(&plan, &coarse, cases[i].target));
        char *text = plan_text(&plan);

        assert_string_equal(text, cases[i].result);
        free(text);
        plan_fini(&plan);
    }
    assert_false(plan_refine(&plan, &none, SECOND));
    assert_false(plan_refine(&plan, &coarse, 100));
    assert_int_equal(plan.count, 0);
}

static void too_many_segments_are_refused(void **state)
{
    static int64_t keyframes[PLAN_SEGMENTS_MAX + 1];
    struct plan plan;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(keyframes); i++)
        keyframes[i] = (int64_t)i * SECOND;
    assert_true(plan_keyframes(&plan, keyframes, PLAN_SEGMENTS_MAX,
                               (int64_t)PLAN_SEGMENTS_MAX * SECOND, SECOND));
    assert_int_equal(plan.count, PLAN_SEGMENTS_MAX);
    plan_fini(&plan);
    assert_false(plan_keyframes(&plan, keyframes, COUNT_OF(keyframes),
                                (int64_t)COUNT_OF(keyframes) * SECOND, SECOND));
    assert_null(plan.starts);
    assert_true(plan_grid(&plan, ((int64_t)PLAN_SEGMENTS_MAX - 1) * SECOND, SECOND));
    plan_fini(&plan);
    assert_false(plan_grid(&plan, (int64_t)PLAN_SEGMENTS_MAX * SECOND, SECOND));
    assert_false(plan_grid(&plan, INT64_MAX, SECOND));
    assert_false(plan_keyframes(&plan, keyframes, 2, INT64_MAX, SECOND));
}

static void target_duration_is_that_of_the_longest_rounded(void **state)
{
    static const struct {
        double starts[4];
        size_t count;
        unsigned target;
    } cases[] = {
        {{0, 6, 12}, 2, 6},      {{0, 6, 12.4}, 2, 6}, {{0, 6, 12.5}, 2, 7},
        {{0, 10.01, 12}, 2, 10}, {{0, 0.2}, 1, 1},     {{0}, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t starts[4];
        const struct plan plan = {.starts = starts, .count = cases[i].count};

        for (size_t k = 0; k < COUNT_OF(starts); k++)
            starts[k] = (int64_t)(cases[i].starts[k] * SECOND);
        assert_int_equal(plan_target_s(&plan), cases[i].target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_begin_at_keyframes_as_soon_as_they_are_long_enough),
        cmocka_unit_test(grid_has_equal_segments_and_no_sliver),
        cmocka_unit_test(finer_plans_keep_the_cuts_of_the_coarse_one),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(target_duration_is_that_of_the_longest_rounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
