/* SPDX-License-Identifier: MIT */
#include "wire/socketio.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"

static struct socketio_packet packet;

static void assert_view(struct bytes view, const char *expected)
{
    if (!bytes_equal_text(view, expected))
        fail_msg("\"%.*s\" is not \"%s\"", (int)view.len, (const char *)view.data, expected);
}

/* As recorded from socket.io 4.8.4 and its client, and from the Dart client (12.0). */
static void packets_are_read_and_come_out_as_they_were(void **state)
{
    static const struct {
        const char *text;
        enum socketio_type type;
        const char *nsp, *data, *name, *args;
        int64_t id; /* -1: none */
        unsigned attachments;
    } cases[] = {
        {"0", SOCKETIO_CONNECT, "/", "", "", "", -1, 0},
        {"0{\"token\":\"t\"}", SOCKETIO_CONNECT, "/", "{\"token\":\"t\"}", "", "", -1, 0},
        {"0/adm,{\"x\":1}", SOCKETIO_CONNECT, "/adm", "{\"x\":1}", "", "", -1, 0},
        {"0/nope,", SOCKETIO_CONNECT, "/nope", "", "", "", -1, 0},
        {"1", SOCKETIO_DISCONNECT, "/", "", "", "", -1, 0},
        {"1/adm,", SOCKETIO_DISCONNECT, "/adm", "", "", "", -1, 0},
        {"2[\"noargs\"]", SOCKETIO_EVENT, "/", "[\"noargs\"]", "noargs", "", -1, 0},
        {"20[\"echo\",{\"a\":1.0}]", SOCKETIO_EVENT, "/", "[\"echo\",{\"a\":1.0}]", "echo",
         "{\"a\":1.0}", 0, 0},
        {"2/adm,456[\"e\",12.0, \"x\" ,[]]", SOCKETIO_EVENT, "/adm", "[\"e\",12.0, \"x\" ,[]]", "e",
         "12.0, \"x\" ,[]", 456, 0},
        {"2[7,null]", SOCKETIO_EVENT, "/", "[7,null]", "7", "null", -1, 0},
        {"30[\"answer\"]", SOCKETIO_ACK, "/", "[\"answer\"]", "", "\"answer\"", 0, 0},
        {"37[]", SOCKETIO_ACK, "/", "[]", "", "", 7, 0},
        {"4{\"message\":\"Invalid namespace\"}", SOCKETIO_CONNECT_ERROR, "/",
         "{\"message\":\"Invalid namespace\"}", "", "", -1, 0},
        {"51-[\"bin\",{\"_placeholder\":true,\"num\":0}]", SOCKETIO_EVENT, "/",
         "[\"bin\",{\"_placeholder\":true,\"num\":0}]", "bin", "{\"_placeholder\":true,\"num\":0}",
         -1, 1},
        {"52-/adm,7[\"b\",[{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]]",
         SOCKETIO_EVENT, "/adm",
         "[\"b\",[{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]]", "b",
         "[{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]", 7, 2},
        {"61-7[{\"_placeholder\":true,\"num\":0}]", SOCKETIO_ACK, "/",
         "[{\"_placeholder\":true,\"num\":0}]", "", "{\"_placeholder\":true,\"num\":0}", 7, 1},
        {"2[\"x\",{\"_placeholder\":true,\"num\":9}]", SOCKETIO_EVENT, "/",
         "[\"x\",{\"_placeholder\":true,\"num\":9}]", "x", "{\"_placeholder\":true,\"num\":9}", -1,
         0},
        {"2[\"t\xc3\xb6n\",\"\\ud83d\"]", SOCKETIO_EVENT, "/", "[\"t\xc3\xb6n\",\"\\ud83d\"]",
         "t\xc3\xb6n", "\"\\ud83d\"", -1, 0},
    };
    struct text out = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!socketio_parse(bytes_of_text(cases[i].text), 10, &packet))
            fail_msg("%s", cases[i].text);
        assert_int_equal(packet.type, cases[i].type);
        assert_view(packet.nsp, cases[i].nsp);
        assert_view(packet.data, cases[i].data);
        assert_view(packet.name, cases[i].name);
        assert_view(packet.args, cases[i].args);
        assert_int_equal(packet.has_id, cases[i].id >= 0);
        assert_int_equal(packet.id, cases[i].id >= 0 ? (uint64_t)cases[i].id : 0);
        assert_int_equal(packet.attachments, cases[i].attachments);
        text_clear(&out);
        socketio_write(&out, &packet);
        assert_string_equal(text_str(&out), cases[i].text);
    }
    text_fini(&out);
}

static void what_the_protocol_forbids_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "7",
        "9[\"e\"]",
        "x",
        "abc",
        "-1",
        /* payloads */
        "0[]",
        "0\"x\"",
        "0null",
        "0{",
        "0{\"a\":1}x",
        "1{}",
        "1[\"x\"]",
        "1\"x\"",
        "2",
        "2{}",
        "2\"x\"",
        "2[]",
        "2[null]",
        "2[{}]",
        "2[true,1]",
        "2[\"echo\"",
        "2[\"echo\",]",
        "2[\"echo\"] x",
        "2[\"echo\",01]",
        "2[\"a\" 1]",
        "3[]",
        "31",
        "31{}",
        "4",
        "41",
        "4[]",
        "2abc[\"e\"]",
        "2 [\"e\"",
        "2[\"\xff\"]",
        "2[\"e\",\"\xed\xa0\x80\"]",
        /* names that mean something to the client itself */
        "2[\"connect\",1]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2[\"\\u0063onnect\"]",
        /* attachments */
        "5[\"e\"]",
        "5-[\"e\"]",
        "5x-[\"e\"]",
        "51[\"e\"]",
        "5",
        "51",
        "51-",
        "511-[\"e\"]",
        "5-1-[\"e\"]",
        "51.0-[\"e\"]",
        "599999999999999999999999-[\"e\"]",
        "61-[]",
        "6-7[]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":1}]",
        "51-[\"e\",{\"_placeholder\":true}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":-1}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":0.0}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":99999}]",
        "51-[\"e\",{\"\\u005fplaceholder\":true,\"num\":1}]",
        "51-[\"e\",{\"_placeholder\":false,\"_placeholder\":true,\"num\":0,\"num\":2}]",
        "51-[\"e\",[[{\"a\":{\"_placeholder\":true,\"num\":3}}]]]",
        "51-[\"e\",{\"num\":{\"_placeholder\":true,\"num\":3}}]",
        /* ids and namespaces that are too long */
        "21234567890123456[\"e\"]",
        "0/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aa"
        "aaaaaaaaa,",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (socketio_parse(bytes_of_text(cases[i]), 10, &packet))
            fail_msg("%s", cases[i]);
    assert_false(socketio_parse(bytes_of("2[\"e\",\"\0\"]", 9), 10, &packet));
}

static void depth_and_attachments_have_limits(void **state)
{
    char text[256];

    (void)state;
    for (int deep = 30; deep <= 33; deep++) {
        snprintf(text, sizeof(text), "2[\"e\",%.*s%.*s]", deep,
                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", deep,
                 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        assert_int_equal(socketio_parse(bytes_of_text(text), 10, &packet),
                         deep < SOCKETIO_DEPTH_MAX);
    }
    assert_true(socketio_parse(bytes_of_text("53-[\"e\"]"), 3, &packet));
    assert_false(socketio_parse(bytes_of_text("53-[\"e\"]"), 2, &packet));
    assert_true(socketio_parse(bytes_of_text("50-[\"e\"]"), 0, &packet));
    assert_false(socketio_parse(bytes_of_text("565-[\"e\"]"), 1000, &packet));
}

static void placeholders_are_known_as_javascript_knows_them(void **state)
{
    static const struct {
        const char *object;
        bool is;
        unsigned num;
    } cases[] = {
        {"{\"_placeholder\":true,\"num\":3}", true, 3},
        {"{ \"num\" : 3 , \"x\":[], \"_placeholder\" : true }", true, 3},
        {"{\"_placeholder\":true}", true, UINT_MAX},
        {"{\"_placeholder\":1,\"num\":3}", false, 3},
        {"{\"num\":3}", false, 3},
        {"{}", false, UINT_MAX},
        {"[]", false, UINT_MAX},
    };
    unsigned num;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(socketio_placeholder(bytes_of_text(cases[i].object), &num), cases[i].is);
        assert_int_equal(num, cases[i].num);
    }
}

static void revision_4_has_a_query_for_auth(void **state)
{
    static const struct {
        const char *text;
        const char *nsp, *data; /* NULL: refused */
    } cases[] = {
        {"0", "/", ""},
        {"0/adm,", "/adm", ""},
        {"0/adm?,", "/adm", ""},
        {"0/adm?token=a%20b+c,", "/adm", "{\"token\":\"a b c\"}"},
        {"0/adm?a=1&&b&c=%22%3D,", "/adm", "{\"a\":\"1\",\"b\":\"\",\"c\":\"\\\"=\"}"},
        {"2/adm?a=1,[\"e\"]", "/adm", "[\"e\"]"},
        {"0/adm?a=%zz,", NULL, NULL},
        {"0/adm?a=%00,", NULL, NULL},
        {"0/adm?a=1,x", NULL, NULL},
    };
    struct text auth = {0}, large = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (socketio_parse_v4(bytes_of_text(cases[i].text), 10, &auth, &packet) !=
            (cases[i].nsp != NULL))
            fail_msg("%s", cases[i].text);
        if (cases[i].nsp == NULL)
            continue;
        assert_view(packet.nsp, cases[i].nsp);
        assert_view(packet.data, cases[i].data);
    }
    text_add(&large, "0/adm?a=");
    while (large.len < 6 + SOCKETIO_QUERY_MAX)
        text_add(&large, "x");
    assert_true(socketio_parse_v4(bytes_of(large.data, large.len), 10, &auth, &packet));
    text_add(&large, "x");
    assert_false(socketio_parse_v4(bytes_of(large.data, large.len), 10, &auth, &packet));
    text_fini(&large);
    text_fini(&auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read_and_come_out_as_they_were),
        cmocka_unit_test(revision_4_has_a_query_for_auth),
        cmocka_unit_test(what_the_protocol_forbids_is_refused),
        cmocka_unit_test(depth_and_attachments_have_limits),
        cmocka_unit_test(placeholders_are_known_as_javascript_knows_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
