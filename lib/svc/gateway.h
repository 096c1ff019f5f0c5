/* SPDX-License-Identifier: MIT
 *
 * gateway: the actor's side of proto/gateway.proto: clients whose connections http-svc holds.
 *
 * A connection or question is known by an id that holds in this process, whichever gateway it came
 * by. What an actor says is gathered while it handles a delivery and goes back with the reply; what
 * it says at other times (to clients of another gateway, or because time passed) goes out with
 * gateways_flush(). When a gateway dies, its connections are closed; when the actor is the one that
 * starts anew, they are opened once more, each with its tag.
 */
#ifndef SVC_GATEWAY_H
#define SVC_GATEWAY_H

#include "base/metrics.h"
#include "bus/bus.h"
#include "svc/gateway_limits.h"

enum {
    GATEWAY_ADDRESS_MAX = 16,
    GATEWAY_SILENCE_MS = 60000,        /* a gateway that says nothing for so long is gone */
    GATEWAY_OUTBOX_BYTES = 8 << 20,    /* waiting for one gateway; more is dropped and counted */
    GATEWAY_OUTBOX_ACTIONS = 64 << 10, /* likewise */
};

/* Views live until the callback returns. */
struct gateway_client {
    struct bytes target;  /* path and query as sent */
    struct bytes address; /* 4 or 16 bytes, or empty when the gateway does not know */
    struct bytes local;   /* by which address of ours it came; likewise */
    struct bytes origin;  /* of a browser's page */
    struct bytes tag;     /* what gateway_tag() left; empty for a new connection */
    bool is_admin;        /* of a connection: may do what the API lets the operator do */
};

/* One of these addresses as 16 bytes, IPv4 mapped into IPv6. False: it is not known; 0.0.0.0. */
bool gateway_ip(struct bytes address, uint8_t ip[GATEWAY_ADDRESS_MAX]);

struct gateway_actor {
    /* What it returns is given to the other two; NULL: none of our business, closed with 1008. */
    void *(*on_opened)(void *arg, uint64_t connection, const struct gateway_client *client);
    void (*on_received)(void *arg, void *state, struct bytes payload, bool is_binary);
    void (*on_closed)(void *arg, void *state); /* frees the state; saying more is pointless */
    /* Answer by gateway_answer(), now or later. */
    void (*on_asked)(void *arg, uint64_t question, const struct gateway_client *client);
    void *arg;
};

struct gateways;

/* ---- a journal, so that what clients say is done once and what they are told is sent once, also
 * when this process dies meanwhile: decision 0013 */

/* What there is to know of a gateway when this process begins anew. */
struct gateway_memory {
    uint64_t place;     /* its key */
    struct bytes bytes; /* empty: there is nothing any more */
};

struct gateway_journal {
    /* Whether what the actor knows is not as it was written last. Asked when there is nothing to
     * say that would have to be written. */
    bool (*has_changed)(void *arg);
    /* Writes these rows together with whatever changed in what the actor knows, all or nothing;
     * called before anything goes out. False: nothing was written. */
    bool (*commit)(void *arg, const struct gateway_memory *rows, size_t count);
    void *arg;
};

struct gateways *gateways_new(const struct gateway_actor *actor);
/* Before gateways_serve(); likewise the next one, for each row of the life before. */
void gateways_remember(struct gateways *gateways, const struct gateway_journal *journal);
/* False: that is no row of ours. */
bool gateways_recall(struct gateways *gateways, const struct gateway_memory *row);
/* The journal has lost what was written: all rows come again with the next commit. */
void gateways_rewrite(struct gateways *gateways);
/* All that were recalled have told which connections are open, or were forgotten. Until then groups
 * lack members. */
bool gateways_are_settled(const struct gateways *gateways);
/* They have carried out all that was said. */
bool gateways_are_heard(const struct gateways *gateways);
/* All of them, in the journal as well: they begin anew if they come again. */
void gateways_forget(struct gateways *gateways);
/* Of the parts of what the actor has, this process has that one; else the first. Before
 * gateways_serve(). */
void gateways_hold_seat(struct gateways *gateways, unsigned seat);
enum err gateways_serve(struct gateways *gateways, struct bus *bus, struct error *error);
/* Closes all connections; the bus must dispatch nothing more. Clears the pointer, accepts NULL. */
void gateways_free(struct gateways **gateways);
/* About once a second. */
void gateways_tick(struct gateways *gateways, uint64_t now_ms);
/* Sends what was said outside of a callback. */
void gateways_flush(struct gateways *gateways);
size_t gateways_connections(const struct gateways *gateways);

/* State of a connection; NULL when it is gone. */
void *gateway_state(const struct gateways *gateways, uint64_t connection);
/* In on_opened() with a tag: this life had it until a moment ago, when its gateway began to tell
 * all its connections anew; so nothing that groups were told is missing there. */
bool gateway_is_continued(const struct gateways *gateways, uint64_t connection);

/* All copy what they are given, and do nothing for a connection that is gone. */
void gateway_send(struct gateways *gateways, uint64_t connection, struct bytes payload,
                  bool is_binary);
void gateway_tag(struct gateways *gateways, uint64_t connection, struct bytes tag);
/* `code` as in RFC 6455, 7.4. on_closed still comes. */
void gateway_close(struct gateways *gateways, uint64_t connection, uint16_t code,
                   const char *reason);
/* It is the business of the actor of that seat: closed here, and opened there with its tag. When
 * this is called while a message of it is handled, that one was not taken and is told there too.
 * on_closed comes at the end of the callback. */
void gateway_move(struct gateways *gateways, uint64_t connection, unsigned seat);
/* Groups are of this process and across gateways: what one is told costs a message to each gateway
 * that has members. Joining twice is once; closed connections have left. False: the connection is
 * gone or in too many groups, the name is empty or too long. When this process starts anew, groups
 * are empty. */
bool gateway_join(struct gateways *gateways, uint64_t connection, const char *group);
void gateway_leave(struct gateways *gateways, uint64_t connection, const char *group);
/* To all in the group but `except`, who need not be in it. */
void gateway_send_group(struct gateways *gateways, const char *group, const uint64_t *except,
                        size_t except_count, struct bytes payload, bool is_binary);
void gateway_answer(struct gateways *gateways, uint64_t question, unsigned status, const char *type,
                    struct bytes body);
/* Instead of an answer: the actor of that seat is to be asked. */
void gateway_pass_on(struct gateways *gateways, uint64_t question, unsigned seat);

#define GATEWAY_METRICS(X)                                                                         \
    X(GAUGE, gateways, "loops of http-svc that are attached")                                      \
    X(GAUGE, connections, "connections open")                                                      \
    X(COUNTER, deliveries_total, "batches of events from gateways")                                \
    X(COUNTER, repeated_total, "batches that had been carried out before")                         \
    X(COUNTER, events_total, "events in them")                                                     \
    X(COUNTER, moved_total, "connections that went to another seat")                               \
    X(COUNTER, actions_total, "actions sent to gateways")                                          \
    X(COUNTER, dropped_total, "actions dropped: a gateway did not take them in time")
METRICS_STRUCT(gateway_metrics, GATEWAY_METRICS);
extern const struct metrics_table gateway_metrics_table;
struct gateway_metrics *gateways_metrics(struct gateways *gateways);

#endif
