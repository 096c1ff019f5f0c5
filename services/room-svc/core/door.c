/* SPDX-License-Identifier: MIT */
#include "door.h"

#include "base/bytes.h"

static uint64_t hash_of(const char *address)
{
    return bytes_hash(bytes_of_text(address), 0) | 1;
}

bool door_takes(struct door *door, const char *address, const struct bucket_rule *rule,
                uint32_t cost, int64_t now_ms)
{
    uint64_t hash = hash_of(address);
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

void door_gives_back(struct door *door, const char *address, uint32_t tokens)
{
    uint64_t hash = hash_of(address);

    for (unsigned i = 0; i < DOOR_ADDRESSES; i++)
        if (door->addresses[i].hash == hash)
            door->addresses[i].bucket.level += (int64_t)tokens * BUCKET_TOKEN;
}
