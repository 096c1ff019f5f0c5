/* SPDX-License-Identifier: MIT */
#include "restart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"
#include "svc/contract.h"

enum { SIGNAL = -1, STEPS_MAX = 16 };

static const struct restart_policy policy = {
    .class = RESTART_PERMANENT,
    .delay_min_ms = 1000,
    .delay_max_ms = 30000,
    .healthy_ms = 10000,
    .deaths_max = 10,
    .window_ms = 60000,
    .start_deadline_ms = 30000,
    .stop_grace_ms = 5000,
    .can_be_replaced = true,
};

/* What happens when, and what must come of it. due_in_ms 0 = no deadline. */
struct step {
    uint64_t at_ms;
    enum restart_kind kind;
    int exit_code;
    enum restart_action action;
    enum restart_state state;
    uint64_t due_in_ms;
};

#define DO(what) RESTART_DO_##what
#define IS(what) RESTART_##what

static const struct {
    const char *name;
    struct step steps[STEPS_MAX];
    size_t count;
} stories[] = {
    {"start, ready, stop",
     {{10, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {20, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {30, RESTART_ASKED_STOP, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {40, RESTART_EXITED, EXIT_STOPPED, DO(NOTHING), IS(STOPPED), 0}},
     4},
    {"one crash of a ready service is followed by a start at once",
     {{10, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {20, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {30, RESTART_EXITED, SIGNAL, DO(SPAWN), IS(STARTING), 30000}},
     3},
    {"one that is replaced is followed by the next life beside it",
     {{10, RESTART_ASKED_REPLACE, 0, DO(SPAWN), IS(STARTING), 30000},
      {20, RESTART_ASKED_REPLACE, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {30, RESTART_EXITED, EXIT_STOPPED, DO(SPAWN), IS(STARTING), 30000},
      {40, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {50, RESTART_ASKED_REPLACE, 0, DO(REPLACE), IS(STARTING), 30000},
      {60, RESTART_EXITED, EXIT_RETRY, DO(NOTHING), IS(BACKOFF), 1000}},
     6},
    {"a permanent service that leaves by itself comes back",
     {{10, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {20, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {30, RESTART_EXITED, EXIT_STOPPED, DO(SPAWN), IS(STARTING), 30000}},
     3},
    {"never ready: the delay doubles up to the ceiling",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {100, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 1000},
      {1100, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {1200, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 2000},
      {3200, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {3300, RESTART_EXITED, SIGNAL, DO(NOTHING), IS(BACKOFF), 4000},
      {7300, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {7400, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 8000},
      {15400, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {15500, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 16000},
      {31500, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {31600, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 30000},
      {61600, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {61700, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 30000}},
     14},
    {"a healthy life makes the delay begin anew",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {100, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 1000},
      {1100, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {1200, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 2000},
      {3200, RESTART_TIME_UP, 0, DO(SPAWN), IS(STARTING), 30000},
      {3300, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {13300, RESTART_EXITED, SIGNAL, DO(SPAWN), IS(STARTING), 30000},
      {13400, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 1000}},
     8},
    {"wrong configuration is not tried again until somebody asks",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {100, RESTART_EXITED, EXIT_CONFIG, DO(NOTHING), IS(FAILED), 0},
      {200, RESTART_TIME_UP, 0, DO(NOTHING), IS(FAILED), 0},
      {300, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000}},
     4},
    {"try later means later, even after a ready life",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {100, RESTART_EXITED, EXIT_RETRY, DO(NOTHING), IS(BACKOFF), 1000}},
     3},
    {"not ready by the deadline: killed, and a delay",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {30000, RESTART_TIME_UP, 0, DO(KILL), IS(STOPPING), RESTART_KILL_AGAIN_MS},
      {30010, RESTART_EXITED, SIGNAL, DO(NOTHING), IS(BACKOFF), 1000}},
     3},
    {"silent: killed, and started at once",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {20000, RESTART_SILENT, 0, DO(KILL), IS(STOPPING), RESTART_KILL_AGAIN_MS},
      {20010, RESTART_EXITED, SIGNAL, DO(SPAWN), IS(STARTING), 30000}},
     4},
    {"silence while starting is no news",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_SILENT, 0, DO(NOTHING), IS(STARTING), 29990}},
     2},
    {"stop grace over: killed, again and again",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {20, RESTART_ASKED_STOP, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {5020, RESTART_TIME_UP, 0, DO(KILL), IS(STOPPING), RESTART_KILL_AGAIN_MS},
      {10020, RESTART_TIME_UP, 0, DO(KILL), IS(STOPPING), RESTART_KILL_AGAIN_MS},
      {10030, RESTART_EXITED, SIGNAL, DO(NOTHING), IS(STOPPED), 0}},
     6},
    {"asked to restart: stops, then starts at once",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_BECAME_READY, 0, DO(NOTHING), IS(READY), 0},
      {20, RESTART_ASKED_START, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {30, RESTART_EXITED, EXIT_STOPPED, DO(SPAWN), IS(STARTING), 30000}},
     4},
    {"stop, then start before it is gone: comes back",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_ASKED_STOP, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {20, RESTART_ASKED_START, 0, DO(NOTHING), IS(STOPPING), 4990},
      {30, RESTART_EXITED, EXIT_STOPPED, DO(SPAWN), IS(STARTING), 30000}},
     4},
    {"restart, then stop before it is gone: stays stopped",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_ASKED_START, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {20, RESTART_ASKED_STOP, 0, DO(NOTHING), IS(STOPPING), 4990},
      {30, RESTART_EXITED, SIGNAL, DO(NOTHING), IS(STOPPED), 0}},
     4},
    {"stop ends the waiting for the next start",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_EXITED, EXIT_FAILED, DO(NOTHING), IS(BACKOFF), 1000},
      {20, RESTART_ASKED_STOP, 0, DO(NOTHING), IS(STOPPED), 0},
      {30, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000}},
     4},
    {"ready comes too late to matter",
     {{0, RESTART_ASKED_START, 0, DO(SPAWN), IS(STARTING), 30000},
      {10, RESTART_ASKED_STOP, 0, DO(TERMINATE), IS(STOPPING), 5000},
      {20, RESTART_BECAME_READY, 0, DO(NOTHING), IS(STOPPING), 4990}},
     3},
};

static void every_story_goes_as_told(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT_OF(stories); s++) {
        struct restart restart = {0};

        for (size_t i = 0; i < stories[s].count; i++) {
            const struct step *step = &stories[s].steps[i];
            struct restart_event event = {step->kind, step->exit_code, step->at_ms};
            enum restart_action action = restart_step(&restart, &policy, event);
            uint64_t due_ms = step->due_in_ms != 0 ? step->at_ms + step->due_in_ms : 0;

            if (action != step->action || restart.state != step->state || restart.due_ms != due_ms)
                fail_msg("%s, step %zu: action %d, state %s, due %lu", stories[s].name, i, action,
                         restart_state_word(restart.state), restart.due_ms);
        }
    }
}

/* Lives that become ready and crash after `life_ms`; returns how long it took to give up, 0 = it
 * did not within `count` deaths. */
static uint64_t crash_loop(struct restart *restart, uint64_t life_ms, unsigned count)
{
    uint64_t now_ms = 1;

    restart_step(restart, &policy, (struct restart_event){RESTART_ASKED_START, 0, now_ms});
    for (unsigned i = 0; i < count; i++) {
        restart_step(restart, &policy, (struct restart_event){RESTART_BECAME_READY, 0, now_ms});
        now_ms += life_ms;
        restart_step(restart, &policy, (struct restart_event){RESTART_EXITED, SIGNAL, now_ms});
        if (restart->state == RESTART_FAILED)
            return now_ms;
        if (restart->state == RESTART_BACKOFF) {
            now_ms = restart->due_ms;
            restart_step(restart, &policy, (struct restart_event){RESTART_TIME_UP, 0, now_ms});
        }
    }
    return 0;
}

static void a_fast_crash_loop_slows_down_and_is_given_up(void **state)
{
    struct restart restart = {0};
    char text[RESTART_VERDICT_TEXT];
    uint64_t took_ms = crash_loop(&restart, 100, 100);

    (void)state;
    assert_in_range(took_ms, 20000, 60000); /* slowed down on the way */
    assert_int_equal(restart.starts, 11);
    assert_true(restart.is_wanted);
    assert_string_equal(restart_verdict_text(&restart, &policy, text),
                        "gave up: more than 10 deaths in 1m");
}

static void rare_crashes_are_never_given_up(void **state)
{
    struct restart restart = {0};

    (void)state;
    assert_int_equal(crash_loop(&restart, 11000, 1000), 0);
    assert_int_equal(restart.state, RESTART_STARTING);
    assert_int_equal(restart.starts, 1001);
}

static void a_start_that_was_asked_for_forgives_all(void **state)
{
    struct restart restart = {0};

    (void)state;
    crash_loop(&restart, 100, 100);
    assert_int_equal(restart.state, RESTART_FAILED);
    restart_step(&restart, &policy, (struct restart_event){RESTART_ASKED_START, 0, 40000});
    restart_step(&restart, &policy, (struct restart_event){RESTART_BECAME_READY, 0, 40001});
    restart_step(&restart, &policy, (struct restart_event){RESTART_EXITED, SIGNAL, 40002});
    assert_int_equal(restart.state, RESTART_STARTING);
}

static void a_transient_service_may_finish(void **state)
{
    struct restart_policy transient = policy;
    struct restart restart = {0};

    (void)state;
    transient.class = RESTART_TRANSIENT;
    restart_step(&restart, &transient, (struct restart_event){RESTART_ASKED_START, 0, 1});
    restart_step(&restart, &transient, (struct restart_event){RESTART_BECAME_READY, 0, 2});
    restart_step(&restart, &transient, (struct restart_event){RESTART_EXITED, EXIT_FAILED, 3});
    assert_int_equal(restart.state, RESTART_STARTING);
    restart_step(&restart, &transient, (struct restart_event){RESTART_EXITED, EXIT_STOPPED, 4});
    assert_int_equal(restart.state, RESTART_STOPPED);
    assert_false(restart.is_wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_goes_as_told),
        cmocka_unit_test(a_fast_crash_loop_slows_down_and_is_given_up),
        cmocka_unit_test(rare_crashes_are_never_given_up),
        cmocka_unit_test(a_start_that_was_asked_for_forgives_all),
        cmocka_unit_test(a_transient_service_may_finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
