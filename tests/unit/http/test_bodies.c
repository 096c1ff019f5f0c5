/* SPDX-License-Identifier: MIT
 *
 * What goes into answers: multipart framing, names, metrics of several processes, log lines,
 * events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access_log.h"
#include "exposition.h"
#include "feed.h"
#include "naming.h"
#include "parts.h"
#include "wire/link.h"

static void a_plain_range_has_no_framing(void **state)
{
    const struct range range = {10, 19};
    char head[PARTS_HEAD_TEXT];
    struct parts parts;

    (void)state;
    parts_init(&parts, &range, 1, 100, "video/mp4", 7);
    assert_false(parts_is_multipart(&parts));
    assert_int_equal(parts_length(&parts), 10);
    assert_int_equal(parts_head(&parts, 0, head), 0);
    assert_int_equal(parts_head(&parts, 1, head), 0);
    parts_content_type(&parts, head);
    assert_string_equal(head, "video/mp4");
}

static void several_ranges_are_framed_to_the_byte(void **state)
{
    const struct range ranges[] = {{0, 9}, {50, 99}};
    char head[PARTS_HEAD_TEXT], type[PARTS_HEAD_TEXT], expected[PARTS_HEAD_TEXT];
    struct parts parts, others;
    size_t length = 60;

    (void)state;
    parts_init(&parts, ranges, 2, 100, "video/mp4", 7);
    assert_true(parts_is_multipart(&parts));
    for (size_t i = 0; i <= 2; i++)
        length += parts_head(&parts, i, head);
    assert_int_equal(parts_length(&parts), length);
    parts_head(&parts, 1, head);
    snprintf(expected, sizeof(expected),
             "\r\n--%s\r\nContent-Type: video/mp4\r\nContent-Range: bytes 50-99/100\r\n\r\n",
             parts.boundary);
    assert_string_equal(head, expected);
    parts_head(&parts, 2, head);
    snprintf(expected, sizeof(expected), "\r\n--%s--\r\n", parts.boundary);
    assert_string_equal(head, expected);
    parts_content_type(&parts, type);
    assert_non_null(strstr(type, parts.boundary));
    parts_init(&others, ranges, 2, 100, "video/mp4", 8);
    assert_string_not_equal(parts.boundary, others.boundary);
}

static void lengths_beyond_32_bits_are_right(void **state)
{
    const struct range ranges[] = {{0, (1ULL << 40) - 1}, {1ULL << 41, (1ULL << 41) + 4}};
    struct parts parts;

    (void)state;
    parts_init(&parts, ranges, 2, 1ULL << 42, "x/y", 1);
    assert_true(parts_length(&parts) > (1ULL << 40) + 5);
    assert_true(parts_length(&parts) < (1ULL << 40) + 5 + 3 * PARTS_HEAD_TEXT);
}

static void names_of_strangers_stay_inside_the_header(void **state)
{
    static const struct {
        const char *path, *disposition;
    } cases[] = {
        {"a/b.mp4", "inline; filename=\"b.mp4\"; filename*=UTF-8''b.mp4"},
        {"x\"\r\nSet-Cookie: a", "inline; filename=\"x___Set-Cookie: a\"; "
                                 "filename*=UTF-8''x%22%0D%0ASet-Cookie%3A%20a"},
        {"\xc3\xa4.mp4", "inline; filename=\"_.mp4\"; filename*=UTF-8''%C3%A4.mp4"},
        {"\xff.mp4", "inline; filename=\"_.mp4\""},
        {"a/", "inline; filename=\"\"; filename*=UTF-8''"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text text = {0};

        naming_disposition(&text, cases[i].path, false);
        assert_string_equal(text_str(&text), cases[i].disposition);
        text_fini(&text);
    }
}

static void links_are_signed_for_the_path_without_the_name(void **state)
{
    static const uint8_t key[LINK_KEY_BYTES] = {9};
    struct naming_link link = {
        .base = "http://h:1", .hash = "abc", .file = 2, .path = "d/\xc3\xa4 b.mkv"};
    char signature[LINK_SIGNATURE_TEXT], expected[200];
    struct text text = {0};

    (void)state;
    naming_url(&text, &link);
    assert_string_equal(text_str(&text), "http://h:1/stream/abc/2/%C3%A4%20b.mkv");
    text_clear(&text);
    link.key = key;
    link.expires_s = 77;
    naming_url(&text, &link);
    link_sign(key, "/stream/abc/2", 77, signature);
    snprintf(expected, sizeof(expected), "http://h:1/stream/abc/2/%%C3%%A4%%20b.mkv?exp=77&sig=%s",
             signature);
    assert_string_equal(text_str(&text), expected);
    text_fini(&text);
}

static void a_playlist_keeps_titles_on_their_line(void **state)
{
    struct text text = {0};

    (void)state;
    naming_m3u_begin(&text);
    naming_m3u_add(&text, "a\nhttp://evil", "http://u");
    assert_string_equal(text_str(&text), "#EXTM3U\n#EXTINF:-1,a http://evil\nhttp://u\n");
    text_fini(&text);
}

static void a_host_header_becomes_a_base_only_when_it_is_one(void **state)
{
    static const struct {
        const char *host, *base;
    } cases[] = {{"box:80", "http://box:80"},
                 {"[::1]:8", "http://[::1]:8"},
                 {"", "F"},
                 {"a b", "F"},
                 {"a\"b", "F"},
                 {"a/b", "F"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text text = {0};

        naming_base(&text, false, bytes_of_text(cases[i].host), "F");
        assert_string_equal(text_str(&text), cases[i].base);
        text_fini(&text);
    }
}

static void metrics_of_several_processes_become_one_text(void **state)
{
    const struct exposition_part parts[] = {
        {"a", "# HELP x_total what\n# TYPE x_total counter\nx_total 1\ny{k=\"v\"} 2\n"},
        {"b", "# HELP x_total what\n# TYPE x_total counter\nx_total{} 3\nno newline at the end 4"},
        {"c", NULL},
    };
    struct text text = {0};

    (void)state;
    exposition_merge(&text, parts, 3);
    assert_string_equal(text_str(&text), "# HELP sharestream_up does the process answer\n"
                                         "# TYPE sharestream_up gauge\n"
                                         "sharestream_up{service=\"a\"} 1\n"
                                         "sharestream_up{service=\"b\"} 1\n"
                                         "sharestream_up{service=\"c\"} 0\n"
                                         "# HELP x_total what\n"
                                         "# TYPE x_total counter\n"
                                         "x_total{service=\"a\"} 1\n"
                                         "x_total{service=\"b\"} 3\n"
                                         "y{service=\"a\",k=\"v\"} 2\n"
                                         "no{service=\"b\"} newline at the end 4\n");
    text_fini(&text);
}

static void log_lines_cannot_be_forged_and_hold_no_secrets(void **state)
{
    static const struct {
        const char *target, *logged;
    } cases[] = {
        {"/a", "/a"},
        {"/a\"\nb\x7f\xff", "/a\\x22\\x0ab\\x7f\\xff"},
        {"/s?token=abc", "/s?token=..."},
        {"/s?token=abc&x=1&sig=y", "/s?token=...&x=1&sig=..."},
        {"/s?atoken=abc&sign=1", "/s?atoken=abc&sign=1"},
        {"/s?token=", "/s?token=..."},
        {"/token=1", "/token=1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_log_entry entry = {
            .address = "1.2.3.4",
            .unix_ms = 1700000000000,
            .method = bytes_of_text("GET"),
            .target = bytes_of_text(cases[i].target),
            .agent = bytes_of_text("a\"b"),
            .version = 0x101,
            .status = 200,
            .sent_bytes = 5,
            .duration_ms = 7,
        };
        char expected[300];
        struct text text = {0};

        snprintf(expected, sizeof(expected),
                 "1.2.3.4 - - [14/Nov/2023:22:13:20 +0000] \"GET %s HTTP/1.1\" 200 5 \"-\" "
                 "\"a\\x22b\" 7ms\n",
                 cases[i].logged);
        access_log_format(&text, &entry);
        assert_string_equal(text_str(&text), expected);
        text_fini(&text);
    }
}

static void a_feed_keeps_the_newest(void **state)
{
    struct feed feed = {0};
    unsigned dropped = 0;

    (void)state;
    for (unsigned i = 0; i < FEED_MAX + 10; i++) {
        char json[16];

        snprintf(json, sizeof(json), "%u", i);
        struct feed_event *event = feed_event_new("n", json, NULL);
        dropped += feed_add(&feed, event);
        feed_event_drop(event);
    }
    assert_int_equal(dropped, 10);
    struct feed_event *event = feed_take(&feed);
    assert_string_equal(event->text, "event: n\ndata: 10\n\n");
    assert_int_equal(event->len, strlen(event->text));
    feed_event_drop(event);
    feed_fini(&feed);
    assert_null(feed_take(&feed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_range_has_no_framing),
        cmocka_unit_test(several_ranges_are_framed_to_the_byte),
        cmocka_unit_test(lengths_beyond_32_bits_are_right),
        cmocka_unit_test(names_of_strangers_stay_inside_the_header),
        cmocka_unit_test(links_are_signed_for_the_path_without_the_name),
        cmocka_unit_test(a_playlist_keeps_titles_on_their_line),
        cmocka_unit_test(a_host_header_becomes_a_base_only_when_it_is_one),
        cmocka_unit_test(metrics_of_several_processes_become_one_text),
        cmocka_unit_test(log_lines_cannot_be_forged_and_hold_no_secrets),
        cmocka_unit_test(a_feed_keeps_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
