/* SPDX-License-Identifier: MIT
 *
 * When a torrent is announced to a WebSocket tracker, and with what.
 */
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1000000 };

static const struct meeting_state leech = {0}, seed = {.is_seed = true};

static void expect(struct meeting_step step, bool is_due, enum announce_event event,
                   unsigned offers)
{
    assert_int_equal(step.is_due, is_due);
    assert_int_equal(step.event, event);
    assert_int_equal(step.offers, offers);
}

static void nobody_is_offered_to_before_somebody_is_there(void **state)
{
    struct meeting meeting = {0};

    (void)state;
    expect(meeting_next(&meeting, &leech, NOW), true, EVENT_STARTED, 0);
    expect(meeting_next(&meeting, &leech, NOW), false, EVENT_NONE, 0);
    meeting_answered(&meeting, false, 0, 1, 60, NOW); /* it counts us */
    expect(meeting_next(&meeting, &leech, NOW + 59999), false, EVENT_NONE, 0);
    expect(meeting_next(&meeting, &leech, NOW + 60000), true, EVENT_NONE, 0);
}

static void who_is_there_is_offered_to_soon(void **state)
{
    struct meeting meeting = {0};

    (void)state;
    meeting_next(&meeting, &leech, NOW);
    meeting_answered(&meeting, false, 1, 2, 120, NOW);
    expect(meeting_next(&meeting, &leech, NOW + MEETING_SOON_MS - 1), false, EVENT_NONE, 0);
    expect(meeting_next(&meeting, &leech, NOW + MEETING_SOON_MS), true, EVENT_NONE, 2);
    /* Only the first answer makes haste. */
    meeting_answered(&meeting, false, 1, 2, 120, NOW + MEETING_SOON_MS);
    expect(meeting_next(&meeting, &leech, NOW + 2 * MEETING_SOON_MS), false, EVENT_NONE, 0);
    expect(meeting_next(&meeting, &leech, NOW + 120000 + MEETING_SOON_MS), true, EVENT_NONE, 2);
}

static void offers_are_for_those_whom_we_have_not_met(void **state)
{
    static const struct {
        bool is_seed;
        uint32_t complete, incomplete;
        unsigned met, waiting, offers;
    } cases[] = {
        {false, 0, 2, 0, 0, 1}, {false, 0, 2, 1, 0, 0},
        {false, 0, 2, 0, 1, 0}, {false, 9, 9, 0, 0, 2},
        {false, 9, 9, 0, 1, 1}, {false, 9, 9, 0, 2, 0},
        {false, 9, 9, 7, 0, 2}, {false, 90, 9, MEETING_ENOUGH, 0, 0},
        {false, 0, 0, 0, 0, 0}, /* it does not count us */
        {true, 9, 0, 0, 0, 0},  /* seeds */
        {true, 9, 1, 0, 0, 1},  {false, UINT32_MAX, UINT32_MAX, 0, 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct meeting_state there = {
            .is_seed = cases[i].is_seed, .met = cases[i].met, .waiting = cases[i].waiting};
        struct meeting meeting = {0};
        struct meeting_step step;

        meeting_next(&meeting, &there, NOW);
        meeting_answered(&meeting, there.is_seed, cases[i].complete, cases[i].incomplete, 0, NOW);
        step = meeting_next(&meeting, &there, NOW + MEETING_INTERVAL_MAX_MS);
        if (!step.is_due || step.offers != cases[i].offers)
            fail_msg("case %zu: %u offers", i, step.offers);
    }
}

static void what_became_whole_is_told_once(void **state)
{
    struct meeting meeting = {0};

    (void)state;
    expect(meeting_next(&meeting, &leech, NOW), true, EVENT_STARTED, 0);
    expect(meeting_next(&meeting, &seed, NOW + 1), true, EVENT_COMPLETED, 0);
    expect(meeting_next(&meeting, &seed, NOW + 2), false, EVENT_NONE, 0);
    /* What was whole at once did not become so. */
    meeting_lost(&meeting);
    expect(meeting_next(&meeting, &seed, NOW + 3), true, EVENT_STARTED, 0);
    expect(meeting_next(&meeting, &seed, NOW + 4), false, EVENT_NONE, 0);
}

static void a_tracker_that_was_lost_is_told_anew(void **state)
{
    struct meeting meeting = {0};

    (void)state;
    meeting_next(&meeting, &leech, NOW);
    meeting_answered(&meeting, false, 5, 5, 300, NOW);
    meeting_lost(&meeting);
    expect(meeting_next(&meeting, &leech, NOW + 1), true, EVENT_STARTED, 0);
    meeting_answered(&meeting, false, 5, 5, 0, NOW + 1);
    expect(meeting_next(&meeting, &leech, NOW + 1 + MEETING_SOON_MS), true, EVENT_NONE, 2);
    /* It had told this interval before. */
    expect(meeting_next(&meeting, &leech, NOW + MEETING_SOON_MS + 300000), false, EVENT_NONE, 0);
    expect(meeting_next(&meeting, &leech, NOW + MEETING_SOON_MS + 300001), true, EVENT_NONE, 2);
}

static void intervals_are_bounded(void **state)
{
    static const struct {
        uint32_t interval_s;
        uint64_t wait_ms;
    } cases[] = {
        {0, MEETING_INTERVAL_MS},
        {1, MEETING_INTERVAL_MIN_MS},
        {30, 30000},
        {1800, 1800000},
        {86400, MEETING_INTERVAL_MAX_MS},
        {UINT32_MAX, MEETING_INTERVAL_MAX_MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct meeting meeting = {0};

        meeting_next(&meeting, &leech, NOW);
        meeting_answered(&meeting, false, 0, 1, cases[i].interval_s, NOW);
        expect(meeting_next(&meeting, &leech, NOW + cases[i].wait_ms - 1), false, EVENT_NONE, 0);
        expect(meeting_next(&meeting, &leech, NOW + cases[i].wait_ms), true, EVENT_NONE, 0);
    }
}

static void failures_are_waited_for_ever_longer(void **state)
{
    (void)state;
    assert_int_equal(meeting_backoff_ms(1, 0), 10000);
    assert_int_equal(meeting_backoff_ms(2, 0), 20000);
    assert_int_equal(meeting_backoff_ms(8, 0), 1280000);
    assert_int_equal(meeting_backoff_ms(9, 0), MEETING_BACKOFF_MAX_MS);
    assert_int_equal(meeting_backoff_ms(4000000000, 0), MEETING_BACKOFF_MAX_MS);
    for (uint32_t random = 1; random != 0; random <<= 1) {
        assert_in_range(meeting_backoff_ms(1, random), 7500, 10000);
        assert_in_range(meeting_backoff_ms(99, random - 1), MEETING_BACKOFF_MAX_MS / 4 * 3,
                        MEETING_BACKOFF_MAX_MS);
    }
    assert_true(meeting_backoff_ms(1, 1023) < 7510);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_offered_to_before_somebody_is_there),
        cmocka_unit_test(who_is_there_is_offered_to_soon),
        cmocka_unit_test(offers_are_for_those_whom_we_have_not_met),
        cmocka_unit_test(what_became_whole_is_told_once),
        cmocka_unit_test(a_tracker_that_was_lost_is_told_anew),
        cmocka_unit_test(intervals_are_bounded),
        cmocka_unit_test(failures_are_waited_for_ever_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
