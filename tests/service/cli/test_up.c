/* SPDX-License-Identifier: MIT
 *
 * up: from nothing to a playing address and back to nothing.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "fake.h"
#include "stage.h"

static void expect_nothing_runs(void)
{
    EXPECT("status", 3, "nothing is running here");
}

static void up_alone_starts_and_stops_everything(void **state)
{
    pid_t pid = run_start("up");

    (void)state;
    assert_true(run_wait_for("open         http://127.0.0.1:8080\n"));
    struct result result = run_end(pid, SIGINT);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "ShareStream "));
    assert_non_null(strstr(result.out, "data/sharestream.log\n"));
    assert_non_null(strstr(result.out, "stopping everything ... stopped\n"));
    assert_string_equal(result.err, "starting\n");
    expect_nothing_runs();
}

static void up_with_a_magnet_plays_it(void **state)
{
    pid_t pid = run_start("up 'magnet:?x'");

    (void)state;
    assert_true(run_wait_for("% of 123.3 MiB  12 peers  down 1.0 MiB/s  downloading\n"));
    struct result result = run_end(pid, SIGINT);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "torrent      da39a3ee  added\n"));
    assert_non_null(strstr(result.out, "file         Sintel/Sintel.mp4, 123.3 MiB\n"));
    assert_non_null(
        strstr(result.out, "stream       http://127.0.0.1:8080/stream/" FAKE_ADDED "/0/"));
    assert_non_null(strstr(result.out, "looking for metadata"));
    assert_non_null(strstr(result.out, "stopping everything ... stopped\n"));
    expect_nothing_runs();
}

static void up_with_an_own_file_shares_it(void **state)
{
    pid_t pid;
    FILE *file = fopen("my film.mkv", "w");

    (void)state;
    fclose(file);
    pid = run_start("up 'my film.mkv' --log");
    assert_true(run_wait_for("seeding\n"));
    struct result result = run_end(pid, SIGTERM);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "/stream/" FAKE_SEED));
    assert_non_null(strstr(result.err, "svc=torrent.0")); /* the log is here */
    assert_null(strstr(result.out, "sharestream.log"));
}

static void up_with_json_is_json(void **state)
{
    pid_t pid = run_start("--json up 'magnet:?x'");
    char copy[4096], *line;
    unsigned lines = 0;

    (void)state;
    assert_true(run_wait_for("\"url\":"));
    struct result result = run_end(pid, SIGINT);

    assert_int_equal(result.code, 0);
    snprintf(copy, sizeof(copy), "%s", result.out);
    for (line = strtok(copy, "\n"); line != NULL && lines < 3; line = strtok(NULL, "\n"), lines++) {
        json_t *json = json_loads(line, 0, NULL);

        assert_non_null(json);
        json_decref(json);
    }
    assert_int_equal(lines, 3);
    assert_string_equal(result.err, "");
}

static void source_that_is_nothing_stops_again(void **state)
{
    (void)state;
    EXPECT("up no-such.mkv", 1, "\"no-such.mkv\" is no file here");
    expect_nothing_runs();
}

static void what_ran_before_goes_on(void **state)
{
    (void)state;
    stage_start();
    EXPECT("up", 0, "was up already", "http://127.0.0.1:8080");
    pid_t pid = run_start("up 'magnet:?x'");

    assert_true(run_wait_for("downloading\n"));
    struct result result = run_end(pid, SIGINT);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "it goes on in the background"));
    EXPECT("list", 0, "da39a3ee");
    EXPECT("stop", 0, "stopped");
}

static void wrong_configuration_is_told(void **state)
{
    FILE *file = fopen("config.yaml", "w");

    (void)state;
    fputs("supervisor:\n  services: [torent]\n", file);
    fclose(file);
    EXPECT("up", 1, "sharestreamd refused its configuration; the end of its log:", "torent");
    remove("config.yaml");
    expect_nothing_runs();
}

static void service_that_cannot_start_is_told_with_its_reason(void **state)
{
    FILE *file = fopen(FAKE_PORT_TAKEN, "w");

    (void)state;
    fclose(file);
    EXPECT("up", 1, "sharestream: http.0 cannot start: port 8080 is taken by another program\n",
           "stopping everything ... stopped");
    remove(FAKE_PORT_TAKEN);
    expect_nothing_runs();
}

static pid_t supervisor_pid(void)
{
    json_t *json = json_loads(run("--json status").out, 0, NULL);
    pid_t pid = (pid_t)json_integer_value(json_object_get(json, "pid"));

    json_decref(json);
    return pid;
}

static void death_of_the_supervisor_ends_up(void **state)
{
    pid_t pid = run_start("up");

    (void)state;
    assert_true(run_wait_for("open  "));
    rename("out", "kept.out"); /* the next run writes its own */
    rename("err", "kept.err");
    kill(supervisor_pid(), SIGKILL);
    rename("kept.out", "out");
    rename("kept.err", "err");
    struct result result = run_end(pid, 0);

    assert_int_equal(result.code, 1);
    assert_non_null(strstr(result.err, "sharestreamd was ended by signal 9"));
    expect_nothing_runs();
}

static void stop_from_elsewhere_ends_up_in_peace(void **state)
{
    pid_t pid = run_start("up");

    (void)state;
    assert_true(run_wait_for("open  "));
    rename("out", "kept.out");
    EXPECT("stop", 0, "stopped");
    rename("kept.out", "out");
    struct result result = run_end(pid, 0);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "stopped by somebody else"));
}

static void death_of_up_ends_everything(void **state)
{
    pid_t pid = run_start("up");

    (void)state;
    assert_true(run_wait_for("open  "));
    run_end(pid, SIGKILL);
    for (int i = 0; i < 500 && run("status").code != 3; i++)
        usleep(20000);
    expect_nothing_runs();
}

static int open_stage(void **state)
{
    (void)state;
    stage_open();
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_alone_starts_and_stops_everything),
        cmocka_unit_test(up_with_a_magnet_plays_it),
        cmocka_unit_test(up_with_an_own_file_shares_it),
        cmocka_unit_test(up_with_json_is_json),
        cmocka_unit_test(source_that_is_nothing_stops_again),
        cmocka_unit_test(what_ran_before_goes_on),
        cmocka_unit_test(wrong_configuration_is_told),
        cmocka_unit_test(service_that_cannot_start_is_told_with_its_reason),
        cmocka_unit_test(death_of_the_supervisor_ends_up),
        cmocka_unit_test(stop_from_elsewhere_ends_up_in_peace),
        cmocka_unit_test(death_of_up_ends_everything),
    };
    int code;

    if (fake_main(argc, argv, &code))
        return code;
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
