/* SPDX-License-Identifier: MIT */
#include "wire/tus.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static void numbers_are_digits_that_fit_a_file(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        uint64_t number;
    } cases[] = {
        {"0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t number = 0;

        if (tus_number(bytes_of_text(cases[i].text), &number) != cases[i].is_good ||
            (cases[i].is_good && number != cases[i].number))
            fail_msg("'%s'", cases[i].text);
    }
}

static void the_name_is_one_that_a_file_can_have(void **state)
{
    static const struct {
        const char *metadata, *name; /* NULL: none */
    } cases[] = {
        {"filename QSBmaWxtLm1wNA==", "A film.mp4"},
        {"filename QSBmaWxtLm1wNA", "A film.mp4"},
        {"filetype dmlkZW8vbXA0,filename QSBmaWxtLm1wNA==", "A film.mp4"},
        {"filetype dmlkZW8vbXA0 , name QSBmaWxtLm1wNA== ", "A film.mp4"},
        {"is_confidential,filename QSBmaWxtLm1wNA==", "A film.mp4"},
        {"filename Li4vLi4vZXRjL3Bhc3N3ZA==", "passwd"}, /* ../../etc/passwd */
        {"filename QzpcZmlsbXNcYS5ta3Y=", "a.mkv"},      /* C:\films\a.mkv */
        {"filename YQpiLm1rdg==", "a_b.mkv"},            /* a newline */
        {"filename Li4=", NULL},                         /* .. */
        {"filename YS8=", NULL},                         /* a/ */
        {"filename /w==", NULL},                         /* no UTF-8 */
        {"filename YQBi", NULL},                         /* a NUL */
        {"filename ***", NULL},
        {"filename", NULL},
        {"filenames YQ==", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char name[TUS_NAME_TEXT];
        bool has = tus_file_name(bytes_of_text(cases[i].metadata), name);

        if (has != (cases[i].name != NULL) || (has && strcmp(name, cases[i].name) != 0))
            fail_msg("'%s' gives '%s'", cases[i].metadata, has ? name : "nothing");
    }
}

/* 100 times "aaa", then ".mkv". */
static void a_long_name_keeps_its_ending(void **state)
{
    char metadata[512] = "filename ", name[TUS_NAME_TEXT];

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(metadata, "YWFh");
    strcat(metadata, "Lm1rdg==");
    assert_true(tus_file_name(bytes_of_text(metadata), name));
    assert_int_equal(strlen(name), TUS_NAME_TEXT - 1);
    assert_string_equal(name + TUS_NAME_TEXT - 1 - 4, ".mkv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_digits_that_fit_a_file),
        cmocka_unit_test(the_name_is_one_that_a_file_can_have),
        cmocka_unit_test(a_long_name_keeps_its_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
