/* SPDX-License-Identifier: MIT
 *
 * The private header of rtc-svc: all state of the process, and the functions of each file that
 * others call.
 */
#ifndef RTC_RTC_H
#define RTC_RTC_H

#include <netinet/in.h>
#include <uthash.h>

#include <proto/rtc.pb-c.h>

#include "addresses.h"
#include "bridge.h"
#include "browsers.h"
#include "bus/bus.h"
#include "peer.h"
#include "resolve.h"
#include "rtc_settings.h"
#include "svc/svc.h"

enum { TORRENT_TRACKERS_MAX = 16, EXT_TRACKERS_MAX = 20 };

struct rtc;
struct link;
struct probe;
struct ext_trackers;

/* A torrent in whose swarm of browsers we are. */
struct torrent {
    struct infohash hash;
    char hex[INFOHASH_TEXT];
    bool is_seed, is_private;
    bool is_listed;       /* in the list that torrent-svc gave last */
    bool is_gone;         /* not active any more; freed once its links are */
    bool has_met;         /* our tracker has told who is there, since we or torrent-svc came up */
    bool is_announcing;   /* its answer has not come */
    uint64_t announce_ms; /* when to do so again */
    bool has_metadata;
    uint64_t asked_ms; /* when torrent-svc was asked for its trackers; 0: it is to be asked */
    char *trackers[TORRENT_TRACKERS_MAX]; /* of WebSocket, as it names them */
    size_t tracker_count;
    bool has_joined; /* them, and those of the settings */
    struct link *links;
    UT_hash_handle hh;
};

/* How a browser and we are told of each other: our own tracker, or one elsewhere. */
struct via {
    const char *name; /* "own", or a URL */
    /* Our offer or answer is described. */
    void (*tell)(struct via *via, const struct link *link, struct bytes sdp);
    /* It is over. Optional. */
    void (*on_gone)(struct via *via, const struct link *link, const char *why);
    void *arg;
};

/* One browser, from an offer until it is gone: a peer, and a bridge once there is a channel. */
struct link {
    struct rtc *rtc;
    struct torrent *torrent;
    struct via *via;
    bool is_offer;                  /* ours */
    uint8_t peer_id[PEER_ID_BYTES]; /* of the browser; all zero: whoever takes our offer */
    uint8_t offer_id[PEER_ID_BYTES];
    struct browser *browser; /* NULL: not known yet */
    struct peer *peer;
    struct channel *channel;
    struct bridge *bridge;
    uint32_t source; /* address of the bridge, host byte order */
    uint64_t begun_ms, rated_ms, rated_in, rated_out, rate_in, rate_out;
    struct link *prev, *next; /* of the torrent */
    UT_hash_handle hh;        /* by offer_id */
};

/* A TURN server that the settings name. */
struct relay_name {
    char ip[INET6_ADDRSTRLEN]; /* empty: not known yet */
    uint64_t asked_ms;
    struct resolve *resolve;
};

struct rtc {
    struct svc *svc;
    const struct rtc_settings *settings;
    struct addresses addresses;
    uint8_t peer_id[PEER_ID_BYTES]; /* ours, in all swarms, of this life */
    struct peers *peers;
    struct bridges *bridges;
    struct browsers *browsers;
    struct torrent *torrents;
    struct link *links; /* by offer_id */
    uint32_t next_source;
    struct bus_remote *torrent_svc, *tracker_svc;
    struct via own, rooms;
    struct asked *asked; /* rooms.c: who waits for an answer */
    struct ext_trackers *ext;
    struct sockaddr_storage bittorrent; /* where bridges go; length 0: not known */
    socklen_t bittorrent_len;
    bool comes_by_loopback; /* bridges have addresses of their own */
    struct resolve *resolve;
    struct relay_name relay_names[ICE_RELAYS_MAX];
    uint64_t listed_ms, resolved_ms;
    struct probe *probe; /* under way, or NULL */
    bool is_ending;
    bool had_peers; /* at the last tick */
    struct rtc_metrics metrics;
};

/* rtc.c: the life of the process */
enum err rtc_start(void *state, struct svc *svc, struct error *error);
void rtc_tick(void *state, uint64_t now_ms);
void rtc_drain(void *state);
void rtc_run(void *state, struct svc *svc);
void rtc_stop(void *state);
void rtc_add_metrics(void *state, struct text *out);
void rtc_refresh_metrics(void *state);

/* torrents.c: which torrents are active, as torrent-svc tells */
void torrents_start(struct rtc *rtc);
void torrents_tick(struct rtc *rtc, uint64_t now_ms);
struct torrent *torrents_find(struct rtc *rtc, const struct infohash *hash);
void torrents_stop(struct rtc *rtc);

/* own_tracker.c: browsers that tracker-svc knows */
void own_tracker_start(struct rtc *rtc);
void own_tracker_tick(struct rtc *rtc, uint64_t now_ms);
void own_tracker_leave(struct rtc *rtc, const struct torrent *torrent);
/* With the next tick: offers a connection to everybody who has none. */
void own_tracker_meet(struct torrent *torrent);
/* Somebody's connection has ended: looks soon who is there without one. */
void own_tracker_look(struct torrent *torrent);

/* rooms.c: browsers in rooms, brought by room-svc */
void rooms_start(struct rtc *rtc);
void rooms_connect(struct rtc *rtc, const Sharestream__Rtc__ConnectRequest *request,
                   Sharestream__Rtc__ConnectReply_Closure closure, void *data);

/* relays.c: where the TURN servers are */
void relays_tick(struct rtc *rtc, uint64_t now_ms);
void relays_stop(struct rtc *rtc);

/* probe.c: does it work here? One at a time; takes a few seconds at most. */
void probe_start(struct rtc *rtc, Sharestream__Rtc__ProbeReply_Closure closure, void *data);
/* When the connections are gone. */
void probe_stop(struct rtc *rtc);

/* ext_trackers.c: browsers that WebSocket trackers elsewhere know. ERR_CONFIG: a setting. */
enum err ext_trackers_start(struct rtc *rtc, struct error *error);
void ext_trackers_tick(struct rtc *rtc, uint64_t now_ms);
void ext_trackers_leave(struct rtc *rtc, struct torrent *torrent);
/* Says good-bye to all of them. */
void ext_trackers_drain(struct rtc *rtc);
/* True: what was said last has gone out. */
bool ext_trackers_are_gone(void);
/* When no link is left. */
void ext_trackers_stop(struct rtc *rtc);
struct ext_tracker_view {
    const char *url, *state, *message; /* borrowed until the next round of the loop */
    unsigned torrents;
};
/* Those of one torrent, or of all (NULL); returns how many, at most EXT_TRACKERS_MAX. */
size_t ext_trackers_look(const struct rtc *rtc, const struct infohash *hash,
                         struct ext_tracker_view out[EXT_TRACKERS_MAX]);

/* link.c */
/* A browser's offer, `session` as {"type":"offer","sdp":...}. False: refused. */
bool link_take_offer(struct rtc *rtc, struct torrent *torrent, struct via *via,
                     const uint8_t *peer_id, const uint8_t *offer_id, const uint8_t ip[16],
                     struct bytes session);
void link_take_answer(struct rtc *rtc, struct torrent *torrent, const uint8_t *peer_id,
                      const uint8_t *offer_id, struct bytes session);
/* Offers a connection; `peer_id` NULL: to whoever takes it. NULL: a limit, or no port. */
struct link *link_offer(struct rtc *rtc, struct torrent *torrent, struct via *via,
                        const uint8_t *peer_id);
/* Its end comes with the next round. */
void link_close(struct link *link, const char *why);
void link_close_all(struct torrent *torrent, const char *why);
/* Once a second: rates. */
void links_tick(struct rtc *rtc, uint64_t now_ms);

/* rtc_handlers.c */
ProtobufCService *rtc_service(void);

#endif
