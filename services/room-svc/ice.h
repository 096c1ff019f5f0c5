/* SPDX-License-Identifier: MIT
 *
 * ice: by which servers two clients find a way to each other (WebRTC), and who is told of which.
 * Pure: settings, what Cloudflare gave and the time go in, a list comes out.
 *
 * STUN is for everybody. Relays (TURN) carry traffic at our expense, so credentials are for members
 * of rooms, and for strangers only when room.public_turn says so.
 */
#ifndef ROOM_ICE_H
#define ROOM_ICE_H

#include "base/error.h"
#include "room_settings.h"
#include "turn_cache.h"

struct ice {
    const struct room_settings *settings;
    struct ice_list fixed;        /* of the settings */
    struct turn_cache cloudflare; /* filled by ice_front.c */
};

struct ice_asker {
    bool is_member;
    struct bytes name; /* one asker is to have one: quotas of the relay count by it */
    uint64_t now_ms, unix_s;
};

/* ERR_CONFIG: what the settings say is no server, or cannot be used. */
enum err ice_init(struct ice *ice, const struct room_settings *settings, struct error *error);
bool ice_has_cloudflare(const struct ice *ice);
/* *ttl_s_out: for how long the credentials hold. */
void ice_gather(const struct ice *ice, const struct ice_asker *asker, struct ice_list *out,
                uint64_t *ttl_s_out);

#endif
