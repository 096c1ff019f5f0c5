/* SPDX-License-Identifier: MIT */
#include "tracker_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void parts_of_urls_are_found(void **state)
{
    static const struct {
        const char *url;
        bool is_websocket, is_tls;
        const char *host;
        unsigned port;
        const char *target;
    } cases[] = {
        {"ws://tracker.example", true, false, "tracker.example", 80, ""},
        {"wss://tracker.example", true, true, "tracker.example", 443, ""},
        {"wss://Tracker.Example:8443/announce?x=1:2", true, true, "tracker.example", 8443,
         "/announce?x=1:2"},
        {"WS://192.0.2.7:1?x", true, false, "192.0.2.7", 1, "?x"},
        {"ws://[2001:db8::7]", true, false, "2001:db8::7", 80, ""},
        {"wss://[2001:DB8::7]:9/", true, true, "2001:db8::7", 9, "/"},
        {"http://localhost:8080/announce", false, false, "localhost", 8080, "/announce"},
        {"udp://tracker.example:6969/announce", false, false, "tracker.example", 6969, "/announce"},
        {"https://tracker.example/@", false, true, "tracker.example", 443, "/@"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tracker_url url;

        if (!tracker_url_parse(cases[i].url, &url) || url.is_websocket != cases[i].is_websocket ||
            url.is_tls != cases[i].is_tls || strcmp(url.place.host, cases[i].host) != 0 ||
            url.place.port != cases[i].port || strcmp(url.target, cases[i].target) != 0)
            fail_msg("%s", cases[i].url);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "ws:",
        "ws://",
        "ws:///announce",
        "ws://:80",
        "ws://host:",
        "ws://host:0",
        "ws://host:65536",
        "ws://host:80x",
        "ws://user@host",
        "ws://user:secret@host/",
        "ws://ho st/",
        "ws://host/a b",
        "ws://host/\r\nX: y",
        "ws://host/\xc3\xa4",
        "ws://host/#part",
        "ws://[::1",
        "ws://[::1]x",
        "ws://[]",
        "ftp://host:80",
        "tracker.example",
    };
    struct tracker_url url;
    char text[TRACKER_URL_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (tracker_url_parse(bad[i], &url))
            fail_msg("'%s' passed", bad[i]);
    snprintf(text, sizeof(text), "ws://host/%0*d", TRACKER_URL_MAX - 10, 0);
    assert_int_equal(strlen(text), TRACKER_URL_MAX);
    assert_true(tracker_url_parse(text, &url));
    strcat(text, "0");
    assert_false(tracker_url_parse(text, &url));
    snprintf(text, sizeof(text), "ws://%0300d/", 0);
    assert_false(tracker_url_parse(text, &url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_urls_are_found),
        cmocka_unit_test(other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
