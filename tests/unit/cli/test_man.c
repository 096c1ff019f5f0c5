/* SPDX-License-Identifier: MIT
 *
 * The man page is written by hand; this is what keeps it from falling behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verbs.h"

static char page[1 << 16];

static int read_page(void **state)
{
    char path[1024];
    static const char rest[] = "tests/unit/cli/test_man.c";
    size_t root = strlen(__FILE__) - strlen(rest);

    (void)state;
    snprintf(path, sizeof(path), "%.*sdocs/man/sharestream.1", (int)root, __FILE__);
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return -1;
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    return 0;
}

/* ".It Ic logs level Oo Fl -x Ar value Oc ... Ar one two": the line of the verb in the page. */
static void expect_verb(const struct verb *verb)
{
    struct pattern pattern;
    char start[128], line[256], *end;

    pattern_read(verb->pattern, &pattern);
    snprintf(start, sizeof(start), "\n.It Ic %s%s%s", pattern.words[0],
             pattern.word_count > 1 ? " " : "", pattern.words[1]);
    const char *at = strstr(page, start);

    if (at == NULL || strchr(" \n", at[strlen(start)]) == NULL)
        fail_msg("the man page does not know: %s", verb->pattern);
    snprintf(line, sizeof(line), "%s ", at + 1);
    if ((end = strchr(line, '\n')) != NULL)
        end[0] = ' ', end[1] = '\0';
    for (unsigned i = 0; i < pattern.option_count; i++) {
        char option[128];

        snprintf(option, sizeof(option), "Oo Fl %s%s%s Oc%s ", pattern.options[i].name + 1,
                 pattern.options[i].value[0] ? " Ar " : "", pattern.options[i].value,
                 pattern.options[i].is_repeated ? " ..." : "");
        if (strstr(line, option) == NULL)
            fail_msg("no \"%s\" in: %s", option, line);
    }
    for (unsigned i = 0; i < pattern.place_count; i++) {
        char place[64];

        snprintf(place, sizeof(place), " %s ", pattern.places[i].name);
        if (strstr(line, place) == NULL)
            fail_msg("no \"%s\" in: %s", place, line);
    }
}

static void every_verb_has_its_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < verb_count; i++)
        expect_verb(&verbs[i]);
}

static void page_has_no_verb_too_many(void **state)
{
    unsigned count = 0;

    (void)state;
    for (const char *at = page; (at = strstr(at, "\n.It Ic ")) != NULL; at++)
        count++;
    assert_int_equal(count, verb_count);
}

static void page_knows_the_global_options(void **state)
{
    struct pattern pattern;

    (void)state;
    pattern_read(global_pattern, &pattern);
    for (unsigned i = 0; i < pattern.option_count; i++) {
        char line[64];

        snprintf(line, sizeof(line), "\n.It Fl %s", pattern.options[i].name + 1);
        if (strstr(page, line) == NULL)
            fail_msg("the man page does not know %s", pattern.options[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_has_its_line),
        cmocka_unit_test(page_has_no_verb_too_many),
        cmocka_unit_test(page_knows_the_global_options),
    };

    return cmocka_run_group_tests(tests, read_page, NULL);
}
