/* SPDX-License-Identifier: MIT
 *
 * tracker_url: the parts of a tracker's URL. Pure.
 */
#ifndef RTC_TRACKER_URL_H
#define RTC_TRACKER_URL_H

#include <stdbool.h>

#include "base/units.h"

enum { TRACKER_URL_MAX = 512 };

struct tracker_url {
    bool is_websocket, is_tls;
    struct endpoint place; /* host in small letters, port never 0 */
    const char *target;    /* path and query, in the URL itself; may be empty */
};

/* ws, wss, http, https and udp, by name, IPv4 or [IPv6]. False: anything else, longer than
 * TRACKER_URL_MAX, with a user's name, or with what no URL may contain. */
bool tracker_url_parse(const char *url, struct tracker_url *out);

#endif
