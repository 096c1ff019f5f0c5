/* SPDX-License-Identifier: MIT
 *
 * What the files of the gateway share. gateway.c: what comes in, and its life; gateway_groups.c:
 * who is in which group; gateway_outbox.c: what is said, until it goes out; gateway_journal.c: what
 * outlives the process.
 */
#ifndef SVC_GATEWAY_PRIVATE_H
#define SVC_GATEWAY_PRIVATE_H

#include <proto/gateway.pb-c.h>

#include "base/must.h"
#include "base/text.h"
#include "svc/gateway.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>
#include <utlist.h>

typedef Sharestream__Gateway__Gateway_Service Rpc;
typedef Sharestream__Gateway__Action Action;
typedef Sharestream__Gateway__Actions_Closure Closure;
typedef Sharestream__Gateway__Event Event;
typedef Sharestream__Gateway__Origin Origin;

enum {
    NUMBER_BITS = 48, /* of an id: the gateway's own number, below the gateway's place here */
    GATEWAYS_MAX = 1024,
};

/* One action that waits to be sent; bytes lie in the outbox's heap. */
struct draft {
    Action action;
    union {
        Sharestream__Gateway__Send send;
        Sharestream__Gateway__Tag tag;
        Sharestream__Gateway__Close close;
        Sharestream__Gateway__Answer answer;
        Sharestream__Gateway__Member member;
        Sharestream__Gateway__Move move;
        Sharestream__Gateway__Return returned;
    } of;
    uint64_t to;
    bool is_group; /* a send to one: `to` is not used */
    size_t bytes_at, text_at, spared_at;
};

struct outbox {
    struct draft *drafts;
    size_t count, capacity;
    struct text heap;
    uint64_t *spared; /* exceptions of sends to groups */
    size_t spared_count, spared_capacity;
};

/* Actions that are in the journal until the gateway says that they are carried out. */
struct batch {
    uint64_t number;
    bool is_sent;
    uint8_t *bytes;
    size_t len;
    struct batch *prev, *next;
};

struct gateway {
    char *name;
    uint64_t generation;
    unsigned loop, loops;
    uint64_t heard_ms;
    bool is_known;         /* false: only by the journal; it has not begun a replay in this life */
    bool is_replayed;      /* its connections are known */
    bool is_continued;     /* they were before the last replay, too */
    struct outbox outbox;  /* with a journal: until it becomes a batch */
    struct outbox answers; /* with a journal: to questions, which are not kept */
    /* Await that is not answered yet. */
    Closure await;
    void *await_data;
    /* End of a replay that waits for those of the other loops. */
    Closure gathering;
    void *gathering_data;
    uint64_t gather_until_ms;
    /* With a journal. */
    uint64_t done; /* number of the last Delivery that was carried out */
    uint64_t last; /* number of the last batch */
    struct batch *batches;
    size_t batch_bytes;
    bool is_changed; /* the journal has something else */
};

/* One connection in one group. */
struct membership {
    struct group *group;
    struct membership *next;
};

struct connection {
    uint64_t id;
    void *state;
    struct membership *memberships;
    unsigned group_count;
    bool is_handled; /* in a callback of the actor that is about it */
    bool is_moving;  /* to `seat`, at the end of that */
    unsigned seat;
    UT_hash_handle hh;
};

struct gateways {
    Rpc rpc;
    struct gateway_actor actor;
    struct gateway_journal journal; /* without functions: none */
    unsigned seat;
    struct gateway *all[GATEWAYS_MAX]; /* NULL: free */
    uint64_t places;                   /* no more of them were ever used */
    struct connection *connections;
    struct group *groups;
    struct gateway_metrics metrics;
    Action **list; /* of one reply */
    size_t list_capacity;
    struct text rows; /* of one commit */
};

static inline uint64_t place_of_id(uint64_t id)
{
    return id >> NUMBER_BITS;
}

static inline uint64_t number_of(uint64_t id)
{
    return id & ((UINT64_C(1) << NUMBER_BITS) - 1);
}

static inline bool has_journal(const struct gateways *gateways)
{
    return gateways->journal.commit != NULL;
}

/* gateway.c */
struct connection *connection_find(const struct gateways *gateways, uint64_t id);
struct gateway *gateway_place(struct gateways *gateways, uint64_t place, const Origin *from);

/* gateway_groups.c */
void groups_leave_all(struct gateways *gateways, struct connection *connection);

/* gateway_outbox.c */
/* NULL: there is no such gateway, or it has not taken what it was told before. */
struct draft *outbox_add(struct gateways *gateways, struct outbox *outbox, uint64_t id,
                         size_t bytes);
struct outbox *outbox_of(const struct gateways *gateways, uint64_t id); /* NULL: gone */
size_t outbox_keep(struct outbox *outbox, struct bytes bytes);
/* The drafts as a message; views into the outbox, until it is cleared. */
void outbox_fill(struct gateways *gateways, struct outbox *outbox,
                 Sharestream__Gateway__Actions *actions);
void outbox_move(struct gateways *gateways, uint64_t id, unsigned seat);
void outbox_return(struct gateways *gateways, uint64_t id, struct bytes payload, bool is_binary);
void outbox_clear(struct outbox *outbox);
void outbox_fini(struct outbox *outbox);

/* gateway_journal.c: nothing happens without one */
/* What was said becomes batches, and is kept. */
void journal_commit(struct gateways *gateways);
/* It has carried out these. */
void journal_carried(struct gateway *gateway, uint64_t number);
/* Those that are to be sent; `again`: those that were as well. The caller frees actions->batches
 * with journal_unfill(). */
void journal_fill(struct gateway *gateway, bool again, Sharestream__Gateway__Actions *actions);
void journal_unfill(Sharestream__Gateway__Actions *actions);
bool journal_has_unsent(const struct gateway *gateway);
void journal_drop(struct gateway *gateway); /* from memory alone */
/* It is gone for good. */
void journal_forget(struct gateways *gateways, uint64_t place);

#endif
