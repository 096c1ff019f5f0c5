/* SPDX-License-Identifier: MIT */
#include "dtls.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "line.h"

enum {
    TICK_MS = 50,
    LONG_MS = 600 * 1000,
    DATAGRAMS_KEPT = 64,
    /* RFC 6347 */
    RECORD_HEAD = 13,
    MESSAGE_HEAD = 12,
    SEQUENCE = 10, /* the last byte of a record's number */
};

struct end {
    struct dtls *dtls;
    struct end *other;
    struct line line; /* to the other */
    bool is_up;
    const char *why;
    uint64_t sent, received;
};

static struct end ends[2]; /* the client is the first */
static struct dtls_identity *identities[2];

static void on_send(void *arg, struct bytes datagram)
{
    struct end *end = arg;

    assert_true(datagram.len <= DTLS_MTU);
    line_send(&end->line, datagram);
}

static void on_up(void *arg)
{
    struct end *end = arg;

    assert_false(end->is_up);
    assert_null(end->why);
    end->is_up = true;
}

/* Each message is its number, a few times. */
static void on_received(void *arg, struct bytes data)
{
    struct end *end = arg;

    assert_true(end->is_up);
    assert_int_equal(data.len, 1000);
    for (size_t i = 1; i < data.len; i++)
        assert_int_equal(data.data[i], data.data[0]);
    end->received++;
}

static void on_closed(void *arg, const char *why)
{
    struct end *end = arg;

    assert_null(end->why);
    end->why = why;
}

static const struct dtls_events events = {
    .send = on_send, .on_up = on_up, .on_received = on_received, .on_closed = on_closed};

static void deliver(void *arg, struct bytes datagram)
{
    struct end *other = ((struct end *)arg)->other;

    if (other->dtls != NULL)
        dtls_receive(other->dtls, datagram);
}

static void pass(uint32_t ms)
{
    while (ms-- > 0) {
        bool is_more = true;

        line_now_ms++;
        for (int i = 0; i < 2 && line_now_ms % TICK_MS == 0; i++)
            if (ends[i].dtls != NULL)
                dtls_tick(ends[i].dtls);
        while (is_more) {
            is_more = line_turn(&ends[0].line);
            is_more = line_turn(&ends[1].line) || is_more;
        }
    }
}

#define until(cond)                                                                                \
    for (uint64_t give_up_ms = line_now_ms + LONG_MS; !(cond); pass(1))                            \
    assert_true(line_now_ms < give_up_ms)

static void begin(struct line like)
{
    for (int i = 0; i < 2; i++) {
        line_clear(&ends[i].line);
        ends[i] = (struct end){.other = &ends[!i], .line = like};
        ends[i].line.arg = &ends[i];
        ends[i].line.deliver = deliver;
        ends[i].dtls = dtls_new(identities[i], i == 0, dtls_identity_fingerprint(identities[!i]),
                                &events, &ends[i]);
    }
}

static void begin_up(struct line like)
{
    begin(like);
    dtls_start(ends[0].dtls);
    until(ends[0].is_up && ends[1].is_up);
}

static int end_both(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        dtls_free(&ends[i].dtls);
        line_clear(&ends[i].line);
    }
    return 0;
}

static bool send_one(struct end *end)
{
    uint8_t data[1000];

    memset(data, (int)end->sent++, sizeof(data));
    return dtls_send(end->dtls, bytes_of(data, sizeof(data)));
}

static void both_ways_work(void)
{
    uint64_t before[2] = {ends[0].received, ends[1].received};

    for (int i = 0; i < 100; i++) {
        assert_true(send_one(&ends[0]));
        assert_true(send_one(&ends[1]));
    }
    until(ends[0].received >= before[0] + 100 && ends[1].received >= before[1] + 100);
}

static void hands_are_shaken(void **state)
{
    (void)state;
    begin((struct line){.delay_ms = 5});
    assert_false(send_one(&ends[0]));
    dtls_start(ends[0].dtls);
    until(ends[0].is_up && ends[1].is_up);
    both_ways_work();
}

static void a_handshake_survives_what_datagrams_suffer(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        begin_up((struct line){
            .delay_ms = 5, .jitter_ms = 30, .lost_of_1000 = 150, .doubled_of_1000 = 200});
        /* Who is more than 64 late is dropped as a repetition (RFC 6347, 4.1.2.6). */
        ends[0].line.lost_of_1000 = ends[1].line.lost_of_1000 = 0;
        ends[0].line.jitter_ms = ends[1].line.jitter_ms = 0;
        pass(100);
        both_ways_work();
        end_both(NULL);
    }
}

/* The server is up and says no more by itself; the client asks again. */
static void the_last_flight_may_be_lost(void **state)
{
    (void)state;
    begin((struct line){.delay_ms = 5});
    dtls_start(ends[0].dtls);
    until(ends[1].is_up);
    line_clear(&ends[1].line);
    until(ends[0].is_up);
    both_ways_work();
}

static void somebody_else_is_closed_before_anything_is_passed_on(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        uint8_t wrong[DTLS_FINGERPRINT];

        begin((struct line){.delay_ms = 5});
        memcpy(wrong, dtls_identity_fingerprint(identities[!i]), sizeof(wrong));
        wrong[line_dice(DTLS_FINGERPRINT)] ^= (uint8_t)(1 + line_dice(255));
        dtls_free(&ends[i].dtls);
        ends[i].dtls = dtls_new(identities[i], i == 0, wrong, &events, &ends[i]);
        dtls_start(ends[0].dtls);
        until(ends[i].why != NULL);
        /* The other may believe that all is well. */
        if (ends[!i].is_up)
            send_one(&ends[!i]);
        pass(10000);
        assert_false(ends[i].is_up);
        assert_int_equal(ends[i].received, 0);
        assert_false(send_one(&ends[i]));
        end_both(NULL);
    }
}

static void who_closes_tells_the_other(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_up((struct line){.delay_ms = 5});
        dtls_free(&ends[i].dtls);
        until(ends[!i].why != NULL);
        assert_string_equal(ends[!i].why, "closed by the other");
        assert_false(send_one(&ends[!i]));
        end_both(NULL);
    }
}

static void a_client_without_a_server_gives_up(void **state)
{
    (void)state;
    begin((struct line){.is_cut = true});
    dtls_start(ends[0].dtls);
    until(ends[0].why != NULL);
    assert_true(ends[0].line.sent > 5);
    assert_null(ends[1].why); /* a server just waits */
}

static void two_clients_and_two_servers_get_nowhere(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin((struct line){.delay_ms = 5});
        dtls_free(&ends[i].dtls);
        ends[i].dtls = dtls_new(identities[i], i != 0, dtls_identity_fingerprint(identities[!i]),
                                &events, &ends[i]);
        dtls_start(ends[0].dtls);
        dtls_start(ends[1].dtls);
        pass(LONG_MS / 10);
        assert_false(ends[0].is_up || ends[1].is_up);
        end_both(NULL);
    }
}

/* ---- what strangers send */

static struct {
    size_t count, len[DATAGRAMS_KEPT];
    uint8_t data[DATAGRAMS_KEPT][DTLS_MTU];
} kept;

static void keep(void *arg, struct bytes datagram)
{
    (void)arg;
    if (kept.count == DATAGRAMS_KEPT)
        return;
    kept.len[kept.count] = datagram.len;
    memcpy(kept.data[kept.count++], datagram.data, datagram.len);
}

/* A part of the message in a record, as a record of its own. */
static void send_fragment(struct bytes record, size_t at, size_t len, uint8_t number)
{
    uint8_t out[DTLS_MTU];
    size_t head = RECORD_HEAD + MESSAGE_HEAD, body = MESSAGE_HEAD + len;

    memcpy(out, record.data, head);
    out[SEQUENCE] = number;
    out[RECORD_HEAD - 2] = (uint8_t)(body >> 8);
    out[RECORD_HEAD - 1] = (uint8_t)body;
    out[RECORD_HEAD + 6] = 0;
    out[RECORD_HEAD + 7] = (uint8_t)(at >> 8);
    out[RECORD_HEAD + 8] = (uint8_t)at;
    out[RECORD_HEAD + 9] = 0;
    out[RECORD_HEAD + 10] = (uint8_t)(len >> 8);
    out[RECORD_HEAD + 11] = (uint8_t)len;
    memcpy(out + head, record.data + head + at, len);
    dtls_receive(ends[1].dtls, bytes_of(out, head + len));
}

/* As those of browsers with large keys are, in any order. */
static void a_hello_in_pieces_is_taken(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct bytes hello;
        size_t body, piece;

        begin((struct line){.delay_ms = 5});
        kept.count = 0;
        ends[0].line.look = keep;
        ends[0].line.is_cut = true;
        dtls_start(ends[0].dtls);
        assert_int_equal(kept.count, 1);
        hello = bytes_of(kept.data[0], kept.len[0]);
        body = hello.len - RECORD_HEAD - MESSAGE_HEAD;
        piece = body / 3;
        ends[0].line.look = NULL;
        ends[0].line.is_cut = false;
        for (size_t j = 0; j < 3; j++) {
            size_t at = orders[i][j] * piece;

            /* Numbers that the client has yet to come to. */
            send_fragment(hello, at, orders[i][j] == 2 ? body - at : piece, (uint8_t)(30 + j));
        }
        until(ends[0].is_up && ends[1].is_up);
        both_ways_work();
        end_both(NULL);
    }
}

/* One of those that were sent, with some bytes changed. */
static void send_mutant(struct end *to, uint32_t changes)
{
    uint8_t out[DTLS_MTU];
    size_t which = line_dice((uint32_t)kept.count), len = kept.len[which];

    memcpy(out, kept.data[which], len);
    for (uint32_t i = 0; i < changes; i++)
        out[line_dice((uint32_t)len)] = (uint8_t)line_dice(256);
    if (line_dice(3) == 0)
        len = 1 + line_dice((uint32_t)len);
    dtls_receive(to->dtls, bytes_of(out, len));
}

/* Whatever is not sealed with the keys of both is dropped, old or new. */
static void garbage_does_not_end_an_association(void **state)
{
    (void)state;
    kept.count = 0;
    begin((struct line){.delay_ms = 5});
    ends[0].line.look = ends[1].line.look = keep;
    dtls_start(ends[0].dtls);
    until(ends[0].is_up && ends[1].is_up);
    both_ways_work();
    for (int i = 0; i < 20000; i++)
        send_mutant(&ends[i % 2], 1 + line_dice(8));
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[200];

        for (size_t j = 0; j < sizeof(noise); j++)
            noise[j] = (uint8_t)line_dice(256);
        noise[0] = (uint8_t)(20 + line_dice(7)); /* a kind of record */
        dtls_receive(ends[i % 2].dtls, bytes_of(noise, 1 + line_dice(sizeof(noise) - 1)));
    }
    both_ways_work();
    assert_null(ends[0].why);
    assert_null(ends[1].why);
}

/* By TCP a datagram may be as long as 64 KiB. */
static void a_datagram_larger_than_any_record_is_dropped(void **state)
{
    static uint8_t large[UINT16_MAX] = {23, 0xfe, 0xfd};

    (void)state;
    begin_up((struct line){.delay_ms = 5});
    for (size_t len = DTLS_RECORD_MAX - 100; len <= sizeof(large); len += 17)
        dtls_receive(ends[1].dtls, bytes_of(large, len));
    dtls_receive(ends[1].dtls, bytes_of(large, 0));
    both_ways_work();
}

/* Before the keys are there nobody can tell who sent it, so it may end the handshake. */
static void garbage_in_a_handshake_passes_nothing_on(void **state)
{
    unsigned up = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        kept.count = 0;
        begin((struct line){.delay_ms = 5, .jitter_ms = 5});
        ends[0].line.look = ends[1].line.look = keep;
        dtls_start(ends[0].dtls);
        for (int j = 0; j < 40; j++) {
            if (line_dice(15) == 0)
                send_mutant(&ends[line_dice(2)], line_dice(6));
            pass(1);
        }
        pass(5000);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(ends[j].received, 0);
            up += ends[j].is_up;
        }
        end_both(NULL);
    }
    assert_in_range(up, 1, 199); /* else nothing was tried */
}

static int begin_all(void **state)
{
    struct error error;

    (void)state;
    for (int i = 0; i < 2; i++) {
        identities[i] = dtls_identity_new(&error);
        assert_non_null(identities[i]);
    }
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    dtls_identity_free(&identities[0]);
    dtls_identity_free(&identities[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hands_are_shaken, end_both),
        cmocka_unit_test_teardown(a_handshake_survives_what_datagrams_suffer, end_both),
        cmocka_unit_test_teardown(the_last_flight_may_be_lost, end_both),
        cmocka_unit_test_teardown(somebody_else_is_closed_before_anything_is_passed_on, end_both),
        cmocka_unit_test_teardown(who_closes_tells_the_other, end_both),
        cmocka_unit_test_teardown(a_client_without_a_server_gives_up, end_both),
        cmocka_unit_test_teardown(two_clients_and_two_servers_get_nowhere, end_both),
        cmocka_unit_test_teardown(a_hello_in_pieces_is_taken, end_both),
        cmocka_unit_test_teardown(garbage_does_not_end_an_association, end_both),
        cmocka_unit_test_teardown(a_datagram_larger_than_any_record_is_dropped, end_both),
        cmocka_unit_test_teardown(garbage_in_a_handshake_passes_nothing_on, end_both),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
