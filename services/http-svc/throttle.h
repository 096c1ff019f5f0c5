/* SPDX-License-Identifier: MIT
 *
 * throttle: how much one address may ask for: open connections, and requests per second with a
 * burst. Pure: no clock, no lock (the caller has both). Its table is bounded; addresses that are
 * idle make room.
 */
#ifndef HTTP_THROTTLE_H
#define HTTP_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "forwarded.h"

/* IPv4 mapped into IPv6; of IPv6 only the /64, which is what one customer has. */
struct address {
    uint8_t bytes[16];
};

struct throttle_limits {
    uint64_t connections;    /* per address; 0 = any */
    uint64_t requests_per_s; /* per address; 0 = any. Four seconds' worth may come at once */
    bool counts_loopback;    /* else this machine is not limited */
    size_t max_addresses;    /* remembered at once */
};

struct throttle;

struct address address_of(const struct sockaddr *sockaddr);
struct address address_of_ip(const struct ip *ip);
bool address_is_loopback(const struct address *address);

struct throttle *throttle_new(const struct throttle_limits *limits);
void throttle_free(struct throttle **throttle);

/* False: too many are open (this one was not counted; do not disconnect it). */
bool throttle_connect(struct throttle *throttle, const struct address *address, uint64_t now_ms);
void throttle_disconnect(struct throttle *throttle, const struct address *address);
/* 0 = go on, else the seconds after which to try again. */
unsigned throttle_request(struct throttle *throttle, const struct address *address,
                          uint64_t now_ms);
size_t throttle_addresses(const struct throttle *throttle);

#endif
