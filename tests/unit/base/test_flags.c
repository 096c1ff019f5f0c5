/* SPDX-License-Identifier: MIT */
#include "base/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"

struct given {
    const char *port, *dir;
    bool is_on;
    enum err err;
    struct error error;
};

static struct given read(const char *const *words)
{
    struct given given = {.err = ERR_NONE};
    const struct flag flags[] = {
        {.name = "port", .value = "N", .help = "a port", .text = &given.port},
        {.name = "data-dir", .value = "DIR", .help = "a folder", .text = &given.dir},
        {.name = "no-tunnel", .help = "nothing", .is_on = &given.is_on},
    };
    char *argv[8] = {(char *)(uintptr_t) "program"};
    int argc = 1;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    given.err = flags_read(argc, argv, flags, COUNT_OF(flags), &given.error);
    return given;
}
#define READ(...) read((const char *const[]){__VA_ARGS__, NULL})

static void all_ways_to_write_a_flag_are_read(void **state)
{
    (void)state;
    assert_string_equal(READ("-port", "7").port, "7");
    assert_string_equal(READ("--port", "7").port, "7");
    assert_string_equal(READ("-port=7").port, "7");
    assert_string_equal(READ("--port=7").port, "7");
    assert_string_equal(READ("--data-dir=a=b").dir, "a=b");
    assert_string_equal(READ("-data-dir", "-x").dir, "-x");
    assert_string_equal(READ("-data-dir=").dir, "");
    assert_string_equal(READ("-port", "7", "--port=8").port, "8");
    assert_true(READ("-no-tunnel").is_on);
    assert_true(READ("--no-tunnel=true").is_on);
    assert_false(READ("-no-tunnel", "-no-tunnel=false").is_on);
    assert_null(READ("-no-tunnel").port);
}

static void what_is_no_flag_is_refused(void **state)
{
    (void)state;
    assert_string_equal(READ("-poort", "7").error.text, "there is no flag '-poort'");
    assert_string_equal(READ("port").error.text, "there is no flag 'port'");
    assert_string_equal(READ("---port").error.text, "there is no flag '---port'");
    assert_string_equal(READ("-").error.text, "there is no flag '-'");
    assert_string_equal(READ("").error.text, "there is no flag ''");
    assert_string_equal(READ("-port").error.text, "-port wants N");
    assert_string_equal(READ("-no-tunnel=maybe").error.text,
                        "-no-tunnel takes true or false, not 'maybe'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_to_write_a_flag_are_read),
        cmocka_unit_test(what_is_no_flag_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
