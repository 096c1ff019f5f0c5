/* SPDX-License-Identifier: MIT
 *
 * tracker_settings: what can be configured, and what is counted.
 */
#ifndef TRACKER_TRACKER_SETTINGS_H
#define TRACKER_TRACKER_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"

#define TRACKER_SETTINGS(X)                                                                        \
    X(LIST, listen, "127.0.0.1:6969, [::1]:6969", 0, 0,                                            \
      "address:port of each UDP socket; port 0 takes a free one; empty: no UDP; HTTP and "         \
      "WebSocket announces come through http-svc (http.tracker_listen)")                           \
    X(COUNT, workers, "0", 0, 16,                                                                  \
      "threads for each UDP socket; 0: one for every four processors, at most 4")                  \
    X(LIST, public_urls, "", 0, 0,                                                                 \
      "announce URLs that torrents made here carry; empty: made of listen and of http.public_url") \
    X(TEXT, own_url, "", 0, 0,                                                                     \
      "announce URL for our own torrents where torrent-svc runs on another machine or in another " \
      "container, such as udp://tracker.example:6969/announce; empty: by UDP on this machine")     \
    X(DURATION, interval, "10m", 30000, 86400000,                                                  \
      "how often clients are to announce; browsers five times as often")                           \
    X(DURATION, min_interval, "1m", 1000, 86400000, "clients may announce no more often")          \
    X(DURATION, peer_timeout, "25m", 60000, 86400000,                                              \
      "a peer that did not announce for so long is dropped")                                       \
    X(COUNT, peers, "50", 1, 200, "peers in an answer when the client names no number")            \
    X(COUNT, max_peers_per_answer, "200", 1, 200, "and when it does, at most so many")             \
    X(COUNT, max_swarms, "100000", 1, 10000000,                                                    \
      "torrents at once; the one idle for longest makes room")                                     \
    X(COUNT, max_peers, "1000000", 1, 50000000,                                                    \
      "peers in all; the torrent idle for longest makes room")                                     \
    X(COUNT, max_peers_per_swarm, "100000", 1, 50000000,                                           \
      "peers of one torrent and protocol; one that is idle for long makes room")                   \
    X(COUNT, max_offers, "10", 0, 20, "WebRTC offers of one announce that are passed on")          \
    X(COUNT, max_swarms_per_socket, "256", 1, 2000, "torrents of one WebSocket")                   \
    X(COUNT, requests_per_s, "100", 0, 1000000,                                                    \
      "announces and scrapes per second of one address, of which four seconds' worth may come at " \
      "once; 0 = no limit; this machine has none")                                                 \
    X(TEXT, allow_file, "", 0, 0,                                                                  \
      "file of info-hashes, one a line: only these are tracked; read again on SIGHUP")             \
    X(TEXT, deny_file, "", 0, 0, "file of info-hashes that are not tracked; likewise")             \
    X(TEXT, keys_file, "", 0, 0,                                                                   \
      "file of keys, one a line: private mode, announce to /announce/KEY; likewise")
SETTINGS_STRUCT(tracker_settings, TRACKER_SETTINGS);
extern const struct settings_table tracker_settings_table;

#define TRACKER_METRICS(X)                                                                         \
    X(COUNTER, udp_datagrams_total, "datagrams received")                                          \
    X(COUNTER, udp_dropped_total, "datagrams that were no request of a client we know")            \
    X(COUNTER, udp_errors_total, "requests answered with an error by UDP")                         \
    X(COUNTER, udp_unsent_total, "replies the kernel did not take")                                \
    X(COUNTER, relayed_total, "announces by UDP that were for another instance")                   \
    X(COUNTER, relays_total, "messages in which these went")                                       \
    X(COUNTER, relays_dropped_total, "of these, dropped: too many waited")                         \
    X(COUNTER, announces_udp_total, "announces by UDP")                                            \
    X(COUNTER, announces_http_total, "announces by HTTP")                                          \
    X(COUNTER, announces_ws_total, "announces by WebSocket")                                       \
    X(COUNTER, scrapes_total, "scrapes, by all protocols")                                         \
    X(COUNTER, failures_total, "requests by HTTP and WebSocket answered with a failure")           \
    X(COUNTER, offers_total, "WebRTC offers passed on")                                            \
    X(COUNTER, offers_to_servers_total, "of these, by browsers to server peers")                   \
    X(COUNTER, offers_from_servers_total, "of these, by server peers to browsers")                 \
    X(COUNTER, answers_total, "WebRTC answers passed on")                                          \
    X(COUNTER, answers_lost_total, "WebRTC answers to nobody")                                     \
    X(COUNTER, limited_total, "requests over the limit of their address")                          \
    X(COUNTER, denied_total, "requests for a torrent that is not allowed, or without key")         \
    X(GAUGE, swarms, "torrents known")                                                             \
    X(GAUGE, peers_ipv4, "peers by IPv4")                                                          \
    X(GAUGE, peers_ipv6, "peers by IPv6")                                                          \
    X(GAUGE, peers_websocket, "peers in browsers")                                                 \
    X(GAUGE, seeders, "peers that have everything")                                                \
    X(GAUGE, server_peers, "WebRTC peers of our own, in all torrents together")                    \
    X(COUNTER, peers_expired_total, "peers dropped because they were silent")                      \
    X(COUNTER, peers_evicted_total, "peers dropped to make room")                                  \
    X(COUNTER, swarms_evicted_total, "torrents dropped to make room")
METRICS_STRUCT(tracker_metrics, TRACKER_METRICS);
extern const struct metrics_table tracker_metrics_table;

#endif
