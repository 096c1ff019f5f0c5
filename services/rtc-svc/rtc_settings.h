/* SPDX-License-Identifier: MIT
 *
 * rtc_settings: what can be configured, and what is counted.
 */
#ifndef RTC_RTC_SETTINGS_H
#define RTC_RTC_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"

#define RTC_SETTINGS(X)                                                                            \
    X(LIST, addresses, "", 0, 0,                                                                   \
      "addresses of this machine by which browsers come; empty: all but those of containers and "  \
      "of this machine alone")                                                                     \
    X(LIST, external_addresses, "", 0, 0,                                                          \
      "addresses by which others reach this machine, where a router forwards the ports to it")     \
    X(TEXT, ports, "10000-10199", 0, 0,                                                            \
      "UDP and TCP ports for browsers, first-last; each browser takes one of each address")        \
    X(BOOL, udp, "true", 0, 0, "let browsers come by UDP")                                         \
    X(BOOL, tcp, "true", 0, 0, "let browsers come by TCP, where UDP does not pass")                \
    X(BOOL, lite, "false", 0, 0,                                                                   \
      "leave finding a path to the browsers; for a machine with a public address")                 \
    X(LIST, turn_urls, "", 0, 0,                                                                   \
      "TURN servers by which we are reached if need be, such as turn:example.org:3478")            \
    X(TEXT, turn_username, "", 0, 0, "user of the TURN servers")                                   \
    X(TEXT, turn_password, "", 0, 0, "of turn_username")                                           \
    X(COUNT, max_peers, "0", 0, 100000, "browsers at once; 0: as many as there are ports")         \
    X(COUNT, max_per_torrent, "100", 1, 100000, "browsers at once of one torrent")                 \
    X(COUNT, max_per_address, "16", 1, 100000, "browsers at once of one address")                  \
    X(BOOL, join_trackers, "true", 0, 0,                                                           \
      "also meet browsers at the WebSocket trackers that a torrent names")                         \
    X(LIST, trackers, "", 0, 0,                                                                    \
      "WebSocket trackers for all torrents that are not private, such as wss://tracker.example")   \
    X(TEXT, tracker_ca, "", 0, 0,                                                                  \
      "file of certificates that may vouch for them; empty: the system's")                         \
    X(BOOL, allow_private_urls, "false", 0, 0,                                                     \
      "allow WebSocket trackers of torrents on private addresses")                                 \
    X(TEXT, bittorrent, "", 0, 0,                                                                  \
      "host:port where torrent-svc takes BitTorrent peers; empty: on this machine")

SETTINGS_STRUCT(rtc_settings, RTC_SETTINGS);
extern const struct settings_table rtc_settings_table;

#define RTC_METRICS(X)                                                                             \
    X(GAUGE, torrents, "torrents in whose swarms of browsers we are")                              \
    X(GAUGE, bridges, "browsers that torrent-svc has as peers")                                    \
    X(COUNTER, offers_seen_total, "offers of browsers")                                            \
    X(COUNTER, offers_refused_total, "of these, refused by a limit")                               \
    X(COUNTER, signals_lost_total, "offers and answers that came too late, or to nobody")          \
    X(COUNTER, bridges_failed_total, "browsers that torrent-svc did not take")                     \
    X(GAUGE, trackers, "WebSocket trackers elsewhere")                                             \
    X(GAUGE, trackers_up, "of these, connected")                                                   \
    X(COUNTER, tracker_connects_total, "connections to them that opened")                          \
    X(COUNTER, tracker_failures_total, "connections to them that failed or broke")                 \
    X(COUNTER, tracker_announces_total, "announces to them")                                       \
    X(COUNTER, tracker_offers_total, "offers of browsers by them")                                 \
    X(COUNTER, tracker_answers_total, "answers of browsers by them")                               \
    X(COUNTER, tracker_bad_total, "messages of theirs that made no sense, or were too many")       \
    X(COUNTER, tracker_limits_total, "times that a tracker or a torrent was one too many")
METRICS_STRUCT(rtc_metrics, RTC_METRICS);
extern const struct metrics_table rtc_metrics_table;

#endif
