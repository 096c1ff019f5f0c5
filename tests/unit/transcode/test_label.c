/* SPDX-License-Identifier: MIT */
#include "label.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void tracks_are_called_what_people_call_them(void **state)
{
    static const struct {
        struct label_source source;
        const char *result;
    } cases[] = {
        {{"eng", ""}, "English"},
        {{"en", ""}, "English"},
        {{"ENG", ""}, "English"},
        {{"ger", ""}, "German"},
        {{"deu", ""}, "German"},
        {{"nor", ""}, "Norwegian"},
        {{"nob", ""}, "Norwegian"},
        {{"en-US", ""}, "English (US)"},
        {{"tlh", ""}, "TLH"},
        {{"", ""}, "Sound"},
        {{"und", ""}, "Sound"},
        {{"mul", ""}, "Sound"},
        {{"und", "Director's commentary"}, "Director's commentary"},
        {{"eng", "Director's commentary"}, "English: Director's commentary"},
        {{"eng", "English 5.1"}, "English 5.1"},
        {{"eng", "english"}, "english"},
        {{"", "Stereo"}, "Stereo"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *label;

        labels_make(&cases[i].source, 1, "Sound", &label);
        assert_string_equal(label, cases[i].result);
        free(label);
    }
}

static void no_label_is_given_twice(void **state)
{
    static const struct label_source sources[] = {
        {"eng", ""},         {"eng", ""},    {"und", "English"},
        {"", "English (2)"}, {"fre", "Foo"}, {"fre", "Foo (2)"},
        {"fre", "Foo"},      {"und", ""},    {"", ""},
    };
    static const char *const wanted[] = {
        "English",         "English (2)",     "English (3)", "English (2) (2)", "French: Foo",
        "French: Foo (2)", "French: Foo (3)", "Sound",       "Sound (2)",
    };
    char *labels[COUNT_OF(sources)];

    (void)state;
    labels_make(sources, COUNT_OF(sources), "Sound", labels);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        assert_string_equal(labels[i], wanted[i]);
        free(labels[i]);
    }
}

static void languages_are_tagged_as_browsers_want(void **state)
{
    static const char *const cases[][2] = {
        {"eng", "en"},  {"ger", "de"}, {"de", "de"}, {"pt-BR", "pt-BR"},
        {"tlh", "tlh"}, {"und", ""},   {"UND", ""},  {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(label_language_tag(cases[i][0]), cases[i][1]);
}

static void words_of_names_are_languages_or_not(void **state)
{
    static const char *const cases[][2] = {
        {"en", "en"},       {"ENG", "en"},          {"ger", "de"},        {"German", "de"},
        {"pt-BR", "pt-BR"}, {"zh-Hant", "zh-Hant"}, {"es-419", "es-419"}, {"", ""},
        {"tlh", ""},        {"Film", ""},           {"en-", ""},          {"en-us-x", ""},
        {"en-toolong", ""}, {"German-DE", ""},
    };
    char tag[LABEL_TAG];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(label_find_language(bytes_of_text(cases[i][0]), tag),
                         cases[i][1][0] != '\0');
        assert_string_equal(tag, cases[i][1]);
    }
    assert_false(label_find_language(bytes_of("en\0x", 4), tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracks_are_called_what_people_call_them),
        cmocka_unit_test(no_label_is_given_twice),
        cmocka_unit_test(languages_are_tagged_as_browsers_want),
        cmocka_unit_test(words_of_names_are_languages_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
