/* SPDX-License-Identifier: MIT */
#include "obituary.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "svc/contract.h"

static struct obituary of(const char *name, uint64_t when_unix_ms)
{
    struct obituary obituary = {.when_unix_ms = when_unix_ms,
                                .pid = 42,
                                .generation = 1795215605854u,
                                .uptime_ms = 7,
                                .cause = "signal 9 (SIGKILL)",
                                .was_ready = true,
                                .action = "restarted at once"};

    snprintf(obituary.name, sizeof(obituary.name), "%s", name);
    obituary.lines[obituary.line_count++] = xstrdup("first \"quoted\" line");
    obituary.lines[obituary.line_count++] = xstrdup("last line");
    return obituary;
}

static void add(struct obituaries *all, const char *name, uint64_t when_unix_ms)
{
    struct obituary obituary = of(name, when_unix_ms);

    assert_int_equal(obituaries_add(all, &obituary, NULL), ERR_NONE);
}

static void causes_are_told_in_words(void **state)
{
    static const struct {
        struct restart restart;
        int wait_status;
        const char *text;
        bool was_scarce;
    } cases[] = {
        {{0}, W_EXITCODE(0, SIGKILL), "signal 9 (SIGKILL)", false},
        {{0}, W_EXITCODE(0, SIGKILL), "signal 9 (SIGKILL), out of memory", true},
        {{0}, W_EXITCODE(0, SIGTERM), "signal 15 (SIGTERM)", true},
        {{0}, W_EXITCODE(0, SIGSEGV) | WCOREFLAG, "signal 11 (SIGSEGV), core dumped", false},
        {{0}, W_EXITCODE(EXIT_FAILED, 0), "exit code 1 (failed)", false},
        {{0}, W_EXITCODE(EXIT_CONFIG, 0), "exit code 78 (configuration)", false},
        {{0}, W_EXITCODE(3, 0), "exit code 3 (unknown)", false},
        {{.reason = RESTART_REASON_SILENT}, W_EXITCODE(0, SIGKILL), "stopped answering", true},
        {{.reason = RESTART_REASON_NEVER_READY},
         W_EXITCODE(0, SIGKILL),
         "did not become ready in time",
         false},
        {{.reason = RESTART_REASON_ASKED, .was_killed = true},
         W_EXITCODE(0, SIGKILL),
         "did not stop in time",
         false},
    };
    char text[80];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        obituary_cause(text, sizeof(text), &cases[i].restart, cases[i].wait_status,
                       cases[i].was_scarce);
        assert_string_equal(text, cases[i].text);
    }
}

static void json_goes_both_ways(void **state)
{
    struct obituary before = of("torrent.0", 1000), after;
    json_t *json = obituary_to_json(&before);

    (void)state;
    assert_true(obituary_from_json(json, &after));
    assert_int_equal(after.when_unix_ms, 1000);
    assert_string_equal(after.name, "torrent.0");
    assert_int_equal(after.pid, 42);
    assert_true(after.generation == before.generation);
    assert_int_equal(after.uptime_ms, 7);
    assert_string_equal(after.cause, before.cause);
    assert_true(after.was_ready);
    assert_string_equal(after.action, before.action);
    assert_int_equal(after.line_count, 2);
    assert_string_equal(after.lines[0], "first \"quoted\" line");
    assert_string_equal(after.lines[1], "last line");
    json_decref(json);
    obituary_fini(&before);
    obituary_fini(&after);
}

static void bytes_that_are_no_text_do_not_break_the_file(void **state)
{
    struct obituary before = of("torrent.0", 1), after;

    (void)state;
    free(before.lines[0]);
    before.lines[0] = xstrdup("\xff\xfe");
    json_t *json = obituary_to_json(&before);
    assert_true(obituary_from_json(json, &after));
    assert_string_equal(after.lines[0], "(not text)");
    json_decref(json);
    obituary_fini(&before);
    obituary_fini(&after);
}

static void the_oldest_of_the_same_service_falls_out(void **state)
{
    struct obituaries all = {0};
    size_t at = 0, count = 0;

    (void)state;
    add(&all, "http.0", 1);
    for (uint64_t i = 0; i < OBITUARY_KEPT + 5; i++)
        add(&all, i % 2 == 0 ? "torrent.0" : "torrent.1", 100 + i);
    const struct obituary *newest = obituaries_next(&all, "torrent", &at);
    assert_int_equal(newest->when_unix_ms, 100 + OBITUARY_KEPT + 4);
    for (count = 1; obituaries_next(&all, "torrent", &at) != NULL; count++)
        ;
    assert_int_equal(count, OBITUARY_KEPT);
    at = 0;
    assert_non_null(obituaries_next(&all, "http.0", &at));
    at = 0;
    for (count = 0; obituaries_next(&all, "torrent.1", &at) != NULL; count++)
        ;
    assert_int_equal(count, OBITUARY_KEPT / 2);
    at = 0;
    assert_null(obituaries_next(&all, "torr", &at));
    obituaries_close(&all);
}

static void the_file_outlives_us_and_stays_small(void **state)
{
    char folder[] = "/tmp/obituary-XXXXXX";
    struct obituaries all = {0};
    struct stat info;
    size_t at = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    char *path = xasprintf("%s/obituaries.log", folder), *older = xasprintf("%s.1", path);
    obituaries_open(&all, path);
    for (uint64_t i = 0; i < 6000; i++)
        add(&all, "torrent.0", i);
    obituaries_close(&all);
    assert_int_equal(stat(path, &info), 0);
    assert_in_range(info.st_size, 1, OBITUARY_FILE_MAX);
    assert_int_equal(stat(older, &info), 0);
    assert_in_range(info.st_size, 1, OBITUARY_FILE_MAX);

    FILE *file = fopen(path, "a");
    fputs("{\"damaged\n", file);
    fclose(file);
    obituaries_open(&all, path);
    assert_int_equal(all.count, OBITUARY_KEPT);
    assert_int_equal(obituaries_next(&all, "torrent.0", &at)->when_unix_ms, 5999);
    obituaries_close(&all);
    unlink(path);
    unlink(older);
    rmdir(folder);
    free(path);
    free(older);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_are_told_in_words),
        cmocka_unit_test(json_goes_both_ways),
        cmocka_unit_test(bytes_that_are_no_text_do_not_break_the_file),
        cmocka_unit_test(the_oldest_of_the_same_service_falls_out),
        cmocka_unit_test(the_file_outlives_us_and_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
