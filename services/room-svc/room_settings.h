/* SPDX-License-Identifier: MIT
 *
 * room_settings: what can be configured, and what is counted.
 */
#ifndef ROOM_ROOM_SETTINGS_H
#define ROOM_ROOM_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"
#include "sio/sio.h"

#define ROOM_SETTINGS(X)                                                                           \
    X(COUNT, max_rooms, "10000", 1, 1000000, "rooms at once")                                      \
    X(COUNT, max_members, "200", 1, 1000, "members that a room can be set to, and begins with")    \
    X(TEXT, redis_url, "", 0, 0,                                                                   \
      "where rooms are stored when several processes are to take over from each other, such as "   \
      "redis://redis.example.org:6379; empty: in a file of data_dir")                              \
    X(TEXT, redis_password, "", 0, 0, "of that Redis; empty: none")                                \
    X(DURATION, redis_lease, "1s", 200, 60000,                                                     \
      "rooms in Redis: who holds them and is silent for so long loses them to another process")    \
    X(COUNT, seats, "1", 1, 64,                                                                    \
      "among so many processes rooms are parted, each of which holds one seat; more than that "    \
      "stand by; who starts last says how many there are; more than one needs redis_url")          \
    X(BOOL, relay, "false", 0, 0,                                                                  \
      "rooms of Socket.IO are shared by that Redis with servers in Node "                          \
      "(@socket.io/redis-adapter) and @socket.io/redis-emitter: whoever may publish there speaks " \
      "in all rooms")                                                                              \
    X(DURATION, empty_time, "24h", 1000, 31536000000,                                              \
      "how long a room is kept in which nobody is")                                                \
    X(DURATION, host_grace, "1m", 0, 86400000,                                                     \
      "how long a host stays host whose connection broke")                                         \
    X(DURATION, member_grace, "1m", 0, 86400000,                                                   \
      "how long everybody else stays a member whose connection broke")                             \
    X(DURATION, knock_time, "5m", 1000, 86400000, "how long somebody waits to be let in")          \
    X(DURATION, sync_check, "15s", 1000, 600000,                                                   \
      "how often clients of earlier systems are asked where they are")                             \
    X(BOOL, needs_approval, "false", 0, 0,                                                         \
      "in new rooms somebody has to let people in; the host can change it")                        \
    X(BOOL, guests_may_add, "false", 0, 0,                                                         \
      "also who comes without the admin token may put torrents into queues that the server has "   \
      "yet to add; where no token is needed everybody may")                                        \
    X(TEXT, public_url, "", 0, 0,                                                                  \
      "where clients reach this server, such as https://watch.example.org: told to those of "      \
      "earlier systems as their tunnel, for the links that they share")                            \
    X(DURATION, identify_time, "5s", 100, 600000,                                                  \
      "how long a client of /ws may be there without saying who it is")                            \
    X(COUNT, monkey_max, "200", 1, 10000,                                                          \
      "clients at once of /monkey/ws, where each message goes to all")                             \
    SIO_SETTINGS(X)                                                                                \
    X(LIST, stun_urls, "", 0, 0,                                                                   \
      "STUN servers that browsers may ask for their own address, such as stun:example.org:3478; "  \
      "who runs them learns who talks here; empty: those of turn_urls")                            \
    X(LIST, turn_urls, "", 0, 0,                                                                   \
      "TURN servers for those who reach each other in no other way, such as "                      \
      "turn:example.org:3478; empty: none")                                                        \
    X(TEXT, turn_secret, "", 0, 0,                                                                 \
      "static-auth-secret of coturn: everybody gets credentials of his own, for turn_ttl")         \
    X(TEXT, turn_username, "", 0, 0, "without turn_secret: one user for all")                      \
    X(TEXT, turn_password, "", 0, 0, "of turn_username")                                           \
    X(DURATION, turn_ttl, "4h", 300000, 172800000, "how long TURN credentials hold")               \
    X(BOOL, public_turn, "false", 0, 0,                                                            \
      "TURN credentials for everybody who asks by HTTP; else for members of rooms only")           \
    X(TEXT, cloudflare_key_id, "", 0, 0, "TURN key of Cloudflare's service; empty: not used")      \
    X(TEXT, cloudflare_token, "", 0, 0, "API token of that key; stays in this process")            \
    X(TEXT, cloudflare_url, "https://rtc.live.cloudflare.com/v1/turn/keys", 0, 0,                  \
      "where that service is")                                                                     \
    X(TEXT, cloudflare_ca, "", 0, 0,                                                               \
      "file of certificates that may vouch for it; empty: the system's")                           \
    X(COUNT, requests_per_s, "20", 0, 1000000,                                                     \
      "questions by HTTP per second of one address, of which four seconds' worth may come at "     \
      "once; 0 = no limit; this machine has none")
SETTINGS_STRUCT(room_settings, ROOM_SETTINGS);
extern const struct settings_table room_settings_table;

#define ROOM_METRICS(X)                                                                            \
    X(GAUGE, rooms, "rooms")                                                                       \
    X(GAUGE, seat, "which of the seats this process holds, counted from 1; 0: it stands by")       \
    X(GAUGE, seats, "seats among which rooms are parted")                                          \
    X(GAUGE, seats_free, "seats that nobody holds: their rooms are unavailable")                   \
    X(COUNTER, rooms_given_total, "rooms that went to another seat")                               \
    X(COUNTER, rooms_accepted_total, "rooms that came from another seat")                          \
    X(COUNTER, arrivals_dropped_total,                                                             \
      "messages that who was still on the way to a room did not get: too many")                    \
    X(GAUGE, guests, "clients, in rooms or not yet")                                               \
    X(COUNTER, room_events_total, "events of rooms")                                               \
    X(COUNTER, commits_total, "times that rooms were written, with what was said of them")         \
    X(COUNTER, commits_failed_total, "times that this did not succeed")                            \
    X(COUNTER, saved_bytes_total, "bytes of rooms written")                                        \
    X(COUNTER, relay_said_total, "events told to other servers of Socket.IO")                      \
    X(COUNTER, relay_heard_total, "events that they told us")                                      \
    X(COUNTER, relay_bad_total, "messages of theirs that were none, or too large")                 \
    X(COUNTER, relay_dropped_total, "events not told to them, as too many waited")                 \
    X(COUNTER, grants_total, "times that rooms were told how to see their film")                   \
    X(COUNTER, fetched_total, "torrents added because they were played")                           \
    X(COUNTER, silent_total, "clients closed that did not say in time who they are")               \
    X(COUNTER, questions_total, "plain HTTP requests")                                             \
    X(COUNTER, limited_total, "of these over the limit of their address")                          \
    X(COUNTER, turn_credentials_total, "answers with TURN credentials, also to members of rooms")  \
    X(COUNTER, cloudflare_failures_total, "times that Cloudflare gave no credentials")             \
    X(COUNTER, refused_total, "connections closed because their path is nobody's")
METRICS_STRUCT(room_metrics, ROOM_METRICS);
extern const struct metrics_table room_metrics_table;

#endif
