/* SPDX-License-Identifier: MIT */
#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "verbs.h"

static const char global_text[] = "[--config <file>] [--json]";

static void pattern_is_taken_apart(void **state)
{
    struct pattern pattern;

    (void)state;
    pattern_read("logs level [--flag] [--tracker <url>]... <service> [level]...", &pattern);
    assert_int_equal(pattern.word_count, 2);
    assert_string_equal(pattern.words[1], "level");
    assert_int_equal(pattern.option_count, 2);
    assert_string_equal(pattern.options[0].name, "--flag");
    assert_string_equal(pattern.options[0].value, "");
    assert_false(pattern.options[0].is_repeated);
    assert_string_equal(pattern.options[1].name, "--tracker");
    assert_string_equal(pattern.options[1].value, "url");
    assert_true(pattern.options[1].is_repeated);
    assert_int_equal(pattern.place_count, 2);
    assert_string_equal(pattern.places[0].name, "service");
    assert_false(pattern.places[0].is_optional);
    assert_string_equal(pattern.places[1].name, "level");
    assert_true(pattern.places[1].is_optional);
    assert_true(pattern.places[1].is_repeated);
}

static void every_row_of_the_table_is_well_formed(void **state)
{
    struct pattern pattern;

    (void)state;
    pattern_read(global_pattern, &pattern);
    for (unsigned i = 0; i < verb_count; i++) {
        pattern_read(verbs[i].pattern, &pattern);
        assert_true(pattern.word_count > 0);
        assert_non_null(verbs[i].run);
        assert_non_null(verbs[i].help);
        for (unsigned p = 0; p + 1 < pattern.place_count; p++)
            assert_false(pattern.places[p].is_repeated);
    }
}

/* Splits at spaces in place. */
static int split(char *line, char **argv, int cap)
{
    int argc = 0;

    for (char *word = strtok(line, " "); word != NULL && argc < cap - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

static enum err read_line(const char *verb_text, const char *line_text, struct args *args,
                          struct error *error)
{
    static char line[256]; /* the arguments point into it */
    struct pattern verb, global;
    char *argv[32];

    snprintf(line, sizeof(line), "%s", line_text);
    pattern_read(verb_text, &verb);
    pattern_read(global_text, &global);
    return args_read(&verb, &global, split(line, argv, 32), argv, args, error);
}

static void options_may_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "--paused --tracker udp://a --tracker=udp://b one two --json",
        "one --tracker udp://a two --json --paused --tracker udp://b",
        "--json --tracker=udp://a --paused one --tracker=udp://b -- two",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct error error;
        struct args args;

        assert_int_equal(read_line("add [--paused] [--wait] [--tracker <url>]... <source>...",
                                   lines[i], &args, &error),
                         ERR_NONE);
        assert_int_equal(args.value_count, 2);
        assert_string_equal(args_value(&args, 0), "one");
        assert_string_equal(args_value(&args, 1), "two");
        assert_null(args_value(&args, 2));
        assert_true(args_has(&args, "--paused"));
        assert_true(args_has(&args, "--json"));
        assert_false(args_has(&args, "--wait"));
        assert_string_equal(args_option(&args, "--tracker", 0), "udp://a");
        assert_string_equal(args_option(&args, "--tracker", 1), "udp://b");
        assert_null(args_option(&args, "--tracker", 2));
        args_fini(&args);
    }
}

static void after_two_dashes_everything_is_a_value(void **state)
{
    struct error error;
    struct args args;

    (void)state;
    assert_int_equal(read_line("add <source>...", "-- --json -x --", &args, &error), ERR_NONE);
    assert_int_equal(args.value_count, 3);
    assert_string_equal(args_value(&args, 0), "--json");
    args_fini(&args);
}

static void single_dash_is_a_value(void **state)
{
    struct error error;
    struct args args;

    (void)state;
    assert_int_equal(read_line("call <service> [json]", "torrent -", &args, &error), ERR_NONE);
    assert_string_equal(args_value(&args, 1), "-");
    args_fini(&args);
}

static void wrong_lines_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *pattern, *line, *sentence;
    } cases[] = {
        {"add [--paused] <source>...", "", "<source> is missing"},
        {"trace <service> <peer>", "room", "<peer> is missing"},
        {"list", "x", "\"x\" is too much"},
        {"stream <hash> [file]", "a b c", "\"c\" is too much"},
        {"add [--paused] <source>...", "--pasued x",
         "unknown option --pasued; did you mean --paused?"},
        {"add [--paused] <source>...", "--jsn x", "unknown option --jsn; did you mean --json?"},
        {"add [--paused] <source>...", "--frobnicate=3 x", "unknown option --frobnicate"},
        {"add [--paused] <source>...", "-p x", "unknown option -p"},
        {"add [--paused] <source>...", "--paused=1 x", "--paused takes no value"},
        {"add [--paused] <source>...", "--paused --paused x", "--paused is given twice"},
        {"add [--tracker <url>]... <source>...", "x --tracker", "--tracker needs a value: <url>"},
        {"add [--tracker <url>]... <source>...", "x --tracker=", "--tracker needs a value: <url>"},
        {"list", "--config a --config b", "--config is given twice"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error = {0};
        struct args args;

        assert_int_equal(read_line(cases[i].pattern, cases[i].line, &args, &error), ERR_INVALID);
        assert_string_equal(error.text, cases[i].sentence);
        args_fini(&args);
    }
}

static void verb_is_found_behind_global_options(void **state)
{
    static const struct {
        const char *line;
        int index;
    } cases[] = {
        {"list", 0},   {"--json list", 1}, {"--config list list", 2}, {"--config=x y", 1}, {"", 0},
        {"--json", 1}, {"--config", 1},    {"--unknown list", 1},     {"-- list", 0}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pattern global;
        char line[64], *argv[8];

        snprintf(line, sizeof(line), "%s", cases[i].line);
        pattern_read(global_text, &global);
        int argc = split(line, argv, 8);

        assert_int_equal(args_first_word(&global, argc, argv), cases[i].index);
    }
}

static void verbs_of_two_words_need_both(void **state)
{
    char logs[] = "logs", level[] = "level", room[] = "room", other[] = "other";
    char *both[] = {logs, level, other, NULL}, *wrong[] = {room, other, NULL};
    char *one[] = {logs, other, NULL};
    unsigned used;

    (void)state;
    assert_non_null(verb_find(both, &used));
    assert_int_equal(used, 2);
    assert_null(verb_find(wrong, &used));
    assert_non_null(verb_find(one, &used));
    assert_int_equal(used, 1);
}

static void wrong_verb_finds_what_was_meant(void **state)
{
    (void)state;
    assert_string_equal(verb_near("lsit"), "list");
    assert_string_equal(verb_near("stauts"), "status");
    assert_string_equal(verb_near("ad"), "add");
    assert_null(verb_near("frobnicate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pattern_is_taken_apart),
        cmocka_unit_test(every_row_of_the_table_is_well_formed),
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(after_two_dashes_everything_is_a_value),
        cmocka_unit_test(single_dash_is_a_value),
        cmocka_unit_test(wrong_lines_are_refused_with_a_sentence),
        cmocka_unit_test(verb_is_found_behind_global_options),
        cmocka_unit_test(verbs_of_two_words_need_both),
        cmocka_unit_test(wrong_verb_finds_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
