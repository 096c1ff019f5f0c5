/* SPDX-License-Identifier: MIT */
#include "wire/dcep.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

#define VIEW(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Every type of channel. */
static const struct {
    const char *name;
    struct bytes message;
    struct dcep_open open;
} opens[] = {
    {"reliable",
     VIEW("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00"
          "abcde"),
     {.label = VIEW("abcde")}},
    {"without a label",
     VIEW("\x03\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
     {.priority = 256}},
    {"with a protocol",
     VIEW("\x03\x80\x02\x00\x00\x00\x00\x00\x00\x01\x00\x02"
          "abc"),
     {.is_unordered = true, .priority = 512, .label = VIEW("a"), .protocol = VIEW("bc")}},
    {"sent again",
     VIEW("\x03\x01\x00\x80\x00\x00\x00\x03\x00\x00\x00\x00"),
     {.reliability_kind = DCEP_REXMIT, .reliability = 3, .priority = 128}},
    {"sent again, unordered",
     VIEW("\x03\x81\x00\x00\x01\x02\x03\x04\x00\x00\x00\x00"),
     {.is_unordered = true, .reliability_kind = DCEP_REXMIT, .reliability = 0x01020304}},
    {"timed",
     VIEW("\x03\x02\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"),
     {.reliability_kind = DCEP_TIMED, .reliability = UINT32_MAX}},
    {"timed, unordered",
     VIEW("\x03\x82\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
     {.is_unordered = true, .reliability_kind = DCEP_TIMED}},
};

static void channels_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        const struct dcep_open *expected = &opens[i].open;
        struct dcep_open open;
        struct text out = {0};

        if (dcep_parse(opens[i].message, &open) != DCEP_OPEN)
            fail_msg("%s: not read", opens[i].name);
        if (open.is_unordered != expected->is_unordered ||
            open.reliability_kind != expected->reliability_kind ||
            open.reliability != expected->reliability || open.priority != expected->priority ||
            !bytes_equal(open.label, expected->label) ||
            !bytes_equal(open.protocol, expected->protocol))
            fail_msg("%s: read wrongly", opens[i].name);
        dcep_open_write(&out, expected);
        if (!bytes_equal(bytes_of(out.data, out.len), opens[i].message))
            fail_msg("%s: written wrongly", opens[i].name);
        text_fini(&out);
    }
}

static void a_number_for_a_reliable_channel_does_not_count(void **state)
{
    static const uint8_t message[DCEP_OPEN_HEAD] = {3, [7] = 9};
    struct dcep_open open;

    (void)state;
    assert_int_equal(dcep_parse(bytes_of(message, sizeof(message)), &open), DCEP_OPEN);
    assert_int_equal(open.reliability, 0);
}

static void what_is_broken_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct bytes message;
    } cases[] = {
        {"nothing", {NULL, 0}},
        {"unknown message", VIEW("\x01")},
        {"ack with more behind", VIEW("\x02\x00")},
        {"open alone", VIEW("\x03")},
        {"short head", VIEW("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
        {"unknown channel", VIEW("\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
        {"unknown channel, unordered", VIEW("\x03\x90\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
        {"label longer than the message", VIEW("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00"
                                               "a")},
        {"protocol longer than the message", VIEW("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff"
                                                  "a")},
        {"more behind", VIEW("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"
                             "ab")},
    };
    struct dcep_open open;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (dcep_parse(cases[i].message, &open) != DCEP_INVALID)
            fail_msg("taken: %s", cases[i].name);
}

static void labels_have_a_longest_length(void **state)
{
    uint8_t message[DCEP_OPEN_HEAD + DCEP_LABEL_MAX + 1] = {3, [9] = DCEP_LABEL_MAX};
    struct dcep_open open;

    (void)state;
    assert_int_equal(dcep_parse(bytes_of(message, sizeof(message) - 1), &open), DCEP_OPEN);
    assert_int_equal(open.label.len, DCEP_LABEL_MAX);
    message[8] = 1;
    message[9] = 0;
    assert_int_equal(dcep_parse(bytes_of(message, sizeof(message)), &open), DCEP_INVALID);
    message[8] = 0;
    message[10] = 1;
    assert_int_equal(dcep_parse(bytes_of(message, sizeof(message)), &open), DCEP_INVALID);
}

static void an_ack_is_a_byte(void **state)
{
    struct dcep_open open;
    struct text out = {0};

    (void)state;
    dcep_ack_write(&out);
    assert_true(bytes_equal_text(bytes_of(out.data, out.len), "\x02"));
    assert_int_equal(dcep_parse(bytes_of(out.data, out.len), &open), DCEP_ACK);
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_read_and_written),
        cmocka_unit_test(a_number_for_a_reliable_channel_does_not_count),
        cmocka_unit_test(what_is_broken_is_refused),
        cmocka_unit_test(labels_have_a_longest_length),
        cmocka_unit_test(an_ack_is_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
