/* SPDX-License-Identifier: MIT */
#include "base/limiter.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/must.h"

static bool is_loopback(const uint8_t ip[16])
{
    static const uint8_t loopback6[16] = {[15] = 1};

    return address_is_mapped(ip) ? ip[12] == 127 : memcmp(ip, loopback6, sizeof(loopback6)) == 0;
}

bool limiter_takes(struct limiter *limiter, const uint8_t ip[16], uint32_t now_s)
{
    bool is_ipv4 = address_is_mapped(ip);
    struct limiter_bucket *bucket;
    uint64_t full, hash;

    if (limiter->per_s == 0 || is_loopback(ip))
        return true;
    hash = bytes_hash(bytes_of(ip, is_ipv4 ? 16 : 8), limiter->seed);
    hash ^= hash >> 29;
    bucket = &limiter->buckets[hash % LIMITER_BUCKETS];
    full = (uint64_t)limiter->per_s * LIMITER_BURST_S;
    if (bucket->address != (uint32_t)(hash >> 32)) {
        bucket->address = (uint32_t)(hash >> 32);
        bucket->tokens = (uint32_t)full;
        bucket->filled_s = now_s;
    }
    if (bucket->filled_s != now_s) {
        bucket->tokens = (uint32_t)MIN(full, bucket->tokens + (uint64_t)(now_s - bucket->filled_s) *
                                                                  limiter->per_s);
        bucket->filled_s = now_s;
    }
    if (bucket->tokens == 0)
        return false;
    bucket->tokens--;
    return true;
}
