/* SPDX-License-Identifier: MIT
 *
 * ice_list: STUN and TURN servers as a client is told of them. Pure: what the settings or
 * Cloudflare name goes in, what RTCPeerConnection takes comes out.
 */
#ifndef ROOM_ICE_LIST_H
#define ROOM_ICE_LIST_H

#include <jansson.h>

#include "wire/turn.h"

enum { ICE_SERVERS_MAX = 32, ICE_TEXT_MAX = 512 };

/* One URL each: lists of them are not understood by every client. */
struct ice_server {
    bool is_relay;
    char url[TURN_URL_MAX + 1];
    char username[ICE_TEXT_MAX + 1], credential[ICE_TEXT_MAX + 1]; /* "" unless it is a relay */
};

struct ice_list {
    size_t count;
    struct ice_server items[ICE_SERVERS_MAX];
};

/* A server that is listed already is left out, as are those beyond ICE_SERVERS_MAX. Text that is
 * longer than fits is a mistake of the caller. */
void ice_list_add(struct ice_list *list, const struct ice_server *server);

/* Reads what Cloudflare answers: "iceServers" may be a list or one object, "urls" a list or one
 * text. URLs that browsers refuse, or that name port 53, are left out. False when no relay that can
 * be used is among them. */
bool ice_list_parse(struct bytes reply, struct ice_list *out);

/* [{"urls":"turn:...","username":"...","credential":"..."}, ...] */
json_t *ice_list_json(const struct ice_list *list);

#endif
