/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/link.h"

static const uint8_t key[LINK_KEY_BYTES] = {1, 2, 3};
static const struct access_policy open_policy = {
    .token = "", .names = "my.box", .cors_origins = "", .link_key = key};
static const struct access_policy token_policy = {
    .needs_token = true, .token = "secret-token", .names = "", .cors_origins = "", .link_key = key};

static struct bytes text(const char *value)
{
    return value != NULL ? bytes_of_text(value) : bytes_of(NULL, 0);
}

static void on_loopback_host_and_origin_decide(void **state)
{
    static const struct {
        const char *host, *origin, *site;
        enum route_need need;
        bool changes;
        enum access_verdict verdict;
    } cases[] = {
        {"localhost", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"LocalHost:80", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"a.localhost", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"127.0.0.1:1", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"[::1]", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"my.box:5", NULL, NULL, NEED_ADMIN, false, ACCESS_ADMIN},
        {"127.0.0.1.x", NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {"127.0.0.x", NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {"xlocalhost", NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {"box", NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {"", NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {NULL, NULL, NULL, NEED_ADMIN, false, ACCESS_BAD_HOST},
        {"evil", NULL, NULL, NEED_NOTHING, false, ACCESS_VIEWER},
        {"localhost:8080", "http://localhost:8080", NULL, NEED_CHANGE, true, ACCESS_ADMIN},
        {"my.box", "http://my.box", NULL, NEED_CHANGE, true, ACCESS_ADMIN},
        {"localhost", "http://127.0.0.1:3000", NULL, NEED_CHANGE, true, ACCESS_ADMIN},
        {"localhost", "https://evil", NULL, NEED_CHANGE, true, ACCESS_BAD_ORIGIN},
        {"localhost", "https://localhost.evil", NULL, NEED_CHANGE, true, ACCESS_BAD_ORIGIN},
        {"localhost", "null", NULL, NEED_CHANGE, true, ACCESS_BAD_ORIGIN},
        {"localhost", "", NULL, NEED_CHANGE, true, ACCESS_BAD_ORIGIN},
        {"localhost", "https://evil", NULL, NEED_CHANGE, false, ACCESS_BAD_ORIGIN},
        {"localhost", "https://evil", NULL, NEED_LINK, false, ACCESS_VIEWER},
        {"localhost", NULL, "cross-site", NEED_CHANGE, false, ACCESS_BAD_ORIGIN},
        {"localhost", NULL, "cross-site", NEED_LINK, false, ACCESS_VIEWER},
        {"localhost", NULL, "same-origin", NEED_CHANGE, false, ACCESS_ADMIN},
        {"localhost", NULL, "none", NEED_CHANGE, false, ACCESS_ADMIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct access_request request = {
            .need = cases[i].need,
            .changes_state = cases[i].changes,
            .host = text(cases[i].host),
            .origin = text(cases[i].origin),
            .fetch_site = text(cases[i].site),
        };
        enum access_verdict verdict = access_judge(&open_policy, &request);

        if (verdict != cases[i].verdict)
            fail_msg("case %zu gave %d", i, verdict);
    }
}

static void a_token_comes_in_a_header_or_the_query(void **state)
{
    static const struct {
        const char *authorization, *token;
        enum access_verdict verdict;
    } cases[] = {
        {"Bearer secret-token", NULL, ACCESS_ADMIN},
        {"bearer secret-token", NULL, ACCESS_ADMIN},
        {NULL, "secret-token", ACCESS_ADMIN},
        {"Bearer wrong", "secret-token", ACCESS_ADMIN},
        {NULL, NULL, ACCESS_NO_TOKEN},
        {"Basic c2VjcmV0", NULL, ACCESS_NO_TOKEN},
        {"Bearer secret-toke", NULL, ACCESS_BAD_TOKEN},
        {"Bearer secret-tokens", NULL, ACCESS_BAD_TOKEN},
        {"Bearer ", NULL, ACCESS_NO_TOKEN},
        {NULL, "", ACCESS_BAD_TOKEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct access_request request = {
            .need = NEED_ADMIN,
            .host = text("any"),
            .authorization = text(cases[i].authorization),
            .token = text(cases[i].token),
        };
        enum access_verdict verdict = access_judge(&token_policy, &request);

        if (verdict != cases[i].verdict)
            fail_msg("case %zu gave %d", i, verdict);
    }
}

static void a_link_opens_its_file_until_its_time(void **state)
{
    static const char path[] = "/stream/0123456789abcdef0123456789abcdef01234567/3";
    char signature[LINK_SIGNATURE_TEXT];
    struct access_request request = {.need = NEED_LINK, .link_path = path, .now_s = 1000};

    (void)state;
    link_sign(key, path, 2000, signature);
    request.expires = text("2000");
    request.signature = text(signature);
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_VIEWER);
    request.now_s = 2000;
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
    request.now_s = 1000;
    request.expires = text("2001");
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
    request.expires = text("200000000000000000000000000000000000000");
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
    request.expires = text("2000");
    request.link_path = "/stream/0123456789abcdef0123456789abcdef01234567/4";
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
    request.link_path = NULL;
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
    request.link_path = path;
    request.need = NEED_ADMIN;
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_NO_TOKEN);
}

static void a_grant_opens_its_torrent_for_looking_until_its_time(void **state)
{
    static const char torrent[] = "/torrents/0123456789abcdef0123456789abcdef01234567";
    static const char other[] = "/torrents/0123456789abcdef0123456789abcdef01234568";
    static const char file[] = "/stream/0123456789abcdef0123456789abcdef01234567/3";
    static const struct {
        const char *name;
        enum route_need need;
        const char *link_path, *grant_path, *expires, *token;
        uint64_t now_s;
        enum access_verdict verdict;
    } cases[] = {
        {"reads it", NEED_GRANT, NULL, torrent, "2000", NULL, 1000, ACCESS_VIEWER},
        {"streams it", NEED_LINK, file, torrent, "2000", NULL, 1000, ACCESS_VIEWER},
        {"last second", NEED_GRANT, NULL, torrent, "2000", NULL, 1999, ACCESS_VIEWER},
        {"expired", NEED_GRANT, NULL, torrent, "2000", NULL, 2000, ACCESS_BAD_LINK},
        {"prolonged", NEED_GRANT, NULL, torrent, "2001", NULL, 1000, ACCESS_BAD_LINK},
        {"no time", NEED_GRANT, NULL, torrent, "", NULL, 1000, ACCESS_BAD_LINK},
        {"no number", NEED_GRANT, NULL, torrent, "2000x", NULL, 1000, ACCESS_BAD_LINK},
        {"other torrent", NEED_GRANT, NULL, other, "2000", NULL, 1000, ACCESS_BAD_LINK},
        {"other stream", NEED_LINK, file, other, "2000", NULL, 1000, ACCESS_BAD_LINK},
        {"no torrent", NEED_GRANT, NULL, NULL, "2000", NULL, 1000, ACCESS_BAD_LINK},
        {"with a wrong token", NEED_GRANT, NULL, torrent, "2000", "x", 1000, ACCESS_VIEWER},
        {"with the token", NEED_GRANT, NULL, torrent, "1", "secret-token", 1000, ACCESS_ADMIN},
        {"reads others", NEED_ADMIN, NULL, torrent, "2000", NULL, 1000, ACCESS_NO_TOKEN},
        {"changes it", NEED_CHANGE, NULL, torrent, "2000", NULL, 1000, ACCESS_NO_TOKEN},
    };
    char signature[LINK_SIGNATURE_TEXT];

    (void)state;
    link_sign(key, torrent, 2000, signature);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct access_request request = {
            .need = cases[i].need,
            .changes_state = cases[i].need == NEED_CHANGE,
            .link_path = cases[i].link_path,
            .grant_path = cases[i].grant_path,
            .token = text(cases[i].token),
            .expires = text(cases[i].expires),
            .signature = text(signature),
            .now_s = cases[i].now_s,
        };
        enum access_verdict verdict = access_judge(&token_policy, &request);

        if (verdict != cases[i].verdict)
            fail_msg("%s gave %d", cases[i].name, verdict);
    }
}

static void a_link_to_a_file_opens_nothing_else_of_its_torrent(void **state)
{
    static const char file[] = "/stream/0123456789abcdef0123456789abcdef01234567/3";
    char signature[LINK_SIGNATURE_TEXT];
    struct access_request request = {
        .need = NEED_GRANT,
        .grant_path = "/torrents/0123456789abcdef0123456789abcdef01234567",
        .expires = text("2000"),
    };

    (void)state;
    link_sign(key, file, 2000, signature);
    request.signature = text(signature);
    assert_int_equal(access_judge(&token_policy, &request), ACCESS_BAD_LINK);
}

static void the_setting_decides_about_origins_when_it_is_there(void **state)
{
    struct access_policy policy = token_policy;

    (void)state;
    assert_true(access_allows_origin(&policy, text("h"), text("https://any")));
    policy.cors_origins = "https://a:1, https://b";
    assert_true(access_allows_origin(&policy, text("h"), text("https://a:1")));
    assert_true(access_allows_origin(&policy, text("h"), text("https://B")));
    assert_true(access_allows_origin(&policy, text("h:1"), text("http://h:1")));
    assert_false(access_allows_origin(&policy, text("h"), text("https://a")));
    policy.cors_origins = "*";
    assert_true(access_allows_origin(&policy, text("h"), text("https://any")));
    assert_false(access_allows_origin(&open_policy, text("h"), text("file://")));
}

static void every_refusal_has_a_reason_and_an_advice(void **state)
{
    static const enum access_verdict refusals[] = {
        ACCESS_NO_TOKEN, ACCESS_BAD_TOKEN, ACCESS_BAD_LINK, ACCESS_BAD_HOST, ACCESS_BAD_ORIGIN};
    const char *advice;

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        assert_true(access_reason(refusals[i], &advice)[0] != '\0');
        assert_non_null(advice);
    }
    assert_string_equal(access_reason(ACCESS_ADMIN, &advice), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_loopback_host_and_origin_decide),
        cmocka_unit_test(a_token_comes_in_a_header_or_the_query),
        cmocka_unit_test(a_link_opens_its_file_until_its_time),
        cmocka_unit_test(a_grant_opens_its_torrent_for_looking_until_its_time),
        cmocka_unit_test(a_link_to_a_file_opens_nothing_else_of_its_torrent),
        cmocka_unit_test(the_setting_decides_about_origins_when_it_is_there),
        cmocka_unit_test(every_refusal_has_a_reason_and_an_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
