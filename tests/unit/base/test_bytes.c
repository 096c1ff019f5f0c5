/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void hex_goes_both_ways_and_refuses_bad_digits(void **state)
{
    uint8_t raw[3];
    char text[7];

    (void)state;
    assert_true(hex_decode(bytes_of_text("00aFf0"), raw, 3));
    assert_string_equal(hex_encode(bytes_of(raw, 3), text), "00aff0");
    assert_false(hex_decode(bytes_of_text("00aFf"), raw, 3));
    assert_false(hex_decode(bytes_of_text("00aFfg"), raw, 3));
}

static void base32_decodes_an_info_hash(void **state)
{
    uint8_t raw[20];
    char text[41];

    (void)state;
    assert_true(base32_decode(bytes_of_text("3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"), raw, 20));
    assert_string_equal(hex_encode(bytes_of(raw, 20), text),
                        "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_true(base32_decode(bytes_of_text("3i42h3s6nnfq2msvx7xzkyayscx5qbyj"), raw, 20));
    assert_false(base32_decode(bytes_of_text("3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBY1"), raw, 20));
    assert_false(base32_decode(bytes_of_text("3I42H3S6"), raw, 20));
}

static void base64url_goes_both_ways(void **state)
{
    static const struct {
        const char *raw, *text;
    } cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xfb\xff", "-_8"}};
    uint8_t raw[8];
    char text[16];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(base64url_encode(bytes_of_text(cases[i].raw), text), cases[i].text);
        assert_true(base64url_decode(bytes_of_text(cases[i].text), raw, sizeof(raw), &len));
        assert_true(bytes_equal_text(bytes_of(raw, len), cases[i].raw));
    }
    assert_false(base64url_decode(bytes_of_text("a+b"), raw, sizeof(raw), &len));
    assert_false(base64url_decode(bytes_of_text("Zm9vZm9vZm9v"), raw, sizeof(raw), &len));
}

static void words_have_no_case_and_no_blanks_around_them(void **state)
{
    struct bytes none = bytes_of(NULL, 0);

    (void)state;
    assert_true(bytes_is_word(bytes_of_text("GZip"), "gzip"));
    assert_false(bytes_is_word(bytes_of_text("gzi"), "gzip"));
    assert_false(bytes_is_word(bytes_of_text("gzipp"), "gzip"));
    assert_true(bytes_is_word(none, ""));
    assert_true(bytes_equal_text(bytes_trim(bytes_of_text(" \t a b\t")), "a b"));
    assert_int_equal(bytes_trim(bytes_of_text(" \t ")).len, 0);
    assert_int_equal(bytes_trim(none).len, 0);
}

static void decimals_stop_at_the_largest(void **state)
{
    static const struct {
        const char *text;
        size_t digits;
        uint64_t value;
    } cases[] = {{"", 0, 0},
                 {"-1", 0, 0},
                 {"0", 1, 0},
                 {"007x", 3, 7},
                 {"18446744073709551614,", 20, UINT64_MAX - 1},
                 {"18446744073709551615", 20, UINT64_MAX},
                 {"18446744073709551616", 20, UINT64_MAX},
                 {"99999999999999999999999990", 26, UINT64_MAX}};
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(bytes_decimal(bytes_of_text(cases[i].text), &value), cases[i].digits);
        assert_true(value == cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways_and_refuses_bad_digits),
        cmocka_unit_test(base32_decodes_an_info_hash),
        cmocka_unit_test(base64url_goes_both_ways),
        cmocka_unit_test(words_have_no_case_and_no_blanks_around_them),
        cmocka_unit_test(decimals_stop_at_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
