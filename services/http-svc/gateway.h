/* SPDX-License-Identifier: MIT
 *
 * gateway: one loop's end of the talk with one actor (proto/gateway.proto). What happens on the
 * loop's WebSockets and the questions that came as plain HTTP go to the actor; what it decides is
 * carried out. Knows neither h2o nor what is said.
 *
 * Events of one round of the loop go together, and there is one Deliver at a time: while the actor
 * is busy they gather. Besides, one Await is open, for what it says unasked. When the actor dies
 * its connections stay, and its next life is told of them with the tags that it left there. Events
 * that were with it when it died are told again to one that keeps a journal (decision 0013), twice
 * at most; to others not at all: what killed it once would kill it again.
 */
#ifndef HTTP_GATEWAY_H
#define HTTP_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "bus/bus.h"
#include "http_settings.h"
#include "svc/gateway_limits.h"

struct loop;
struct gateway;

enum {
    GATEWAY_EVENTS_MAX = 64 << 10, /* waiting; then connections are closed with 1013 */
    GATEWAY_BYTES_MAX = 16 << 20,  /* likewise */
    GATEWAY_QUESTIONS_MAX = 64 << 10,
};

/* Who the client is. */
struct gateway_client {
    struct bytes target;         /* path and query as sent */
    struct bytes address, local; /* 4 or 16 bytes */
    struct bytes origin;
    bool is_admin; /* of a connection: may do what the API lets the operator do */
};

/* One block of memory with all that it refers to; free() it. */
struct gateway_client *gateway_client_copy(const struct gateway_client *client);

struct gateway_socket;

/* What carries a connection. Nothing is freed before websockets_flush(), so that callers can go
 * through lists. */
struct gateway_carrier {
    /* Does nothing when it is closing. One that takes nothing until too much waits is cut. */
    void (*send)(struct gateway_socket *socket, struct bytes payload, bool is_binary);
    void (*close)(struct gateway_socket *socket, unsigned code, struct bytes reason);
};

/* Part of each connection; for the gateway's eyes. */
struct gateway_socket {
    const struct gateway_carrier *carrier;
    struct gateway *gateway; /* NULL before it is open and when it is closed */
    uint64_t number;
    struct gateway_client *client; /* one block of memory with what it refers to */
    uint8_t *tag;
    uint32_t tag_len;
    uint32_t group_count;
    struct membership *memberships;
    uint64_t spared_by; /* the Send that is not for it */
    bool is_told;       /* its Opened has left the queue */
    struct move *move;  /* NULL: it stays with its actor */
};

/* Part of each request that is a question; for the gateway's eyes. */
struct gateway_question {
    struct gateway *gateway; /* NULL: none, or answered */
    uint64_t number;
    const struct gateway_client *client;
    uint64_t asked_ms, delivery;
    struct gateway_question *prev, *next;
};

/* The gateways to the other seats of the actor. */
struct gateway_seats {
    struct gateway *(*find)(void *arg, unsigned seat); /* NULL: it has none */
    void *arg;
};

struct gateway_config {
    struct loop *loop; /* handed to websockets_flush() */
    struct bus *bus;
    const char *actor; /* "tracker" */
    const char *name;  /* of the instance: "http.0"; copied */
    uint64_t generation;
    unsigned index, count; /* of this loop, and how many there are */
    unsigned instance;     /* of the actor */
    unsigned seat;         /* of those in `seats` */
    struct gateway_seats seats;
    struct http_metrics *metrics;
};

struct gateway *gateway_new(const struct gateway_config *config);
/* All connections must be closed. Questions are dropped without an answer. */
void gateway_free(struct gateway **gateway);
/* Does the actor know all, and has nobody's question? */
bool gateway_is_idle(const struct gateway *gateway);
/* To the actor it is another one from now on, without connections. */
void gateway_rename(struct gateway *gateway, const char *name);
/* Its instance, or one that may be it, comes and goes. */
void gateway_on_up(struct gateway *gateway, unsigned instance);
void gateway_on_down(struct gateway *gateway, unsigned instance);
/* Of so many, each has a part of what comes: it waits longer, so that a message brings as much. */
void gateway_share(struct gateway *gateway, unsigned count);
/* Before all are flushed: connections that are another seat's go there. */
void gateway_finish_moves(struct gateway *gateway);
/* At the end of each round. What happened in it goes out, or waits for more: for so many ms, after
 * which this is to be called again. */
enum { GATEWAY_IDLE = INT32_MAX };
int32_t gateway_flush(struct gateway *gateway, uint64_t now_ms);
/* Every 100 ms. */
void gateway_tick(struct gateway *gateway, uint64_t now_ms);

/* ---- connections. False: too much is waiting already. */
/* Takes the client when there is room. */
bool gateway_opened(struct gateway *gateway, struct gateway_socket *socket,
                    const struct gateway_carrier *carrier, struct gateway_client **client);
bool gateway_received(struct gateway_socket *socket, struct bytes payload, bool is_binary);
/* The socket is gone; also for one that never opened. */
void gateway_closed(struct gateway_socket *socket);

/* ---- questions, called by exchange.c */
/* `client` and what it refers to must live as long as the question. False: too many wait. */
bool gateway_ask(struct gateway *gateway, struct gateway_question *question,
                 const struct gateway_client *client);
/* Whoever asked has gone. */
void gateway_forget(struct gateway_question *question);

#endif
