/* SPDX-License-Identifier: MIT
 *
 * turn_cache: credentials that somebody else made, for how long they are handed out, and when new
 * ones are asked for. Pure: the clock is passed in.
 *
 * New ones are asked for after 80 % of their life; when that fails, again after a pause that
 * doubles, while the old ones are handed out as long as they are worth anything.
 */
#ifndef ROOM_TURN_CACHE_H
#define ROOM_TURN_CACHE_H

#include "ice_list.h"

enum {
    TURN_CACHE_RETRY_MS = 2000,
    TURN_CACHE_RETRY_MAX_MS = 600000,
    TURN_CACHE_SPARE_MS = 60000, /* a client is to have them for so long at least */
};

struct turn_cache {
    struct ice_list list;
    uint64_t due_ms, expires_ms;
    unsigned failures; /* in a row */
};

bool turn_cache_is_due(const struct turn_cache *cache, uint64_t now_ms);
/* `asked_ms`: their life began no earlier. */
void turn_cache_fill(struct turn_cache *cache, const struct ice_list *list, uint64_t asked_ms,
                     uint64_t ttl_ms);
/* Returns after how long to ask again. */
uint64_t turn_cache_fail(struct turn_cache *cache, uint64_t now_ms);
/* NULL when there are none. */
const struct ice_list *turn_cache_list(const struct turn_cache *cache, uint64_t now_ms);

#endif
