/* SPDX-License-Identifier: MIT */
#include "door.h"

#include "base/bytes.h"

bool door_takes(struct door *door, const char *address, const struct bucket_rule *rule,
                uint32_t cost, int64_t now_ms)
{
    uint64_t hash = bytes_hash(bytes_of_text(address), 0) | 1;
    struct door_address *found = &door->addresses[0];

    if (address[0] == '\0')
        return true;
    for (unsigned i = 0; i < DOOR_ADDRESSES && found->hash != hash; i++)
        if (door->addresses[i].hash == hash ||
            door->addresses[i].bucket.at_ms < found->bucket.at_ms)
            found = &door->addresses[i];
    if (found->hash != hash)
        *found = (struct door_address){.hash = hash};
    return bucket_take(&found->bucket, rule, cost, now_ms);
}
