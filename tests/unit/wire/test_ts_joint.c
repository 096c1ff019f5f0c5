/* SPDX-License-Identifier: MIT */
#include "wire/ts_joint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PMT = 0x1000, PICTURE = 0x100, SOUND = 0x101, HEADER = 4 };

/* A packet whose payload is `len` bytes that count up from `first`; a field of six bytes in the
 * adaptation field when it has one of that size at least. */
static void make(uint8_t out[TS_PACKET], unsigned pid, bool starts, size_t len, unsigned first)
{
    size_t room = TS_PACKET - HEADER - len;

    memset(out, 0xff, TS_PACKET);
    out[0] = 0x47;
    out[1] = (uint8_t)((starts ? 0x40 : 0) | pid >> 8);
    out[2] = (uint8_t)pid;
    out[3] = (uint8_t)((room > 0 ? 0x20 : 0) | (len > 0 ? 0x10 : 0) | 7); /* 7: to be replaced */
    if (room > 0)
        out[4] = (uint8_t)(room - 1);
    if (room > 1)
        out[5] = room >= 8 ? 0x10 : 0;
    if (room >= 8)
        memcpy(out + 6, "clock!", 6);
    for (size_t i = 0; i < len; i++)
        out[TS_PACKET - len + i] = (uint8_t)(first + i);
}

static void make_pat(uint8_t out[TS_PACKET])
{
    make(out, 0, true, 184, 0);
    out[15] = 0xe0 | PMT >> 8;
    out[16] = PMT & 0xff;
}

struct seen {
    unsigned packets, counted, starts, first_counter, last_counter;
    struct text payload;
};

/* What a player makes of one PID; every counter must follow. */
static struct seen look(const struct text *out, unsigned pid)
{
    struct seen seen = {0};

    assert_int_equal(out->len % TS_PACKET, 0);
    for (size_t at = 0; at < out->len; at += TS_PACKET) {
        const uint8_t *packet = (const uint8_t *)out->data + at;
        size_t room = (packet[3] & 0x20) != 0 ? packet[4] + 1U : 0;

        assert_int_equal(packet[0], 0x47);
        if (((packet[1] & 0x1fU) << 8 | packet[2]) != pid)
            continue;
        seen.packets++;
        seen.starts += (packet[1] & 0x40) != 0;
        if ((packet[3] & 0x10) == 0) {
            assert_int_equal(packet[3] & 15, seen.last_counter);
            continue;
        }
        if (seen.counted++ == 0)
            seen.first_counter = packet[3] & 15;
        else
            assert_int_equal(packet[3] & 15, (seen.last_counter + 1) & 15);
        seen.last_counter = packet[3] & 15;
        assert_true(room <= TS_PACKET - HEADER);
        text_add_bytes(&seen.payload, bytes_of(packet + HEADER + room, TS_PACKET - HEADER - room));
    }
    return seen;
}

static void put(struct ts_joint *joint, const uint8_t *packet, struct text *out)
{
    assert_true(ts_joint_put(joint, packet, out));
}

static void every_stream_ends_where_the_next_segment_begins(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 40; count++) {
        struct ts_joint *joint = ts_joint_new(3);
        struct text out = {0}, payload = {0};
        struct seen seen;
        uint8_t packet[TS_PACKET];

        make_pat(packet);
        put(joint, packet, &out);
        for (unsigned i = 0; i < count; i++) {
            /* Among them short ones, which cannot be spread, and the last of all. */
            size_t len = i % 5 == 4 ? 15 - i % 3 : i % 3 == 0 ? 184 : 170;

            make(packet, PICTURE, i % 7 == 0, len, i);
            text_add_bytes(&payload, bytes_of(packet + TS_PACKET - len, len));
            put(joint, packet, &out);
        }
        ts_joint_end(joint, &out);
        seen = look(&out, PICTURE);
        assert_int_equal(seen.first_counter, 0);
        assert_int_equal(seen.last_counter, 15);
        assert_true(seen.counted < count + 16);
        assert_int_equal(seen.starts, (count + 6) / 7);
        assert_true(bytes_equal(bytes_of(seen.payload.data, seen.payload.len),
                                bytes_of(payload.data, payload.len)));
        text_fini(&seen.payload);
        text_fini(&payload);
        text_fini(&out);
        ts_joint_free(&joint);
    }
}

static void the_adaptation_field_goes_with_the_first_part(void **state)
{
    struct ts_joint *joint = ts_joint_new(0);
    struct text out = {0};
    uint8_t packet[TS_PACKET];

    (void)state;
    make(packet, PICTURE, true, 100, 0);
    put(joint, packet, &out);
    ts_joint_end(joint, &out);
    assert_int_equal(out.len, 16 * TS_PACKET);
    for (size_t i = 0; i < 16; i++) {
        const uint8_t *part = (const uint8_t *)out.data + i * TS_PACKET;

        assert_int_equal(part[5], i == 0 ? 0x10 : 0);
        assert_int_equal(memcmp(part + 6, "clock!", 6) == 0, i == 0);
        assert_int_equal((part[1] & 0x40) != 0, i == 0);
    }
    text_fini(&out);
    ts_joint_free(&joint);
}

static void tables_are_kept_once_and_count_segments(void **state)
{
    struct ts_joint *joint = ts_joint_new(21);
    struct text out = {0};
    uint8_t packet[TS_PACKET];
    struct seen seen;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        make_pat(packet);
        put(joint, packet, &out);
        make(packet, PMT, true, 184, 0);
        put(joint, packet, &out);
    }
    ts_joint_end(joint, &out);
    assert_int_equal(out.len, 2 * TS_PACKET);
    seen = look(&out, PMT);
    assert_int_equal(seen.first_counter, 21 % 16);
    text_fini(&seen.payload);
    seen = look(&out, 0);
    assert_int_equal(seen.first_counter, 21 % 16);
    text_fini(&seen.payload);
    text_fini(&out);
    ts_joint_free(&joint);
}

static void packets_without_payload_do_not_count(void **state)
{
    struct ts_joint *joint = ts_joint_new(0);
    struct text out = {0};
    uint8_t packet[TS_PACKET];
    struct seen seen;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        make(packet, PICTURE, i == 0, i % 4 == 3 ? 0 : 184, i);
        put(joint, packet, &out);
    }
    ts_joint_end(joint, &out);
    seen = look(&out, PICTURE);
    assert_int_equal(seen.packets - seen.counted, 5);
    assert_int_equal(seen.counted, 16);
    text_fini(&seen.payload);
    text_fini(&out);
    ts_joint_free(&joint);
}

static void packets_go_out_in_order_and_early(void **state)
{
    struct ts_joint *joint = ts_joint_new(0);
    struct text out = {0};
    uint8_t packet[TS_PACKET];
    unsigned i;

    (void)state;
    for (i = 0; i < 5000; i++) {
        make(packet, i % 10 == 0 ? SOUND : PICTURE, true, 184, i);
        put(joint, packet, &out);
        assert_true(out.len + 600 * TS_PACKET > (size_t)i * TS_PACKET);
    }
    ts_joint_end(joint, &out);
    for (i = 0; i < 4980; i++)
        assert_int_equal((uint8_t)out.data[i * TS_PACKET + HEADER], i & 255);
    text_fini(&out);
    ts_joint_free(&joint);
}

static void what_is_no_packet_is_refused(void **state)
{
    struct ts_joint *joint = ts_joint_new(0);
    struct text out = {0};
    uint8_t packet[TS_PACKET];

    (void)state;
    make(packet, PICTURE, true, 184, 0);
    packet[0] = 0x48;
    assert_false(ts_joint_put(joint, packet, &out));
    make(packet, PICTURE, true, 100, 0);
    packet[4] = 184; /* longer than the packet */
    assert_false(ts_joint_put(joint, packet, &out));
    for (unsigned i = 0; i < 8; i++) {
        make(packet, PICTURE + i, true, 184, 0);
        assert_true(ts_joint_put(joint, packet, &out));
    }
    make(packet, PICTURE + 8, true, 184, 0);
    assert_false(ts_joint_put(joint, packet, &out));
    text_fini(&out);
    ts_joint_free(&joint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_ends_where_the_next_segment_begins),
        cmocka_unit_test(the_adaptation_field_goes_with_the_first_part),
        cmocka_unit_test(tables_are_kept_once_and_count_segments),
        cmocka_unit_test(packets_without_payload_do_not_count),
        cmocka_unit_test(packets_go_out_in_order_and_early),
        cmocka_unit_test(what_is_no_packet_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
