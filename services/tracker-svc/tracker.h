/* SPDX-License-Identifier: MIT
 *
 * tracker: the state of the process, and who does what.
 *
 * The main thread runs svc_main(): it answers the bus, and so http-svc's announces. UDP workers are
 * threads of their own. What they share is behind `lock`, which a worker takes once for a batch of
 * datagrams (docs/decisions/0006); metrics are atomic; the rest is read-only after start.
 */
#ifndef TRACKER_TRACKER_H
#define TRACKER_TRACKER_H

#include <pthread.h>

#include "access_list.h"
#include "base/limiter.h"
#include "server_peers.h"
#include "svc/gateway.h"
#include "svc/svc.h"
#include "swarm.h"
#include "tracker_settings.h"
#include "wire/tracker_ws.h"

struct siblings;
struct udp_front;

struct tracker {
    struct svc *svc;
    const struct tracker_settings *settings;
    pthread_mutex_t lock;
    struct swarms *swarms;             /* behind the lock */
    struct access_list access;         /* behind the lock */
    struct limiter limiter;            /* behind the lock */
    struct server_peers *server_peers; /* of the main thread alone */
    struct gateways *gateways;
    struct text scratch;       /* of web_front.c: answers are made here, one after the other */
    struct udp_front *udp;     /* NULL: none */
    struct siblings *siblings; /* NULL: this is the only instance */
    struct bus_remote *http;
    char *http_url; /* base of http-svc's URLs, or NULL while it is not known */
    struct tracker_metrics metrics;
};

/* What a browser says to a server peer, or the other way. */
struct signal {
    struct infohash hash;
    const uint8_t *from, *to; /* peer ids */
    const uint8_t *offer_id;  /* WS_ID_BYTES */
    const uint8_t *ip;        /* of a browser: 16 bytes, 0.0.0.0 when it is not known */
    struct bytes session;     /* JSON, at most SIGNAL_SESSION_MAX */
    bool is_answer;           /* else an offer */
};

enum { SIGNAL_SESSION_MAX = 64 << 10 };

uint32_t tracker_now_s(void);

/* ---- tracker.c: the life of the process; main.c puts these into its svc_def */
enum err tracker_start(void *state, struct svc *svc, struct error *error);
void tracker_tick(void *state, uint64_t now_ms);
void tracker_reload(void *state);
void tracker_stop(void *state);
void tracker_refresh_metrics(void *state);
void tracker_add_metrics(void *state, struct text *out);

/* ---- tracker_handlers.c: the bus */
extern ProtobufCService *tracker_service(void);
/* Asks http-svc by which URLs it is reached, until it says so. */
void tracker_ask_http(struct tracker *tracker);

/* ---- tracker_events.c: to server peers */
void tracker_publish(struct tracker *tracker, const struct signal *signal);

/* ---- udp_front.c */
/* Binds and starts the workers. ERR_BUSY: a port is taken. *out is NULL when no socket is wanted.
 */
enum err udp_front_start(struct tracker *tracker, struct udp_front **out, struct error *error);
/* Clears the pointer, accepts NULL. */
void udp_front_stop(struct udp_front **front);
/* Port of the first socket; 0 for none. */
uint16_t udp_front_port(const struct udp_front *front);
/* Address of the first socket that everybody can reach, as host of a URL; loopback when there is
 * no other. "" when any address will do. */
const char *udp_front_host(const struct udp_front *front);

/* What came to the sockets of another instance. */
struct udp_relayed {
    struct bytes data;
    uint8_t ip[16], local[16];
};
enum { UDP_RELAYED_MAX = 64 /* at once */ };
/* On the main thread. Writes the answers one after the other, UDP_REPLY_MAX bytes each at most, and
 * their lengths, 0 for none; returns how many bytes these are in all. */
size_t udp_front_answer(struct tracker *tracker, const struct udp_relayed *relayed, size_t count,
                        uint8_t *out, uint32_t *lengths);

/* ---- web_front.c: announces by HTTP and WebSocket, from the gateways */
struct gateway_actor web_front(struct tracker *tracker);
/* To the browser; it goes out with gateways_flush(). False: there is none of that peer id in the
 * swarm. */
bool web_front_signal(struct tracker *tracker, const struct signal *signal);

/* ---- stats_page.c */
/* "/stats.json" as bittorrent-tracker has it, and the same for people. */
void stats_page_json(struct tracker *tracker, struct text *out);
void stats_page_html(struct tracker *tracker, struct text *out);

#endif
