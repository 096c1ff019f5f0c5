/* SPDX-License-Identifier: MIT */
#include "budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/must.h"

/* Three torrents: the first is in use, the second longest unused. */
#define ITEMS                                                                                      \
    {                                                                                              \
        {.on_disk = 10, .missing = 5, .used_ms = 1},                                               \
            {.on_disk = 20, .used_ms = 2, .is_evictable = true},                                   \
        {                                                                                          \
            .on_disk = 30, .missing = 4, .used_ms = 3, .is_evictable = true                        \
        }                                                                                          \
    }

enum { COUNT = 3 };

static unsigned victims(const struct budget_item *items)
{
    return items[0].is_victim * 1u + items[1].is_victim * 2u + items[2].is_victim * 4u;
}

static void what_is_left_is_the_lower_of_floor_and_quota(void **state)
{
    static const struct {
        struct budget budget;
        uint64_t left;
    } cases[] = {
        {{.free_bytes = 100, .floor = 0}, 91}, /* 9 are promised */
        {{.free_bytes = 100, .floor = 50}, 41},
        {{.free_bytes = 100, .floor = 100}, 0},
        {{.free_bytes = 100, .floor = 200}, 0},
        {{.free_bytes = 5}, 0}, /* more promised than there is */
        {{.free_bytes = 1000, .quota = 60}, 0},
        {{.free_bytes = 1000, .quota = 70}, 1},
        {{.free_bytes = 1000, .quota = 10}, 0},
        {{.free_bytes = 20, .quota = 1000}, 11},
        {{.free_bytes = UINT64_MAX, .quota = 100}, 31},
        {{.free_bytes = UINT64_MAX}, UINT64_MAX - 9},
    };
    const struct budget_item items[COUNT] = ITEMS;

    (void)state;
    assert_int_equal(budget_used(items, COUNT), 60);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(budget_left(&cases[i].budget, items, COUNT), cases[i].left);
}

static void nobody_goes_while_there_is_room(void **state)
{
    struct budget budget = {.free_bytes = 100, .floor = 10};
    struct budget_item items[COUNT] = ITEMS;

    (void)state;
    assert_true(budget_fit(&budget, items, COUNT, 81));
    assert_int_equal(victims(items), 0);
    assert_true(budget_fit(&budget, NULL, 0, 90));
    assert_false(budget_fit(&budget, NULL, 0, 91));
}

static void longest_unused_goes_first(void **state)
{
    struct budget budget = {.free_bytes = 100, .floor = 10};
    struct budget_item items[COUNT] = ITEMS, again[COUNT] = ITEMS;

    (void)state;
    assert_true(budget_fit(&budget, items, COUNT, 82));
    assert_int_equal(victims(items), 2);
    /* The third frees what it has, and what it was promised. */
    assert_true(budget_fit(&budget, again, COUNT, 81 + 20 + 30 + 4));
    assert_int_equal(victims(again), 2 + 4);
}

static void nobody_goes_in_vain(void **state)
{
    struct budget budget = {.free_bytes = 100, .floor = 10},
                  quota = {.free_bytes = 1000, .quota = 62};
    struct budget_item items[COUNT] = ITEMS, more[COUNT] = ITEMS;

    (void)state;
    assert_false(budget_fit(&budget, items, COUNT, 81 + 20 + 30 + 4 + 1));
    assert_int_equal(victims(items), 0);
    /* 10 stay and 5 are promised: 47 fit. */
    assert_false(budget_fit(&quota, more, COUNT, 48));
    assert_int_equal(victims(more), 0);
    assert_true(budget_fit(&quota, more, COUNT, 47));
    assert_int_equal(victims(more), 2 + 4);
}

static void trimming_stops_as_soon_as_all_holds(void **state)
{
    static const struct {
        struct budget budget;
        size_t count_max;
        unsigned victims;
    } cases[] = {
        {{.free_bytes = 100, .floor = 100}, 3, 0},
        {{.free_bytes = 99, .floor = 100}, 3, 2},
        {{.free_bytes = 79, .floor = 100}, 3, 2 + 4},
        {{.free_bytes = 0, .floor = 100}, 3, 2 + 4}, /* as far as there are any */
        {{.free_bytes = UINT64_MAX, .quota = 60}, 3, 0},
        {{.free_bytes = UINT64_MAX, .quota = 59}, 3, 2},
        {{.free_bytes = UINT64_MAX, .quota = 1}, 3, 2 + 4},
        {{.free_bytes = UINT64_MAX}, 3, 0},
        {{.free_bytes = UINT64_MAX}, 2, 2},
        {{.free_bytes = UINT64_MAX}, 0, 2 + 4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct budget_item items[COUNT] = ITEMS;

        budget_trim(&cases[i].budget, items, COUNT, cases[i].count_max);
        assert_int_equal(victims(items), cases[i].victims);
    }
}

static void absurd_figures_do_not_overflow(void **state)
{
    struct budget budget = {.free_bytes = UINT64_MAX, .floor = 1, .quota = UINT64_MAX};
    struct budget_item items[] = {
        {.on_disk = UINT64_MAX, .missing = UINT64_MAX, .is_evictable = true},
        {.on_disk = UINT64_MAX, .missing = UINT64_MAX}};

    (void)state;
    assert_int_equal(budget_used(items, 2), UINT64_MAX);
    assert_int_equal(budget_left(&budget, items, 2), 0);
    assert_false(budget_fit(&budget, items, 2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_the_lower_of_floor_and_quota),
        cmocka_unit_test(nobody_goes_while_there_is_room),
        cmocka_unit_test(longest_unused_goes_first),
        cmocka_unit_test(nobody_goes_in_vain),
        cmocka_unit_test(trimming_stops_as_soon_as_all_holds),
        cmocka_unit_test(absurd_figures_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
