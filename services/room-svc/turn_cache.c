/* SPDX-License-Identifier: MIT */
#include "turn_cache.h"

#include "base/must.h"

bool turn_cache_is_due(const struct turn_cache *cache, uint64_t now_ms)
{
    return now_ms >= cache->due_ms;
}

void turn_cache_fill(struct turn_cache *cache, const struct ice_list *list, uint64_t asked_ms,
                     uint64_t ttl_ms)
{
    cache->list = *list;
    cache->due_ms = asked_ms + ttl_ms / 5 * 4;
    cache->expires_ms = asked_ms + ttl_ms;
    cache->failures = 0;
}

uint64_t turn_cache_fail(struct turn_cache *cache, uint64_t now_ms)
{
    uint64_t pause_ms = TURN_CACHE_RETRY_MS;

    for (unsigned i = 0; i < cache->failures && pause_ms < TURN_CACHE_RETRY_MAX_MS; i++)
        pause_ms *= 2;
    pause_ms = MIN(pause_ms, TURN_CACHE_RETRY_MAX_MS);
    cache->failures++;
    cache->due_ms = now_ms + pause_ms;
    return pause_ms;
}

const struct ice_list *turn_cache_list(const struct turn_cache *cache, uint64_t now_ms)
{
    return now_ms + TURN_CACHE_SPARE_MS <= cache->expires_ms ? &cache->list : NULL;
}
