/* SPDX-License-Identifier: MIT */
#include "sctp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "line.h"

enum {
    MTU = 1163,
    PORT = 5000,
    STREAMS_USED = 4,
    DAY_MS = 86400 * 1000,
    /* RFC 9260, RFC 6525 */
    CHUNK_INIT = 1,
    CHUNK_RECONFIG = 130,
    PARAMETER_RESPONSE = 16,
    PARAMETER_ADD_OUTGOING = 17,
    PARAMETER_ADD_INCOMING = 18,
    RESULT_DENIED = 2,
};

struct end {
    struct sctp *sctp;
    struct end *other;
    struct line line; /* to the other */
    bool is_up;
    unsigned writable;
    const char *why;
    uint64_t sent[STREAMS_USED], received[STREAMS_USED];
    unsigned messages_sent, messages_received;
    uint64_t resets, resets_done; /* streams, one bit each */
    uint32_t tag, tsn;            /* as its INIT said */
    uint32_t result;              /* of a RE-CONFIG it answered */
};

static struct end ends[2];

/* ---- two ends and the time */

static void on_send(void *arg, struct bytes packet)
{
    struct end *end = arg;

    assert_true(packet.len <= MTU);
    line_send(&end->line, packet);
}

static void on_up(void *arg)
{
    ((struct end *)arg)->is_up = true;
}

static uint8_t byte_of(uint64_t at, unsigned stream)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + stream);
}

static void on_received(void *arg, uint16_t stream, uint32_t ppid, struct bytes part, bool is_end)
{
    struct end *end = arg;

    assert_true(stream < STREAMS_USED);
    assert_int_equal(ppid, 53 + stream);
    assert_true(part.len <= SCTP_PART_MAX);
    for (size_t i = 0; i < part.len; i++)
        if (part.data[i] != byte_of(end->received[stream] + i, stream))
            fail_msg("stream %u differs at %llu", stream,
                     (unsigned long long)(end->received[stream] + i));
    end->received[stream] += part.len;
    end->messages_received += is_end;
}

static void on_writable(void *arg)
{
    ((struct end *)arg)->writable++;
}

static void on_reset(void *arg, uint16_t stream)
{
    ((struct end *)arg)->resets |= (uint64_t)1 << stream;
}

static void on_reset_done(void *arg, uint16_t stream)
{
    ((struct end *)arg)->resets_done |= (uint64_t)1 << stream;
}

static void on_closed(void *arg, const char *why)
{
    struct end *end = arg;

    assert_null(end->why);
    end->why = why;
}

static const struct sctp_events events = {.send = on_send,
                                          .on_up = on_up,
                                          .on_received = on_received,
                                          .on_writable = on_writable,
                                          .on_reset = on_reset,
                                          .on_reset_done = on_reset_done,
                                          .on_closed = on_closed};

static void deliver(void *arg, struct bytes packet)
{
    struct end *other = ((struct end *)arg)->other;

    if (other->sctp != NULL)
        sctp_receive(other->sctp, packet);
}

static uint32_t read32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

/* What the tests want to know of what goes over the line. */
static void look(void *arg, struct bytes packet)
{
    struct end *end = arg;
    const uint8_t *data = packet.data;

    for (size_t at = 12; at + 4 <= packet.len;) {
        size_t len = (size_t)data[at + 2] << 8 | data[at + 3];

        if (data[at] == CHUNK_INIT) {
            end->tag = read32(data + at + 4);
            end->tsn = read32(data + at + 16);
        } else if (data[at] == CHUNK_RECONFIG && data[at + 5] == PARAMETER_RESPONSE) {
            end->result = read32(data + at + 12);
        }
        at += MAX((len + 3) & ~3u, 4u);
    }
}

static void pass(uint32_t ms)
{
    while (ms-- > 0) {
        bool is_more = true;

        line_now_ms++;
        if (line_now_ms % SCTP_TICK_MS == 0)
            sctp_pass_time(SCTP_TICK_MS);
        while (is_more) {
            is_more = line_turn(&ends[0].line);
            is_more = line_turn(&ends[1].line) || is_more;
            is_more = sctp_drain() || is_more;
        }
    }
}

#define until(cond)                                                                                \
    for (uint64_t give_up_ms = line_now_ms + DAY_MS; !(cond); pass(1))                             \
    assert_true(line_now_ms < give_up_ms)

static void begin_end(struct end *end, struct end *other, const struct line *like)
{
    struct error error;

    line_clear(&end->line);
    *end = (struct end){.other = other, .line = *like};
    end->line.arg = end;
    end->line.deliver = deliver;
    end->line.look = look;
    end->sctp = sctp_new(PORT, PORT, &events, end, &error);
    assert_non_null(end->sctp);
}

static void begin(struct line like)
{
    begin_end(&ends[0], &ends[1], &like);
    begin_end(&ends[1], &ends[0], &like);
}

static void begin_up(struct line like)
{
    begin(like);
    until(ends[0].is_up && ends[1].is_up);
}

static int end_both(void **state)
{
    (void)state;
    sctp_free(&ends[0].sctp);
    sctp_free(&ends[1].sctp);
    line_clear(&ends[0].line);
    line_clear(&ends[1].line);
    return 0;
}

static bool send_message(struct end *end, uint16_t stream, size_t len)
{
    static uint8_t data[256 << 10];

    for (size_t i = 0; i < len; i++)
        data[i] = byte_of(end->sent[stream] + i, stream);
    switch (sctp_send(end->sctp, stream, 53u + stream, bytes_of(data, len))) {
    case SCTP_SENT:
        end->sent[stream] += len;
        end->messages_sent++;
        return true;
    case SCTP_FULL:
        return false;
    case SCTP_GONE:
        break;
    }
    fail_msg("gone");
    return false;
}

static uint64_t sum(const uint64_t all[STREAMS_USED])
{
    uint64_t out = 0;

    for (size_t i = 0; i < STREAMS_USED; i++)
        out += all[i];
    return out;
}

/* ---- what is sent arrives */

static void transfer(struct end *from, uint64_t total, size_t message_max)
{
    while (sum(from->other->received) < total) {
        while (sum(from->sent) < total && send_message(from, (uint16_t)line_dice(STREAMS_USED),
                                                       1 + line_dice((uint32_t)message_max)))
            continue;
        pass(1);
    }
}

static void everything_arrives_in_order_and_once(void **state)
{
    (void)state;
    begin_up(
        (struct line){.delay_ms = 5, .jitter_ms = 20, .lost_of_1000 = 10, .doubled_of_1000 = 10});
    for (int i = 0; i < 2; i++) {
        transfer(&ends[i], 1 << 20, 64 << 10);
        transfer(&ends[i], (1 << 20) + 5000, 20);
    }
    pass(5000); /* what was doubled or late */
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(ends[i].received, ends[!i].sent, sizeof(ends[i].received));
        assert_int_equal(ends[i].messages_received, ends[!i].messages_sent);
        assert_null(ends[i].why);
    }
}

static void a_handshake_survives_losses(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        begin_up((struct line){.delay_ms = 5, .jitter_ms = 50, .lost_of_1000 = 300});
        end_both(NULL);
    }
}

/* Over a long line without losses every SACK makes progress, so nothing ever times out. It does
 * when usrsctp takes its shortcut: see sctp_send(). */
static void nothing_times_out_on_a_long_line(void **state)
{
    const uint64_t total = 20 << 20;
    struct sctp_totals before, after;
    uint64_t begun_ms;

    (void)state;
    begin_up((struct line){.delay_ms = 20});
    sctp_totals(&before);
    begun_ms = line_now_ms;
    while (ends[1].received[0] < total) {
        while (ends[0].sent[0] < total && send_message(&ends[0], 0, 64 << 10))
            continue;
        pass(1);
    }
    sctp_totals(&after);
    printf("20 MiB with an RTT of 40 ms: %llu ms, %llu time-outs\n",
           (unsigned long long)(line_now_ms - begun_ms),
           (unsigned long long)(after.timeouts - before.timeouts));
    assert_true(line_now_ms - begun_ms > 500); /* longer than an RTO, or it shows nothing */
    assert_int_equal(after.timeouts - before.timeouts, 0);
    assert_int_equal(after.retransmitted - before.retransmitted, 0);
}

static void who_pauses_is_sent_no_more_than_fits(void **state)
{
    uint64_t sent;

    (void)state;
    begin_up((struct line){.delay_ms = 1});
    sctp_pause(ends[1].sctp, true);
    for (int i = 0; i < 2000; i++) {
        while (send_message(&ends[0], 0, 64 << 10))
            continue;
        pass(1);
    }
    sent = ends[0].sent[0];
    assert_int_equal(sum(ends[1].received), 0);
    assert_true(sent <= 2 * SCTP_BUFFER_MAX + (1 << 20));
    sctp_pause(ends[1].sctp, false);
    until(ends[1].received[0] == sent && ends[0].writable > 0);
    assert_true(send_message(&ends[0], 0, 1000));
    until(ends[1].received[0] == sent + 1000);
}

/* ---- streams */

/* Also when the reset overtakes what was sent before. Without losses: usrsctp 0.9.5 says "in
 * progress" for ever when the answer to such a reset is lost, and the association ends. */
static void a_stream_can_be_used_again_after_a_reset(void **state)
{
    (void)state;
    begin_up((struct line){.delay_ms = 5, .jitter_ms = 20});
    for (int i = 0; i < 10; i++) {
        ends[0].resets_done = ends[1].resets = 0;
        assert_true(send_message(&ends[0], 1, 30000));
        assert_true(send_message(&ends[0], 2, 30000));
        sctp_reset(ends[0].sctp, 1);
        until(ends[0].resets_done != 0 && ends[1].resets != 0);
        assert_int_equal(ends[0].resets_done, 1 << 1);
        assert_int_equal(ends[1].resets, 1 << 1);
        /* What was sent before comes before. */
        assert_int_equal(ends[1].received[1], ends[0].sent[1]);
        until(ends[1].received[2] == ends[0].sent[2]);
    }
    assert_int_equal(ends[0].resets | ends[1].resets_done, 0);
}

static void many_resets_at_once_are_all_told(void **state)
{
    const uint64_t all = UINT64_MAX;

    (void)state;
    begin_up((struct line){.delay_ms = 5, .lost_of_1000 = 50});
    for (uint16_t i = 0; i < SCTP_STREAMS; i++) {
        sctp_reset(ends[0].sctp, i);
        sctp_reset(ends[1].sctp, i);
        if (i % 7 == 0)
            pass(1);
    }
    for (int i = 0; i < 2; i++)
        until(ends[i].resets == all && ends[i].resets_done == all);
}

static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void write32(uint8_t *out, uint32_t number)
{
    number = htonl(number);
    memcpy(out, &number, sizeof(number));
}

static void sign(uint8_t *packet, size_t len)
{
    uint32_t crc;

    memset(packet + 8, 0, sizeof(crc));
    crc = crc32c(packet, len); /* the first byte is the lowest, unlike all else */
    memcpy(packet + 8, &crc, sizeof(crc));
}

/* A packet with one chunk, as from ends[0]. */
static void send_chunk(uint8_t type, const uint8_t *value, size_t len)
{
    uint8_t packet[MTU] = {PORT >> 8, PORT & 0xff, PORT >> 8, PORT & 0xff};
    size_t total = 12 + 4 + len;

    write32(packet + 4, ends[1].tag);
    packet[12] = type;
    packet[14] = (uint8_t)((len + 4) >> 8);
    packet[15] = (uint8_t)(len + 4);
    memcpy(packet + 16, value, len);
    sign(packet, total);
    sctp_receive(ends[1].sctp, bytes_of(packet, total));
    pass(1);
}

/* 104 bytes each: a small packet would cost us 7 MB. */
static void nobody_gets_65535_streams(void **state)
{
    static const uint8_t kinds[] = {PARAMETER_ADD_INCOMING, PARAMETER_ADD_OUTGOING};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        uint8_t request[12] = {0, kinds[i], 0, 12, [8] = 0xfe};

        begin_up((struct line){.delay_ms = 1});
        write32(request + 4, ends[0].tsn);
        ends[1].result = UINT32_MAX;
        send_chunk(CHUNK_RECONFIG, request, sizeof(request));
        until(ends[1].result != UINT32_MAX);
        assert_int_equal(ends[1].result, RESULT_DENIED);
        assert_true(send_message(&ends[0], 0, 1000));
        until(ends[1].received[0] == 1000);
        end_both(NULL);
    }
}

static void what_is_sent_on_too_high_a_stream_is_refused(void **state)
{
    (void)state;
    begin_up((struct line){.delay_ms = 1});
    assert_int_equal(sctp_send(ends[0].sctp, SCTP_STREAMS, 53, bytes_of("x", 1)), SCTP_GONE);
    assert_int_equal(sctp_send(ends[0].sctp, UINT16_MAX, 53, bytes_of("x", 1)), SCTP_GONE);
    assert_true(send_message(&ends[0], 0, 1));
    until(ends[1].received[0] == 1);
}

/* ---- the end */

static void who_is_freed_tells_the_other(void **state)
{
    (void)state;
    begin_up((struct line){.delay_ms = 5});
    send_message(&ends[0], 0, 64 << 10);
    sctp_free(&ends[0].sctp);
    until(ends[1].why != NULL);
    assert_int_equal(sctp_send(ends[1].sctp, 0, 53, bytes_of("x", 1)), SCTP_GONE);
    pass(1000);
}

static void who_vanishes_is_missed(void **state)
{
    (void)state;
    begin_up((struct line){.delay_ms = 5});
    ends[0].line.is_cut = ends[1].line.is_cut = true;
    send_message(&ends[0], 0, 1000);
    until(ends[0].why != NULL);
    /* Who has nothing to say asks now and then. */
    until(ends[1].why != NULL);
}

static void who_never_was_there_is_given_up(void **state)
{
    (void)state;
    begin((struct line){.is_cut = true});
    until(ends[0].why != NULL && ends[1].why != NULL);
    assert_false(ends[0].is_up);
}

static void both_can_end_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        begin((struct line){.delay_ms = 2, .jitter_ms = 3});
        pass((uint32_t)i); /* in the midst of the handshake, too */
        if (ends[0].is_up)
            send_message(&ends[0], 0, 64 << 10);
        sctp_free(&ends[0].sctp);
        sctp_free(&ends[1].sctp);
        pass(10);
    }
}

/* An INIT of somebody who lost all state. Nobody does that with WebRTC: a new connection is made.
 */
static void who_begins_anew_is_closed(void **state)
{
    (void)state;
    begin_up((struct line){.delay_ms = 1});
    ends[0].line.is_cut = true; /* its goodbye */
    sctp_free(&ends[0].sctp);
    begin_end(&ends[0], &ends[1], &(struct line){.delay_ms = 1});
    until(ends[1].why != NULL);
}

/* ---- garbage */

/* Every packet of a transfer again, with some bytes changed and a right checksum. */
static void mutate(void *arg, struct bytes packet)
{
    struct end *end = arg;
    uint8_t copy[MTU];
    size_t len = packet.len;

    look(arg, packet);
    if (!ends[0].is_up || !ends[1].is_up || end->other->sctp == NULL)
        return;
    memcpy(copy, packet.data, len);
    for (uint32_t i = line_dice(4); i-- > 0;)
        copy[12 + line_dice((uint32_t)len - 12)] = (uint8_t)line_dice(256);
    if (line_dice(4) == 0)
        len = MAX(16, line_dice((uint32_t)len + 1));
    sign(copy, len);
    line_put(&end->line, bytes_of(copy, len));
}

static void take_anything(void *arg, uint16_t stream, uint32_t ppid, struct bytes part, bool is_end)
{
    (void)arg;
    (void)stream;
    (void)ppid;
    (void)is_end;
    assert_true(part.len <= SCTP_PART_MAX);
}

/* Who is allowed to send garbage may end its own association, and nothing else. */
static void garbage_does_no_harm(void **state)
{
    struct sctp_events lenient = events;

    (void)state;
    lenient.on_received = take_anything;
    for (int round = 0; round < 60; round++) {
        begin((struct line){.delay_ms = 2, .jitter_ms = 2});
        for (int i = 0; i < 2; i++) {
            struct error error;

            ends[i].line.look = mutate;
            sctp_free(&ends[i].sctp);
            ends[i].sctp = sctp_new(PORT, PORT, &lenient, &ends[i], &error);
        }
        for (int i = 0; i < 300 && ends[0].why == NULL && ends[1].why == NULL; i++) {
            uint8_t data[3000] = {0};

            for (int j = 0; j < 2 && ends[0].is_up && ends[1].is_up; j++) {
                sctp_send(ends[j].sctp, (uint16_t)line_dice(SCTP_STREAMS), 53,
                          bytes_of(data, 1 + line_dice(sizeof(data) - 1)));
                if (line_dice(20) == 0)
                    sctp_reset(ends[j].sctp, (uint16_t)line_dice(SCTP_STREAMS));
            }
            pass(1);
        }
        end_both(NULL);
    }
    everything_arrives_in_order_and_once(NULL);
}

static int begin_all(void **state)
{
    (void)state;
    sctp_begin(MTU);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    sctp_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(everything_arrives_in_order_and_once, end_both),
        cmocka_unit_test_teardown(a_handshake_survives_losses, end_both),
        cmocka_unit_test_teardown(nothing_times_out_on_a_long_line, end_both),
        cmocka_unit_test_teardown(who_pauses_is_sent_no_more_than_fits, end_both),
        cmocka_unit_test_teardown(a_stream_can_be_used_again_after_a_reset, end_both),
        cmocka_unit_test_teardown(many_resets_at_once_are_all_told, end_both),
        cmocka_unit_test_teardown(nobody_gets_65535_streams, end_both),
        cmocka_unit_test_teardown(what_is_sent_on_too_high_a_stream_is_refused, end_both),
        cmocka_unit_test_teardown(who_is_freed_tells_the_other, end_both),
        cmocka_unit_test_teardown(who_vanishes_is_missed, end_both),
        cmocka_unit_test_teardown(who_never_was_there_is_given_up, end_both),
        cmocka_unit_test_teardown(both_can_end_at_once, end_both),
        cmocka_unit_test_teardown(who_begins_anew_is_closed, end_both),
        cmocka_unit_test_teardown(garbage_does_no_harm, end_both),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
