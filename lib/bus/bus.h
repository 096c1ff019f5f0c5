/* SPDX-License-Identifier: MIT
 *
 * bus: how processes talk. protobuf `service` blocks over ZeroMQ: each serving process binds one
 * ROUTER (requests) and one PUB (events); callers hold a DEALER and a SUB per instance. No broker.
 * A bus belongs to one thread; a process may have several (http-svc has one per loop thread), of
 * which one serves.
 *
 * Calling, typed by the code that protobuf-c generates:
 *
 *     sharestream__torrent__torrent__get(bus_to(torrent, 5000, key, NULL), &request, on_info, arg);
 *
 *     static void on_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
 *     {
 *         if (info == NULL) { ... bus_error() says why ... }
 *
 * The closure is called exactly once, later, from bus_dispatch() or bus_tick(), unless the call is
 * cancelled; `info` lives until it returns. Serving: fill the generated struct of handlers and
 * bus_serve() it. A handler answers through its closure, now or later, exactly once: with a reply,
 * or bus_fail(). One that takes long can ask to be told when nobody waits any more:
 * bus_on_cancel().
 *
 * Every call has a deadline. A message to a service that is away waits in a bounded queue until the
 * deadline; when the service comes back as another generation, calls that the old one may have
 * swallowed end at once with ERR_UNAVAILABLE. Answers nobody waits for are dropped and counted. So
 * are requests that a service of the same machine reads after their deadline; the service is told
 * of every other call that its caller gave up.
 * Wire format: proto/envelope.proto.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/metrics.h"

enum {
    BUS_MESSAGE_MAX = 17 << 20, /* bytes; a .torrent of 16 MiB fits */
    BUS_QUEUE_MAX = 1000,       /* messages waiting towards one instance; more is ERR_BUSY */
    BUS_TICK_MS = 100,          /* how often to call bus_tick(): the resolution of deadlines */
    BUS_INSTANCES_MAX = 64,     /* of one service */
    BUS_NAME_MAX = 96,          /* of an instance, with NUL */
    BUS_SEATS_MAX = 64,         /* of one service */
};

struct bus;
struct bus_remote;

struct bus_config {
    const char *self;    /* "torrent.0@node": no two on one bus are the same, and it stays the same
                            from life to life; copied */
    uint64_t generation; /* of this process */
    const char *run_dir; /* folder of ipc sockets; short: a socket path is limited to 107 bytes */
    const char *listen; /* "" = ipc in run_dir, else "tcp://address:port" for requests, port + 1 for
                           events */
    const char *peers;  /* "torrent=tcp://t0:7100, torrent=tcp://t1:7100, ..."; services not named
                           are found by ipc. Every address of a name is an instance; it is looked up
                           again and again, so instances come and go */
    const char *secret; /* shared by all machines: makes the CURVE keys; "" only with ipc or
                           allows_plaintext */
    bool allows_plaintext; /* tcp without encryption, because somebody said so */
};

struct bus *bus_new(const struct bus_config *config, struct error *error);
/* Outstanding calls of ours end with ERR_CANCELLED; requests not answered are dropped. */
void bus_free(struct bus **bus);

/* From now on we go by another name, and nobody can call us: a successor takes name and addresses.
 * What was asked and is not answered yet stays unanswered; our own calls go on. */
void bus_retire(struct bus *bus, const char *name);
/* Are the addresses free? They are given up in the background, soon. */
bool bus_is_retired(const struct bus *bus);

/* Readable when bus_dispatch() has work. Owned by the bus; watch it for input, never read or close
 * it. */
int bus_fd(const struct bus *bus);
/* Handles at most 256 messages; returns true when more are waiting (the fd stays readable then). */
bool bus_dispatch(struct bus *bus);
/* Deadlines and greetings; every BUS_TICK_MS. */
void bus_tick(struct bus *bus);

/* ---- serving
 * --------------------------------------------------------------------------------------------------------
 */

/* Binds on the first call. Others see this process as up for the services that it serves; one that
 * is to stand by until another has gone serves nothing but svc.Svc. `service` (a filled generated
 * struct) must outlive the bus; `state` comes back by bus_state(). */
enum err bus_serve(struct bus *bus, ProtobufCService *service, void *state, struct error *error);
/* Fingerprint of a service we serve, by its full name ("sharestream.torrent.Torrent"); 0 when we do
 * not. Two programs agree on it exactly when they were built from the same messages. */
uint64_t bus_served_fingerprint(const struct bus *bus, const char *service);
/* In a handler: the `state` given to bus_serve(). `closure_data` is the handler's last argument. */
void *bus_state(const void *closure_data);
/* Answers with an error instead of a reply; the request is over then. `format` makes a sentence
 * without full stop. */
__attribute__((format(printf, 3, 4))) void bus_fail(void *closure_data, enum err code,
                                                    const char *format, ...);
void bus_fail_error(void *closure_data, const struct error *error);
/* Monotonic ms after which nobody waits for the answer. */
uint64_t bus_deadline_ms(const void *closure_data);
/* To be called by the handler itself, not later: `fn` is called, at most once and from
 * bus_dispatch() or bus_tick(), when nobody waits for the answer any more: the caller said so, or
 * has begun a new life, or its deadline is over. Nothing else changes: `closure_data` is valid
 * until it is answered, and must be, in `fn` or later; the answer goes nowhere then. */
typedef void bus_cancelled_fn(void *arg);
void bus_on_cancel(void *closure_data, bus_cancelled_fn *fn, void *arg);
/* Publishes to all subscribers; never blocks. Slow subscribers lose events and are told
 * (bus_watch.on_gap). */
void bus_publish(struct bus *bus, const ProtobufCMessage *event);
/* Where events go out; valid after bus_serve(). */
const char *bus_events_endpoint(const struct bus *bus);
/* Trace lines of messages with `peer` ("" = all) go out on the events socket, in all buses of the
 * process, until `until_ms` (monotonic). */
void bus_trace(const char *peer, uint64_t until_ms);

/* ---- calling
 * --------------------------------------------------------------------------------------------------------
 */

/* The service `name` ("torrent") as seen from here; made on first use, freed with the bus.
 * `descriptor` is the generated service descriptor (its fingerprint is compared at the greeting); a
 * service's built-in `svc.Svc` is reached by a remote of that descriptor with the same name. */
struct bus_remote *bus_remote(struct bus *bus, const char *name,
                              const ProtobufCServiceDescriptor *descriptor);

/* For the next call: deadline from now, the key that chooses the instance (rendezvous hashing over
 * the names of live instances; NULL data: the first live one), and where to put the call id (may be
 * NULL). One that went down is waited for some seconds before its keys are others'. */
ProtobufCService *bus_to(struct bus_remote *remote, uint32_t deadline_ms, struct bytes key,
                         uint64_t *call_out);
/* Of things that stay with the instance that has them, whoever comes and goes: while it is "not
 * found" the others are asked too, in the order of the hashing, and where it was is remembered. If
 * all say so, the first is asked once more and may make it: bus_may_be_elsewhere(). While one of
 * them is away ERR_UNAVAILABLE takes the place of "not found". */
ProtobufCService *bus_to_holder(struct bus_remote *remote, uint32_t deadline_ms, struct bytes key,
                                uint64_t *call_out);
/* In a handler that would make what is asked for: say ERR_NOT_FOUND instead. */
bool bus_may_be_elsewhere(const void *closure_data);
/* Numbers of instances are of this remote alone; one that has gone for good gives its number to a
 * later one. Fills in those that are up, returns how many. */
size_t bus_instances(const struct bus_remote *remote, unsigned out[BUS_INSTANCES_MAX]);
/* The name that it says of itself; "" while it has not. */
const char *bus_instance_name(const struct bus_remote *remote, unsigned instance);
/* Since when it holds what one at a time may hold: the latest is the one who does. 0: nothing. */
uint64_t bus_instance_held_since(const struct bus_remote *remote, unsigned instance);
/* Those that have keys now, in no order. For who asks by other threads: of their names the one of
 * the highest bytes_weight() has the key. */
size_t bus_owners(const struct bus_remote *remote, unsigned out[BUS_INSTANCES_MAX]);
/* Which one bus_to() would choose; false: there is none. */
bool bus_owner(struct bus_remote *remote, struct bytes key, unsigned *instance_out);
/* Into how many seats that service has parted what it has, of which one process holds one each, as
 * was heard last; 0: it has not. */
unsigned bus_seats(const struct bus_remote *remote);
unsigned bus_instance_seat(const struct bus_remote *remote, unsigned instance);
/* Who holds the seat: who took it last, as one before may not know that it was forestalled. False:
 * nobody does now. */
bool bus_seat_holder(const struct bus_remote *remote, unsigned seat, unsigned *instance_out);
/* To the one that holds the seat. Waits for nobody: a seat without holder fails the call. */
ProtobufCService *bus_to_seat(struct bus_remote *remote, unsigned seat, uint32_t deadline_ms,
                              uint64_t *call_out);
/* Addresses one instance by number instead. */
ProtobufCService *bus_to_instance(struct bus_remote *remote, unsigned instance,
                                  uint32_t deadline_ms, uint64_t *call_out);
/* The closure will not be called any more, and the service is told. Unknown ids are fine: the call
 * may have ended. */
void bus_cancel(struct bus *bus, uint64_t call);
/* Inside a closure that got NULL: why. Valid until it returns. */
const struct error *bus_error(const struct bus_remote *remote);
bool bus_is_up(const struct bus_remote *remote);
/* Some of that service may run on another machine. */
bool bus_is_by_tcp(const struct bus *bus, const char *name);

struct bus_watch {
    const ProtobufCMessageDescriptor *event; /* the owner's Event message */
    void (*on_event)(void *arg, unsigned instance, const ProtobufCMessage *event);
    void (*on_up)(void *arg, unsigned instance);   /* first greeting, and each new life or seat:
                                                      repeat what it must know   of you */
    void (*on_down)(void *arg, unsigned instance); /* it has not answered for 3 s */
    void (*on_gap)(void *arg, unsigned instance);  /* events were lost: ask for the state anew */
    void *arg;
};
/* Any callback may be NULL. At most one watch per remote. */
void bus_watch(struct bus_remote *remote, const struct bus_watch *watch);

/* ---- counting
 * -------------------------------------------------------------------------------------------------------
 */

#define BUS_METRICS(X)                                                                             \
    X(COUNTER, calls_total, "calls sent to other services")                                        \
    X(COUNTER, calls_failed_total, "calls that ended in an error")                                 \
    X(COUNTER, calls_timeout_total, "calls nobody answered before the deadline")                   \
    X(COUNTER, calls_cancelled_total, "calls given up, of which the service was told")             \
    X(COUNTER, requests_total, "requests received")                                                \
    X(COUNTER, requests_bad_total, "requests that could not be understood")                        \
    X(COUNTER, requests_late_total, "requests that came after their deadline")                     \
    X(COUNTER, requests_cancelled_total,                                                           \
      "requests given up by their callers while they were worked on")                              \
    X(COUNTER, replies_lost_total, "replies whose caller was gone or full")                        \
    X(COUNTER, replies_late_total, "replies nobody waited for")                                    \
    X(COUNTER, events_sent_total, "events published")                                              \
    X(COUNTER, events_lost_total, "events missed as a subscriber")                                 \
    X(COUNTER, queue_full_total, "calls refused because a queue was full")                         \
    X(GAUGE, calls_waiting, "calls waiting for their reply")
METRICS_STRUCT(bus_metrics, BUS_METRICS);
extern const struct metrics_table bus_metrics_table;
/* Of the whole process: shared by its buses. */
struct bus_metrics *bus_metrics(void);

#endif
