/* SPDX-License-Identifier: MIT */
#include "bucket.h"

#include "base/must.h"

bool bucket_take(struct bucket *bucket, const struct bucket_rule *rule, uint32_t cost,
                 int64_t now_ms)
{
    int64_t full = (int64_t)rule->burst * BUCKET_TOKEN;
    /* After so long it is full in any case. */
    int64_t passed_ms = MIN(MAX(now_ms - bucket->at_ms, 0), 1000000000);

    bucket->level = MIN(bucket->level + passed_ms * rule->per_1000s, full);
    bucket->at_ms = now_ms;
    if (bucket->level < (int64_t)cost * BUCKET_TOKEN)
        return false;
    bucket->level -= (int64_t)cost * BUCKET_TOKEN;
    return true;
}
