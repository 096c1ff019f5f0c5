/* SPDX-License-Identifier: MIT
 *
 * resolve: names of hosts into addresses, without waiting.
 */
#ifndef RTC_RESOLVE_H
#define RTC_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

enum { RESOLVE_MAX = 8 };

/* `ips`: 16 bytes each, IPv4 mapped into IPv6, at most RESOLVE_MAX. 0: no such name, or nobody to
 * ask. */
typedef void resolve_fn(void *arg, const uint8_t (*ips)[16], size_t count);
struct resolve;
/* `on_resolved` comes once, later, unless it is cancelled. */
struct resolve *resolve_begin(const char *host, resolve_fn *on_resolved, void *arg);
/* Clears the pointer, accepts NULL. To be done by `on_resolved` as well: frees it. */
void resolve_free(struct resolve **resolve);

#endif
