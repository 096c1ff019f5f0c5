/* SPDX-License-Identifier: MIT */
#include "addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"

static struct rtc_settings settings;
static struct addresses addresses;

/* It is only read. */
static char *words(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int begin(void **state)
{
    (void)state;
    settings = (struct rtc_settings){.addresses = words("192.0.2.7"),
                                     .external_addresses = words(""),
                                     .ports = words("10000-10199"),
                                     .turn_urls = words(""),
                                     .turn_username = words("user"),
                                     .turn_password = words("secret"),
                                     .udp = true,
                                     .tcp = true};
    return 0;
}

static enum err read_settings(void)
{
    struct error error = {0};
    enum err err = addresses_read(&settings, &addresses, &error);

    assert_int_equal(err != ERR_NONE, error.text[0] != '\0');
    return err;
}

static void lists_are_read(void **state)
{
    (void)state;
    settings.addresses = words(" 192.0.2.7, 2001:db8::7,192.0.2.8 ");
    settings.external_addresses = words("198.51.100.1");
    assert_int_equal(read_settings(), ERR_NONE);
    assert_int_equal(addresses.ice.address_count, 3);
    assert_string_equal(addresses.ice.addresses[0], "192.0.2.7");
    assert_string_equal(addresses.ice.addresses[1], "2001:db8::7");
    assert_string_equal(addresses.ice.addresses[2], "192.0.2.8");
    assert_int_equal(addresses.ice.external_count, 1);
    assert_string_equal(addresses.ice.external[0], "198.51.100.1");
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {
        "example.org",
        "192.0.2",
        "192.0.2.7:80",
        "[2001:db8::7]",
        "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1",
        "192.0.2.777777777777777777777777777777777777777777777777777777777777777777777777"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        settings.addresses = words(bad[i]);
        if (read_settings() != ERR_CONFIG)
            fail_msg("%s", bad[i]);
    }
    settings.addresses = words("192.0.2.7");
    settings.external_addresses = words("example.org");
    assert_int_equal(read_settings(), ERR_CONFIG);
}

/* Whatever this machine has: something that others, or at least this machine, can reach. */
static void without_addresses_those_of_this_machine_are_taken(void **state)
{
    (void)state;
    settings.addresses = words("");
    assert_int_equal(read_settings(), ERR_NONE);
    assert_true(addresses.ice.address_count >= 1);
    assert_true(addresses.ice.address_count <= ICE_ADDRESSES_MAX);
    for (size_t i = 0; i < addresses.ice.address_count; i++)
        assert_true(strlen(addresses.ice.addresses[i]) > 0);
}

static const struct {
    const char *text;
    unsigned first, last; /* 0: refused */
} ports[] = {
    {"10000-10199", 10000, 10199},
    {"1024-65535", 1024, 65535},
    {"5000-5000", 5000, 5000},
    {"1023-2000", 0, 0},
    {"10199-10000", 0, 0},
    {"10000", 0, 0},
    {"10000-", 0, 0},
    {"10000-10199x", 0, 0},
    {"10000-65536", 0, 0},
    {"10000-100000", 0, 0},
    {"-1-10000", 0, 0},
    {"", 0, 0},
    {"any", 0, 0},
};

static void ports_are_a_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        enum err err;

        settings.ports = words(ports[i].text);
        err = read_settings();
        if (err != (ports[i].first == 0 ? ERR_CONFIG : ERR_NONE))
            fail_msg("%s", ports[i].text);
        if (err != ERR_NONE)
            continue;
        assert_int_equal(addresses.ice.port_min, ports[i].first);
        assert_int_equal(addresses.ice.port_max, ports[i].last);
        assert_int_equal(addresses.ports, ports[i].last - ports[i].first + 1);
    }
}

static const struct {
    const char *url, *host; /* NULL: refused */
    unsigned port;
    bool is_tcp, is_tls;
} relays[] = {
    {"turn:example.org", "example.org", 3478, false, false},
    {"turn:example.org:53", "example.org", 53, false, false},
    {"turn:192.0.2.7:3479?transport=udp", "192.0.2.7", 3479, false, false},
    {"turn:example.org?transport=tcp", "example.org", 3478, true, false},
    {"turns:example.org", "example.org", 5349, true, true},
    {"turns:example.org:443?transport=tcp", "example.org", 443, true, true},
    {"stun:example.org", NULL, 0, false, false},
    {"example.org", NULL, 0, false, false},
    {"turn:", NULL, 0, false, false},
    {"turn::3478", NULL, 0, false, false},
    {"turn:example.org:99999", NULL, 0, false, false},
};

static void turn_servers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(relays); i++) {
        const struct ice_relay *relay = &addresses.ice.relays[0];
        enum err err;

        settings.turn_urls = words(relays[i].url);
        err = read_settings();
        if (err != (relays[i].host == NULL ? ERR_CONFIG : ERR_NONE))
            fail_msg("%s", relays[i].url);
        if (err != ERR_NONE)
            continue;
        assert_int_equal(addresses.ice.relay_count, 1);
        if (strcmp(relay->host, relays[i].host) != 0 || relay->port != relays[i].port ||
            relay->is_tcp != relays[i].is_tcp || relay->is_tls != relays[i].is_tls)
            fail_msg("%s: %s %u", relays[i].url, relay->host, relay->port);
        assert_string_equal(relay->username, "user");
        assert_string_equal(relay->password, "secret");
    }
    settings.turn_urls = words("turn:a turn:b turn:c turn:d turn:e");
    assert_int_equal(read_settings(), ERR_CONFIG);
}

static void some_way_must_be_open(void **state)
{
    (void)state;
    settings.udp = false;
    assert_int_equal(read_settings(), ERR_NONE);
    assert_false(addresses.ice.has_udp);
    assert_true(addresses.ice.has_tcp);
    settings.tcp = false;
    assert_int_equal(read_settings(), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lists_are_read, begin),
        cmocka_unit_test_setup(what_is_no_address_is_refused, begin),
        cmocka_unit_test_setup(without_addresses_those_of_this_machine_are_taken, begin),
        cmocka_unit_test_setup(ports_are_a_range, begin),
        cmocka_unit_test_setup(turn_servers_are_read, begin),
        cmocka_unit_test_setup(some_way_must_be_open, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
