/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static bool v4_is_private(const uint8_t *b)
{
    return b[0] == 0 || b[0] == 10 || b[0] == 127 || (b[0] == 100 && (b[1] & 0xc0) == 64) ||
           (b[0] == 169 && b[1] == 254) || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
           (b[0] == 192 && b[1] == 168) || (b[0] == 192 && b[1] == 0 && b[2] == 0) ||
           (b[0] == 198 && (b[1] & 0xfe) == 18) || b[0] >= 224;
}

bool address_is_private(int family, const void *address)
{
    static const uint8_t zero[12], nat64[12] = {0, 0x64, 0xff, 0x9b};
    const uint8_t *b = address;

    if (family == AF_INET)
        return v4_is_private(b);
    /* Roads to IPv4: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056). */
    if (address_is_mapped(b) || memcmp(b, nat64, sizeof(nat64)) == 0)
        return v4_is_private(b + 12);
    if (b[0] == 0x20 && b[1] == 0x02)
        return v4_is_private(b + 2);
    return memcmp(b, zero, sizeof(zero)) == 0 || (b[0] & 0xfe) == 0xfc ||
           (b[0] == 0xfe && (b[1] & 0x80) != 0) || b[0] == 0xff;
}
