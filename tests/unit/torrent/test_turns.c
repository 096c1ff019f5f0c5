/* SPDX-License-Identifier: MIT */
#include "turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/must.h"

enum { VIEWERS = 8 };

/* A room, in which a line that is too slow for `enough` at once holds everybody back. */
static struct turn room[VIEWERS];
static struct turns turns;

static void second(size_t enough)
{
    struct turn *line[VIEWERS];
    size_t served = 0;

    for (size_t i = 0; i < VIEWERS; i++)
        served += room[i].is_served;
    for (size_t i = 0; i < VIEWERS; i++) {
        room[i].is_held = served > enough;
        line[i] = &room[i];
    }
    turns_second(&turns, line, VIEWERS);
}

static unsigned served(void)
{
    unsigned who = 0;

    for (unsigned i = 0; i < VIEWERS; i++)
        who |= (unsigned)room[i].is_served << i;
    return who;
}

static size_t count_served(void)
{
    return (size_t)__builtin_popcount(served());
}

static int begin(void **state)
{
    (void)state;
    turns = (struct turns){0};
    for (size_t i = 0; i < VIEWERS; i++)
        room[i] = (struct turn){.is_wanted = true};
    return 0;
}

static void all_are_served_when_nobody_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        second(VIEWERS);
        assert_int_equal(count_served(), VIEWERS);
    }
    room[3].is_wanted = false;
    second(VIEWERS);
    assert_int_equal(served(), 0xf7);
}

static void nobody_is_there(void **state)
{
    (void)state;
    turns_second(&turns, NULL, 0);
    assert_int_equal(turns.places, 0);
}

static void few_are_served_when_they_wait(void **state)
{
    static const size_t expected[] = {8, 4, 2, 2, 2};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        second(0);
        assert_int_equal(count_served(), expected[i]);
    }
}

static void each_gets_as_many_turns(void **state)
{
    unsigned seconds[VIEWERS] = {0}, rounds = VIEWERS / TURNS_PLACES * 6;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        second(0);
    for (unsigned i = 0; i < rounds * TURNS_LENGTH_S; i++) {
        second(0);
        for (size_t j = 0; j < VIEWERS; j++)
            seconds[j] += room[j].is_served;
    }
    for (size_t i = 0; i < VIEWERS; i++)
        assert_in_range(seconds[i], 5 * TURNS_LENGTH_S, 7 * TURNS_LENGTH_S);
}

static void a_turn_is_not_cut_short(void **state)
{
    unsigned before, since = 0;

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        second(0);
    before = served();
    for (unsigned i = 0; i < 60; i++, since++) {
        second(0);
        if (served() == before)
            continue;
        assert_true(i < TURNS_LENGTH_S || since >= TURNS_LENGTH_S);
        before = served();
        since = 0;
    }
}

static void a_place_is_free_when_one_has_all(void **state)
{
    unsigned who;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        second(0);
    who = (unsigned)__builtin_ctz(served());
    room[who].is_wanted = false;
    second(0);
    assert_false(room[who].is_served);
    assert_int_equal(count_served(), TURNS_PLACES);
}

static void who_comes_new_is_served_next(void **state)
{
    (void)state;
    room[5].is_wanted = false;
    for (unsigned i = 0; i < 25; i++)
        second(0);
    room[5].is_wanted = true;
    second(0);
    assert_true(room[5].is_served);
    assert_int_equal(count_served(), TURNS_PLACES);
}

static void more_are_served_when_the_line_gets_better(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        second(0);
    for (size_t i = 1; i <= VIEWERS - TURNS_PLACES; i++) {
        second(VIEWERS);
        assert_int_equal(count_served(), TURNS_PLACES + i);
    }
    /* With the last of them nobody is counted any more, who come are all served. */
    second(VIEWERS);
    assert_int_equal(turns.places, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_are_served_when_nobody_waits, begin),
        cmocka_unit_test_setup(nobody_is_there, begin),
        cmocka_unit_test_setup(few_are_served_when_they_wait, begin),
        cmocka_unit_test_setup(each_gets_as_many_turns, begin),
        cmocka_unit_test_setup(a_turn_is_not_cut_short, begin),
        cmocka_unit_test_setup(a_place_is_free_when_one_has_all, begin),
        cmocka_unit_test_setup(who_comes_new_is_served_next, begin),
        cmocka_unit_test_setup(more_are_served_when_the_line_gets_better, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
