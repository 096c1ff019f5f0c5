/* SPDX-License-Identifier: MIT
 *
 * What the files of lib/bus share. bus.c: sockets and the dispatch round; call.c: our calls;
 * serve.c: requests of others; cancel.c: those nobody waits for; peer.c: one connection to one
 * instance; remote.c: the instances of a service, and which of them gets a call; event.c: PUB/SUB;
 * trace.c; curve.c: keys; endpoint.c: addresses; resolve.c: addresses of names.
 */
#ifndef BUS_PRIVATE_H
#define BUS_PRIVATE_H

#include <proto/envelope.pb-c.h>
#include <proto/svc.pb-c.h>
#include <uthash.h>
#include <utlist.h>
#include <zmq.h>

#include "bus/bus.h"

enum {
    BUS_ENDPOINT_MAX = 256,
    BUS_ROUND_MAX = 256, /* messages handled in one dispatch */
    BUS_LINGER_MS = 100,
    BUS_HELLO_MS = 2000,    /* greeting of a peer that is up */
    BUS_STANDBY_MS = 200,   /* of one that does not serve what we want of it, but may soon */
    BUS_SILENT_MS = 3000,   /* after this without an answer it counts as down */
    BUS_GREETING_MS = 1000, /* deadline of a greeting */
    BUS_UNBIND_MS = 500,    /* a tcp port is free again after that */
    /* A line that is cut says nothing of it. Without these TCP finds out after a quarter of an
     * hour, and who only listens never does; a line that was mended is found as late as it was cut
     * for. */
    BUS_BEAT_MS = 1000,
    BUS_BEATLESS_MS = 6000, /* then it is connected anew; later than it counts as down */
    BUS_CONNECT_MS = 2000,
    BUS_PATIENCE_MS = 5000,  /* one that went down keeps its keys for so long */
    BUS_HELD_MAX = 10000,    /* keys of which it is remembered who has them, of one service */
    BUS_SOCKETS_MAX = 16384, /* of one process */
    BUS_KEY_TEXT = 41,       /* Z85 of 32 bytes, with NUL */
};

typedef Sharestream__Bus__Envelope Envelope;

/* Takes at most `budget` messages from a socket; returns how many. Fewer than the budget: nothing
 * is left. */
typedef unsigned receive_fn(void *owner, unsigned budget);

/* A socket that dispatch looks at when it is due: its fd said so, a send swallowed the edge, or the
 * budget was used up. */
struct watched {
    void *socket;
    receive_fn *receive;
    void *owner;
    bool is_due;
    struct watched *prev, *next;
};

/* One instance of a remote service. */
struct peer {
    struct bus_remote *remote; /* NULL: the place is free */
    unsigned instance;
    bool is_listed;          /* as the addresses are now */
    char name[BUS_NAME_MAX]; /* that it says of itself; until then "torrent" and where it is */
    bool is_named;           /* it has said it */
    char rpc[BUS_ENDPOINT_MAX], events[BUS_ENDPOINT_MAX];
    void *dealer, *monitor, *sub;
    bool is_connected, is_up, is_standby, is_mismatch_logged;
    uint64_t generation; /* of its last greeting, 0 before the first */
    uint64_t held_since_ms;
    uint64_t heard_ms;   /* last answer to a greeting */
    uint64_t up_ms;      /* last answer of one that was up; 0: never */
    uint64_t hello_ms;   /* last greeting sent */
    unsigned seat;       /* of `seats`, that it holds */
    unsigned seats;      /* 0: nothing is parted */
    uint64_t came;       /* the greatest came up last */
    uint64_t last_event; /* number of the last event, 0 = none yet */
};

struct bus_remote {
    ProtobufCService service; /* first: bus_to() hands out its address */
    struct bus *bus;
    char name[BUS_NAME_MAX];
    uint64_t fingerprint;
    size_t peer_count;  /* places in use are below */
    struct peer *peers; /* BUS_INSTANCES_MAX; they do not move */
    unsigned resolved;  /* version of the addresses that is known */
    unsigned seats;     /* as who came up last says */
    uint64_t came;      /* counts those that come up */
    struct bus_watch watch;
    struct held *held; /* hash */
    /* of the next call, set by bus_to() */
    struct peer *next_peer;
    uint32_t next_deadline_ms;
    uint64_t *next_call_out;
    bool next_finds_holder;
    struct bytes next_key;
    const struct error *error; /* during a closure that got NULL */
    struct bus_remote *next;
};

/* That a key is not where hashing says. */
struct held {
    uint64_t key; /* hash of it */
    struct peer *peer;
    UT_hash_handle hh;
};

/* A call that goes round until somebody has what it asks for. */
struct search {
    uint64_t tried;       /* one bit for each instance */
    bool is_last;         /* all said that they have not */
    bool misses_one;      /* that is, all that were there */
    struct bytes key;     /* as is the message: in the same block of memory */
    struct bytes message; /* packed */
};

/* A call of ours that waits for its reply. In the hash by id and in a list by deadline. */
struct call {
    uint64_t id;
    struct bus_remote *remote;
    struct peer *peer; /* NULL: no such instance; fails at the next dispatch */
    uint64_t deadline_ms, sent_us;
    uint64_t generation; /* of the peer when it was sent, 0 = it was down */
    uint64_t trace;
    const ProtobufCMethodDescriptor *method;
    ProtobufCClosure closure;
    void *arg;
    struct search *search; /* NULL: for this instance alone */
    bool is_sent;
    struct error failed; /* code set: ends at the next dispatch */
    UT_hash_handle hh;
    struct call *prev, *next;
};

/* Random where each bus begins, so no two are the same. */
struct request_key {
    uint64_t generation, call;
};

/* A caller some of whose requests are watched, by its name. */
struct caller {
    char name[BUS_NAME_MAX];
    uint64_t generation;
    struct request *requests; /* list: of_prev, of_next */
    UT_hash_handle hh;
};

/* A request of somebody that we have not answered yet; the closure_data of handlers. */
struct request {
    struct bus *bus;
    void *state;
    const ProtobufCMethodDescriptor *method;
    struct request_key key;
    uint64_t trace, deadline_ms, came_us;
    char from[BUS_NAME_MAX];
    bool has_delimiter; /* came from a REQ socket */
    bool may_be_elsewhere;
    size_t identity_len;
    uint8_t identity[255];
    struct request *prev, *next;

    /* cancel.c's */
    bool is_watched, is_given_up; /* given up: the answer goes nowhere */
    bus_cancelled_fn *on_cancel;
    void *cancel_arg;
    UT_hash_handle hh;
    struct request *soon_prev, *soon_next;
    struct caller *caller; /* NULL: nobody we would know again */
    struct request *of_prev, *of_next;
};

struct served {
    ProtobufCService *service;
    void *state;
    struct served *next;
};

struct bus {
    char self[BUS_NAME_MAX];
    uint64_t generation;
    char *run_dir, *listen, *peers_text;
    bool allows_plaintext, has_keys;
    char public_key[BUS_KEY_TEXT], secret_key[BUS_KEY_TEXT];
    int epoll_fd, kick_fd;
    bool is_kicked;
    struct watched *watched; /* list */
    void *router, *pub, *trace_pull, *trace_push, *zap;
    char events_endpoint[BUS_ENDPOINT_MAX];
    struct served *served;
    struct request *requests;
    struct request *watched_requests; /* hash */
    struct request *soonest;          /* the same as a list, soonest deadline first */
    struct caller *callers;           /* hash: those of watched requests */
    struct bus_remote *remotes;
    struct call *calls;     /* hash */
    struct call *deadlines; /* list, soonest first */
    uint64_t next_call, next_event;
    uint64_t retired_ms;
    uint64_t clock; /* which one clock_ms() is; 0: unknown */
};

/* bus.c */
void *bus_context(void);
void *bus_socket(struct bus *bus, int type, bool is_server);
/* Before it connects by tcp: it asks the other side whether it is there, and connects anew. */
void bus_beat(void *socket);
void bus_socket_close(struct bus *bus, void **socket);
void bus_watch_socket(struct bus *bus, void *socket, receive_fn *receive, void *owner);
/* The dispatch must come round again soon: something is waiting that no fd tells. */
void bus_kick(struct bus *bus);
/* After each send: ZMQ_FD is edge-triggered and the send may have swallowed the edge. */
void bus_check_after_send(struct bus *bus, void *socket);
bool bus_send_bytes(void *socket, struct bytes payload);
bool bus_send_message(void *socket, const ProtobufCMessage *message, int flags);
/* Receives one frame without waiting; false when there is none. */
bool bus_receive(void *socket, zmq_msg_t *frame);
bool bus_frame_has_more(const zmq_msg_t *frame);
void bus_drop_rest(void *socket, zmq_msg_t *frame);
Envelope *bus_read_envelope(zmq_msg_t *frame);
/* Of a request but for the method; strings are borrowed from the bus. */
Envelope bus_request_envelope(const struct bus *bus, uint64_t call, uint32_t deadline_ms,
                              uint64_t sent_ms);
struct bytes bus_frame_bytes(zmq_msg_t *frame);

/* call.c */
void call_invoke(ProtobufCService *service, unsigned method, const ProtobufCMessage *input,
                 ProtobufCClosure closure, void *arg);
/* Sends a request of any package to one peer; the base of call_invoke and of greetings. */
uint64_t call_send(struct bus_remote *remote, struct peer *peer, const char *package_service,
                   const ProtobufCMethodDescriptor *method, uint32_t deadline_ms,
                   const ProtobufCMessage *input, ProtobufCClosure closure, void *arg);
receive_fn call_receive; /* of a struct peer */
void call_fail_peer(struct peer *peer, uint64_t other_than_generation, const char *why);
void call_leave_peer(struct peer *peer); /* it is about to be closed */
void call_expire(struct bus *bus, uint64_t now_ms);
void call_finish_failed(struct bus *bus);
void call_cancel_all(struct bus *bus);

/* serve.c */
receive_fn serve_receive; /* of a struct bus */
void serve_drop_all(struct bus *bus);
void serve_give_up_all(struct bus *bus);

/* cancel.c */
/* The caller of the request says so. */
void cancel_request(struct bus *bus, const Envelope *envelope);
/* All of former lives of whoever sent this. */
void cancel_former_lives(struct bus *bus, const Envelope *envelope);
void cancel_expired(struct bus *bus, uint64_t now_ms);
/* Before a request is freed. */
void cancel_unwatch(struct request *request);

/* peer.c */
void bus_peer_open(struct peer *peer, struct bus_remote *remote, unsigned instance, const char *rpc,
                   const char *events);
void bus_peer_close(struct peer *peer); /* the place is free then */
void bus_peer_subscribe(struct peer *peer);
receive_fn bus_peer_monitor; /* of a struct peer */
void bus_peer_tick(struct peer *peer, uint64_t now_ms);

/* remote.c */
void remote_tick(struct bus_remote *remote, uint64_t now_ms);
void remote_free(struct bus_remote *remote);
/* The one that gets the key; NULL: there is none. */
struct peer *remote_owner(struct bus_remote *remote, struct bytes key);
/* Where to look next for something: of those not in `tried`, who answers before who has only just
 * gone down; NULL: all have been asked. */
struct peer *remote_next(struct bus_remote *remote, struct bytes key, uint64_t tried);
/* One that is named is away: nobody can say what it has. Who stands by has nothing. */
bool remote_misses_one(const struct bus_remote *remote);
/* Where it was found, so that the next call goes there at once. */
void remote_remember(struct bus_remote *remote, struct bytes key, struct peer *peer);
void remote_forget(struct bus_remote *remote, const struct peer *peer);

/* event.c */
receive_fn event_receive; /* of a struct peer */

/* trace.c */
bool trace_is_on(const char *peer);
__attribute__((format(printf, 2, 3))) void trace_line(struct bus *bus, const char *format, ...);
receive_fn trace_forward; /* of a struct bus */
void trace_bind(struct bus *bus);

/* curve.c */
enum err curve_make_keys(struct bus *bus, const char *secret, struct error *error);
void curve_apply(const struct bus *bus, void *socket, bool is_server);
receive_fn curve_zap; /* of a struct bus */
enum err curve_zap_bind(struct bus *bus, struct error *error);

/* endpoint.c */
typedef void endpoint_fn(void *arg, const char *rpc, const char *events);
/* Calls `fn` for every address of a service. False: names could not be looked up (yet), there may
 * be more. */
bool endpoint_each(const struct bus *bus, const char *name, endpoint_fn *fn, void *arg);
bool endpoint_own(const struct bus *bus, bool events, char *out, size_t cap);

/* resolve.c */
enum { RESOLVE_MAX = BUS_INSTANCES_MAX, RESOLVE_EVERY_MS = 2000 };
struct resolved {
    size_t count;
    char addresses[RESOLVE_MAX][46]; /* INET6_ADDRSTRLEN */
};
/* What a name stands for, as it was last; the first question begins the watching. Never blocks.
 * False: not known yet. */
bool resolve(const char *host, struct resolved *out);
/* Another number than before: some name stands for something else. */
unsigned resolve_version(void);

/* fingerprint.c */
uint64_t bus_fingerprint(const ProtobufCServiceDescriptor *service);

/* shared by call.c and serve.c: "sharestream.torrent.Torrent/Get" -> "Get" */
const char *bus_method_name(const char *full);

#endif
