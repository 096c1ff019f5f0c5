/* SPDX-License-Identifier: MIT
 *
 * address: what can be told of an address of the internet by looking at it.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* True for addresses that a stranger's URL must not reach: loopback, private, link-local,
 * unique-local, multicast, unspecified, reserved; also in IPv6 clothes. `family` is AF_INET or
 * AF_INET6, `address` 4 or 16 bytes. */
bool address_is_private(int family, const void *address);

/* IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2): ::ffff:192.0.2.7. */
static const uint8_t address_mapped[12] = {[10] = 0xff, [11] = 0xff};

static inline bool address_is_mapped(const uint8_t ip[16])
{
    return memcmp(ip, address_mapped, sizeof(address_mapped)) == 0;
}

static inline void address_map(const void *ipv4, uint8_t ip[16])
{
    memcpy(ip, address_mapped, sizeof(address_mapped));
    memcpy(ip + sizeof(address_mapped), ipv4, 4);
}

#endif
