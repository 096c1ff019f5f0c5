/* SPDX-License-Identifier: MIT
 *
 * bridge_address: by which addresses rtc-svc comes to torrent-svc on behalf of browsers: one of
 * 127.64.0.0/10 for each, so that what torrent-svc knows of a peer, and what it bans, is of one
 * browser. No other program uses them, and nobody elsewhere can.
 */
#ifndef WIRE_BRIDGE_ADDRESS_H
#define WIRE_BRIDGE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define BRIDGE_NET_FIRST "127.64.0.0"
#define BRIDGE_NET_LAST  "127.127.255.255"
enum { BRIDGE_NET = 0x7f400000, BRIDGE_BITS = 22 };

/* Host byte order; `number` counts from 0 and begins again at 2^22. */
static inline uint32_t bridge_address(uint32_t number)
{
    return BRIDGE_NET | (number & ((1u << BRIDGE_BITS) - 1));
}

static inline bool bridge_address_is(uint32_t address)
{
    return address >> BRIDGE_BITS == BRIDGE_NET >> BRIDGE_BITS;
}

#endif
