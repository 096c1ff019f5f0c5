/* SPDX-License-Identifier: MIT
 *
 * Services that do not die but do not work either: hanging, never ready, deaf to SIGTERM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "house.h"

static struct house house;

static int setup(void **state)
{
    house_init(&house, "  ping_interval: 100ms\n"
                       "  ping_timeout: 4s\n"
                       "  start_deadline: 5s\n"
                       "  restart_delay: 50ms\n"
                       "  stop_grace: 1s\n");
    *state = &house;
    return 0;
}

static void assert_cause(const char *name, const char *cause, const char *action)
{
    Sharestream__Control__WhyReply *why = house_why(&house, name);

    assert_int_equal(why->n_deaths, 1);
    assert_string_equal(why->deaths[0]->cause, cause);
    assert_string_equal(why->deaths[0]->action, action);
    sharestream__control__why_reply__free_unpacked(why, NULL);
}

static void a_service_that_stops_answering_is_killed_and_started_again(void **state)
{
    (void)state;
    house_start(&house);
    struct row before = house_wait(&house, "torrent.0", "ready", 0);
    house_command(&house, "torrent.0", "once hang");
    house_wait(&house, "torrent.0", "ready", before.generation);
    assert_cause("torrent", "stopped answering", "restarted at once");
}

static void a_service_that_never_becomes_ready_is_killed_at_the_deadline(void **state)
{
    (void)state;
    house_command(&house, "torrent.0", "once never-ready");
    house_start(&house);
    /* The others do not wait for it. */
    house_wait(&house, "http.0", "ready", 0);
    house_wait(&house, "torrent.0", "ready", 0);
    assert_cause("torrent", "did not become ready in time", "restart delayed by 50ms");
}

static void a_service_deaf_to_sigterm_is_killed_after_the_grace(void **state)
{
    (void)state;
    house_start(&house);
    struct row before = house_wait(&house, "http.0", "ready", 0);
    house_command(&house, "http.0", "ignore-term");
    house_log_wait(&house, "deaf from now on");
    int pid_fd = house_watch(before.pid);
    assert_int_equal(house_order(&house, "Stop", "http"), ERR_NONE);
    assert_true(house_is_gone(pid_fd, HOUSE_DEADLINE_MS));
    struct row row = house_wait(&house, "http.0", "stopped", 0);
    assert_false(row.is_wanted);
    assert_cause("http.0", "did not stop in time", "stopped as asked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_service_that_stops_answering_is_killed_and_started_again,
                                        setup, house_teardown),
        cmocka_unit_test_setup_teardown(
            a_service_that_never_becomes_ready_is_killed_at_the_deadline, setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_service_deaf_to_sigterm_is_killed_after_the_grace, setup,
                                        house_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
