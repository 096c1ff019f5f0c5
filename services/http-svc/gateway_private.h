/* SPDX-License-Identifier: MIT
 *
 * What the files of the gateway share. gateway.c: its life, the calls; gateway_queue.c: what
 * waits, and how it becomes a Delivery; gateway_actions.c: what the actor wants done;
 * gateway_moves.c: what goes to another seat.
 */
#ifndef HTTP_GATEWAY_PRIVATE_H
#define HTTP_GATEWAY_PRIVATE_H

#include <proto/gateway.pb-c.h>

#include "base/text.h"
#include "gateway.h"
#include "slots.h"

enum {
    BATCH_EVENTS = 4096, /* of one Delivery, of each kind: queued, replayed, asked */
    BATCH_BYTES = 1 << 20,
};

/* Numbers of questions have it, those of sockets do not. */
#define QUESTION_BIT (UINT64_C(1) << 47)

enum event_kind { EVENT_OPENED, EVENT_RECEIVED, EVENT_CLOSED };

/* Views into the heap of its batch, which moves while it grows. */
struct event {
    enum event_kind kind;
    bool is_binary, is_admin;
    uint8_t address_len, local_len;
    uint32_t len, origin_len; /* len: of the target or the payload, which comes first */
    uint32_t tag_len;
    size_t at;
    uint64_t number;
};

/* What goes out in one Delivery. */
struct batch {
    struct event *events;
    size_t count, capacity;
    struct text heap;
    unsigned deaths; /* of the actor, with this before it */
    struct batch *prev, *next;
};

struct queue {
    struct batch *batches; /* the last one is being filled */
    struct batch *spare;
    size_t events, bytes;
};

/* Messages made of a batch; kept, because the next one needs as many. */
struct scratch {
    struct event_message *rows;
    Sharestream__Gateway__Event **list;
    size_t count, capacity;
};

/* A connection that goes to another seat as soon as nothing of it is in flight. */
struct move {
    uint64_t number; /* here */
    struct gateway *to;
    struct gateway_socket *socket; /* NULL: closed meanwhile; these are what it had then */
    struct gateway_client *client;
    uint8_t *tag;
    uint32_t tag_len;
    struct queue returned; /* what the actor did not take of what it was told */
    struct move *prev, *next;
};

struct gateway {
    struct loop *loop;
    struct bus *bus;
    struct bus_remote *remote;
    struct http_metrics *metrics;
    char *name;
    uint64_t generation;
    unsigned index, count;

    unsigned instance; /* of the actor, to which we talk */
    unsigned seat;     /* that it holds */
    uint64_t up;       /* a bit for each that answers greetings */
    bool needs_first;  /* it knows nothing of us */
    bool is_replaying;
    bool is_attached; /* it has taken a Delivery in this life */
    uint32_t replay_at;
    uint64_t retry_ms, await_retry_ms; /* not before; 0 = at once */
    uint64_t flushed_ms;
    uint64_t gather_ms;   /* what is urgent waits so long for more */
    uint64_t call, await; /* in flight, 0 = none */
    uint64_t delivery;    /* counts them; the number of the one in flight */
    uint64_t carried;     /* number of the last Batch of the actor's that was carried out */
    bool remembers;       /* the actor keeps a journal: nothing in flight is lost with it */
    bool asks_again;      /* an answer is missing */
    bool is_first_in_flight;
    struct batch *in_flight;

    struct queue queue;
    struct scratch scratch;
    struct slots sockets, questions;
    struct gateway_question *asked, *sent; /* lists, oldest first; sent: with the actor */
    size_t question_count;
    struct group *groups; /* hash by name */
    struct gateway_seats seats;
    struct move *moves; /* list */
    uint64_t sends;     /* counts them, for spared_by */
};

/* gateway_queue.c */
bool queue_opened(struct queue *queue, uint64_t number, const struct gateway_client *client);
bool queue_received(struct queue *queue, uint64_t number, struct bytes payload, bool is_binary);
void queue_closed(struct queue *queue, uint64_t number); /* always has room */
/* Without a limit: for what was counted elsewhere. */
void queue_add_opened(struct queue *queue, uint64_t number, const struct gateway_client *client,
                      struct bytes tag);
void queue_add_received(struct queue *queue, uint64_t number, struct bytes payload, bool is_binary);
/* What there is of one number goes to the end of the other, under its number there. */
void queue_move(struct queue *from, struct queue *to, uint64_t number, uint64_t number_there);
struct batch *queue_take(struct queue *queue); /* NULL: empty */
void queue_put_back(struct queue *queue, struct batch **batch);
void queue_drop(struct queue *queue, struct batch **batch);
void queue_fini(struct queue *queue);
/* Fills the scratch with what comes next; views into the gateway and its batch. */
void delivery_fill(struct gateway *gateway);
void delivery_untell(struct gateway *gateway, const struct batch *batch);

/* gateway_actions.c */
/* False: Batches are missing before those that it holds, which were not carried out. */
bool actions_carry_out(struct gateway *gateway, const Sharestream__Gateway__Actions *actions);
void actions_leave_all(struct gateway_socket *socket);
void actions_forget_groups(struct gateway *gateway);

/* gateway_moves.c */
void move_begin(struct gateway *gateway, const Sharestream__Gateway__Move *order);
void move_returned(struct gateway *gateway, const Sharestream__Gateway__Return *returned);
void move_closed(struct gateway_socket *socket); /* of one that has a move */
void moves_fini(struct gateway *gateway);

/* gateway.c */
struct gateway_socket *gateway_socket(const struct gateway *gateway, uint64_t number);
struct gateway_question *gateway_question(const struct gateway *gateway, uint64_t number);
void question_take(struct gateway_question *question); /* out of the tables: it will be answered */

#endif
