/* SPDX-License-Identifier: MIT */
#include "arrival.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Four pieces, the last one short. */
enum { PIECE = 100, SIZE = 350 };

static void what_comes_in_order_is_counted_and_makes_pieces(void **state)
{
    struct arrival arrival = arrival_of(SIZE, PIECE);
    struct error error;

    (void)state;
    assert_int_equal(arrival_pieces(&arrival), 4);
    assert_int_equal(arrival_piece_len(&arrival, 3), 50);
    assert_int_equal(arrival_grow(&arrival, 0, 99, &error), ERR_NONE);
    assert_false(arrival_has(&arrival, 0));
    assert_int_equal(arrival_grow(&arrival, 99, 1, &error), ERR_NONE);
    assert_true(arrival_has(&arrival, 0));
    assert_false(arrival_has(&arrival, 1));
    assert_int_equal(arrival_grow(&arrival, 100, 0, &error), ERR_NONE);
    assert_int_equal(arrival_grow(&arrival, 100, 249, &error), ERR_NONE);
    assert_false(arrival_has(&arrival, 3));
    assert_false(arrival_is_whole(&arrival));
    assert_int_equal(arrival_grow(&arrival, 349, 1, &error), ERR_NONE);
    assert_true(arrival_has(&arrival, 3));
    assert_true(arrival_is_whole(&arrival));
}

static void another_place_or_too_much_changes_nothing(void **state)
{
    static const struct {
        uint64_t position, len;
        enum err err;
    } cases[] = {
        {0, 10, ERR_EXISTS},         {49, 1, ERR_EXISTS},      {51, 1, ERR_EXISTS},
        {UINT64_MAX, 1, ERR_EXISTS}, {50, 301, ERR_TOO_LARGE}, {50, UINT64_MAX, ERR_TOO_LARGE},
    };
    struct arrival arrival = arrival_of(SIZE, PIECE);
    struct error error;

    (void)state;
    assert_int_equal(arrival_grow(&arrival, 0, 50, &error), ERR_NONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum err err = arrival_grow(&arrival, cases[i].position, cases[i].len, &error);

        if (err != cases[i].err || arrival.received != 50)
            fail_msg("case %zu gave %s", i, err_word(err));
    }
}

static void the_front_that_meets_the_tail_is_all(void **state)
{
    struct arrival arrival = arrival_of(SIZE, PIECE);
    struct error error;

    (void)state;
    assert_int_equal(arrival_add_tail(&arrival, 200, 150, &error), ERR_NONE);
    assert_true(arrival_has(&arrival, 2) && arrival_has(&arrival, 3));
    assert_false(arrival_has(&arrival, 1) || arrival_is_whole(&arrival));
    assert_int_equal(arrival_grow(&arrival, 0, 199, &error), ERR_NONE);
    assert_false(arrival_has(&arrival, 1) || arrival_is_whole(&arrival));
    /* Whoever does not know of the tail sends a part that reaches into it. */
    assert_int_equal(arrival_grow(&arrival, 199, 21, &error), ERR_NONE);
    assert_true(arrival_is_whole(&arrival));
    assert_int_equal(arrival.received, SIZE);
}

static void a_tail_is_the_end_in_whole_pieces_and_comes_once(void **state)
{
    struct arrival arrival = arrival_of(SIZE, PIECE);
    struct error error;

    (void)state;
    assert_int_equal(arrival_add_tail(&arrival, 250, 100, &error), ERR_INVALID);
    assert_int_equal(arrival_add_tail(&arrival, 200, 149, &error), ERR_INVALID);
    assert_int_equal(arrival_add_tail(&arrival, 200, 151, &error), ERR_TOO_LARGE);
    assert_int_equal(arrival_add_tail(&arrival, 400, 0, &error), ERR_TOO_LARGE);
    assert_int_equal(arrival_grow(&arrival, 0, 201, &error), ERR_NONE);
    assert_int_equal(arrival_add_tail(&arrival, 200, 150, &error), ERR_EXISTS);
    assert_int_equal(arrival_add_tail(&arrival, 300, 50, &error), ERR_NONE);
    assert_int_equal(arrival_add_tail(&arrival, 300, 50, &error), ERR_EXISTS);
    assert_int_equal(arrival.received, 201);
    assert_int_equal(arrival.tail_at, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_order_is_counted_and_makes_pieces),
        cmocka_unit_test(another_place_or_too_much_changes_nothing),
        cmocka_unit_test(the_front_that_meets_the_tail_is_all),
        cmocka_unit_test(a_tail_is_the_end_in_whole_pieces_and_comes_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
