/* SPDX-License-Identifier: MIT
 *
 * redis: where Redis is, and how one logs in; for all who speak with it (store_redis.c, relay.c).
 */
#ifndef ROOM_REDIS_H
#define ROOM_REDIS_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "base/error.h"

enum { REDIS_NUMBER_TEXT = 24 };

struct redis_address {
    char host[256], user[64], database[REDIS_NUMBER_TEXT];
    const char *password; /* borrowed; "": none */
    unsigned port;
};

/* `url`: redis://[user@]host[:port][/database]. `password` must live as long as `out`. ERR_CONFIG.
 */
enum err redis_address_read(const char *url, const char *password, struct redis_address *out,
                            struct error *error);
/* Each step waits so long at most, as all commands do afterwards. NULL: ERR_UNAVAILABLE. */
redisContext *redis_log_in(const struct redis_address *address, uint32_t patience_ms,
                           struct error *error);
struct timeval redis_timeval(uint32_t ms);

#endif
