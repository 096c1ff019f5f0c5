/* SPDX-License-Identifier: MIT
 *
 * candidates: to which of the addresses that a description names we send. Pure.
 *
 * Strangers write them, and ICE sends checks to all of them: to this machine itself, or to others
 * that only we can reach. So what is taken is what a browser can have and we can reach as anybody
 * could. Nobody is shut out: checks of the other come to us, and are answered to where they came
 * from.
 */
#ifndef RTC_CANDIDATES_H
#define RTC_CANDIDATES_H

#include "wire/sdp.h"

enum {
    CANDIDATES_MAX = 10, /* taken of one description */
    CANDIDATES_OURS_MAX = 8,
};

/* IPv4 mapped into IPv6. */
struct candidates_policy {
    uint8_t ours[CANDIDATES_OURS_MAX][16];
    size_t count;
    uint8_t avoided_ip[16]; /* never with this port, which is none of a browser's; 0: none */
    uint16_t avoided_port;
};

/* Adds an address of ours; false: it is none, or there are too many. */
bool candidates_add_ours(struct candidates_policy *policy, const char *text);
/* Takes out of a description what nothing is sent to; returns how many those are. */
size_t candidates_choose(const struct candidates_policy *policy, struct sdp *remote);

#endif
