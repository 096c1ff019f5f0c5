/* SPDX-License-Identifier: MIT
 *
 * The Control rpcs, and --check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "house.h"

static struct house house;

static int setup(void **state)
{
    house_init(&house, "  ping_interval: 50ms\n");
    *state = &house;
    return 0;
}

static int setup_started(void **state)
{
    setup(state);
    house_start(&house);
    house_wait(&house, "torrent.0", "ready", 0);
    house_wait(&house, "http.0", "ready", 0);
    return 0;
}

static void status_tells_what_a_service_uses_and_lacks(void **state)
{
    struct row row = house_status(&house, "http.0");

    (void)state;
    assert_true(row.is_wanted);
    assert_true(row.pid > 1);
    assert_in_range(row.resident_bytes, 100 << 10, 500 << 20);
    assert_string_equal(row.degraded_text, "");
    assert_string_equal(row.last_death, "");
    house_command(&house, "http.0", "degraded");
    do
        row = house_wait(&house, "http.0", "ready", 0);
    while (row.degraded_text[0] == '\0');
    assert_string_equal(row.degraded_text, "as commanded");
}

static void restart_is_a_stop_and_a_start_and_no_death(void **state)
{
    struct row before = house_status(&house, "http.0");

    (void)state;
    assert_int_equal(house_order(&house, "Restart", "http"), ERR_NONE);
    struct row row = house_wait(&house, "http.0", "ready", before.generation);
    assert_int_equal(row.restarts, 1);
    assert_string_equal(row.last_death, "");
    Sharestream__Control__WhyReply *why = house_why(&house, "http");
    assert_int_equal(why->n_deaths, 0);
    sharestream__control__why_reply__free_unpacked(why, NULL);
}

static void stop_lasts_until_restart(void **state)
{
    struct row before = house_status(&house, "http.0");

    (void)state;
    assert_int_equal(house_order(&house, "Stop", "http.0"), ERR_NONE);
    struct row row = house_wait(&house, "http.0", "stopped", 0);
    assert_false(row.is_wanted);
    assert_int_equal(row.pid, 0);
    assert_int_equal(house_order(&house, "Restart", "http.0"), ERR_NONE);
    house_wait(&house, "http.0", "ready", before.generation);
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    assert_int_equal(house_order(&house, "Restart", "nobody"), ERR_NOT_FOUND);
    assert_int_equal(house_order(&house, "Stop", "http.1"), ERR_NOT_FOUND);
    assert_int_equal(house_order(&house, "Stop", "htt"), ERR_NOT_FOUND);
    assert_int_equal(house_order(&house, "Stop", ""), ERR_NOT_FOUND);
    assert_int_equal(house_order(&house, "Reload", NULL), ERR_NONE);
}

/* A crash writes no lines of our log; the last one has no newline, and there are more than an
 * obituary keeps. */
static void last_words_are_in_the_log(void **state)
{
    struct row before = house_status(&house, "http.0");
    char text[32];

    (void)state;
    house_command(&house, "http.0", "once spam 300");
    house_wait(&house, "http.0", "ready", before.generation);
    Sharestream__Control__LogsReply *logs = house_logs(&house, "http", "error", 1, 0);
    assert_int_equal(logs->n_lines, 200);
    for (size_t i = 0; i < logs->n_lines; i++) {
        snprintf(text, sizeof(text), "spam line %zu", i + 1);
        assert_string_equal(logs->lines[i]->text, text);
        assert_string_equal(logs->lines[i]->level, "");
        assert_true(i == 0 || logs->lines[i]->number > logs->lines[i - 1]->number);
    }
    uint64_t next = logs->next;

    assert_true(next == logs->lines[199]->number);
    sharestream__control__logs_reply__free_unpacked(logs, NULL);
    logs = house_logs(&house, "http.0", "error", next, 1000);
    assert_int_equal(logs->n_lines, 100);
    assert_string_equal(logs->lines[99]->text, "spam line 300");
    assert_false(logs->is_missed);
    sharestream__control__logs_reply__free_unpacked(logs, NULL);
    logs = house_logs(&house, "supervisor", "warn", 0, 1);
    assert_int_equal(logs->n_lines, 1);
    assert_string_equal(logs->lines[0]->level, "warn");
    assert_non_null(strstr(logs->lines[0]->text, "msg=\"service died\" name=http.0"));
    sharestream__control__logs_reply__free_unpacked(logs, NULL);
}

static void check_asks_every_service(void **state)
{
    char path[64];

    (void)state;
    assert_int_equal(house_run(&house, "--check"), 0);
    snprintf(path, sizeof(path), "%s/bin/http-svc", house.folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(house_run(&house, "--check"), 78);
    assert_true(house_log_find(&house, "http-svc: cannot execute") >= 0);
}

static void a_service_without_program_fails_and_the_others_run(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/bin/torrent-svc", house.folder);
    assert_int_equal(unlink(path), 0);
    house_start(&house);
    house_wait(&house, "http.0", "ready", 0);
    struct row row = house_wait(&house, "torrent.0", "failed", 0);
    assert_non_null(strstr(row.last_death, "configuration"));
    Sharestream__Control__WhyReply *why = house_why(&house, "torrent");
    assert_int_equal(why->n_deaths, 1);
    assert_non_null(strstr(why->deaths[0]->last_lines[0], "cannot execute"));
    sharestream__control__why_reply__free_unpacked(why, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(status_tells_what_a_service_uses_and_lacks, setup_started,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(restart_is_a_stop_and_a_start_and_no_death, setup_started,
                                        house_teardown),
        cmocka_unit_test_setup_teardown(stop_lasts_until_restart, setup_started, house_teardown),
        cmocka_unit_test_setup_teardown(unknown_names_are_refused, setup_started, house_teardown),
        cmocka_unit_test_setup_teardown(last_words_are_in_the_log, setup_started, house_teardown),
        cmocka_unit_test_setup_teardown(check_asks_every_service, setup, house_teardown),
        cmocka_unit_test_setup_teardown(a_service_without_program_fails_and_the_others_run, setup,
                                        house_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
