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
    X(TEXT, tracker_listen, "127.0.0.1:6969", 0, 0,                                                \
      "a second address, where a WebSocket to any path is for the tracker; wider than loopback "   \
      "needs the admin token for the rest; empty: none")                                           \
    X(TEXT, signal_listen, "", 0, 0,                                                               \
      "a third one for signalling, such as 127.0.0.1:3001; what is not Socket.IO there is for "    \
      "the tracker; empty: none")                                                                  \
    X(TEXT, monkey_listen, "", 0, 0,                                                               \
      "a fourth one for clients of TorrentMonkey, such as 127.0.0.1:8081: a WebSocket to /ws "     \
      "there is one to /monkey/ws; empty: none")                                                   \
    X(TEXT, engine_listen, "", 0, 0,                                                               \
      "a fifth one for players of sharestream-engine, such as 127.0.0.1:42069, where paths mean "  \
      "the torrent added last; empty: none")                                                       \
    X(TEXT, tls_listen, "", 0, 0,                                                                  \
      "the same as on listen, by TLS, such as 0.0.0.0:8443; wider than loopback needs the admin "  \
      "token; empty: none")                                                                        \
    X(LIST, tls_for, "", 0, 0,                                                                     \
      "which of listen, tracker_listen, signal_listen, monkey_listen, engine_listen speak TLS "    \
      "instead of plain HTTP")                                                                     \
    X(TEXT, tls_certificate, "", 0, 0,                                                             \
      "file with the certificate and those that vouch for it (PEM); SIGHUP reads it again")        \
    X(TEXT, tls_key, "", 0, 0, "file with its private key (PEM, no passphrase); likewise")         \
    X(LIST, tracker_origins, "*", 0, 0,                                                            \
      "origins (https://host:port, or *) whose pages may open WebSockets to the tracker")          \
    X(LIST, trusted_proxies, "", 0, 0,                                                             \
      "addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For or Forwarded says who " \
      "the client is")                                                                             \
    X(SIZE, websocket_max_message, "64KiB", 1024, 1048576,                                         \
      "largest message of a WebSocket; more closes it with 1009")                                  \
    X(SIZE, websocket_max_queue, "1MiB", 65536, 67108864,                                          \
      "a WebSocket for which more than this waits is cut")                                         \
    X(DURATION, websocket_ping, "25s", 50, 3600000,                                                \
      "how often a WebSocket is asked whether it is there; the third time in vain it is cut")      \
    X(LIST, room_origins, "*", 0, 0,                                                               \
      "origins (https://host:port, or *) whose pages may enter rooms: use Socket.IO, or open "     \
      "WebSockets to /ws and /monkey/ws")                                                          \
    X(DURATION, socketio_ping_interval, "25s", 50, 3600000,                                        \
      "how often a client of Socket.IO is asked whether it is there")                              \
    X(DURATION, socketio_ping_timeout, "20s", 50, 3600000, "how long it may take to answer")       \
    X(SIZE, socketio_max_payload, "1000000", 1024, 16777216,                                       \
      "largest message or polling body of a client of Socket.IO")                                  \
    X(BOOL, socketio_allow_eio3, "false", 0, 0,                                                    \
      "also let in clients of Socket.IO 2, which speak Engine.IO 3")                               \
    X(SIZE, mirror_size, "256MiB", 0, INT64_MAX,                                                   \
      "bytes of torrents on other machines kept in run_dir; each reader has 4 MiB more")           \
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
    X(DURATION, grant_lifetime, "6h", 10000, 2592000000,                                           \
      "how long who has left a room can still see what it played; members are given a new grant "  \
      "after half of it")                                                                          \
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
    X(GAUGE, tls_expires_seconds, "when the certificate expires, in Unix time; 0: there is none")  \
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
    X(COUNTER, hls_joined_total, "playlists and segments waited for together with another client") \
    X(COUNTER, hls_remembered_total,                                                               \
      "segments that another client got just before, so that nobody was asked")                    \
    X(GAUGE, event_clients, "clients listening to events")                                         \
    X(COUNTER, events_dropped_total, "events a slow client did not get")                           \
    X(GAUGE, websockets, "WebSockets open")                                                        \
    X(COUNTER, websockets_total, "WebSockets opened")                                              \
    X(COUNTER, websockets_refused_total, "upgrades to WebSocket refused")                          \
    X(COUNTER, websockets_slow_total, "WebSockets cut: too much waited for them")                  \
    X(COUNTER, websockets_silent_total, "WebSockets cut: they answered no ping")                   \
    X(COUNTER, websockets_limited_total, "WebSockets closed: they sent too often")                 \
    X(COUNTER, websockets_busy_total, "WebSockets closed: the actor did not keep up")              \
    X(COUNTER, websocket_received_total, "messages from WebSockets")                               \
    X(COUNTER, websocket_sent_total, "messages to WebSockets")                                     \
    X(GAUGE, engine_sessions, "sessions of Engine.IO open")                                        \
    X(COUNTER, engine_sessions_total, "sessions of Engine.IO begun")                               \
    X(COUNTER, engine_upgrades_total, "of these, gone from polling to WebSocket")                  \
    X(COUNTER, engine_refused_total, "requests of Engine.IO refused")                              \
    X(COUNTER, engine_mails_total, "words of a session that came to another loop than its own")    \
    X(GAUGE, gateways_attached, "gateways, one a loop and actor, that the actor knows")            \
    X(COUNTER, gateway_deliveries_total, "messages with events to the actors")                     \
    X(COUNTER, gateway_deliveries_failed_total, "of these, not answered")                          \
    X(COUNTER, gateway_events_total, "events in them")                                             \
    X(COUNTER, gateway_events_lost_total, "events that were with an actor when it died")           \
    X(COUNTER, gateway_actions_total, "actions the actors asked for")                              \
    X(COUNTER, gateway_replays_total, "times an actor was told of all connections")                \
    X(COUNTER, gateway_moved_total, "connections that went from one seat of an actor to another")  \
    X(COUNTER, gateway_refused_total, "events and questions refused: too many waited")             \
    X(COUNTER, gateway_questions_failed_total, "questions no actor answered")                      \
    X(COUNTER, loop_rounds_total, "rounds of all loop threads")                                    \
    X(GAUGE, loop_round_sent_max_bytes, "most file bytes one loop thread sent in one round")
METRICS_STRUCT(http_metrics, HTTP_METRICS);
extern const struct metrics_table http_metrics_table;

#endif
