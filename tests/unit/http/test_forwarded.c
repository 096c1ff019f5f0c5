/* SPDX-License-Identifier: MIT */
#include "forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"

static struct ip ip(const char *text)
{
    struct ip out;

    if (!ip_parse(bytes_of_text(text), &out))
        fail_msg("'%s' is no address", text);
    return out;
}

static void addresses_are_read_with_and_without_port(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: none */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:4711", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:x", NULL},
        {"192.0.2.1:70000", NULL},
        {"192.0.2.256", NULL},
        {"[192.0.2.1]", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]x", NULL},
        {"2001:db8::g", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip got;
        char text[IP_TEXT];
        bool is_ip = ip_parse(bytes_of_text(cases[i].text), &got);

        if (is_ip != (cases[i].want != NULL))
            fail_msg("'%s': %d", cases[i].text, is_ip);
        if (is_ip)
            assert_string_equal(ip_text(&got, text), cases[i].want);
    }
}

static void sockets_give_the_same_addresses(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr other = {.sa_family = AF_UNIX};
    char text[IP_TEXT];

    (void)state;
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
    assert_string_equal(ip_text(&(struct ip){.len = 0}, text), "-");
    struct ip got = ip_of((struct sockaddr *)&in6);
    assert_string_equal(ip_text(&got, text), "192.0.2.7");
    inet_pton(AF_INET, "192.0.2.8", &in.sin_addr);
    got = ip_of((struct sockaddr *)&in);
    assert_string_equal(ip_text(&got, text), "192.0.2.8");
    assert_int_equal(ip_of(&other).len, 0);
}

static void networks_hold_what_their_bits_say(void **state)
{
    struct trusted *trusted;
    struct error error = {0};
    static const struct {
        const char *ip;
        bool is_in;
    } cases[] = {
        {"10.0.0.1", true},      {"10.255.0.1", true},   {"11.0.0.1", false},
        {"192.0.2.127", true},   {"192.0.2.128", false}, {"198.51.100.7", true},
        {"198.51.100.8", false}, {"2001:db8::5", true},  {"2001:db9::5", false},
        {"::1", true},           {"::2", false},
    };

    (void)state;
    assert_int_equal(trusted_parse("10.0.0.0/8, 192.0.2.0/25,198.51.100.7, 2001:db8::/32, ::1",
                                   &trusted, &error),
                     ERR_NONE);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ip address = ip(cases[i].ip);

        if (trusted_has(trusted, &address) != cases[i].is_in)
            fail_msg("%s", cases[i].ip);
    }
    trusted_free(&trusted);
    assert_int_equal(trusted_parse("0.0.0.0/0", &trusted, &error), ERR_NONE);
    struct ip any = ip("203.0.113.1"), v6 = ip("2001:db8::1");
    assert_true(trusted_has(trusted, &any));
    assert_false(trusted_has(trusted, &v6));
    trusted_free(&trusted);
}

static void lists_that_are_wrong_are_refused(void **state)
{
    static const char *const bad[] = {"localhost",  "10.0.0.0/33",  "10.0.0.0/",
                                      "10.0.0.0/x", "::1/129",      "10.0.0.1:80",
                                      "[::1]",      "10.0.0.0/8/8", "10.0.0.1, x"};
    struct trusted *trusted;
    struct error error = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(trusted_parse(bad[i], &trusted, &error), ERR_CONFIG);
        assert_null(trusted);
    }
    assert_int_equal(trusted_parse("", &trusted, &error), ERR_NONE);
    assert_null(trusted);
    struct ip address = ip("127.0.0.1");
    assert_false(trusted_has(NULL, &address));
}

static void only_what_trusted_proxies_wrote_is_believed(void **state)
{
    static const struct {
        const char *peer, *first, *second, *want;
        bool is_rfc7239;
    } cases[] = {
        {"10.0.0.1", "203.0.113.9", NULL, "203.0.113.9", false},
        {"10.0.0.1", "1.1.1.1, 203.0.113.9", NULL, "203.0.113.9", false},
        {"10.0.0.1", "1.1.1.1,203.0.113.9 ,\t10.0.0.2", NULL, "203.0.113.9", false},
        {"10.0.0.1", "203.0.113.9", "10.0.0.2", "203.0.113.9", false},
        {"10.0.0.1", "1.1.1.1", "203.0.113.9", "203.0.113.9", false},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3", false}, /* a client of our own */
        {"10.0.0.1", "nonsense", NULL, "10.0.0.1", false},
        {"10.0.0.1", "1.1.1.1, nonsense, 10.0.0.2", NULL, "10.0.0.2", false},
        {"10.0.0.1", "", NULL, "10.0.0.1", false},
        {"10.0.0.1", "203.0.113.9,", NULL, "10.0.0.1", false},
        {"10.0.0.1", "[2001:db8::1]:80", NULL, "2001:db8::1", false},
        {"192.0.2.1", "203.0.113.9", NULL, "192.0.2.1", false}, /* anybody may write it */
        {"10.0.0.1", "for=203.0.113.9", NULL, "203.0.113.9", true},
        {"10.0.0.1", "for=1.1.1.1, proto=https;For=\"203.0.113.9:80\";by=10.0.0.1", NULL,
         "203.0.113.9", true},
        {"10.0.0.1", "for=\"[2001:db8::1]:80\"", "for=10.0.0.2", "2001:db8::1", true},
        {"10.0.0.1", "for=unknown", NULL, "10.0.0.1", true},
        {"10.0.0.1", "by=203.0.113.9", NULL, "10.0.0.1", true},
        {"10.0.0.1", "for=\"", NULL, "10.0.0.1", true},
    };
    struct trusted *trusted;
    struct error error = {0};

    (void)state;
    assert_int_equal(trusted_parse("10.0.0.0/8", &trusted, &error), ERR_NONE);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct forwarded forwarded = {.is_rfc7239 = cases[i].is_rfc7239};
        struct ip peer = ip(cases[i].peer), got;
        char text[IP_TEXT];

        forwarded.fields[forwarded.count++] = bytes_of_text(cases[i].first);
        if (cases[i].second != NULL)
            forwarded.fields[forwarded.count++] = bytes_of_text(cases[i].second);
        got = forwarded_client(trusted, &peer, &forwarded);
        if (strcmp(ip_text(&got, text), cases[i].want) != 0)
            fail_msg("%s via %s: %s", cases[i].first, cases[i].peer, text);
    }
    trusted_free(&trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_with_and_without_port),
        cmocka_unit_test(sockets_give_the_same_addresses),
        cmocka_unit_test(networks_hold_what_their_bits_say),
        cmocka_unit_test(lists_that_are_wrong_are_refused),
        cmocka_unit_test(only_what_trusted_proxies_wrote_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
