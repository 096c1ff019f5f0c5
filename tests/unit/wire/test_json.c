/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static bool is_json(const char *text)
{
    struct json json = json_of(bytes_of_text(text));

    json_take(&json);
    return json_is_done(&json);
}

static void whole_values_are_checked(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "1.5",
        "-1.5e+10",
        "2E-3",
        "\"\"",
        "\"a\\n\\u00e9\"",
        "[]",
        "{}",
        "[1,2]",
        "[[],{}]",
        " { \"a\" : [ 1 , {\"b\":null} ] , \"c\":\"}\" } ",
        "\"\xc3\xa9\"",
        "{\"a\":1,\"a\":2}",
        "[\"[\",\"{\"]",
    };
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "True",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "]",
        "}",
        "[}",
        "{]",
        "1 2",
        "[1]]",
        "not json",
        "NaN",
        "\"\\",
        "[1,\"a]",
        "{\"a\":[1,{\"b\":2]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!is_json(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (is_json(bad[i]))
            fail_msg("taken: %s", bad[i]);
}

static void depth_is_bounded(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    assert_true(is_json(text));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(is_json(text));
}

static void members_come_one_by_one_as_they_stood(void **state)
{
    struct json json = json_of(bytes_of_text(" {\"a\":1.0 ,\"b\": {\"x\":[\"{\"]},\"c\":[3, 4]}"));
    struct bytes key;

    (void)state;
    json_open_object(&json);
    assert_true(json_next_key(&json, &key));
    assert_true(bytes_equal_text(key, "a"));
    assert_true(bytes_equal_text(json_take(&json), "1.0"));
    assert_true(json_next_key(&json, &key));
    assert_true(bytes_equal_text(json_take(&json), "{\"x\":[\"{\"]}"));
    assert_true(json_next_key(&json, &key));
    assert_int_equal(json_peek(&json), JSON_KIND_ARRAY);
    json_open_array(&json);
    assert_true(json_next_item(&json));
    assert_true(bytes_equal_text(json_take(&json), "3"));
    assert_true(json_next_item(&json));
    assert_true(bytes_equal_text(json_take(&json), "4"));
    assert_false(json_next_item(&json));
    assert_false(json_next_key(&json, &key));
    assert_true(json_is_done(&json));
}

static void what_is_broken_stays_broken(void **state)
{
    struct json json = json_of(bytes_of_text("{\"a\":tru,\"b\":1}"));
    struct bytes key;

    (void)state;
    json_open_object(&json);
    assert_true(json_next_key(&json, &key));
    assert_int_equal(json_take(&json).len, 0);
    assert_false(json_next_key(&json, &key));
    assert_false(json_is_done(&json));
}

static void binary_strings_are_bytes(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t len;
    } good[] = {{"abc", "abc", 3},
                {"\xc3\x83\xc3\xbf\xc2\x80", "\xc3\xff\x80", 3},
                {"\\u0000\\u001F\\u00ff", "\0\x1f\xff", 3},
                {"\\\"\\\\\\/\\n\\t", "\"\\/\n\t", 5}};
    static const char *const bad[] = {"ab", "abcd",
                                      "\xc4\x80"
                                      "ab",
                                      "\\u0100"
                                      "ab",
                                      "\xe2\x82\xac"};
    struct text back = {0};
    uint8_t out[8];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(json_binary_decode(bytes_of_text(good[i].text), out, good[i].len));
        assert_memory_equal(out, good[i].bytes, good[i].len);
        text_clear(&back);
        text_add(&back, "\"");
        json_binary_add(&back, bytes_of(good[i].bytes, good[i].len));
        assert_int_equal(strlen(back.data), back.len);
        text_add(&back, "\"");
        assert_true(json_binary_read(bytes_of(back.data, back.len), out, good[i].len));
        assert_memory_equal(out, good[i].bytes, good[i].len);
        assert_false(json_binary_read(bytes_of_text("123"), out, 1));
    }
    text_fini(&back);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(json_binary_decode(bytes_of_text(bad[i]), out, 3));
}

static void strings_are_compared_decoded_and_written(void **state)
{
    static const struct {
        const char *escaped, *plain, *written;
    } cases[] = {
        {"", "", "\"\""},
        {"abc", "abc", "\"abc\""},
        {"\\u0061\\\\\\/\\\"\\b\\f\\n\\r\\t", "a\\/\"\b\f\n\r\t",
         "\"a\\\\/\\\"\\u0008\\u000c\\u000a\\u000d\\u0009\""},
        {"\\u00e4\\u20AC\\ud83d\\ude00", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\\ud83d", "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
        {"\\ude00x", "\xef\xbf\xbdx", "\"\xef\xbf\xbdx\""},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80",
         "\"\xef\xbf\xbd\xf0\x9f\x98\x80\""},
    };
    struct text out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes escaped = bytes_of_text(cases[i].escaped);

        assert_true(json_string_is(escaped, cases[i].plain));
        assert_false(json_string_is(escaped, "other"));
        text_clear(&out);
        json_string_decode(escaped, &out);
        assert_string_equal(text_str(&out), cases[i].plain);
        text_clear(&out);
        json_string_add(&out, bytes_of_text(cases[i].plain));
        assert_string_equal(text_str(&out), cases[i].written);
    }
    assert_false(json_string_is(bytes_of_text("abc"), "ab"));
    assert_false(json_string_is(bytes_of_text("ab"), "abc"));
    text_clear(&out);
    json_string_add(&out, bytes_of("a\0\xff", 3));
    assert_string_equal(text_str(&out), "\"a\\u0000\xef\xbf\xbd\"");
    text_fini(&out);
}

static void depth_can_be_less(void **state)
{
    struct json json = json_of(bytes_of_text("[[{}]]"));

    (void)state;
    json_take_within(&json, 3);
    assert_true(json_is_done(&json));
    json = json_of(bytes_of_text("[[{}]]"));
    json_take_within(&json, 2);
    assert_false(json_is_done(&json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_values_are_checked),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(members_come_one_by_one_as_they_stood),
        cmocka_unit_test(what_is_broken_stays_broken),
        cmocka_unit_test(binary_strings_are_bytes),
        cmocka_unit_test(strings_are_compared_decoded_and_written),
        cmocka_unit_test(depth_can_be_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
