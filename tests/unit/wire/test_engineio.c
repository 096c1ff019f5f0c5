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
        size_t len;
        bool is_frame_binary;
        int type; /* 0: none */
        bool is_binary, is_base64;
        const char *payload;
    } cases[2][14] = {
        {
            {"4hello", 6, false, '4', false, false, "hello"},
            {"4", 1, false, '4', false, false, ""},
            {"2probe", 6, false, '2', false, false, "probe"},
            {"1", 1, false, '1', false, false, ""},
            {"bAQID", 5, false, '4', true, true, "AQID"},
            {"6", 1, false, '6', false, false, ""},
            {"abc", 3, true, '4', true, false, "abc"},
            {"", 0, true, '4', true, false, ""},
            {"", 0, false, 0, false, false, NULL},
            {"7", 1, false, 0, false, false, NULL},
            {"/", 1, false, 0, false, false, NULL},
            {"x4", 2, false, 0, false, false, NULL},
        },
        {
            {"4hello", 6, false, '4', false, false, "hello"},
            {"2", 1, false, '2', false, false, ""},
            {"b4AQID", 6, false, '4', true, true, "AQID"},
            {"b4", 2, false, '4', true, true, ""},
            {"\4abc", 4, true, '4', true, false, "abc"},
            {"\4", 1, true, '4', true, false, ""},
            {"", 0, true, 0, false, false, NULL},
            {"4abc", 4, true, 0, false, false, NULL},
            {"\2", 1, true, 0, false, false, NULL},
            {"b", 1, false, 0, false, false, NULL},
            {"bAQID", 5, false, 0, false, false, NULL},
            {"", 0, false, 0, false, false, NULL},
            {"7", 1, false, 0, false, false, NULL},
        },
    };

    (void)state;
    for (size_t v = 0; v < COUNT_OF(cases); v++)
        for (size_t i = 0; i < COUNT_OF(cases[v]) && cases[v][i].in != NULL; i++) {
            struct engineio_packet packet;

            if (engineio_parse(v == 1, bytes_of(cases[v][i].in, cases[v][i].len),
                               cases[v][i].is_frame_binary, &packet) != (cases[v][i].type != 0))
                fail_msg("%zu '%s'", v, cases[v][i].in);
            if (cases[v][i].type == 0)
                continue;
            assert_int_equal(packet.type, cases[v][i].type);
            assert_int_equal(packet.is_binary, cases[v][i].is_binary);
            assert_int_equal(packet.is_base64, cases[v][i].is_base64);
            assert_true(bytes_equal_text(packet.payload, cases[v][i].payload));
        }
}

static void packets_are_written_as_the_client_wants_them(void **state)
{
    static const struct {
        struct engineio_dialect dialect;
        bool is_binary;
        const char *out;
        size_t len;
        bool is_frame_binary;
    } cases[] = {
        {{false, false}, false, "4abc", 4, false}, {{false, false}, true, "abc", 3, true},
        {{false, true}, true, "bYWJj", 5, false},  {{true, false}, false, "4abc", 4, false},
        {{true, false}, true, "\4abc", 4, true},   {{true, true}, true, "b4YWJj", 6, false},
        {{true, true}, false, "4abc", 4, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text out = {0};
        bool is_binary = engineio_write(&out, &cases[i].dialect,
                                        &(struct engineio_packet){.type = ENGINEIO_MESSAGE,
                                                                  .is_binary = cases[i].is_binary,
                                                                  .payload = bytes_of("abc", 3)});

        assert_int_equal(is_binary, cases[i].is_frame_binary);
        assert_int_equal(out.len, cases[i].len);
        assert_memory_equal(out.data, cases[i].out, out.len);
        text_fini(&out);
    }
}

static void a_body_is_what_it_was_made_of(void **state)
{
    static const struct {
        enum engineio_body form;
        const char *body;
        size_t len;
    } cases[] = {
        {ENGINEIO_SEPARATED,
         "4\xc3\xa9\xf0\x9f\x98\x80\x1e"
         "bAQID\x1e"
         "6",
         15},
        {ENGINEIO_COUNTED,
         "4:4\xc3\xa9\xf0\x9f\x98\x80"
         "6:b4AQID"
         "1:6",
         20},
        {ENGINEIO_FRAMED,
         "\0\7\xff"
         "4\xc3\xa9\xf0\x9f\x98\x80"
         "\1\4\xff\4\1\2\3"
         "\0\1\xff"
         "6",
         21},
    };
    const struct engineio_packet packets[] = {
        {.type = ENGINEIO_MESSAGE, .payload = bytes_of_text("\xc3\xa9\xf0\x9f\x98\x80")},
        {.type = ENGINEIO_MESSAGE, .is_binary = true, .payload = bytes_of("\1\2\3", 3)},
        {.type = ENGINEIO_NOOP},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text body = {0};
        struct bytes rest, out;
        bool is_binary;
        unsigned count = 0;

        for (size_t k = 0; k < COUNT_OF(packets); k++)
            engineio_add(&body, cases[i].form, &packets[k]);
        assert_int_equal(body.len, cases[i].len);
        assert_memory_equal(body.data, cases[i].body, body.len);
        rest = bytes_of(body.data, body.len);
        while (engineio_next(cases[i].form, &rest, &out, &is_binary)) {
            struct engineio_packet packet;

            assert_true(
                engineio_parse(cases[i].form != ENGINEIO_SEPARATED, out, is_binary, &packet));
            assert_int_equal(packet.type, packets[count].type);
            assert_int_equal(packet.is_binary, packets[count].is_binary);
            if (packet.is_base64)
                assert_true(bytes_equal_text(packet.payload, "AQID"));
            else
                assert_true(bytes_equal(packet.payload, packets[count].payload));
            count++;
        }
        assert_int_equal(count, COUNT_OF(packets));
        text_fini(&body);
    }
}

/* One packet that is none says so. */
static void broken_bodies_end(void **state)
{
    static const struct {
        enum engineio_body form;
        const char *body;
        size_t len;
        unsigned good; /* packets before */
    } cases[] = {
        {ENGINEIO_SEPARATED, "", 0, 0},
        {ENGINEIO_COUNTED, "", 0, 0},
        {ENGINEIO_COUNTED, "4", 1, 0},
        {ENGINEIO_COUNTED, ":4", 2, 0},
        {ENGINEIO_COUNTED, "x:4", 3, 0},
        {ENGINEIO_COUNTED, "2:4", 3, 0},
        {ENGINEIO_COUNTED, "1:42", 4, 1},
        {ENGINEIO_COUNTED, "1:61", 4, 1},
        {ENGINEIO_COUNTED, "99999999999999999999999:4", 25, 0},
        {ENGINEIO_COUNTED, "2:4\xf0\x9f\x98\x80", 7, 0}, /* half of a pair */
        {ENGINEIO_COUNTED, "2:4\xff", 4, 0},
        {ENGINEIO_FRAMED, "\0", 1, 0},
        {ENGINEIO_FRAMED, "\0\xff", 2, 0},
        {ENGINEIO_FRAMED, "\0\1", 2, 0},
        {ENGINEIO_FRAMED, "\0\1\xff", 3, 0},
        {ENGINEIO_FRAMED,
         "\0\1\xfe"
         "4",
         4, 0},
        {ENGINEIO_FRAMED,
         "\0\1\xff"
         "4\1\2\xff\4",
         8, 1},
        {ENGINEIO_FRAMED,
         "\0\1\1\1\1\1\1\1\1\1\1\xff"
         "4",
         13, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bytes rest = bytes_of(cases[i].body, cases[i].len), out;
        bool is_binary;

        for (unsigned k = 0; k <= cases[i].good; k++) {
            assert_true(engineio_next(cases[i].form, &rest, &out, &is_binary));
            if ((out.len == 0) != (k == cases[i].good))
                fail_msg("case %zu, packet %u", i, k);
        }
        assert_false(engineio_next(cases[i].form, &rest, &out, &is_binary));
    }
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
        cmocka_unit_test(packets_are_written_as_the_client_wants_them),
        cmocka_unit_test(a_body_is_what_it_was_made_of),
        cmocka_unit_test(broken_bodies_end),
        cmocka_unit_test(base64_with_or_without_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
