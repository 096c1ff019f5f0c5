/* SPDX-License-Identifier: MIT */
#include "candidates.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/must.h"

/* Nets that are not for everybody. Those we are in ourselves are taken; NOWHERE never is. */
enum net { PUBLIC, NOWHERE, LOOPBACK, TEN, TWELVE, SIXTEEN, SHARED, LINK4, LINK6, UNIQUE };

#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        [10] = 0xff, 0xff, (a), (b), (c), (d)                                                      \
    }

/* The first that fits counts. */
static const struct {
    uint8_t ip[16];
    unsigned bits;
    enum net net;
} nets[] = {
    {V4(0, 0, 0, 0), 104, NOWHERE},
    {V4(127, 64, 0, 0), 106, NOWHERE}, /* bridges (wire/bridge_address.h) */
    {V4(127, 0, 0, 0), 104, LOOPBACK},
    {V4(10, 0, 0, 0), 104, TEN},
    {V4(172, 16, 0, 0), 108, TWELVE},
    {V4(192, 168, 0, 0), 112, SIXTEEN},
    {V4(100, 64, 0, 0), 106, SHARED}, /* RFC 6598 */
    {V4(169, 254, 0, 0), 112, LINK4},
    {V4(224, 0, 0, 0), 99, NOWHERE}, /* multicast, reserved, broadcast */
    {V4(0, 0, 0, 0), 96, PUBLIC},
    {{[15] = 1}, 128, LOOPBACK},
    {{0}, 8, NOWHERE},                       /* unspecified, and IPv4 in other clothes */
    {{0x20, 0x01, 0x00, 0x00}, 32, NOWHERE}, /* likewise: Teredo */
    {{0x20, 0x02}, 16, NOWHERE},             /* likewise: 6to4 */
    {{0xfc}, 7, UNIQUE},
    {{0xfe, 0x80}, 10, LINK6},
    {{0xfe, 0xc0}, 10, NOWHERE}, /* what was before UNIQUE */
    {{0xff}, 8, NOWHERE},        /* multicast */
};

static bool begins_with(const uint8_t ip[16], const uint8_t start[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(ip, start, whole) == 0 &&
           (rest == 0 || (ip[whole] ^ start[whole]) >> (8 - rest) == 0);
}

static enum net net_of(const uint8_t ip[16])
{
    for (size_t i = 0; i < COUNT_OF(nets); i++)
        if (begins_with(ip, nets[i].ip, nets[i].bits))
            return nets[i].net;
    return PUBLIC;
}

bool candidates_add_ours(struct candidates_policy *policy, const char *text)
{
    struct in6_addr v6;
    struct in_addr v4;
    uint8_t ip[16] = V4(0, 0, 0, 0);

    if (inet_pton(AF_INET, text, &v4) == 1)
        memcpy(ip + 12, &v4, 4);
    else if (inet_pton(AF_INET6, text, &v6) == 1)
        memcpy(ip, &v6, 16);
    else
        return false;
    if (policy->count == CANDIDATES_OURS_MAX)
        return false;
    memcpy(policy->ours[policy->count++], ip, 16);
    return true;
}

static bool is_ours(const struct candidates_policy *policy, const uint8_t ip[16])
{
    for (size_t i = 0; i < policy->count; i++)
        if (memcmp(policy->ours[i], ip, 16) == 0)
            return true;
    return false;
}

static bool is_where_we_are(const struct candidates_policy *policy, enum net net)
{
    for (size_t i = 0; i < policy->count; i++)
        if (net_of(policy->ours[i]) == net)
            return true;
    return false;
}

/* What listens on loopback may listen on all addresses of this machine. */
static bool is_avoided(const struct candidates_policy *policy,
                       const struct sdp_candidate *candidate)
{
    const uint8_t *ip = policy->avoided_ip;

    if (policy->avoided_port == 0 || candidate->port != policy->avoided_port)
        return false;
    return memcmp(ip, candidate->ip, 16) == 0 ||
           (net_of(ip) == LOOPBACK &&
            (net_of(candidate->ip) == LOOPBACK || is_ours(policy, candidate->ip)));
}

static bool is_taken(const struct candidates_policy *policy, const struct sdp_candidate *candidate)
{
    enum net net = net_of(candidate->ip);

    switch (candidate->transport) {
    case SDP_UDP:
        if (candidate->port == 0)
            return false;
        break;
    case SDP_TCP_ACTIVE: /* comes to us; its port means nothing */
        break;
    case SDP_TCP_PASSIVE: /* we would connect to whatever listens there */
    case SDP_TCP_SO:
        return false;
    }
    if (net == NOWHERE || (net != PUBLIC && !is_where_we_are(policy, net)))
        return false;
    return !is_avoided(policy, candidate);
}

size_t candidates_choose(const struct candidates_policy *policy, struct sdp *remote)
{
    size_t taken = 0, named = remote->candidate_count;

    for (size_t i = 0; i < named && taken < CANDIDATES_MAX; i++)
        if (is_taken(policy, &remote->candidates[i]))
            remote->candidates[taken++] = remote->candidates[i];
    remote->candidate_count = taken;
    return named - taken;
}
