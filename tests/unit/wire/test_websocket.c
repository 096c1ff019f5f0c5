/* SPDX-License-Identifier: MIT */
#include "wire/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void accept_is_that_of_the_rfc(void **state)
{
    char out[WEBSOCKET_ACCEPT_TEXT];

    (void)state;
    assert_true(websocket_accept(bytes_of_text("dGhlIHNhbXBsZSBub25jZQ=="), out));
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void keys_are_sixteen_bytes_in_base64(void **state)
{
    static const char *const bad[] = {"",
                                      "dGhlIHNhbXBsZSBub25jZQ=",
                                      "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25jZQQQ",
                                      "dGhlIHNhbXBsZSBub25jZ===",
                                      "dGhlIHNhbXBs-SBub25jZQ==",
                                      " GhlIHNhbXBsZSBub25jZQ=="};
    char out[WEBSOCKET_ACCEPT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (websocket_accept(bytes_of_text(bad[i]), out))
            fail_msg("'%s' passed", bad[i]);
    assert_false(websocket_accept(bytes_of(NULL, 0), out));
}

static void codes_that_exist_in_programs_only_are_not_sent(void **state)
{
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000};
    static const unsigned good[] = {1000, 1001, 1003, 1007, 1008, 1009, 1011, 1013, 3000, 4999};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(websocket_code_is_sendable(bad[i]));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(websocket_code_is_sendable(good[i]));
}

/* ---- a client's handshake */

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define STATUS "HTTP/1.1 101 Switching Protocols\r\n"
#define UP     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void keys_are_made_of_random_bytes(void **state)
{
    char out[WEBSOCKET_KEY_TEXT];

    (void)state;
    websocket_key((const uint8_t *)"the sample nonce", out);
    assert_string_equal(out, KEY);
}

static void answers_of_servers_are_judged(void **state)
{
    static const struct {
        const char *answer;
        enum websocket_shake shake;
        unsigned status;
    } cases[] = {
        {STATUS UP ACCEPT "\r\n", WEBSOCKET_SHAKEN, 101},
        {STATUS "connection: keep-alive ,\tuPgrade\r\nUPGRADE:WebSocket \r\nX\r\n" ACCEPT "\r\n",
         WEBSOCKET_SHAKEN, 101},
        {STATUS UP ACCEPT, WEBSOCKET_SHAKING, 0},
        {STATUS UP ACCEPT "\r", WEBSOCKET_SHAKING, 0},
        {"", WEBSOCKET_SHAKING, 0},
        {STATUS UP "\r\n", WEBSOCKET_REFUSED, 101},
        {STATUS ACCEPT "\r\n", WEBSOCKET_REFUSED, 101},
        {STATUS UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n", WEBSOCKET_REFUSED,
         101},
        {STATUS UP ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", WEBSOCKET_REFUSED,
         101},
        {"HTTP/1.1 404 Not Found\r\n" UP ACCEPT "\r\n", WEBSOCKET_REFUSED, 404},
        {"HTTP/1.1 200\r\n\r\n", WEBSOCKET_REFUSED, 200},
        {"HTTP/1.0 101 x\r\n" UP ACCEPT "\r\n", WEBSOCKET_REFUSED, 0},
        {"HTTP/1.1 10\r\n\r\n", WEBSOCKET_REFUSED, 0},
        {"SSH-2.0-x\r\n\r\n", WEBSOCKET_REFUSED, 0},
        {"\r\n\r\n", WEBSOCKET_REFUSED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes in = bytes_of_text(cases[i].answer);
        unsigned status;
        size_t used = 0;
        enum websocket_shake shake = websocket_answer_read(in, KEY, &used, &status);

        if (shake != cases[i].shake || status != cases[i].status ||
            (shake == WEBSOCKET_SHAKEN && used != in.len))
            fail_msg("%s: %d, status %u, used %zu", cases[i].answer, (int)shake, status, used);
    }
}

/* ---- frames, as clients send them: behind the head a mask, and the payload under it */

static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};

static void add_frame(struct text *out, unsigned first, struct bytes payload)
{
    uint8_t head[10] = {(uint8_t)first};
    size_t len = 2;

    if (payload.len < 126) {
        head[1] = (uint8_t)(0x80 | payload.len);
    } else if (payload.len < 65536) {
        head[1] = 0x80 | 126;
        for (; len < 4; len++)
            head[len] = (uint8_t)(payload.len >> 8 * (3 - len));
    } else {
        head[1] = 0x80 | 127;
        for (; len < 10; len++)
            head[len] = (uint8_t)((uint64_t)payload.len >> 8 * (9 - len));
    }
    text_add_bytes(out, bytes_of(head, len));
    text_add_bytes(out, bytes_of(mask, sizeof(mask)));
    for (size_t i = 0; i < payload.len; i++)
        text_add_bytes(out, bytes_of(&(uint8_t){payload.data[i] ^ mask[i % 4]}, 1));
}

enum { MAX_MESSAGE = 100000 };

/* However many bytes come at a time, it is the same message, and all is used. */
static void reads_as(const struct text *in, enum websocket_opcode opcode, struct bytes payload)
{
    static const size_t steps[] = {SIZE_MAX, 1, 3, 1000};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct websocket_reader reader = {.max_message = MAX_MESSAGE};
        struct websocket_message message;
        enum websocket_read read = WEBSOCKET_WAITS;
        size_t begin = 0, end = 0;
        char *copy = malloc(in->len);

        memcpy(copy, in->data, in->len);
        while (read == WEBSOCKET_WAITS && end < in->len) {
            end = in->len - end > steps[i] ? end + steps[i] : in->len;
            read = websocket_read(&reader, (uint8_t *)copy + begin, end - begin, &message);
            begin += message.used;
        }
        assert_int_equal(read, WEBSOCKET_READ);
        assert_int_equal(begin, in->len);
        assert_int_equal(message.opcode, opcode);
        assert_true(bytes_equal(message.payload, payload));
        assert_int_equal(websocket_read(&reader, (uint8_t *)copy, 0, &message), WEBSOCKET_WAITS);
        assert_null(reader.parts.data); /* who is idle holds nothing */
        websocket_reader_fini(&reader);
        free(copy);
    }
}

static void messages_of_all_lengths_are_read(void **state)
{
    static const size_t lengths[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, MAX_MESSAGE};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint8_t *payload = malloc(lengths[i] + 1);
        struct text in = {0};

        for (size_t at = 0; at < lengths[i]; at++)
            payload[at] = (uint8_t)(at * 31);
        add_frame(&in, 0x82, bytes_of(payload, lengths[i]));
        reads_as(&in, WEBSOCKET_BINARY, bytes_of(payload, lengths[i]));
        text_fini(&in);
        free(payload);
    }
}

static void parts_are_one_message(void **state)
{
    struct text in = {0};

    (void)state;
    add_frame(&in, 0x01, bytes_of_text("a\xe2\x82")); /* in the midst of a character */
    add_frame(&in, 0x00, bytes_of_text(""));
    add_frame(&in, 0x80, bytes_of("\xac\0z", 3)); /* NUL is a character */
    reads_as(&in, WEBSOCKET_TEXT, bytes_of("a\xe2\x82\xac\0z", 6));
    text_fini(&in);
}

static void control_frames_come_between_parts(void **state)
{
    struct websocket_reader reader = {.max_message = 10};
    struct websocket_message message;
    struct text in = {0};
    uint8_t *at;

    (void)state;
    add_frame(&in, 0x01, bytes_of_text("one "));
    add_frame(&in, 0x89, bytes_of_text("a ping longer than a message"));
    add_frame(&in, 0x80, bytes_of_text("two"));
    at = (uint8_t *)in.data;
    assert_int_equal(websocket_read(&reader, at, in.len, &message), WEBSOCKET_READ);
    assert_int_equal(message.opcode, WEBSOCKET_PING);
    assert_true(bytes_equal_text(message.payload, "a ping longer than a message"));
    at += message.used;
    assert_int_equal(
        websocket_read(&reader, at, in.len - (size_t)(at - (uint8_t *)in.data), &message),
        WEBSOCKET_READ);
    assert_true(bytes_equal_text(message.payload, "one two"));
    websocket_reader_fini(&reader);
    text_fini(&in);
}

static void what_is_wrong_is_a_fault(void **state)
{
    static const struct {
        const char *what;
        const char *in;
        size_t len;
        enum websocket_code fault;
    } cases[] = {
        {"no mask", "\x81\x01x", 3, WEBSOCKET_BROKEN},
        {"a reserved bit", "\xc1\x80", 2, WEBSOCKET_BROKEN},
        {"an unknown opcode", "\x83\x80", 2, WEBSOCKET_BROKEN},
        {"a ping in parts", "\x09\x80", 2, WEBSOCKET_BROKEN},
        {"a long ping", "\x89\xfe", 2, WEBSOCKET_BROKEN},
        {"a part of nothing", "\x80\x80", 2, WEBSOCKET_BROKEN},
        {"a message in another", "\x01\x80\0\0\0\0\x81\x80", 8, WEBSOCKET_BROKEN},
        {"two bytes for one", "\x82\xfe\0\x7d\0\0\0\0", 8, WEBSOCKET_BROKEN},
        {"eight bytes for two", "\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, WEBSOCKET_BROKEN},
        {"too large", "\x82\xff\0\0\0\0\0\1\x86\xa1\0\0\0\0", 14, WEBSOCKET_TOO_LARGE},
        {"very large", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, WEBSOCKET_TOO_LARGE},
        {"no text", "\x81\x82\0\0\0\0\xc3\x28", 8, WEBSOCKET_NO_TEXT},
        {"half a character", "\x81\x81\0\0\0\0\xc3", 7, WEBSOCKET_NO_TEXT},
        {"half a code", "\x88\x81\0\0\0\0\x03", 7, WEBSOCKET_BROKEN},
        {"no such code", "\x88\x82\0\0\0\0\x03\xed", 8, WEBSOCKET_BROKEN},
        {"no reason", "\x88\x83\0\0\0\0\x03\xe8\xff", 9, WEBSOCKET_NO_TEXT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct websocket_reader reader = {.max_message = MAX_MESSAGE};
        struct websocket_message message;
        uint8_t in[32];

        memcpy(in, cases[i].in, cases[i].len);
        if (websocket_read(&reader, in, cases[i].len, &message) != WEBSOCKET_FAULT ||
            message.fault != cases[i].fault)
            fail_msg("%s: %u", cases[i].what, (unsigned)message.fault);
        websocket_reader_fini(&reader);
    }
}

static void parts_have_the_limit_together(void **state)
{
    struct websocket_reader reader = {.max_message = 4};
    struct websocket_message message;
    struct text in = {0};

    (void)state;
    add_frame(&in, 0x02, bytes_of_text("abc"));
    add_frame(&in, 0x80, bytes_of_text("de"));
    assert_int_equal(websocket_read(&reader, (uint8_t *)in.data, in.len, &message),
                     WEBSOCKET_FAULT);
    assert_int_equal(message.fault, WEBSOCKET_TOO_LARGE);
    websocket_reader_fini(&reader);
    text_fini(&in);
}

static void a_server_sends_whole_messages(void **state)
{
    static const struct {
        size_t len;
        const char *head;
        size_t head_len;
    } cases[] = {
        {0, "\x82\0", 2},
        {125, "\x82\x7d", 2},
        {126, "\x82\x7e\0\x7e", 4},
        {65535, "\x82\x7e\xff\xff", 4},
        {65536, "\x82\x7f\0\0\0\0\0\1\0\0", 10},
    };
    static uint8_t payload[65536];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text out = {0};

        websocket_add(&out, WEBSOCKET_BINARY, bytes_of(payload, cases[i].len));
        assert_int_equal(out.len, cases[i].head_len + cases[i].len);
        assert_memory_equal(out.data, cases[i].head, cases[i].head_len);
        text_fini(&out);
    }
}

static void reasons_are_cut_between_characters(void **state)
{
    struct text out = {0}, long_reason = {0};

    (void)state;
    websocket_add_close(&out, 0, bytes_of_text("not said"));
    websocket_add_close(&out, 1000, bytes_of_text("\xff"));
    websocket_add_close(&out, 4001, bytes_of_text("go"));
    assert_int_equal(out.len, 12);
    assert_memory_equal(out.data, "\x88\0\x88\x02\x03\xe8\x88\x04\x0f\xa1go", 12);
    text_clear(&out);
    for (unsigned i = 0; i < 62; i++)
        text_add(&long_reason, "\xc3\xa9");
    websocket_add_close(&out, 1000, bytes_of(long_reason.data, long_reason.len));
    assert_int_equal(out.len, 2 + 2 + 122);
    text_fini(&long_reason);
    text_fini(&out);
}

static void client_and_server_read_what_the_other_sends(void **state)
{
    static const size_t lengths[] = {0, 1, 7, 125, 126, 65535, 65536};
    static const uint8_t zeros[65536];

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        bool is_client = i % 2 == 1;
        struct websocket_reader right = {.max_message = 1 << 20, .is_client = is_client};
        struct websocket_reader wrong = {.max_message = 1 << 20, .is_client = !is_client};
        struct bytes payload = bytes_of(zeros, lengths[i / 2]);
        struct websocket_message message;
        struct text out = {0};

        if (is_client)
            websocket_add(&out, WEBSOCKET_BINARY, payload);
        else
            websocket_add_masked(&out, WEBSOCKET_BINARY, payload, mask);
        assert_int_equal(websocket_read(&wrong, (uint8_t *)out.data, out.len, &message),
                         WEBSOCKET_FAULT);
        assert_int_equal(websocket_read(&right, (uint8_t *)out.data, out.len, &message),
                         WEBSOCKET_READ);
        assert_int_equal(message.used, out.len);
        assert_true(bytes_equal(message.payload, payload));
        websocket_reader_fini(&right);
        websocket_reader_fini(&wrong);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_lengths_are_read),
        cmocka_unit_test(parts_are_one_message),
        cmocka_unit_test(control_frames_come_between_parts),
        cmocka_unit_test(what_is_wrong_is_a_fault),
        cmocka_unit_test(parts_have_the_limit_together),
        cmocka_unit_test(a_server_sends_whole_messages),
        cmocka_unit_test(reasons_are_cut_between_characters),
        cmocka_unit_test(client_and_server_read_what_the_other_sends),
        cmocka_unit_test(accept_is_that_of_the_rfc),
        cmocka_unit_test(keys_are_sixteen_bytes_in_base64),
        cmocka_unit_test(keys_are_made_of_random_bytes),
        cmocka_unit_test(answers_of_servers_are_judged),
        cmocka_unit_test(codes_that_exist_in_programs_only_are_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
