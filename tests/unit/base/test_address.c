/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void addresses_of_private_networks_are_known(void **state)
{
    static const struct {
        const char *address;
        bool is_private;
    } cases[] = {
        {"0.0.0.0", true},
        {"0.1.2.3", true},
        {"10.0.0.1", true},
        {"10.255.255.255", true},
        {"9.255.255.255", false},
        {"11.0.0.0", false},
        {"100.63.255.255", false},
        {"100.64.0.0", true},
        {"100.127.0.1", true},
        {"100.128.0.0", false},
        {"127.0.0.1", true},
        {"127.255.255.254", true},
        {"128.0.0.1", false},
        {"169.253.0.1", false},
        {"169.254.169.254", true},
        {"172.15.0.1", false},
        {"172.16.0.1", true},
        {"172.31.255.255", true},
        {"172.32.0.1", false},
        {"192.168.0.1", true},
        {"192.167.0.1", false},
        {"192.169.0.1", false},
        {"192.0.0.170", true},
        {"198.18.0.1", true},
        {"198.19.255.255", true},
        {"198.20.0.1", false},
        {"223.255.255.255", false},
        {"224.0.0.1", true},
        {"255.255.255.255", true},
        {"8.8.8.8", false},
        {"::", true},
        {"::1", true},
        {"::2", true},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe00::1", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", true},
        {"ff02::1", true},
        {"2001:db8::1", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:8.8.8.8", false},
        {"64:ff9b::10.0.0.1", true},
        {"64:ff9b::8.8.8.8", false},
        {"2002:7f00:1::", true},
        {"2002:808:808::", false},
        {"::10.0.0.1", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int family = strchr(cases[i].address, ':') != NULL ? AF_INET6 : AF_INET;
        uint8_t bytes[16];

        assert_int_equal(inet_pton(family, cases[i].address, bytes), 1);
        if (address_is_private(family, bytes) != cases[i].is_private)
            fail_msg("%s is%s called private", cases[i].address, cases[i].is_private ? " not" : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_private_networks_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
