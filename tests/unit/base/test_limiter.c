/* SPDX-License-Identifier: MIT */
#include "base/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void addresses_are_limited_each_for_itself(void **state)
{
    static const uint8_t one[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1},
                         two[16] = {[10] = 0xff, 0xff, 10, 0, 0, 2},
                         here[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1}, here6[16] = {[15] = 1},
                         six[16] = {0x20, 1, [15] = 1}, same[16] = {0x20, 1, [15] = 2};
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    unsigned taken = 0;

    (void)state;
    limiter->per_s = 10;
    for (unsigned i = 0; i < 100; i++)
        taken += limiter_takes(limiter, one, 5);
    assert_int_equal(taken, 10 * LIMITER_BURST_S);
    assert_true(limiter_takes(limiter, two, 5));
    assert_true(limiter_takes(limiter, one, 6));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(limiter_takes(limiter, i % 2 == 0 ? here : here6, 5));
    /* One customer has a whole /64. */
    for (unsigned i = 0; i < 10 * LIMITER_BURST_S; i++)
        assert_true(limiter_takes(limiter, six, 5));
    assert_false(limiter_takes(limiter, same, 5));
    limiter->per_s = 0;
    assert_true(limiter_takes(limiter, same, 5));
    free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_limited_each_for_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
