/* SPDX-License-Identifier: MIT */
#include "candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"
#include "wire/bridge_address.h"

/* What a server of each kind sends checks to. */
static const struct {
    const char *ours[2];
    const char *named;
    bool is_taken;
} cases[] = {
    /* of anybody */
    {{"203.0.113.5"}, "192.0.2.7", true},
    {{"203.0.113.5"}, "2001:db8::7", true},
    {{"127.0.0.1"}, "192.0.2.7", true},
    /* of nobody */
    {{"203.0.113.5"}, "0.0.0.0", false},
    {{"203.0.113.5"}, "0.1.2.3", false},
    {{"203.0.113.5"}, "224.0.0.251", false},
    {{"203.0.113.5"}, "239.255.255.250", false},
    {{"203.0.113.5"}, "240.0.0.1", false},
    {{"203.0.113.5"}, "255.255.255.255", false},
    {{"2001:db8::5"}, "::", false},
    {{"2001:db8::5"}, "ff02::fb", false},
    {{"2001:db8::5"}, "ff0e::1", false},
    {{"2001:db8::5"}, "::192.0.2.7", false},
    {{"2001:db8::5"}, "64:ff9b::7f00:1", false},
    {{"2001:db8::5"}, "2002:7f00:1::1", false},
    {{"2001:db8::5"}, "2001:0:1::1", false},
    {{"2001:db8::5"}, "fec0::1", false},
    /* of this machine */
    {{"203.0.113.5"}, "127.0.0.1", false},
    {{"192.168.1.5"}, "127.8.9.10", false},
    {{"203.0.113.5"}, "::1", false},
    {{"203.0.113.5"}, "::ffff:127.0.0.1", false},
    {{"127.0.0.1"}, "127.0.0.1", true},
    {{"127.0.0.1"}, "127.8.9.10", true},
    {{"127.0.0.1"}, "::1", true},
    {{"203.0.113.5", "::1"}, "127.0.0.1", true},
    /* bridges are of this machine alone */
    {{"127.0.0.1"}, BRIDGE_NET_FIRST, false},
    {{"127.0.0.1"}, BRIDGE_NET_LAST, false},
    {{"127.0.0.1"}, "127.63.255.255", true},
    {{"127.0.0.1"}, "127.128.0.0", true},
    /* of a house */
    {{"203.0.113.5"}, "10.0.0.1", false},
    {{"203.0.113.5"}, "172.16.0.1", false},
    {{"203.0.113.5"}, "172.31.255.254", false},
    {{"203.0.113.5"}, "172.32.0.1", true},
    {{"203.0.113.5"}, "172.15.255.255", true},
    {{"203.0.113.5"}, "192.168.1.1", false},
    {{"203.0.113.5"}, "192.169.1.1", true},
    {{"203.0.113.5"}, "100.64.0.1", false},
    {{"203.0.113.5"}, "100.127.255.255", false},
    {{"203.0.113.5"}, "100.128.0.1", true},
    {{"203.0.113.5"}, "169.254.169.254", false},
    {{"203.0.113.5"}, "fd00::1", false},
    {{"203.0.113.5"}, "fe80::1", false},
    {{"192.168.1.5"}, "192.168.7.7", true},
    {{"192.168.1.5"}, "10.0.0.1", false},
    {{"192.168.1.5", "10.1.2.3"}, "10.0.0.1", true},
    {{"172.20.0.2"}, "172.16.0.1", true},
    {{"100.100.0.1"}, "100.64.0.1", true},
    {{"fd12::5"}, "fd00::1", true},
    {{"fe80::5"}, "fe80::1", true},
    {{"fe80::5"}, "fd00::1", false},
    {{"169.254.1.1"}, "169.254.169.254", true},
};

static void parse(struct sdp_candidate *out, const char *transport, const char *ip, unsigned port,
                  const char *more)
{
    char line[200];

    snprintf(line, sizeof(line), "candidate:1 1 %s 2130706431 %s %u typ host%s", transport, ip,
             port, more);
    if (!sdp_candidate_parse(bytes_of_text(line), out))
        fail_msg("%s", line);
}

static bool takes(const struct candidates_policy *policy, const char *transport, const char *ip,
                  unsigned port, const char *more)
{
    struct sdp sdp = {.candidate_count = 1};
    size_t refused;

    parse(&sdp.candidates[0], transport, ip, port, more);
    refused = candidates_choose(policy, &sdp);
    assert_int_equal(refused + sdp.candidate_count, 1);
    return refused == 0;
}

static void only_where_we_are_ourselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct candidates_policy policy = {0};

        for (size_t j = 0; j < COUNT_OF(cases[i].ours) && cases[i].ours[j] != NULL; j++)
            assert_true(candidates_add_ours(&policy, cases[i].ours[j]));
        if (takes(&policy, "udp", cases[i].named, 40000, "") != cases[i].is_taken)
            fail_msg("%s of a server at %s", cases[i].named, cases[i].ours[0]);
    }
}

static void a_server_without_addresses_takes_public_ones(void **state)
{
    struct candidates_policy policy = {0};

    (void)state;
    assert_true(takes(&policy, "udp", "192.0.2.7", 40000, ""));
    assert_false(takes(&policy, "udp", "192.168.1.1", 40000, ""));
    assert_false(takes(&policy, "udp", "127.0.0.1", 40000, ""));
}

static void nothing_is_connected_to_by_tcp(void **state)
{
    struct candidates_policy policy = {0};

    (void)state;
    assert_false(takes(&policy, "tcp", "192.0.2.7", 25, " tcptype passive"));
    assert_false(takes(&policy, "tcp", "192.0.2.7", 25, " tcptype so"));
    assert_true(takes(&policy, "tcp", "192.0.2.7", 9, " tcptype active"));
    assert_true(takes(&policy, "tcp", "192.0.2.7", 0, " tcptype active"));
    assert_false(takes(&policy, "tcp", "10.0.0.1", 9, " tcptype active"));
}

static void port_0_is_no_port(void **state)
{
    struct candidates_policy policy = {0};
    struct sdp sdp = {.candidate_count = 1};

    (void)state;
    parse(&sdp.candidates[0], "udp", "192.0.2.7", 9, "");
    sdp.candidates[0].port = 0; /* the parser does not take it either */
    assert_int_equal(candidates_choose(&policy, &sdp), 1);
}

static void torrent_svc_is_avoided(void **state)
{
    struct candidates_policy policy = {.avoided_ip = {[10] = 0xff, 0xff, 127, 0, 0, 1},
                                       .avoided_port = 6881};

    (void)state;
    assert_true(candidates_add_ours(&policy, "127.0.0.1"));
    assert_true(candidates_add_ours(&policy, "203.0.113.5"));
    assert_false(takes(&policy, "udp", "127.0.0.1", 6881, ""));
    assert_false(takes(&policy, "udp", "127.5.5.5", 6881, ""));
    assert_false(takes(&policy, "udp", "203.0.113.5", 6881, ""));
    assert_true(takes(&policy, "udp", "203.0.113.5", 6882, ""));
    assert_true(takes(&policy, "udp", "203.0.113.6", 6881, ""));
    policy.avoided_ip[12] = 198; /* on another machine */
    assert_false(takes(&policy, "udp", "198.0.0.1", 6881, ""));
    assert_true(takes(&policy, "udp", "203.0.113.5", 6881, ""));
}

static void ten_are_enough(void **state)
{
    struct candidates_policy policy = {0};
    struct sdp sdp = {.candidate_count = SDP_CANDIDATES_MAX};
    char ip[32];

    (void)state;
    for (unsigned i = 0; i < SDP_CANDIDATES_MAX; i++) {
        snprintf(ip, sizeof(ip), i % 2 == 0 ? "10.0.0.%u" : "192.0.2.%u", i);
        parse(&sdp.candidates[i], "udp", ip, 40000, "");
    }
    assert_int_equal(candidates_choose(&policy, &sdp), SDP_CANDIDATES_MAX - CANDIDATES_MAX);
    assert_int_equal(sdp.candidate_count, CANDIDATES_MAX);
    for (unsigned i = 0; i < CANDIDATES_MAX; i++)
        assert_int_equal(sdp.candidates[i].ip[15], 2 * i + 1); /* in their order */
}

static void what_is_no_address_is_not_ours(void **state)
{
    struct candidates_policy policy = {0};

    (void)state;
    assert_false(candidates_add_ours(&policy, "example.org"));
    assert_false(candidates_add_ours(&policy, ""));
    for (unsigned i = 0; i < CANDIDATES_OURS_MAX; i++)
        assert_true(candidates_add_ours(&policy, "192.0.2.1"));
    assert_false(candidates_add_ours(&policy, "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_where_we_are_ourselves),
        cmocka_unit_test(a_server_without_addresses_takes_public_ones),
        cmocka_unit_test(nothing_is_connected_to_by_tcp),
        cmocka_unit_test(port_0_is_no_port),
        cmocka_unit_test(torrent_svc_is_avoided),
        cmocka_unit_test(ten_are_enough),
        cmocka_unit_test(what_is_no_address_is_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
