/* SPDX-License-Identifier: MIT
 *
 * ice: the STUN and TURN servers that clients are told of, by which two of them find a way to each
 * other (WebRTC).
 */
#ifndef ROOM_ICE_H
#define ROOM_ICE_H

#include <jansson.h>

#include "room_settings.h"

/* A list as RTCPeerConnection takes it. One URL per entry: a list in `urls` is not understood by
 * every client. */
json_t *ice_servers(const struct room_settings *settings);

#endif
