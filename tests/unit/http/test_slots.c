/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_number_finds_its_thing_until_that_goes(void **state)
{
    struct slots slots = {0};
    int a, b;
    uint64_t number_a = slots_add(&slots, &a), number_b = slots_add(&slots, &b);

    (void)state;
    assert_int_not_equal(number_a, 0);
    assert_int_not_equal(number_a, number_b);
    assert_ptr_equal(slots_find(&slots, number_a), &a);
    assert_ptr_equal(slots_find(&slots, number_b), &b);
    slots_remove(&slots, number_a);
    assert_null(slots_find(&slots, number_a));
    assert_ptr_equal(slots_find(&slots, number_b), &b);
    slots_fini(&slots);
}

static void numbers_never_come_twice_and_fit(void **state)
{
    struct slots slots = {0};
    uint64_t last = 0;
    int thing;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t number = slots_add(&slots, &thing);

        assert_true(number > last); /* one slot, ever newer generations */
        assert_int_equal(number >> 47, 0);
        assert_null(slots_find(&slots, last));
        last = number;
        slots_remove(&slots, number);
    }
    slots_fini(&slots);
}

static void numbers_of_strangers_find_nothing(void **state)
{
    struct slots slots = {0};
    int thing;
    uint64_t number = slots_add(&slots, &thing);

    (void)state;
    assert_null(slots_find(&slots, 0));
    assert_null(slots_find(&slots, number + 1));
    assert_null(slots_find(&slots, number + (UINT64_C(1) << SLOTS_BITS)));
    assert_null(slots_find(&slots, number | UINT64_C(1) << 47));
    assert_null(slots_find(&slots, UINT64_MAX));
    slots_fini(&slots);
}

static void a_slot_whose_numbers_are_used_up_rests(void **state)
{
    struct slots slots = {0};
    int thing;
    uint64_t number = slots_add(&slots, &thing), next;

    (void)state;
    slots.rows[0].generation = (1u << SLOTS_GENERATION_BITS) - 2;
    slots_remove(&slots, (uint64_t)slots.rows[0].generation << SLOTS_BITS);
    number = slots_add(&slots, &thing);
    assert_int_equal(number >> SLOTS_BITS, (1u << SLOTS_GENERATION_BITS) - 1);
    assert_int_equal(number >> 47, 0);
    slots_remove(&slots, number);
    next = slots_add(&slots, &thing);
    assert_int_equal(next & (SLOTS_MAX - 1), 1);
    slots_fini(&slots);
}

static void a_full_table_gives_none(void **state)
{
    struct slots slots = {0};
    int thing;
    uint64_t number = 0;

    (void)state;
    for (int i = 0; i < SLOTS_MAX; i++)
        assert_int_not_equal(number = slots_add(&slots, &thing), 0);
    assert_int_equal(slots_add(&slots, &thing), 0);
    slots_remove(&slots, number);
    assert_int_not_equal(slots_add(&slots, &thing), 0);
    slots_fini(&slots);
}

static void going_through_survives_changes(void **state)
{
    struct slots slots = {0};
    int things[5];
    uint64_t numbers[5];
    uint32_t at = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        numbers[i] = slots_add(&slots, &things[i]);
    slots_remove(&slots, numbers[1]);
    assert_ptr_equal(slots_next(&slots, &at), &things[0]);
    assert_ptr_equal(slots_next(&slots, &at), &things[2]);
    slots_remove(&slots, numbers[3]);
    assert_ptr_equal(slots_next(&slots, &at), &things[4]);
    assert_null(slots_next(&slots, &at));
    slots_fini(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_finds_its_thing_until_that_goes),
        cmocka_unit_test(numbers_never_come_twice_and_fit),
        cmocka_unit_test(numbers_of_strangers_find_nothing),
        cmocka_unit_test(a_slot_whose_numbers_are_used_up_rests),
        cmocka_unit_test(a_full_table_gives_none),
        cmocka_unit_test(going_through_survives_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
