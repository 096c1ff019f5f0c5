/* SPDX-License-Identifier: MIT
 *
 * gateway_limits: what http-svc grants to the actors behind it, known to both sides.
 */
#ifndef SVC_GATEWAY_LIMITS_H
#define SVC_GATEWAY_LIMITS_H

enum {
    GATEWAY_GROUPS_MAX = 64,      /* that one connection is in */
    GATEWAY_GROUP_NAME_MAX = 200, /* bytes */
    GATEWAY_TAG_MAX = 64 << 10,
};

#endif
