/* SPDX-License-Identifier: MIT
 *
 * Messages as recorded from @socket.io/redis-adapter 8.3.0 and @socket.io/redis-emitter 5.1.0,
 * whose packer is notepack.io.
 */
#include "wire/socketio_adapter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/must.h"

static struct socketio_relayed relayed;
static struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX];
static struct text json;
static uint8_t message[4096];

static bool parse(const char *hex)
{
    size_t len = strlen(hex) / 2;

    must(hex_decode(bytes_of_text(hex), message, len));
    return socketio_adapter_parse(bytes_of(message, len), &json, attachments, &relayed);
}

static void assert_view(struct bytes view, const char *expected)
{
    if (!bytes_equal_text(view, expected))
        fail_msg("\"%.*s\" is not \"%s\"", (int)view.len, (const char *)view.data, expected);
}

static void what_an_emitter_says_to_a_room_is_read(void **state)
{
    (void)state;
    assert_true(parse("93a7656d697474657283a47479706502a46461746192a46368617482a474657874a26869a16e"
                      "cb3ff8000000000000a36e7370a12f83a5726f6f6d7391aa7369676e616c3a414243a6657863"
                      "65707490a5666c61677380"));
    assert_view(relayed.uid, "emitter");
    assert_view(relayed.packet.nsp, "/");
    assert_view(relayed.packet.data, "[\"chat\",{\"text\":\"hi\",\"n\":1.5}]");
    assert_int_equal(relayed.room_count, 1);
    assert_view(relayed.rooms[0], "signal:ABC");
    assert_int_equal(relayed.except_count, 0);
}

static void what_a_server_says_to_all_but_some_is_read(void **state)
{
    (void)state;
    assert_true(parse("93a661423378597a83a47479706502a46461746191a178a36e7370a52f726f6f6d83a5726f6f"
                      "6d7390a665786365707492a161a162a5666c61677381a8766f6c6174696c65c3"));
    assert_view(relayed.uid, "aB3xYz");
    assert_view(relayed.packet.nsp, "/room");
    assert_int_equal(relayed.room_count, 0);
    assert_int_equal(relayed.except_count, 2);
    assert_view(relayed.except[1], "b");
}

static void bytes_become_attachments_and_a_room_that_is_no_text_is_empty(void **state)
{
    (void)state;
    assert_true(parse("93a661423378597a83a47479706502a46461746194a178c403010203d6ff00000000c0a36e73"
                      "70a52f726f6f6d82a5726f6f6d7392a16107a665786365707490"));
    assert_int_equal(relayed.packet.attachments, 1);
    assert_int_equal(attachments[0].len, 3);
    assert_view(relayed.packet.data, "[\"x\",{\"_placeholder\":true,\"num\":0},"
                                     "\"1970-01-01T00:00:00.000Z\",null]");
    assert_int_equal(relayed.room_count, 2);
    assert_int_equal(relayed.rooms[1].len, 0);
}

static void what_is_no_event_is_refused(void **state)
{
    static const char *const cases[] = {
        /* an ack */
        "93a661423378597a83a47479706503a46461746191a178a36e7370a52f726f6f6d81a5726f6f"
        "6d7390",
        "",
        "93",
        "93a161",
        "93ddffffffff",                       /* claims much */
        "93a1618284747970650290",             /* half a packet */
        "92a16183a47479706502a46464617461c0", /* of two */
        "93018080",                           /* the uid is a number */
        "93a1618080",                         /* a packet without a type */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (parse(cases[i]))
            fail_msg("accepted: %s", cases[i]);
}

static void what_is_written_is_read_again(void **state)
{
    static const struct bytes some = {(const uint8_t *)"abc", 3};
    const struct socketio_packet packet = {
        .type = SOCKETIO_EVENT,
        .nsp = bytes_of_text("/room"),
        .attachments = 1,
        .data = bytes_of_text("[\"say\",{\"_placeholder\":true,\"num\":0}]")};
    struct text out = {0};

    (void)state;
    assert_true(socketio_adapter_write(&out, bytes_of_text("123456"), bytes_of_text("page:A"),
                                       &packet, &some));
    assert_true(socketio_adapter_parse(bytes_of(out.data, out.len), &json, attachments, &relayed));
    assert_view(relayed.uid, "123456");
    assert_view(relayed.rooms[0], "page:A");
    assert_true(bytes_equal(relayed.packet.data, packet.data));
    assert_true(bytes_equal(attachments[0], some));
    text_fini(&out);
}

static void channels_are_named_after_namespace_and_room(void **state)
{
    struct text out = {0};

    (void)state;
    socketio_adapter_channel(&out, bytes_of_text("/"), bytes_of(NULL, 0));
    assert_string_equal(text_str(&out), "socket.io#/#");
    text_clear(&out);
    socketio_adapter_channel(&out, bytes_of_text("/room"), bytes_of_text("page:A"));
    assert_string_equal(text_str(&out), "socket.io#/room#page:A#");
    text_fini(&out);
}

static int free_json(void **state)
{
    (void)state;
    text_fini(&json);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_emitter_says_to_a_room_is_read),
        cmocka_unit_test(what_a_server_says_to_all_but_some_is_read),
        cmocka_unit_test(bytes_become_attachments_and_a_room_that_is_no_text_is_empty),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(channels_are_named_after_namespace_and_room),
    };

    return cmocka_run_group_tests(tests, NULL, free_json);
}
