/* SPDX-License-Identifier: MIT */
#include "wire/engineio.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static void packets_are_read(void **state)
{
    static const struct {
        const char *in;
        int type; /* 0: none */
        bool is_binary;
        const char *payload;
    } cases[] = {
        {"4hello", '4', false, "hello"},
        {"4", '4', false, ""},
        {"2probe", '2', false, "probe"},
        {"1", '1', false, ""},
        {"bAQID", '4', true, "AQID"},
        {"6", '6', false, ""},
        {"", 0, false, ""},
        {"7", 0, false, ""},
        {"/", 0, false, ""},
        {"x4", 0, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct engineio_packet packet;

        if (engineio_parse(bytes_of_text(cases[i].in), &packet) != (cases[i].type != 0))
            fail_msg("'%s'", cases[i].in);
        if (cases[i].type == 0)
            continue;
        assert_int_equal(packet.type, cases[i].type);
        assert_int_equal(packet.is_binary, cases[i].is_binary);
        assert_true(bytes_equal_text(packet.payload, cases[i].payload));
    }
}

static void a_payload_is_what_it_was_made_of(void **state)
{
    struct text text = {0};
    struct bytes rest, packet;
    unsigned count = 0;

    (void)state;
    engineio_add(&text, ENGINEIO_MESSAGE, bytes_of_text("one"), false);
    engineio_add(&text, ENGINEIO_MESSAGE, bytes_of("\x01\x02\x03", 3), true);
    engineio_add(&text, ENGINEIO_NOOP, bytes_of(NULL, 0), false);
    assert_string_equal(text_str(&text), "4one\x1e"
                                         "bAQID\x1e"
                                         "6");
    rest = bytes_of(text.data, text.len);
    while (engineio_next(&rest, &packet))
        count++;
    assert_int_equal(count, 3);
    text_fini(&text);
    /* An empty body is one packet, which is none. */
    rest = bytes_of("", 0);
    assert_true(engineio_next(&rest, &packet));
    assert_int_equal(packet.len, 0);
    assert_false(engineio_next(&rest, &packet));
}

static void base64_with_or_without_padding(void **state)
{
    static const struct {
        const char *in;
        const char *out; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"Zg==", "f"},      {"Zg", "f"},           {"Zm8=", "fo"}, {"Zm8", "fo"},
        {"Zm9v", "foo"}, {"Zm9vYg", "foob"}, {"Zm9vYmE=", "fooba"}, {"Z", NULL},    {"Zm9vY", NULL},
        {"Z*9v", NULL},  {"Zg=v", NULL},     {"Zm9v*g==", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t out[16];
        size_t len;
        bool is_read = engineio_base64(bytes_of_text(cases[i].in), out, &len);

        if (is_read != (cases[i].out != NULL) ||
            (is_read && !bytes_equal_text(bytes_of(out, len), cases[i].out)))
            fail_msg("'%s'", cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_read),
        cmocka_unit_test(a_payload_is_what_it_was_made_of),
        cmocka_unit_test(base64_with_or_without_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
