/* SPDX-License-Identifier: MIT
 *
 * loop: what the h2o side of http-svc shares: the thread, its connections and its requests. Only
 * front.c, loop.c, loop_maps.c, listener.c, exchange.c, stream_answer.c, ready_answer.c,
 * stream_body.c, upload_file.c, event_body.c, websocket.c and engine*.c include this; nothing else
 * knows h2o.
 *
 * Everything of a loop is touched by its own thread only, but for `inbox`, `mail` and `is_over`
 * (behind their lock).
 */
#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include <h2o.h>
#include <h2o/http1.h>

#include "exchange.h"
#include "feed.h"
#include "forwarded.h"
#include "gateway.h"
#include "http.h"
#include "joined.h"
#include "neighbours.h"
#include "parts.h"
#include "shards.h"
#include "stream/lease.h"
#include "stream/ready_map.h"
#include "wire/traceparent.h"

enum {
    LOOP_ROUND_BYTES =
        4 << 20,               /* file bytes of all streams in one round, then others have a turn */
    LOOP_TURN_BYTES = 1 << 20, /* of one stream by sendfile */
    LOOP_CHUNK_BYTES = 256 << 10, /* of one stream by pread */
    LOOP_REFUSED_MAX = 32,        /* connections held only to say 503 */
};

/* Something to do in the next round of the loop, after others had their turn. */
struct later {
    h2o_linklist_t link; /* zeroed = not waiting */
    void (*run)(void *arg);
    void *arg;
};

struct map_entry; /* map_cache in loop_maps.c */

/* From one loop to another; free()d when it has been run. */
struct loop_mail {
    struct loop_mail *prev, *next;
    void (*run)(struct loop *loop, struct loop_mail *mail);
};

/* One listening socket of one loop. */
struct listener {
    struct loop *loop;
    enum route_door door;
    bool is_tls;
    int fd;
    h2o_socket_t *sock; /* NULL before it is opened and once it is closed */
    bool is_accepting;
};

struct loop {
    struct http *http;
    unsigned index, count; /* of how many; they are one array */
    pthread_t thread;
    bool is_running; /* the thread exists */
    h2o_evloop_t *evloop;
    h2o_context_t context;
    h2o_accept_ctx_t accept, accept_tls;
    h2o_timeout_entry_t every_100ms;
    unsigned ticks;

    struct listener *listeners; /* none is added once the thread exists */
    size_t listener_count;
    unsigned refused; /* connections held only to say 503 */

    struct bus *bus;
    h2o_socket_t *bus_socket;
    struct bus_remote *torrent, *transcode, *room, *rtc;
    struct joined *joined; /* questions to transcode-svc */
    /* For rare questions: what a bus has to look after is looked at with each message. */
    struct bus *side_bus;
    h2o_socket_t *side_socket;
    struct bus_remote *neighbours[NEIGHBOURS]; /* svc.Svc of all, ourselves included */
    struct bus_remote *control;                /* of the supervisor */
    struct shards *actors[ROUTE_ACTORS];
    struct engine *engine;
    struct lease_set *leases;
    h2o_linklist_t maps; /* of struct map_entry */
    h2o_linklist_t clients;

    int wake_fd; /* eventfd: the next round has something to do */
    h2o_socket_t *wake_socket;
    h2o_linklist_t later;               /* of struct later */
    h2o_linklist_t watched;             /* of struct exchange */
    h2o_linklist_t streams;             /* of struct stream */
    h2o_linklist_t listeners_of_events; /* of struct event_body */
    h2o_linklist_t event_sockets;       /* of struct event_socket */
    h2o_linklist_t websockets, websockets_due, websockets_closing;
    h2o_timeout_t ping_timeout;

    pthread_mutex_t inbox_lock;
    struct feed inbox;      /* events from the main thread */
    struct loop_mail *mail; /* from other loops */
    bool is_over;           /* no mail is read any more */
    atomic_int wanted;      /* enum loop_wanted, set by the main thread */
    bool is_draining;
    uint64_t drained_ms;  /* when that began */
    atomic_bool has_left; /* nothing of it goes by our name on the bus any more */
    atomic_uint busy;     /* requests being answered */

    uint64_t round_sent, rounds, round_max;
    int32_t gather_ms; /* a gateway waits so long for more to send */
};

/* RETIRE: as DRAIN, and leave our name to a successor. */
enum loop_wanted { LOOP_RUN, LOOP_DRAIN, LOOP_RETIRE, LOOP_STOP };

/* One connection; sock->on_close.data points here. */
struct client {
    h2o_linklist_t link;
    struct loop *loop;
    h2o_socket_t *sock;
    enum route_door door;
    struct ssl_ctx_st *tls; /* held until h2o has done with it; NULL: none */
    struct ip peer, local;  /* local: unknown (no length) until somebody wants it */
    struct counted counted;
    bool is_proxy;   /* one that we trust: not counted itself */
    bool is_refused; /* over the limit: its first request is answered 503 */
    struct exchange *current;
};

struct exchange {
    h2o_req_t *req;
    struct loop *loop;
    struct client *client;
    struct route route;
    struct ip ip; /* of whoever asks: the peer, or who a trusted proxy says */
    struct gateway_question question;
    struct gateway_client question_client;
    bool is_admin;
    uint64_t call, svc_calls[NEIGHBOURS + 1]; /* one to each, and one to the supervisor */
    struct bus_remote *called;                /* by `call` */
    struct joined_asker asker;
    size_t svc_call_count;
    bool is_answered;
    bool is_watched, is_blind; /* blind: bytes of a next request hide the end of the connection */
    h2o_linklist_t watch_link;
    void *body;     /* of stream_body.c, while it is sending one */
    uint64_t trace; /* id on the bus and in the log; the lower half of the request's own, if any */
    struct traceparent parent; /* of span 0: the request had none */
};

/* ---- loop.c */
enum err loop_init(struct loop *loop, struct http *http, unsigned index, unsigned count,
                   h2o_globalconf_t *config, struct error *error);
enum err loop_start(struct loop *loop, struct error *error);
void loop_want(struct loop *loop, enum loop_wanted wanted);
void loop_join(struct loop *loop);
void loop_post(struct loop *loop, struct feed_event *event);
/* From any thread. Takes the mail: one block of memory from xcalloc(). */
void loop_send(struct loop *to, struct loop_mail *mail);
/* The loop of that index; NULL: there is none. */
struct loop *loop_sibling(const struct loop *loop, unsigned index);
void later_add(struct loop *loop, struct later *later);
void later_remove(struct later *later);
static inline bool later_is_waiting(struct later *later)
{
    return h2o_linklist_is_linked(&later->link);
}

/* ---- loop_maps.c: maps stay open for a while, because players ask often */
struct ready_map *loop_map_take(struct loop *loop, const struct infohash *hash,
                                struct map_entry **entry_out);
void loop_map_release(struct map_entry **entry);
void loop_maps_sweep(struct loop *loop, uint64_t now_ms);
void loop_maps_close(struct loop *loop);

/* ---- listener.c */
enum { LISTENER_SOCKETS_MAX = 64 };
struct listener_sockets {
    int fds[LISTENER_SOCKETS_MAX];
    size_t count;
    uint16_t port;
};
/* At least `wanted` sockets of one address: those of our last life, or new ones, which are kept for
 * the next. ERR_BUSY: the port is taken. */
enum err listener_open(struct svc *svc, const struct endpoint *endpoint, const char *setting,
                       size_t wanted, struct listener_sockets *out, struct error *error);
void listeners_start(struct loop *loop);
void listeners_stop(struct loop *loop);
/* Every 100 ms: goes on accepting when there is room again. */
void listeners_tick(struct loop *loop);

/* ---- exchange.c */
/* on_req of the one handler. */
int exchange_begin(h2o_handler_t *handler, h2o_req_t *req);
void exchange_unwatch(struct exchange *x);
/* Every second: clients that the watch cannot see leaving. */
void exchange_watch_tick(struct loop *loop);
/* The client is gone, or must go: no orderly end. May free the exchange. */
void exchange_abort(struct exchange *x);
/* Status, headers that all answers have, length (SIZE_MAX: unknown). */
void exchange_set_head(struct exchange *x, int status, const char *type, size_t length);
/* An answer without body that says how long it would be. */
void exchange_send_head(struct exchange *x, int status, const char *type, size_t length);
struct exchange *exchange_of(h2o_socket_t *sock);
/* By which address of ours the client came. */
struct ip client_local(struct client *client);

/* ---- websocket.c */
/* Every second. */
void websockets_tick(struct loop *loop, uint64_t now_ms);
/* Tells all of them that we go away. */
void websockets_drain(struct loop *loop);

/* ---- stream_body.c, event_body.c */
/* Takes the entry. Ranges and what stands between them are in `parts`. */
void stream_body_send(struct exchange *x, struct map_entry *entry, struct ready_map *map,
                      uint32_t file, const struct parts *parts, int status);
/* Every second. */
void streams_tick(struct loop *loop, uint64_t now_ms);
void event_bodies_tick(struct loop *loop, unsigned seconds);
void event_bodies_publish(struct loop *loop, struct feed_event *event);
void event_bodies_end(struct loop *loop);
/* ---- event_socket.c */
void event_sockets_publish(struct loop *loop, const struct feed_event *event);

#endif
