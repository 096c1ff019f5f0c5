/* SPDX-License-Identifier: MIT
 *
 * door: how often somebody from one address may try to get in. A small table; an address that
 * finds it full takes the place of the one that was idle for longest, so memory never grows.
 */
#ifndef ROOM_DOOR_H
#define ROOM_DOOR_H

#include "bucket.h"

enum { DOOR_ADDRESSES = 64 };

struct door {
    struct door_address {
        uint64_t hash; /* 0: free */
        struct bucket bucket;
    } addresses[DOOR_ADDRESSES];
};

/* An empty address (the server's own) is never limited. */
bool door_takes(struct door *door, const char *address, const struct bucket_rule *rule,
                uint32_t cost, int64_t now_ms);
/* Of what was taken just now. */
void door_gives_back(struct door *door, const char *address, uint32_t tokens);

#endif
