/* SPDX-License-Identifier: MIT */
#include "wire/socketio_msgpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"

static struct socketio_packet packet;
static struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX];
static struct text json;
static uint8_t message[4096];

static struct bytes from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;

    must(hex_decode(bytes_of_text(hex), message, len));
    return bytes_of(message, len);
}

static bool parse(const char *hex)
{
    return socketio_msgpack_parse(from_hex(hex), 10, &json, attachments, &packet);
}

static void assert_view(struct bytes view, const char *expected)
{
    if (!bytes_equal_text(view, expected))
        fail_msg("\"%.*s\" is not \"%s\"", (int)view.len, (const char *)view.data, expected);
}

#define TYPE(n)  "a4747970650" #n
#define NSP      "a36e7370a12f"
#define DATA     "a464617461"
#define OPTIONS  "a76f7074696f6e7381a8636f6d7072657373c3"
#define ID(n)    "a26964" n
#define EVENT(x) "83" TYPE(2) DATA x NSP

/* As recorded from socket.io-msgpack-parser 3.0.2. */
static void packets_are_read(void **state)
{
    static const struct {
        const char *hex;
        enum socketio_type type;
        const char *data, *args;
        int64_t id;
    } cases[] = {
        {"83" TYPE(0) DATA "d40000" NSP, SOCKETIO_CONNECT, "", "", -1},
        {"83" TYPE(0) DATA "81a17401" NSP, SOCKETIO_CONNECT, "{\"t\":1}", "", -1},
        {"82" TYPE(0) NSP, SOCKETIO_CONNECT, "", "", -1},
        {"82" TYPE(1) NSP, SOCKETIO_DISCONNECT, "", "", -1},
        {"85" TYPE(2) DATA "92a46563686f81a16101" OPTIONS ID("00") NSP, SOCKETIO_EVENT,
         "[\"echo\",{\"a\":1}]", "{\"a\":1}", 0},
        /* dates of later packers */
        {EVENT("94a165d6ff00000001d7ff7735940000000001c70cff0ee6b280ffffffffffffffff"),
         SOCKETIO_EVENT,
         "[\"e\",\"1970-01-01T00:00:01.000Z\",\"1970-01-01T00:00:01.500Z\",\"1969-12-31T23:59:59."
         "250Z\"]",
         "\"1970-01-01T00:00:01.000Z\",\"1970-01-01T00:00:01.500Z\",\"1969-12-31T23:59:59.250Z\"",
         -1},
        {"84" TYPE(2) DATA "93a2686981a178cb3ff8000000000000c40107" OPTIONS NSP, SOCKETIO_EVENT,
         "[\"hi\",{\"x\":1.5},{\"_placeholder\":true,\"num\":0}]",
         "{\"x\":1.5},{\"_placeholder\":true,\"num\":0}", -1},
        {"84" ID("00") TYPE(3) DATA "91a26f6b" NSP, SOCKETIO_ACK, "[\"ok\"]", "\"ok\"", 0},
        {"84" ID("cd0100") TYPE(3) DATA "90" NSP, SOCKETIO_ACK, "[]", "", 256},
        {"83" NSP TYPE(4) DATA "a178", SOCKETIO_CONNECT_ERROR, "\"x\"", "", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!parse(cases[i].hex))
            fail_msg("%s", cases[i].hex);
        assert_int_equal(packet.type, cases[i].type);
        assert_view(packet.nsp, "/");
        assert_view(packet.data, cases[i].data);
        assert_view(packet.args, cases[i].args);
        assert_int_equal(packet.has_id ? (int64_t)packet.id : -1, cases[i].id);
    }
    text_fini(&json);
}

static void values_become_what_json_would_have_them(void **state)
{
    static const struct {
        const char *hex, *args;
    } cases[] = {
        {"92a165c0", "null"},
        {"92a165c2", "false"},
        {"92a165c3", "true"},
        {"92a1657f", "127"},
        {"92a165e0", "-32"},
        {"92a165cfffffffffffffffff", "18446744073709551615"},
        {"92a165d38000000000000000", "-9223372036854775808"},
        {"92a165ca3fc00000", "1.5"},
        {"92a165cb3fb999999999999a", "0.1"},
        {"92a165cb7ff8000000000000", "null"},
        {"92a165cbfff0000000000000", "null"},
        {"92a165d40000", "null"},                  /* undefined in an array */
        {"92a16582a16101a162d40000", "{\"a\":1}"}, /* and in an object */
        {"92a16582a161d40000a16201", "{\"b\":1}"},
        {"92a165d7000000000000000001", "\"1970-01-01T00:00:00.001Z\""},
        {"92a165d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""},
        {"92a165d7007fffffffffffffff", "null"},
        {"92a165a46122105c", "\"a\\\"\\u0010\\\\\""},
        {"92a165a3c3a47f", "\"\xc3\xa4\x7f\""},
        {"92a165a3eda080", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* half a pair */
        {"92a165a100", "\"\\u0000\""},
        {"92a165dc000101", "[1]"},
        {"92a165df00000001a16101", "{\"a\":1}"},
        {"9207cd0100", "256"}, /* the name is a number */
        {"92a16581ac5f706c616365686f6c646572c3", "{\"_placeholder\":true}"},
    };
    char hex[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(hex, sizeof(hex), "83" TYPE(2) DATA "%s" NSP, cases[i].hex);
        if (!parse(hex))
            fail_msg("%s", hex);
        assert_view(packet.args, cases[i].args);
    }
    text_fini(&json);
}

static void bytes_become_attachments(void **state)
{
    (void)state;
    /* Buffer, Uint8Array of Node of 1 and 8 bytes (ext 8, not `undefined` and no date). */
    assert_true(parse(EVENT("95a165c403010203c7010000c708000000000000000001c400")));
    assert_int_equal(packet.attachments, 4);
    assert_view(packet.args, "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1},"
                             "{\"_placeholder\":true,\"num\":2},{\"_placeholder\":true,\"num\":3}");
    assert_int_equal(attachments[0].len, 3);
    assert_memory_equal(attachments[0].data, "\1\2\3", 3);
    assert_int_equal(attachments[1].len, 1);
    assert_int_equal(attachments[2].len, 8);
    assert_int_equal(attachments[3].len, 0);
    assert_true(
        socketio_msgpack_parse(from_hex(EVENT("93a165c400c400")), 2, &json, attachments, &packet));
    assert_false(
        socketio_msgpack_parse(from_hex(EVENT("93a165c400c400")), 1, &json, attachments, &packet));
    text_fini(&json);
}

static void what_is_no_packet_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "c0",
        "80",
        "90",
        "a0",
        "c1",
        "82" TYPE(0) NSP "00",     /* more behind it */
        "82" TYPE(0) "a36e7370",   /* less */
        "82" TYPE(0) "a36e7370c0", /* nsp is no string */
        "82" TYPE(0) "a36e7370a0", /* nor empty */
        "82" TYPE(0) "a36e7370d40000",
        "81" TYPE(0),     /* nor absent */
        "81" NSP,         /* no type */
        "82" TYPE(5) NSP, /* as there is none */
        "82a474797065ff" NSP,
        "82a474797065a130" NSP,
        "8301" TYPE(0) NSP, /* keys are strings */
        "830101" TYPE(0) NSP,
        "83" TYPE(0) DATA "90" NSP, /* data of another kind */
        "83" TYPE(0) DATA "c0" NSP,
        "83" TYPE(0) DATA "81a161c400" NSP,
        "83" TYPE(1) DATA "80" NSP,
        "82" TYPE(2) NSP,
        "83" TYPE(2) DATA "80" NSP,
        "83" TYPE(2) DATA "90" NSP,
        "83" TYPE(2) DATA "91c0" NSP,
        "83" TYPE(2) DATA "91a7636f6e6e656374" NSP, /* reserved */
        "83" TYPE(3) DATA "90" NSP,                 /* an ack of nothing */
        "84" TYPE(2) DATA "91a165" ID("ff") NSP,
        "84" TYPE(2) DATA "91a165" ID("a130") NSP,
        "84" TYPE(2) DATA "91a165" ID("cf0020000000000000") NSP,
        EVENT("92a165d50000ff00"), /* extensions that JavaScript does not send */
        EVENT("92a16581c001"),
        EVENT("93a16582ac5f706c616365686f6c646572c3a36e756d05c400"), /* placeholder of nothing */
        /* claims to be large */
        "dfffffffff",
        "ddffffffff",
        "83" TYPE(2) DATA "ddffffffff" NSP,
        "83" TYPE(2) DATA "dfffffffff" NSP,
        "83" TYPE(2) DATA "c6ffffffff" NSP,
        "83" TYPE(2) DATA "dbffffffff" NSP,
        "83" TYPE(2) DATA "c9ffffffff" NSP,
        "83" TYPE(2) DATA "dd",
    };
    char deep[512];
    size_t at;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (parse(cases[i]))
            fail_msg("%s", cases[i]);
    at = (size_t)snprintf(deep, sizeof(deep), "83" TYPE(2) DATA "92a165");
    for (int i = 0; i < 60; i++)
        at += (size_t)snprintf(deep + at, sizeof(deep) - at, "91");
    snprintf(deep + at, sizeof(deep) - at, "90" NSP);
    assert_false(parse(deep));
    text_fini(&json);
}

static void assert_written(const struct socketio_packet *written, const struct bytes *with,
                           const char *expected)
{
    struct text out = {0};
    char hex[1024];

    assert_true(socketio_msgpack_write(&out, written, with));
    must(out.len * 2 < sizeof(hex));
    assert_string_equal(hex_encode(bytes_of(out.data, out.len), hex), expected);
    text_fini(&out);
}

static void packets_are_written_as_such_clients_expect_them(void **state)
{
    static const struct {
        const char *data, *hex;
    } cases[] = {
        {"[\"e\"]", "91a165"},
        {"[\"e\",0,127,128,255,256,65535,65536,4294967296]",
         "99a165007fcc80ccffcd0100cdffffce00010000cf0000000100000000"},
        {"[\"e\",-1,-32,-33,-128,-129,-32769,-2147483649]",
         "98a165ffe0d0dfd080d1ff7fd2ffff7fffd3ffffffff7fffffff"},
        {"[\"e\",1.5,12.0,1e3,-0]",
         "95a165cb3ff8000000000000cb4028000000000000cb408f400000000000cb8000000000000000"},
        {"[\"e\",123456789012345678901234567890]", "92a165cb45f8ee90ff6c373e"},
        {"[\"e\",true,false,null,\"\",{},[]]", "97a165c3c2c0a08090"},
        {"[\"e\",{\"a\":[1,{\"b\":2}]}]", "92a16581a1619201"
                                          "81a16202"},
        {"[\"e\",\"\\u00e4\\n\\ud83d\\ude00\\ud83d\"]", "92a165aac3a40af09f9880efbfbd"},
        {"[ \"e\" , [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16] ]",
         "92a165dc00100102030405060708090a0b0c0d0e0f10"},
        {"[\"e\",{\"_placeholder\":true,\"num\":0}]",
         "92a16582ac5f706c616365686f6c646572c3a36e756d00"},
    };
    char expected[512];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct socketio_packet written = {.type = SOCKETIO_EVENT,
                                                .nsp = bytes_of_text("/"),
                                                .data = bytes_of_text(cases[i].data)};

        snprintf(expected, sizeof(expected), "83" TYPE(2) DATA "%s" NSP, cases[i].hex);
        assert_written(&written, NULL, expected);
    }
    assert_written(
        &(struct socketio_packet){.type = SOCKETIO_DISCONNECT, .nsp = bytes_of_text("/adm")}, NULL,
        "82" TYPE(1) "a36e7370a42f61646d");
    assert_written(
        &(struct socketio_packet){.type = SOCKETIO_ACK,
                                  .has_id = true,
                                  .id = 256,
                                  .attachments = 1,
                                  .data = bytes_of_text("[{\"_placeholder\":true,\"num\":0},1]"),
                                  .nsp = bytes_of_text("/")},
        &(struct bytes){.data = (const uint8_t *)"\1\2\3", .len = 3},
        "84" TYPE(3) DATA "92c40301020301" ID("cd0100") NSP);
}

static void what_is_no_json_is_not_written(void **state)
{
    struct text out = {0};
    struct socketio_packet written = {.type = SOCKETIO_EVENT, .nsp = bytes_of_text("/")};

    (void)state;
    written.data = bytes_of_text("[\"e\",]");
    assert_false(socketio_msgpack_write(&out, &written, NULL));
    written.data =
        bytes_of_text("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    assert_false(socketio_msgpack_write(&out, &written, NULL));
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read),
        cmocka_unit_test(values_become_what_json_would_have_them),
        cmocka_unit_test(bytes_become_attachments),
        cmocka_unit_test(what_is_no_packet_is_refused),
        cmocka_unit_test(packets_are_written_as_such_clients_expect_them),
        cmocka_unit_test(what_is_no_json_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
