/* SPDX-License-Identifier: MIT
 *
 * The end of the supervisor itself, in good order and by kill -9.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "house.h"

static struct house house;

static int setup(void **state)
{
    house_init(&house, "  stop_grace: 1s\n");
    *state = &house;
    house_start(&house);
    house_wait(&house, "torrent.0", "ready", 0);
    house_wait(&house, "http.0", "ready", 0);
    return 0;
}

static void assert_stopped_in_reverse(void)
{
    long http_gone = house_log_find(&house, "msg=\"service stopped\" name=http.0");
    long torrent_told = house_log_find(&house, "msg=\"stopping service\" name=torrent.0");

    assert_true(http_gone >= 0);
    assert_true(torrent_told > http_gone);
    assert_true(house_log_find(&house, "msg=\"service stopped\" name=torrent.0") > torrent_told);
}

static void sigterm_stops_all_in_reverse_order(void **state)
{
    int torrent = house_watch(house_status(&house, "torrent.0").pid);
    int http = house_watch(house_status(&house, "http.0").pid);

    (void)state;
    assert_int_equal(house_stop(&house), 0);
    assert_true(house_is_gone(torrent, 0));
    assert_true(house_is_gone(http, 0));
    assert_stopped_in_reverse();
}

static void shutdown_does_the_same(void **state)
{
    int pid_fd = house_watch(house.pid), status = 0;

    (void)state;
    assert_int_equal(house_order(&house, "Shutdown", NULL), ERR_NONE);
    assert_true(house_is_gone(pid_fd, HOUSE_DEADLINE_MS));
    waitpid(house.pid, &status, 0);
    house.pid = 0;
    assert_int_equal(status, 0);
    assert_stopped_in_reverse();
}

static void when_it_is_killed_the_services_go_and_the_next_start_is_clean(void **state)
{
    struct row before = house_status(&house, "torrent.0");
    int torrent = house_watch(before.pid), http = house_watch(house_status(&house, "http.0").pid);

    (void)state;
    house_kill(&house);
    assert_true(house_is_gone(torrent, HOUSE_DEADLINE_MS));
    assert_true(house_is_gone(http, HOUSE_DEADLINE_MS));
    house_start(&house);
    struct row row = house_wait(&house, "torrent.0", "ready", before.generation);
    assert_int_equal(row.restarts, 0);
    assert_int_equal(house_wait(&house, "http.0", "ready", 0).restarts, 0);
}

static void the_next_start_may_follow_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct row before = house_status(&house, "torrent.0");

        house_kill(&house);
        house_start(&house);
        assert_int_equal(house_wait(&house, "torrent.0", "ready", before.generation).restarts, 0);
        assert_int_equal(house_wait(&house, "http.0", "ready", 0).restarts, 0);
    }
}

static void a_hanging_leftover_is_killed_by_the_next_start(void **state)
{
    int hanging = house_watch(house_status(&house, "http.0").pid);

    (void)state;
    house_command(&house, "http.0", "once hang");
    house_log_wait(&house, "hanging from now on");
    house_kill(&house);
    house_start(&house);
    assert_true(house_is_gone(hanging, 0));
    assert_int_equal(house_wait(&house, "http.0", "ready", 0).restarts, 0);
}

static void obituaries_outlive_the_supervisor(void **state)
{
    struct row before = house_status(&house, "http.0");

    (void)state;
    kill(before.pid, SIGKILL);
    house_wait(&house, "http.0", "ready", before.generation);
    assert_int_equal(house_stop(&house), 0);
    house_start(&house);
    Sharestream__Control__WhyReply *why = house_why(&house, "http");
    assert_int_equal(why->n_deaths, 1);
    assert_int_equal(why->deaths[0]->pid, before.pid);
    sharestream__control__why_reply__free_unpacked(why, NULL);
}

static void a_second_one_in_the_same_folder_leaves_the_first_alone(void **state)
{
    struct house second = house;
    struct row before = house_status(&house, "torrent.0");

    (void)state;
    assert_int_equal(house_run(&second, NULL), 75);
    assert_int_equal(house_status(&house, "torrent.0").pid, before.pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sigterm_stops_all_in_reverse_order, setup, house_teardown),
        cmocka_unit_test_setup_teardown(shutdown_does_the_same, setup, house_teardown),
        cmocka_unit_test_setup_teardown(
            when_it_is_killed_the_services_go_and_the_next_start_is_clean, setup, house_teardown),
        cmocka_unit_test_setup_teardown(the_next_start_may_follow_at_once, setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_hanging_leftover_is_killed_by_the_next_start, setup,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(obituaries_outlive_the_supervisor, setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_second_one_in_the_same_folder_leaves_the_first_alone,
                                        setup, house_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
