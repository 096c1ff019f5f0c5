/* SPDX-License-Identifier: MIT
 *
 * relays: addresses of TURN servers that the settings name. libnice 0.1.21 takes names too, but
 * forgets the port over asking for them.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/address.h"
#include "rtc.h"

enum { RESOLVE_EVERY_MS = 60000 };

/* IPv4 where there is a choice: more of us have it. */
static void on_resolved(void *arg, const uint8_t (*ips)[16], size_t count)
{
    struct relay_name *name = arg;
    size_t best = 0;

    resolve_free(&name->resolve);
    while (best < count && !address_is_mapped(ips[best]))
        best++;
    if (best < count)
        inet_ntop(AF_INET, ips[best] + 12, name->ip, sizeof(name->ip));
    else if (count > 0)
        inet_ntop(AF_INET6, ips[0], name->ip, sizeof(name->ip));
}

void relays_tick(struct rtc *rtc, uint64_t now_ms)
{
    struct ice_config *ice = &rtc->addresses.ice;

    for (size_t i = 0; i < ice->relay_count; i++) {
        struct relay_name *name = &rtc->relay_names[i];
        struct in6_addr address;

        if (inet_pton(AF_INET, ice->relays[i].host, &address) == 1 ||
            inet_pton(AF_INET6, ice->relays[i].host, &address) == 1)
            continue;
        ice->relays[i].ip = name->ip;
        if (name->resolve != NULL ||
            (name->asked_ms != 0 && now_ms - name->asked_ms < RESOLVE_EVERY_MS))
            continue;
        name->asked_ms = now_ms;
        name->resolve = resolve_begin(ice->relays[i].host, on_resolved, name);
    }
}

void relays_stop(struct rtc *rtc)
{
    for (size_t i = 0; i < ICE_RELAYS_MAX; i++)
        resolve_free(&rtc->relay_names[i].resolve);
}
