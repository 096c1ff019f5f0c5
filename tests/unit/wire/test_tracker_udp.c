/* SPDX-License-Identifier: MIT */
#include "wire/tracker_udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Writes what the hex digits say. */
static struct bytes datagram(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    assert_true(hex_decode(bytes_of_text(hex), out, len));
    return bytes_of(out, len);
}

#define HASH "c3ff616161616161616161616161616161616161"
#define PEER "2d5452323934302d303030303030303030303031"
#define ANNOUNCE                                                                                   \
    "1122334455667788"                                                                             \
    "00000001"                                                                                     \
    "0000002a" HASH PEER "0000000000000005"                                                        \
    "0000000000000007"                                                                             \
    "0000000000000009"                                                                             \
    "00000002"                                                                                     \
    "00000000"                                                                                     \
    "01020304"                                                                                     \
    "ffffffff"                                                                                     \
    "1ae1"

static void requests_are_read(void **state)
{
    struct udp_request request;
    uint8_t in[UDP_REQUEST_MAX];

    (void)state;
    assert_int_equal(udp_request_parse(datagram("00000417271019800000000000000007", in), &request),
                     UDP_OK);
    assert_int_equal(request.action, UDP_CONNECT);
    assert_int_equal(request.transaction, 7);

    assert_int_equal(udp_request_parse(datagram(ANNOUNCE, in), &request), UDP_OK);
    assert_int_equal(request.action, UDP_ANNOUNCE);
    assert_true(request.connection == 0x1122334455667788);
    assert_int_equal(request.transaction, 42);
    assert_int_equal(request.hash.bytes[1], 0xff);
    assert_memory_equal(request.peer_id, "-TR2940-000000000001", 20);
    assert_int_equal(request.downloaded, 5);
    assert_int_equal(request.left, 7);
    assert_int_equal(request.uploaded, 9);
    assert_int_equal(request.event, 2);
    assert_int_equal(request.key, 0x01020304);
    assert_true(request.want == UINT32_MAX);
    assert_int_equal(request.port, 6881);
    assert_int_equal(request.path_len, 0);

    assert_int_equal(udp_request_parse(
                         datagram("11223344556677880000000200000001" HASH PEER "ab", in), &request),
                     UDP_OK);
    assert_int_equal(request.scrape_count, 2);
}

static void options_carry_the_path(void **state)
{
    struct udp_request request;
    uint8_t in[UDP_REQUEST_MAX];

    (void)state;
    /* "/announce/" and "KEY", a no-op between, the end, and what is behind it. */
    assert_int_equal(udp_request_parse(datagram(ANNOUNCE "020a2f616e6e6f756e63652f"
                                                         "01"
                                                         "02034b4559"
                                                         "00"
                                                         "02ff",
                                                in),
                                       &request),
                     UDP_OK);
    assert_true(bytes_equal_text(bytes_of(request.path, request.path_len), "/announce/KEY"));
    assert_int_equal(udp_request_parse(datagram(ANNOUNCE "02ff61", in), &request), UDP_BAD);
    assert_int_equal(udp_request_parse(datagram(ANNOUNCE "02", in), &request), UDP_BAD);
    assert_int_equal(udp_request_parse(datagram(ANNOUNCE "ff0161", in), &request), UDP_OK);
}

static void nonsense_is_dropped_or_named(void **state)
{
    static const struct {
        const char *hex;
        enum udp_parsed parsed;
    } cases[] = {
        {"", UDP_DROP},
        {"000004172710198000000000000000", UDP_DROP},
        {"00000417271019810000000000000007", UDP_DROP}, /* no magic */
        {"11223344556677880000000300000001", UDP_BAD},
        {"1122334455667788ffffffff00000001", UDP_BAD},
        {"11223344556677880000000100000001", UDP_BAD},
        {"11223344556677880000000200000001", UDP_BAD},
        {"11223344556677880000000200000001ab", UDP_BAD},
    };
    uint8_t in[UDP_REQUEST_MAX];
    struct udp_request request;
    struct bytes announce;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(udp_request_parse(datagram(cases[i].hex, in), &request), cases[i].parsed);
    announce = datagram(ANNOUNCE, in);
    assert_int_equal(udp_request_parse(bytes_of(in, announce.len - 1), &request), UDP_BAD);
    in[83] = 4;
    assert_int_equal(udp_request_parse(announce, &request), UDP_BAD);
    assert_string_equal(request.why, "invalid event");
    in[83] = 0;
    in[96] = in[97] = 0;
    assert_int_equal(udp_request_parse(announce, &request), UDP_BAD);
    assert_string_equal(request.why, "invalid port");
}

static void replies_have_their_form(void **state)
{
    uint8_t out[UDP_REPLY_MAX];
    char hex[256], long_text[300];
    size_t len;

    (void)state;
    len = udp_connect_reply(out, 7, 0x41727101980);
    assert_string_equal(hex_encode(bytes_of(out, len), hex), "00000000000000070000041727101980");
    memcpy(out + UDP_ANNOUNCE_HEAD, "\x7f\0\0\1\x1a\xe1", 6);
    len = udp_announce_reply(out, 1, 600, 2, 3, 6);
    assert_string_equal(hex_encode(bytes_of(out, len), hex), "000000010000000100000258"
                                                             "0000000200000003"
                                                             "7f0000011ae1");
    len = udp_scrape_add(out, udp_scrape_reply(out, 8), 3, 4, 5);
    assert_string_equal(hex_encode(bytes_of(out, len), hex), "0000000200000008"
                                                             "000000030000000400000005");
    len = udp_error_reply(out, 9, "no");
    assert_string_equal(hex_encode(bytes_of(out, len), hex), "00000003000000096e6f");
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(udp_error_reply(out, 9, long_text), 8 + UDP_ERROR_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(options_carry_the_path),
        cmocka_unit_test(nonsense_is_dropped_or_named),
        cmocka_unit_test(replies_have_their_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
