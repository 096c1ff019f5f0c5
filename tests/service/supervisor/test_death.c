/* SPDX-License-Identifier: MIT
 *
 * What follows when a service dies.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "house.h"

static struct house house;

/* Quick to lose patience. */
static int setup(void **state)
{
    house_init(&house, "  restart_delay: 50ms\n"
                       "  restart_delay_max: 200ms\n"
                       "  deaths_max: 6\n");
    *state = &house;
    house_start(&house);
    house_wait(&house, "torrent.0", "ready", 0);
    house_wait(&house, "http.0", "ready", 0);
    return 0;
}

static void a_killed_service_is_ready_again_and_has_an_obituary(void **state)
{
    struct row before = house_status(&house, "torrent.0"), http = house_status(&house, "http.0");
    uint64_t began_ms = clock_ms();

    (void)state;
    assert_int_equal(kill(before.pid, SIGKILL), 0);
    struct row after = house_wait(&house, "torrent.0", "ready", before.generation);
    print_message("ready again after %lu ms\n", clock_ms() - began_ms);
    assert_int_not_equal(after.pid, before.pid);
    assert_int_equal(after.restarts, 1);
    assert_string_equal(after.ready_text, "strings=attached");
    assert_non_null(strstr(after.last_death, "signal 9 (SIGKILL)"));

    Sharestream__Control__WhyReply *why = house_why(&house, "torrent");
    assert_int_equal(why->n_deaths, 1);
    assert_string_equal(why->deaths[0]->name, "torrent.0");
    assert_int_equal(why->deaths[0]->pid, before.pid);
    assert_true(why->deaths[0]->generation == before.generation);
    assert_string_equal(why->deaths[0]->cause, "signal 9 (SIGKILL)");
    assert_string_equal(why->deaths[0]->action, "restarted at once");
    assert_true(why->deaths[0]->was_ready);
    assert_true(why->deaths[0]->n_last_lines > 0);
    sharestream__control__why_reply__free_unpacked(why, NULL);
    assert_int_equal(house_status(&house, "http.0").pid, http.pid);
}

static void a_crash_loop_slows_down_and_is_given_up_while_others_stay(void **state)
{
    struct row http = house_status(&house, "http.0");

    (void)state;
    house_command(&house, "torrent.0", "crash");
    struct row row = house_wait(&house, "torrent.0", "failed", 0);
    assert_true(row.is_wanted);
    assert_int_equal(row.pid, 0);
    assert_true(house_log_find(&house, "restart delayed by 50ms") >= 0);
    assert_true(house_log_find(&house, "gave up: more than 6 deaths in 1m") >= 0);
    assert_int_equal(house_status(&house, "http.0").pid, http.pid);

    /* Asked to, it gets another chance. */
    house_command(&house, "torrent.0", NULL);
    assert_int_equal(house_order(&house, "Restart", "torrent"), ERR_NONE);
    house_wait(&house, "torrent.0", "ready", row.generation);
}

static void a_service_that_never_gets_ready_waits_in_backoff(void **state)
{
    (void)state;
    house_command(&house, "torrent.0", "exit-early 75");
    assert_int_equal(house_order(&house, "Restart", "torrent.0"), ERR_NONE);
    struct row row = house_wait(&house, "torrent.0", "backoff", 0);
    assert_true(row.backoff_ms <= 200);
    house_command(&house, "torrent.0", NULL);
    house_wait(&house, "torrent.0", "ready", row.generation);
}

static void wrong_configuration_is_not_tried_again(void **state)
{
    (void)state;
    house_command(&house, "http.0", "exit 78");
    struct row row = house_wait(&house, "http.0", "failed", 0);
    assert_int_equal(row.restarts, 0);
    assert_non_null(strstr(row.last_death, "exit code 78 (configuration)"));
    house_status(&house, "torrent.0");
}

static void the_last_lines_are_part_of_the_obituary(void **state)
{
    struct row before = house_status(&house, "http.0");

    (void)state;
    house_command(&house, "http.0", "once spam 3000");
    house_wait(&house, "http.0", "ready", before.generation);
    Sharestream__Control__WhyReply *why = house_why(&house, "http.0");
    assert_int_equal(why->n_deaths, 1);
    assert_string_equal(why->deaths[0]->cause, "signal 6 (SIGABRT)");
    assert_int_equal(why->deaths[0]->n_last_lines, 20);
    assert_string_equal(why->deaths[0]->last_lines[19], "spam line 3000");
    assert_string_equal(why->deaths[0]->last_lines[0], "spam line 2981");
    sharestream__control__why_reply__free_unpacked(why, NULL);
    /* Nothing of it was swallowed on the way to our own stderr. */
    assert_true(house_log_find(&house, "spam line 1\n") >= 0);
    assert_true(house_log_find(&house, "spam line 1500\n") >= 0);
    assert_true(house_log_find(&house, "spam line 3000\n") >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_service_is_ready_again_and_has_an_obituary, setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(a_crash_loop_slows_down_and_is_given_up_while_others_stay,
                                        setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_service_that_never_gets_ready_waits_in_backoff, setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(wrong_configuration_is_not_tried_again, setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(the_last_lines_are_part_of_the_obituary, setup,
                                        house_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
