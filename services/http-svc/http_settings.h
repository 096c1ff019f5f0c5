/* SPDX-License-Identifier: MIT
 *
 * http_settings: what can be configured, and what is counted.
 */
#ifndef HTTP_SETTINGS_H
#define HTTP_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"

#define HTTP_SETTINGS(X)                                                                           \
    X(ENDPOINT, listen, "127.0.0.1:8080", 0, 0,                                                    \
      "where clients connect; wider than loopback needs the admin token; port 0 takes a free one") \
    X(COUNT, threads, "0", 0, 64, "loop threads; 0: one per processor, at most 4")                 \
    X(TEXT, admin_token, "", 0, 0,                                                                 \
      "whoever has it may do everything; empty: nobody needs it on loopback, and on a wider "      \
      "address one is made and kept in data_dir/admin-token")                                      \
    X(LIST, names, "", 0, 0,                                                                       \
      "host names, besides localhost, under which a server without token may be reached")          \
    X(LIST, cors_origins, "", 0, 0,                                                                \
      "origins (https://host:port, or *) whose pages may use this server; empty: pages of this "   \
      "machine, and all that have the token")                                                      \
    X(TEXT, public_url, "", 0, 0,                                                                  \
      "base of the links handed out, when clients reach us by another address than listen")        \
    X(DURATION, link_lifetime, "6h", 60000, 2592000000, "how long a signed stream link works")     \
    X(DURATION, request_timeout, "30s", 1000, 600000,                                              \
      "for a whole request to arrive, and for the next one on an open connection")                 \
    X(DURATION, stall_timeout, "60s", 100, 3600000,                                                \
      "a stream is cut when its torrent got no piece for so long")                                 \
    X(DURATION, send_timeout, "10m", 100, 86400000,                                                \
      "a client that takes no byte for so long is cut off; longer than people pause a film")       \
    X(SIZE, max_body, "16MiB", 1024, 16777216, "largest request body")                             \
    X(COUNT, max_clients, "4096", 4, 1000000, "open connections; more wait to be accepted")        \
    X(COUNT, max_clients_per_address, "256", 0, 1000000,                                           \
      "open connections of one address; 0 = no limit")                                             \
    X(COUNT, requests_per_s, "200", 0, 1000000,                                                    \
      "requests per second of one address, of which four seconds' worth may come at once; 0 = no " \
      "limit")                                                                                     \
    X(BOOL, limits_loopback, "false", 0, 0, "apply both limits to this machine as well")           \
    X(TEXT, access_log, "off", 0, 0, "file for one line per request, - for standard output, off")  \
    X(BOOL, sendfile, "true", 0, 0, "let the kernel copy file data to clients")
SETTINGS_STRUCT(http_settings, HTTP_SETTINGS);
extern const struct settings_table http_settings_table;

#define HTTP_METRICS(X)                                                                            \
    X(COUNTER, connections_total, "connections accepted")                                          \
    X(COUNTER, connections_refused_total, "connections over the limit of one address")             \
    X(GAUGE, connections, "connections open")                                                      \
    X(COUNTER, accept_pauses_total, "times we stopped accepting: no descriptor or slot was free")  \
    X(COUNTER, requests_total, "requests")                                                         \
    X(COUNTER, requests_limited_total, "requests answered 429")                                    \
    X(COUNTER, requests_denied_total, "requests without the right to what they asked")             \
    X(COUNTER, requests_failed_total, "requests answered 500 and above")                           \
    X(GAUGE, requests, "requests being answered")                                                  \
    X(GAUGE, streams, "file bodies being sent")                                                    \
    X(GAUGE, streams_waiting, "of these, waiting for pieces")                                      \
    X(COUNTER, streams_total, "file bodies begun")                                                 \
    X(COUNTER, streams_stalled_total, "file bodies cut: no piece came in time")                    \
    X(COUNTER, streams_slow_total, "file bodies cut: the client took nothing in time")             \
    X(COUNTER, streams_broken_total, "file bodies cut: file or torrent vanished or shrank")        \
    X(COUNTER, streams_left_total, "file bodies the client left before the end")                   \
    X(COUNTER, waits_total, "times a file body had to wait for a piece")                           \
    X(COUNTER, sent_bytes_total, "bytes of file bodies")                                           \
    X(COUNTER, aborts_seen_total, "clients that left while we were waiting for something")         \
    X(GAUGE, event_clients, "clients listening to events")                                         \
    X(COUNTER, events_dropped_total, "events a slow client did not get")                           \
    X(COUNTER, loop_rounds_total, "rounds of all loop threads")                                    \
    X(GAUGE, loop_round_sent_max_bytes, "most file bytes one loop thread sent in one round")
METRICS_STRUCT(http_metrics, HTTP_METRICS);
extern const struct metrics_table http_metrics_table;

#endif
