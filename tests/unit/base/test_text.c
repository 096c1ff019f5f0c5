/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"

static void text_grows_and_ends_in_nul(void **state)
{
    struct text text = {0};

    (void)state;
    assert_string_equal(text_str(&text), "");
    for (int i = 0; i < 1000; i++)
        text_addf(&text, "%d,", i % 10);
    text_add(&text, "end");
    text_add_bytes(&text, bytes_of(NULL, 0));
    assert_int_equal(text.len, 2003);
    assert_int_equal(strlen(text.data), 2003);
    assert_string_equal(text.data + 1994, "7,8,9,end");
    text_clear(&text);
    assert_string_equal(text_str(&text), "");
    text_addf(&text, "%s", "again");
    assert_string_equal(text_str(&text), "again");
    text_fini(&text);
    assert_null(text.data);
    text_fini(&text);
    text_clear(&text);
}

static void taken_text_belongs_to_the_caller(void **state)
{
    struct text text = {0};

    (void)state;
    char *empty = text_take(&text);
    assert_string_equal(empty, "");
    free(empty);
    text_add(&text, "mine");
    char *taken = text_take(&text);
    assert_string_equal(taken, "mine");
    assert_null(text.data);
    free(taken);
}

static void everything_but_unreserved_is_percent_encoded(void **state)
{
    struct text text = {0};

    (void)state;
    text_add_percent(&text, bytes_of("aZ09-._~ /+%\0\xc3\xa9", 15), "");
    assert_string_equal(text_str(&text), "aZ09-._~%20%2F%2B%25%00%C3%A9");
    text_clear(&text);
    text_add_percent(&text, bytes_of_text("a/b c"), "/");
    assert_string_equal(text_str(&text), "a/b%20c");
    text_fini(&text);
}

static void percent_decoding_table(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
        bool plus_is_space;
    } cases[] = {
        {"", "", false},
        {"abc", "abc", false},
        {"a%20b", "a b", false},
        {"%C3%a9", "\xc3\xa9", false},
        {"a+b", "a+b", false},
        {"a+b", "a b", true},
        {"%2B", "+", true},
        {"%2525", "%25", false},
        {"%", NULL, false},
        {"%2", NULL, false},
        {"a%2", NULL, false},
        {"%zz", NULL, false},
        {"%2z", NULL, false},
        {"%00", NULL, false},
        {"1234567", "1234567", false},
        {"12345678", NULL, false},
        {"%31%32%33%34%35%36%37", "1234567", false},
    };
    char out[8];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_good =
            percent_decode(bytes_of_text(cases[i].in), out, sizeof(out), cases[i].plus_is_space);

        if (is_good != (cases[i].out != NULL))
            fail_msg("'%s' was %s", cases[i].in, is_good ? "decoded" : "refused");
        if (is_good)
            assert_string_equal(out, cases[i].out);
    }
    assert_false(percent_decode(bytes_of("a\0b", 3), out, sizeof(out), false));
    assert_false(percent_decode(bytes_of_text(""), out, 0, false));
    assert_true(percent_decode(bytes_of_text(""), out, 1, false));
}

static void distance_counts_edits(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {{"", "", 0},
                 {"a", "", 1},
                 {"", "abc", 3},
                 {"listen", "listen", 0},
                 {"lsiten", "listen", 2},
                 {"listn", "listen", 1},
                 {"port", "sport", 1},
                 {"kitten", "sitting", 3}};
    char long_a[200], long_b[200];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(text_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(text_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
    memset(long_a, 'a', sizeof(long_a) - 1);
    memset(long_b, 'b', sizeof(long_b) - 1);
    long_a[sizeof(long_a) - 1] = long_b[sizeof(long_b) - 1] = '\0';
    assert_int_equal(text_distance(long_a, long_b), 64); /* looks no further */
}

static void utf8_table(void **state)
{
    static const struct {
        const char *name, *text;
        size_t len;
        bool is_good;
    } cases[] = {
        {"empty", "", 0, true},
        {"ascii", "abc", 3, true},
        {"two bytes, least", "\xc2\x80", 2, true},
        {"two bytes, most", "\xdf\xbf", 2, true},
        {"three bytes, least", "\xe0\xa0\x80", 3, true},
        {"last before the surrogates", "\xed\x9f\xbf", 3, true},
        {"first behind the surrogates", "\xee\x80\x80", 3, true},
        {"four bytes, least", "\xf0\x90\x80\x80", 4, true},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", 4, true},
        {"NUL", "a\0b", 3, false},
        {"lone continuation", "\x80", 1, false},
        {"overlong slash", "\xc0\xaf", 2, false},
        {"overlong in two bytes", "\xc1\xbf", 2, false},
        {"overlong in three", "\xe0\x9f\xbf", 3, false},
        {"overlong in four", "\xf0\x8f\xbf\xbf", 4, false},
        {"surrogate", "\xed\xa0\x80", 3, false},
        {"beyond U+10FFFF", "\xf4\x90\x80\x80", 4, false},
        {"five bytes", "\xf8\x88\x80\x80\x80", 5, false},
        {"0xff", "\xff", 1, false},
        {"cut after one", "\xc3", 1, false},
        {"cut after two", "\xe2\x82", 2, false},
        {"cut after three", "\xf0\x9f\x8e", 3, false},
        {"ascii instead of continuation", "\xe2\x82z", 3, false},
        {"start instead of continuation", "\xc3\xc3", 2, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        /* An exact copy, so that a read past the end is seen. */
        uint8_t *copy = xcalloc(cases[i].len, 1);

        memcpy(copy, cases[i].text, cases[i].len);
        if (utf8_valid(bytes_of(copy, cases[i].len)) != cases[i].is_good)
            fail_msg("%s", cases[i].name);
        free(copy);
    }
}

static void utf8_is_cut_between_characters(void **state)
{
    struct bytes text = bytes_of_text("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xac"); /* 1 2 3 4 bytes */
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    (void)state;
    for (size_t max = 0; max < COUNT_OF(cuts); max++)
        assert_int_equal(utf8_cut(text, max), cuts[max]);
    assert_int_equal(utf8_cut(bytes_of(NULL, 0), 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_ends_in_nul),
        cmocka_unit_test(taken_text_belongs_to_the_caller),
        cmocka_unit_test(everything_but_unreserved_is_percent_encoded),
        cmocka_unit_test(percent_decoding_table),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(utf8_table),
        cmocka_unit_test(utf8_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
