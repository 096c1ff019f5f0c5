/* SPDX-License-Identifier: MIT */
#include "pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* after those */
#include <cmocka.h>

#include "base/must.h"

enum { DATAGRAM = 1200, US = 1000, RATE = 1200 * 1000 }; /* one a millisecond */

/* Its number, in a datagram of this size. */
static struct bytes datagram(uint32_t number, size_t len)
{
    static uint8_t data[DATAGRAM];

    memcpy(data, &number, sizeof(number));
    return bytes_of(data, len);
}

static uint32_t number_of(struct bytes data)
{
    uint32_t number;

    memcpy(&number, data.data, sizeof(number));
    return number;
}

static void without_a_pace_nothing_waits(void **state)
{
    struct pacer pacer = {0};
    struct bytes out;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++)
        assert_false(pacer_keeps(&pacer, datagram(i, DATAGRAM), 1));
    assert_false(pacer_next(&pacer, 1, &out));
    pacer_fini(&pacer);
}

static void a_window_is_spread_in_its_order(void **state)
{
    enum { COUNT = 200 };
    uint32_t now = 0, kept = 0, next;
    struct pacer pacer = {0};
    uint64_t us = 5000000;
    struct bytes out;

    (void)state;
    pacer_set(&pacer, RATE);
    for (uint32_t i = 0; i < COUNT; i++) {
        /* Once one has to wait all behind it wait, small ones too. */
        if (pacer_keeps(&pacer, datagram(i, i % 7 == 0 ? 60 : DATAGRAM), us))
            kept++;
        else
            assert_int_equal(now++, i);
    }
    assert_in_range(now, 1, PACER_BURST / 60);
    assert_int_equal(now + kept, COUNT);
    assert_int_equal(kept, COUNT - now);
    next = now;
    for (unsigned ms = 1; !pacer_is_empty(&pacer); ms++) {
        unsigned at_once = 0;

        assert_in_range(ms, 1, COUNT);
        for (us += US; pacer_next(&pacer, us, &out); at_once++)
            assert_int_equal(number_of(out), next++);
        assert_in_range(at_once, 0, 3);
    }
    assert_int_equal(next, COUNT);
    assert_false(pacer_next(&pacer, us, &out));
    assert_int_equal(pacer.queue.len, 0);
    pacer_fini(&pacer);
}

static void late_ticks_make_up_for_some_of_it(void **state)
{
    struct pacer pacer = {0};
    struct bytes out;
    unsigned count = 0;

    (void)state;
    pacer_set(&pacer, 100 * RATE);
    for (uint32_t i = 0; i < 2000; i++)
        pacer_keeps(&pacer, datagram(i, DATAGRAM), 1000);
    while (pacer_next(&pacer, 1000, &out))
        count++;
    assert_int_equal(count, 0);
    while (pacer_next(&pacer, 1000 + PACER_LATE_MS * US, &out))
        count++;
    assert_int_equal(count, 100 * PACER_LATE_MS);
    /* Not for an hour. */
    while (pacer_next(&pacer, 3600ULL * 1000 * US, &out))
        count++;
    assert_int_equal(count, 200 * PACER_LATE_MS);
    pacer_fini(&pacer);
}

static void what_waits_goes_when_the_pace_is_given_up(void **state)
{
    struct pacer pacer = {0};
    unsigned kept = 0;
    struct bytes out;

    (void)state;
    pacer_set(&pacer, RATE);
    for (uint32_t i = 0; i < 100; i++)
        kept += pacer_keeps(&pacer, datagram(i, DATAGRAM), 1000);
    assert_true(kept > 50);
    pacer_set(&pacer, 0);
    assert_true(pacer_keeps(&pacer, datagram(100, DATAGRAM), 1000));
    kept++;
    while (pacer_next(&pacer, 1000, &out))
        kept--;
    assert_int_equal(kept, 0);
    assert_false(pacer_keeps(&pacer, datagram(101, DATAGRAM), 1000));
    pacer_fini(&pacer);
}

static void the_queue_has_a_limit(void **state)
{
    struct pacer pacer = {0};
    size_t kept = 0;

    (void)state;
    pacer_set(&pacer, 1);
    for (uint32_t i = 0; i < 2 * PACER_QUEUE_MAX / DATAGRAM; i++)
        kept += pacer_keeps(&pacer, datagram(i, DATAGRAM), 1000) ? DATAGRAM : 0;
    assert_in_range(kept, PACER_QUEUE_MAX / 2, PACER_QUEUE_MAX);
    pacer_fini(&pacer);
}

static void a_queue_that_is_never_empty_stays_small(void **state)
{
    struct pacer pacer = {0};
    uint32_t in = 0, expected = 0;
    uint64_t us = 1000;
    struct bytes out;

    (void)state;
    pacer_set(&pacer, RATE);
    while (in < 100)
        if (!pacer_keeps(&pacer, datagram(in++, DATAGRAM), us))
            expected++;
    for (unsigned ms = 0; ms < 20000; ms++) {
        us += US;
        while (pacer_next(&pacer, us, &out)) {
            assert_int_equal(number_of(out), expected++);
            assert_true(pacer_keeps(&pacer, datagram(in++, DATAGRAM), us));
        }
    }
    assert_in_range(expected, 15000, 25000);
    assert_in_range(pacer.queue.cap, 1, 1 << 20);
    pacer_fini(&pacer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_pace_nothing_waits),
        cmocka_unit_test(a_window_is_spread_in_its_order),
        cmocka_unit_test(late_ticks_make_up_for_some_of_it),
        cmocka_unit_test(what_waits_goes_when_the_pace_is_given_up),
        cmocka_unit_test(the_queue_has_a_limit),
        cmocka_unit_test(a_queue_that_is_never_empty_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
