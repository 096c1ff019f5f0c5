/* SPDX-License-Identifier: MIT */
#include "throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct address v4(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return address_of((struct sockaddr *)&in);
}

static struct address v6(const char *text)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return address_of((struct sockaddr *)&in6);
}

static bool same(struct address a, struct address b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void addresses_of_one_customer_are_one(void **state)
{
    struct address loopback = v4("127.5.6.7"), loopback6 = v6("::1"), other = v4("10.0.0.1");

    (void)state;
    assert_true(same(v4("10.0.0.1"), v6("::ffff:10.0.0.1")));
    assert_false(same(v4("10.0.0.1"), v4("10.0.0.2")));
    assert_true(same(v6("2001:db8::1"), v6("2001:db8::ffff:2")));
    assert_false(same(v6("2001:db8::1"), v6("2001:db8:0:1::1")));
    assert_true(address_is_loopback(&loopback));
    assert_true(address_is_loopback(&loopback6));
    assert_false(address_is_loopback(&other));
}

static void connections_are_counted_per_address(void **state)
{
    const struct throttle_limits limits = {.connections = 2, .max_addresses = 10};
    struct throttle *throttle = throttle_new(&limits);
    struct address a = v4("10.0.0.1"), b = v4("10.0.0.2"), loopback = v4("127.0.0.1");

    (void)state;
    assert_true(throttle_connect(throttle, &a, 0));
    assert_true(throttle_connect(throttle, &a, 0));
    assert_false(throttle_connect(throttle, &a, 0));
    assert_true(throttle_connect(throttle, &b, 0));
    throttle_disconnect(throttle, &a);
    assert_true(throttle_connect(throttle, &a, 0));
    for (int i = 0; i < 10; i++)
        assert_true(throttle_connect(throttle, &loopback, 0));
    throttle_free(&throttle);
    assert_null(throttle);
}

static void requests_have_a_burst_and_a_rate(void **state)
{
    const struct throttle_limits limits = {.requests_per_s = 3, .max_addresses = 10};
    struct throttle *throttle = throttle_new(&limits);
    struct address a = v4("10.0.0.1");
    unsigned passed = 0;

    (void)state;
    while (throttle_request(throttle, &a, 1000) == 0)
        passed++;
    assert_int_equal(passed, 12);
    assert_int_not_equal(throttle_request(throttle, &a, 1300), 0);
    assert_int_equal(throttle_request(throttle, &a, 1334), 0);
    passed = 0;
    for (uint64_t now_ms = 2000; now_ms < 12000; now_ms++)
        passed += throttle_request(throttle, &a, now_ms) == 0;
    assert_in_range(passed, 30, 33);
    /* A clock that stands or goes back gives nothing. */
    assert_int_not_equal(throttle_request(throttle, &a, 100), 0);
    throttle_free(&throttle);
}

static void high_rates_are_exact(void **state)
{
    const struct throttle_limits limits = {.requests_per_s = 5000, .max_addresses = 10};
    struct throttle *throttle = throttle_new(&limits);
    struct address a = v4("10.0.0.1");
    unsigned passed = 0;

    (void)state;
    while (throttle_request(throttle, &a, 1000) == 0)
        passed++;
    assert_int_equal(passed, 20000);
    passed = 0;
    while (throttle_request(throttle, &a, 1100) == 0)
        passed++;
    assert_int_equal(passed, 500);
    throttle_free(&throttle);
}

static void the_table_is_bounded_and_idle_addresses_make_room(void **state)
{
    const struct throttle_limits limits = {
        .connections = 1, .requests_per_s = 1, .max_addresses = 4};
    struct throttle *throttle = throttle_new(&limits);
    char text[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250);
        struct address address = v4(text);

        throttle_request(throttle, &address, 1000 + (uint64_t)i);
        assert_true(throttle_addresses(throttle) <= 4);
    }
    struct address late = v4("10.9.9.9");
    assert_true(throttle_connect(throttle, &late, 100000));
    assert_int_equal(throttle_addresses(throttle), 1);
    assert_false(throttle_connect(throttle, &late, 100000));
    throttle_free(&throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_one_customer_are_one),
        cmocka_unit_test(connections_are_counted_per_address),
        cmocka_unit_test(requests_have_a_burst_and_a_rate),
        cmocka_unit_test(high_rates_are_exact),
        cmocka_unit_test(the_table_is_bounded_and_idle_addresses_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
