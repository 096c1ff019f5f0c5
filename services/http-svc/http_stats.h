/* SPDX-License-Identifier: MIT
 *
 * http_stats: the counters as a message of the bus.
 */
#ifndef HTTP_STATS_H
#define HTTP_STATS_H

#include <proto/http.pb-c.h>

#include "http.h"

/* Strings are borrowed from `http`. */
void http_stats(const struct http *http, Sharestream__Http__StatsReply *out);

#endif
