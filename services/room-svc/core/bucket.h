/* SPDX-License-Identifier: MIT
 *
 * bucket: a token bucket: some at once, then so many a second. Zeroed it is full. Pure: the clock
 * is passed in.
 */
#ifndef ROOM_BUCKET_H
#define ROOM_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUCKET_TOKEN = 1000000 }; /* so that a rule's tokens in 1000 s are its level in a ms */

struct bucket {
    int64_t level; /* BUCKET_TOKEN for each token, at `at_ms` */
    int64_t at_ms;
};

struct bucket_rule {
    uint32_t burst;     /* tokens it holds */
    uint32_t per_1000s; /* tokens that it gets in 1000 s */
};

/* Takes `cost` tokens if it has them. */
bool bucket_take(struct bucket *bucket, const struct bucket_rule *rule, uint32_t cost,
                 int64_t now_ms);

#endif
