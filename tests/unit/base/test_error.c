/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"

static const enum err all[] = {
#define X(name, word, status) name,
    ERR_CODES(X)
#undef X
};

static void error_set_fills_and_returns_the_code(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(error_set(&error, ERR_BUSY, "queue %d is full", 3), ERR_BUSY);
    assert_int_equal(error.code, ERR_BUSY);
    assert_string_equal(error.text, "queue 3 is full");
    assert_int_equal(error_set(NULL, ERR_IO, "nobody wants to know"), ERR_IO);
}

static void system_text_comes_last(void **state)
{
    struct error error;

    (void)state;
    errno = ENOENT;
    assert_int_equal(error_set_errno(&error, ERR_IO, "cannot open %s", "x"), ERR_IO);
    assert_string_equal(error.text, "cannot open x: No such file or directory");
    errno = ENOENT;
    assert_int_equal(error_set_errno(NULL, ERR_IO, "nobody wants to know"), ERR_IO);
}

static void what_went_wrong_can_be_put_behind_where(void **state)
{
    struct error error;

    (void)state;
    error_set(&error, ERR_CONFIG, "not a number");
    error_set(&error, error.code, "config.yaml:%d: %s", 12, error.text);
    assert_string_equal(error.text, "config.yaml:12: not a number");
}

static void long_text_is_cut_between_characters(void **state)
{
    char stranger[600];

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        struct error error;

        for (size_t i = 0; i < sizeof(stranger); i++)
            stranger[i] = i < shift ? 'x' : "\xf0\x9f\x8e\xac\xe2\x82\xac\xc3\xa9"[(i - shift) % 9];
        stranger[sizeof(stranger) - 1] = '\0';
        error_set(&error, ERR_INVALID, "%s", stranger);
        assert_true(utf8_valid(bytes_of_text(error.text)));
        assert_true(strlen(error.text) >= sizeof(error.text) - 4);
        errno = ENOENT;
        error_set_errno(&error, ERR_INVALID, "%s", stranger);
        assert_true(utf8_valid(bytes_of_text(error.text)));
    }
}

static void text_that_just_fits_is_whole(void **state)
{
    struct error error;
    char text[sizeof(error.text)];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + sizeof(text) - 3, "\xc3\xa9", 3);
    error_set(&error, ERR_INVALID, "%s", text);
    assert_string_equal(error.text, text);
}

static void words_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_true(err_http_status(all[i]) >= 200 && err_http_status(all[i]) < 600);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(err_word(all[i]), err_word(all[k]));
    }
    assert_int_equal(err_http_status(ERR_NOT_FOUND), 404);
}

/* A neighbour of another version may send a code that we do not have. */
static void unknown_code_is_internal(void **state)
{
    (void)state;
    assert_string_equal(err_word((enum err)999), "internal");
    assert_int_equal(err_http_status((enum err)999), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_fills_and_returns_the_code),
        cmocka_unit_test(system_text_comes_last),
        cmocka_unit_test(what_went_wrong_can_be_put_behind_where),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(text_that_just_fits_is_whole),
        cmocka_unit_test(words_differ),
        cmocka_unit_test(unknown_code_is_internal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
