/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static struct clock clock_;
static struct clock_viewer viewers[3];
static int64_t now_ms;
static bool has_ended;

static int set_up(void **state)
{
    (void)state;
    now_ms = 1700000000;
    memset(viewers, 0, sizeof(viewers));
    clock_init(&clock_, now_ms);
    return 0;
}

static void enter(size_t count)
{
    for (size_t i = 0; i < count; i++)
        clock_enter(&clock_, &viewers[i], now_ms);
}

static int64_t room_ms(void)
{
    return clock_now(&clock_, now_ms);
}

static void report(size_t viewer, int64_t position_ms, int64_t buffered_ms)
{
    clock_report(&clock_, &viewers[viewer],
                 &(struct clock_report){.epoch = clock_.state.epoch,
                                        .at_ms = now_ms,
                                        .position_ms = position_ms,
                                        .buffered_ms = buffered_ms},
                 now_ms);
}

/* Who follows says so; who stalls stands at `stands_ms`. */
static void passes(int64_t ms, size_t following, size_t stalled, int64_t stands_ms)
{
    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        now_ms += CLOCK_TICK_MS;
        for (size_t i = 0; i < following; i++)
            report(i, room_ms(), 5000);
        for (size_t i = following; i < following + stalled; i++)
            report(i, stands_ms, 0);
        clock_tick(&clock_, now_ms, &has_ended);
    }
}

static bool waits(void)
{
    return clock_.wait_until_ms != 0;
}

/* ---- time of others */

static void sample_with_least_delay_counts(void **state)
{
    struct clock_offset offset = {.count = 0};

    (void)state;
    assert_true(clock_offset_delay_ms(&offset) < 0);
    /* The other clock is 1000 ahead; the way there took 10, 200 and 30, the way back 10. */
    assert_true(clock_offset_add(&offset, 0, 1200, 1200, 210));
    assert_true(fabs(clock_offset_ms(&offset) - 1095) < 1e-9);
    assert_true(clock_offset_add(&offset, 1000, 2010, 2015, 1025));
    assert_true(fabs(clock_offset_ms(&offset) - 1000) < 1e-9);
    assert_true(fabs(clock_offset_delay_ms(&offset) - 20) < 1e-9);
    assert_true(clock_offset_add(&offset, 2000, 3030, 3030, 2040));
    assert_true(fabs(clock_offset_ms(&offset) - 1000) < 1e-9);
    /* It does not count for ever. */
    for (int i = 0; i < CLOCK_SAMPLES; i++)
        assert_true(clock_offset_add(&offset, 3000, 4040, 4040, 3040));
    assert_true(fabs(clock_offset_ms(&offset) - 1020) < 1e-9);
}

static void samples_that_contradict_tell_of_another_clock(void **state)
{
    struct clock_offset offset = {.count = 0};

    (void)state;
    assert_true(clock_offset_add(&offset, 0, 1010, 1010, 20));
    /* Slow, and wrong by 90, which its delay explains: the best one still counts. */
    assert_true(clock_offset_add(&offset, 1000, 2200, 2200, 1220));
    assert_true(fabs(clock_offset_ms(&offset) - 1000) < 1e-9);
    /* No way there and back of 220 makes the offset 800 of one that is 1000. */
    assert_true(clock_offset_add(&offset, 2000, 2910, 2910, 2220));
    assert_true(fabs(clock_offset_ms(&offset) - 800) < 1e-9);
    assert_int_equal(offset.count, 1);
}

static void impossible_samples_are_refused(void **state)
{
    static const double cases[][4] = {
        {0, 100, 100, -1}, {0, 100, 90, 10},        {0, 100, 150, 20},
        {0, NAN, 100, 10}, {0, 100, 100, INFINITY},
    };
    struct clock_offset offset = {.count = 0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_false(clock_offset_add(&offset, cases[i][0], cases[i][1], cases[i][2], cases[i][3]));
    assert_int_equal(offset.count, 0);
}

/* ---- commands */

static void command_begins_when_all_can_have_heard(void **state)
{
    static const struct {
        double delay_ms;
        int64_t least, most;
    } cases[] = {
        {1, 100, 100}, {80, 130, 130}, {600, 650, 650}, {1e9, 1000, 1000}, {NAN, 250, 250}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up(NULL);
        enter(1);
        clock_delay(&viewers[0], cases[i].delay_ms);
        clock_play(&clock_, now_ms);
        assert_in_range(clock_.state.at_ms - now_ms, cases[i].least, cases[i].most);
        assert_false(clock_moves(&clock_, now_ms));
        assert_int_equal(room_ms(), 0);
        now_ms = clock_.state.at_ms + 1000;
        assert_true(clock_moves(&clock_, now_ms));
        assert_int_equal(room_ms(), 1000);
    }
}

static void clock_goes_on_until_the_moment_of_a_pause(void **state)
{
    (void)state;
    clock_play(&clock_, now_ms);
    now_ms += 5100;
    assert_int_equal(room_ms(), 5000);
    clock_pause(&clock_, now_ms);
    now_ms += 50;
    assert_int_equal(room_ms(), 5050);
    now_ms += 5000;
    assert_int_equal(room_ms(), 5100);
    /* Only the first one counts. */
    clock_pause(&clock_, now_ms);
    assert_int_equal(clock_.state.position_ms, 5100);
}

static void rate_is_a_part_of_it(void **state)
{
    uint64_t epoch;

    (void)state;
    clock_play(&clock_, now_ms);
    now_ms += 1100;
    clock_set_rate(&clock_, 1500, now_ms);
    now_ms += 1100;
    assert_int_equal(room_ms(), 1000 + 100 + 1500);
    clock_set_rate(&clock_, 1, now_ms);
    assert_int_equal(clock_.rate_permille, CLOCK_RATE_MIN);
    clock_set_rate(&clock_, 1000000, now_ms);
    assert_int_equal(clock_.rate_permille, CLOCK_RATE_MAX);
    epoch = clock_.state.epoch;
    clock_set_rate(&clock_, 1000000, now_ms);
    assert_int_equal(clock_.state.epoch, epoch);
}

static void positions_stay_within_the_film(void **state)
{
    static const int64_t cases[][2] = {
        {-5, 0}, {INT64_MIN, 0}, {60001, 60000}, {INT64_MAX, 60000}, {30000, 30000}};

    (void)state;
    clock_load(&clock_, 60000, false, now_ms);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clock_seek(&clock_, cases[i][0], now_ms);
        now_ms += 1000;
        assert_int_equal(room_ms(), cases[i][1]);
    }
    clock_seek(&clock_, 50000, now_ms);
    clock_set_duration(&clock_, 40000, now_ms);
    now_ms += 1000;
    assert_int_equal(room_ms(), 40000);
}

static void seek_can_be_undone_and_done_again(void **state)
{
    (void)state;
    assert_false(clock_undo_seek(&clock_, now_ms));
    clock_play(&clock_, now_ms);
    now_ms += 10100;
    clock_seek(&clock_, 500000, now_ms);
    now_ms += 5100;
    assert_true(clock_undo_seek(&clock_, now_ms));
    now_ms += 1100;
    assert_int_equal(room_ms(), 11000);
    assert_true(clock_undo_seek(&clock_, now_ms));
    now_ms += 100;
    assert_int_equal(room_ms(), 505000 + 0);
    now_ms += CLOCK_UNDO_MS;
    assert_false(clock_undo_seek(&clock_, now_ms));
}

static void epochs_grow_over_a_restart_that_forgot(void **state)
{
    struct clock stored;
    uint64_t told;

    (void)state;
    stored = clock_;
    now_ms += 5000;
    clock_play(&clock_, now_ms);
    clock_seek(&clock_, 1000, now_ms);
    told = clock_.state.epoch;
    now_ms += 1000;
    clock_renew(&stored, now_ms);
    assert_true(stored.state.epoch > told);
}

static void end_of_the_film_stops_it(void **state)
{
    (void)state;
    clock_load(&clock_, 5000, true, now_ms);
    passes(5000, 0, 0, 0);
    assert_false(has_ended);
    passes(250, 0, 0, 0);
    assert_true(has_ended);
    passes(1000, 0, 0, 0);
    assert_false(has_ended);
    assert_false(clock_.wants_play);
    assert_int_equal(room_ms(), 5000);
}

/* ---- stragglers */

static void room_lets_go_of_who_stalls(void **state)
{
    (void)state;
    enter(3);
    clock_play(&clock_, now_ms);
    passes(3000, 3, 0, 0);
    passes(5000, 2, 1, 2000);
    assert_true(viewers[2].is_stalled);
    assert_false(waits());
    assert_true(clock_moves(&clock_, now_ms));
}

static void room_waits_until_the_straggler_is_there(void **state)
{
    int64_t held_ms;

    (void)state;
    enter(3);
    clock_set_policy(&clock_, CLOCK_WAIT, 8000, now_ms);
    clock_play(&clock_, now_ms);
    passes(3000, 3, 0, 0);
    assert_false(waits());
    passes(2000, 2, 1, 2500);
    assert_true(waits());
    held_ms = room_ms();
    passes(2000, 2, 1, 2500);
    assert_int_equal(room_ms(), held_ms);
    assert_true(clock_waits_for(&clock_, &viewers[2], now_ms));
    assert_false(clock_waits_for(&clock_, &viewers[0], now_ms));
    /* At the place, but with nothing to play: not yet. */
    now_ms += 250;
    report(2, held_ms, 0);
    clock_tick(&clock_, now_ms, &has_ended);
    assert_true(waits());
    passes(500, 3, 0, 0);
    assert_false(waits());
    passes(1000, 3, 0, 0);
    assert_true(clock_moves(&clock_, now_ms));
    assert_in_range(room_ms(), held_ms + 500, held_ms + 1500);
    assert_false(viewers[2].is_let_go);
}

static void wait_has_an_end(void **state)
{
    (void)state;
    enter(3);
    clock_set_policy(&clock_, CLOCK_WAIT, 5000, now_ms);
    clock_play(&clock_, now_ms);
    passes(2000, 3, 0, 0);
    passes(1500, 2, 1, 1000);
    assert_true(waits());
    passes(5500, 2, 1, 1000);
    assert_false(waits());
    assert_true(viewers[2].is_let_go);
    /* And is not waited for again, until it has been in step for long. */
    passes(20000, 2, 1, 1000);
    assert_false(waits());
    passes(31000, 3, 0, 0);
    assert_false(viewers[2].is_let_go);
}

static void silence_holds_nobody(void **state)
{
    (void)state;
    enter(3);
    clock_set_policy(&clock_, CLOCK_WAIT, 30000, now_ms);
    clock_play(&clock_, now_ms);
    passes(3000, 3, 0, 0);
    clock_seek(&clock_, 100000, now_ms);
    assert_true(waits());
    /* One falls silent: it counts for a few seconds more. */
    passes(8000, 2, 0, 0);
    assert_false(waits());
}

static void waits_together_have_a_budget(void **state)
{
    int64_t waited_ms = 0;

    (void)state;
    enter(2);
    clock_set_policy(&clock_, CLOCK_WAIT, 30000, now_ms);
    clock_play(&clock_, now_ms);
    passes(1000, 2, 0, 0);
    /* Somebody seeks every second, and somebody else is never ready, from new accounts always. */
    for (int i = 0; i < 600; i++) {
        clock_exit(&clock_, &viewers[1]);
        clock_enter(&clock_, &viewers[1], now_ms);
        clock_seek(&clock_, 1000 * i, now_ms);
        passes(1000, 1, 1, 900000);
        waited_ms += waits() ? 1000 : 0;
    }
    assert_in_range(waited_ms, 20000, CLOCK_BUDGET_MS + 600000 / 4);
}

static void all_slow_down_for_one_who_catches_up(void **state)
{
    (void)state;
    enter(2);
    clock_set_policy(&clock_, CLOCK_SLOW, 8000, now_ms);
    clock_play(&clock_, now_ms);
    passes(3000, 2, 0, 0);
    passes(1000, 1, 1, 2000);
    assert_true(clock_.is_slowed);
    assert_int_equal(clock_.state.rate_permille, 970);
    assert_int_equal(clock_.rate_permille, 1000);
    passes(1000, 2, 0, 0);
    assert_false(clock_.is_slowed);
    assert_int_equal(clock_.state.rate_permille, 1000);
    /* Not for one who never does. */
    passes(60000, 1, 1, 3000);
    assert_false(clock_.is_slowed);
}

static void slowness_does_not_come_and_go(void **state)
{
    uint64_t epoch;
    unsigned changes = 0;

    (void)state;
    enter(2);
    clock_set_policy(&clock_, CLOCK_SLOW, 8000, now_ms);
    clock_play(&clock_, now_ms);
    passes(3000, 2, 0, 0);
    for (int i = 0; i < 40; i++) {
        epoch = clock_.state.epoch;
        /* As seldom as viewers say where they are. */
        if (i % 4 == 0)
            report(1, room_ms() - 2000 + 30 * i, 5000);
        passes(CLOCK_TICK_MS, 1, 0, 0);
        changes += clock_.state.epoch != epoch;
    }
    assert_true(clock_.is_slowed);
    assert_int_equal(changes, 1);
}

static void reports_from_before_a_change_mean_nothing(void **state)
{
    uint64_t epoch;

    (void)state;
    enter(1);
    clock_play(&clock_, now_ms);
    passes(2000, 1, 0, 0);
    epoch = clock_.state.epoch;
    clock_seek(&clock_, 600000, now_ms);
    now_ms += 1000;
    clock_report(&clock_, &viewers[0],
                 &(struct clock_report){.epoch = epoch, .at_ms = now_ms, .position_ms = 3000},
                 now_ms);
    assert_true(viewers[0].lag_ms < 1000);
    assert_false(viewers[0].is_stalled);
}

static void absurd_reports_do_no_harm(void **state)
{
    static const int64_t values[] = {INT64_MIN, -1, 0, 1, INT64_MAX};

    (void)state;
    enter(1);
    clock_set_policy(&clock_, CLOCK_WAIT, 5000, now_ms);
    clock_play(&clock_, now_ms);
    for (size_t i = 0; i < 125; i++) {
        now_ms += 100;
        clock_report(&clock_, &viewers[0],
                     &(struct clock_report){.epoch = clock_.state.epoch,
                                            .at_ms = values[i % 5],
                                            .position_ms = values[i / 5 % 5],
                                            .buffered_ms = values[i / 25]},
                     now_ms);
        clock_tick(&clock_, now_ms, &has_ended);
    }
    passes(30000, 0, 0, 0);
    assert_true(clock_moves(&clock_, now_ms));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sample_with_least_delay_counts),
        TEST(samples_that_contradict_tell_of_another_clock),
        TEST(impossible_samples_are_refused),
        TEST(command_begins_when_all_can_have_heard),
        TEST(clock_goes_on_until_the_moment_of_a_pause),
        TEST(rate_is_a_part_of_it),
        TEST(positions_stay_within_the_film),
        TEST(seek_can_be_undone_and_done_again),
        TEST(epochs_grow_over_a_restart_that_forgot),
        TEST(end_of_the_film_stops_it),
        TEST(room_lets_go_of_who_stalls),
        TEST(room_waits_until_the_straggler_is_there),
        TEST(wait_has_an_end),
        TEST(silence_holds_nobody),
        TEST(waits_together_have_a_budget),
        TEST(all_slow_down_for_one_who_catches_up),
        TEST(slowness_does_not_come_and_go),
        TEST(reports_from_before_a_change_mean_nothing),
        TEST(absurd_reports_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
