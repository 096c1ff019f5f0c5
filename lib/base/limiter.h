/* SPDX-License-Identifier: MIT
 *
 * limiter: how many requests one address may make. A fixed table of token buckets: an address that
 * falls on the bucket of another one takes it over, so a crowd is limited a little less, and memory
 * never grows. Pure: the clock is passed in.
 */
#ifndef BASE_LIMITER_H
#define BASE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMITER_BUCKETS = 16384, LIMITER_BURST_S = 4 };

struct limiter {
    uint32_t per_s; /* 0: nobody is limited */
    uint64_t seed;
    struct limiter_bucket {
        uint32_t address; /* hash of */
        uint32_t tokens;
        uint32_t filled_s;
    } buckets[LIMITER_BUCKETS];
};

/* `ip`: IPv6 (of which the /64 counts), or IPv4 mapped into it. This machine's own addresses are
 * never limited. */
bool limiter_takes(struct limiter *limiter, const uint8_t ip[16], uint32_t now_s);

#endif
