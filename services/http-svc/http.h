/* SPDX-License-Identifier: MIT
 *
 * http: the state of the process, and who does what.
 *
 * The main thread runs svc_main(): it answers the bus and relays torrent-svc's events. Loop threads
 * (loop.h) each have their own h2o loop, bus and tables; what they share is below, read-only after
 * start but for the counters (atomic) and the throttle (behind its lock).
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <pthread.h>

#include "access.h"
#include "access_log.h"
#include "http_settings.h"
#include "neighbours.h"
#include "svc/svc.h"
#include "throttle.h"
#include "tls.h"
#include "wire/link.h"

struct front;

/* Somebody who may count as an open connection of an address. */
struct counted {
    struct address address;
    bool is_counted;
};

struct http {
    struct svc *svc;
    const struct http_settings *settings;
    const char *run_dir;
    char *self; /* "http.0" */
    struct access_policy policy;
    char *token;
    uint8_t link_key[LINK_KEY_BYTES];
    char *base_url; /* "http://127.0.0.1:8080" */
    struct access_log *access_log;
    struct tls *tls;         /* NULL: nobody speaks it */
    struct trusted *trusted; /* proxies; NULL: none */
    char lacks[256];         /* what we do without, for as long as we live; empty: nothing */
    struct throttle *throttle;
    pthread_mutex_t throttle_lock;
    struct front *front;
    struct bus_remote *torrent;                /* of the main thread */
    struct bus_remote *neighbours[NEIGHBOURS]; /* likewise, their svc.Svc; only those we need */
    uint64_t started_ms;
    struct http_metrics metrics;
};

/* ---- http_handlers.c: the bus */
extern ProtobufCService *http_service(void);

/* ---- http_events.c: what torrent-svc publishes goes to the loops as server-sent events */
void http_events_start(struct http *http);
/* Every second: who is there? */
void http_events_tick(struct http *http, uint64_t now_ms);

/* ---- limits.c: the throttle, from any loop */
/* False: too many of its address are open. */
bool limits_begin(struct http *http, struct counted *counted);
/* Also for one that did not count. */
void limits_end(struct http *http, struct counted *counted);
/* False: the address asks too often. */
bool limits_allow(struct http *http, const struct address *address);

/* ---- keys.c: secrets in data_dir */
/* Reads, or makes (0600), the key of links; and when a token is needed and none is configured, the
 * admin token. */
enum err keys_load(struct http *http, const char *data_dir, bool needs_token, struct error *error);

#endif
