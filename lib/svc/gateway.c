/* SPDX-License-Identifier: MIT */
#include "svc/gateway.h"

#include <stdlib.h>

#include <proto/gateway.pb-c.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/text.h"

#define METRICS_TAG gateway_metrics
METRICS_TABLE(gateway_metrics_table, "gateway", GATEWAY_METRICS);

typedef Sharestream__Gateway__Gateway_Service Rpc;
typedef Sharestream__Gateway__Action Action;
typedef Sharestream__Gateway__Event Event;

enum {
    NUMBER_BITS = 48, /* of an id: the gateway's own number, below the gateway's place here */
    GATEWAYS_MAX = 1024,
    AWAIT_SPARE_MS = 2000, /* an Await is answered so long before it would time out */
    CLOSE_POLICY = 1008,
    GATHER_MS = 1000, /* the replays of one http-svc wait so long for each other */
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

struct gateway {
    char *name;
    uint64_t generation;
    unsigned loop, loops;
    uint64_t heard_ms;
    bool is_replayed; /* its connections are known */
    struct outbox outbox;
    /* Await that is not answered yet. */
    Sharestream__Gateway__Actions_Closure await;
    void *await_data;
    /* End of a replay that waits for those of the other loops. */
    Sharestream__Gateway__Actions_Closure gathering;
    void *gathering_data;
    uint64_t gather_until_ms;
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
    UT_hash_handle hh;
};

/* How many members of a group one gateway has. */
struct share {
    uint64_t place;
    size_t members; /* > 0 */
};

struct group {
    char *name;
    struct share *shares;
    size_t share_count;
    UT_hash_handle hh;
};

struct gateways {
    Rpc rpc;
    struct gateway_actor actor;
    struct gateway *all[GATEWAYS_MAX]; /* NULL: free */
    struct connection *connections;
    struct group *groups;
    struct gateway_metrics metrics;
    Action **list; /* of one reply */
    size_t list_capacity;
};

/* ---- what goes out */

static void answer(struct gateways *gateways, struct gateway *gateway,
                   Sharestream__Gateway__Actions_Closure closure, void *data)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;
    struct outbox *outbox = &gateway->outbox;
    uint8_t *heap = (uint8_t *)outbox->heap.data;

    if (outbox->count > gateways->list_capacity) {
        gateways->list_capacity = outbox->capacity;
        gateways->list = xrealloc(gateways->list, outbox->capacity * sizeof(Action *));
    }
    for (size_t i = 0; i < outbox->count; i++) {
        struct draft *draft = &outbox->drafts[i];

        gateways->list[i] = &draft->action;
        switch (draft->action.what_case) {
        case SHARESTREAM__GATEWAY__ACTION__WHAT_SEND:
            draft->action.send = &draft->of.send;
            draft->of.send.payload.data = heap + draft->bytes_at;
            if (draft->is_group) {
                draft->of.send.group = (char *)heap + draft->text_at;
                draft->of.send.to = outbox->spared + draft->spared_at;
            } else {
                draft->of.send.to = &draft->to;
            }
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_TAG:
            draft->action.tag = &draft->of.tag;
            draft->of.tag.tag.data = heap + draft->bytes_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE:
            draft->action.close = &draft->of.close;
            draft->of.close.reason = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER:
            draft->action.answer = &draft->of.answer;
            draft->of.answer.body.data = heap + draft->bytes_at;
            draft->of.answer.type = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN:
        case SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE:
            draft->action.join = &draft->of.member; /* one union of pointers */
            draft->of.member.group = (char *)heap + draft->text_at;
            break;
        case SHARESTREAM__GATEWAY__ACTION__WHAT__NOT_SET:
        case _SHARESTREAM__GATEWAY__ACTION__WHAT__CASE_IS_INT_SIZE:
            must(!"a draft of that kind");
        }
    }
    actions.n_actions = outbox->count;
    actions.actions = gateways->list;
    gateways->metrics.actions_total += outbox->count;
    closure(&actions, data);
    outbox->count = outbox->spared_count = 0;
    text_clear(&outbox->heap);
}

static void answer_needs_first(Sharestream__Gateway__Actions_Closure closure, void *data)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;

    actions.needs_first = true;
    closure(&actions, data);
}

static void answer_await(struct gateways *gateways, struct gateway *gateway)
{
    Sharestream__Gateway__Actions_Closure closure = gateway->await;

    if (closure == NULL)
        return;
    gateway->await = NULL;
    answer(gateways, gateway, closure, gateway->await_data);
}

void gateways_flush(struct gateways *gateways)
{
    for (size_t i = 0; i < GATEWAYS_MAX; i++)
        if (gateways->all[i] != NULL && gateways->all[i]->outbox.count > 0)
            answer_await(gateways, gateways->all[i]);
}

static struct gateway *gateway_of(const struct gateways *gateways, uint64_t id)
{
    uint64_t place = id >> NUMBER_BITS;

    return place < GATEWAYS_MAX ? gateways->all[place] : NULL;
}

static uint64_t number_of(uint64_t id)
{
    return id & ((UINT64_C(1) << NUMBER_BITS) - 1);
}

static size_t keep(struct outbox *outbox, struct bytes bytes)
{
    size_t at = outbox->heap.len;

    text_add_bytes(&outbox->heap, bytes);
    return at;
}

/* NULL: there is no such gateway, or it has not taken what it was told before. */
static struct draft *add_draft(struct gateways *gateways, uint64_t id, size_t bytes)
{
    struct gateway *gateway = gateway_of(gateways, id);
    struct outbox *outbox;

    if (gateway == NULL)
        return NULL;
    outbox = &gateway->outbox;
    if (outbox->count == GATEWAY_OUTBOX_ACTIONS ||
        outbox->heap.len + bytes > GATEWAY_OUTBOX_BYTES) {
        gateways->metrics.dropped_total++;
        return NULL;
    }
    if (outbox->count == outbox->capacity) {
        outbox->capacity = MAX(outbox->capacity * 2, 16);
        outbox->drafts = xrealloc(outbox->drafts, outbox->capacity * sizeof(*outbox->drafts));
    }
    outbox->drafts[outbox->count].to = number_of(id);
    outbox->drafts[outbox->count].is_group = false;
    sharestream__gateway__action__init(&outbox->drafts[outbox->count].action);
    return &outbox->drafts[outbox->count++];
}

static struct connection *find(const struct gateways *gateways, uint64_t id)
{
    struct connection *connection;

    HASH_FIND(hh, gateways->connections, &id, sizeof(id), connection);
    return connection;
}

void gateway_send(struct gateways *gateways, uint64_t connection, struct bytes payload,
                  bool is_binary)
{
    struct draft *draft = add_draft(gateways, connection, payload.len);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_SEND;
    sharestream__gateway__send__init(&draft->of.send);
    draft->of.send.n_to = 1;
    draft->of.send.is_binary = is_binary;
    draft->of.send.payload.len = payload.len;
    draft->bytes_at = keep(&gateway_of(gateways, connection)->outbox, payload);
}

void gateway_tag(struct gateways *gateways, uint64_t connection, struct bytes tag)
{
    struct draft *draft = add_draft(gateways, connection, tag.len);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_TAG;
    sharestream__gateway__tag__init(&draft->of.tag);
    draft->of.tag.number = draft->to;
    draft->of.tag.tag.len = tag.len;
    draft->bytes_at = keep(&gateway_of(gateways, connection)->outbox, tag);
}

void gateway_close(struct gateways *gateways, uint64_t connection, uint16_t code,
                   const char *reason)
{
    struct draft *draft = add_draft(gateways, connection, strlen(reason) + 1);

    if (draft == NULL)
        return;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE;
    sharestream__gateway__close__init(&draft->of.close);
    draft->of.close.number = draft->to;
    draft->of.close.code = code;
    draft->text_at =
        keep(&gateway_of(gateways, connection)->outbox, bytes_of(reason, strlen(reason) + 1));
}

void gateway_answer(struct gateways *gateways, uint64_t question, unsigned status, const char *type,
                    struct bytes body)
{
    struct draft *draft = add_draft(gateways, question, body.len + strlen(type) + 1);
    struct outbox *outbox;

    if (draft == NULL)
        return;
    outbox = &gateway_of(gateways, question)->outbox;
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER;
    sharestream__gateway__answer__init(&draft->of.answer);
    draft->of.answer.number = draft->to;
    draft->of.answer.status = status;
    draft->of.answer.body.len = body.len;
    draft->text_at = keep(outbox, bytes_of(type, strlen(type) + 1));
    draft->bytes_at = keep(outbox, body);
}

/* ---- groups */

static struct membership *find_membership(const struct connection *connection, const char *name)
{
    struct membership *membership;

    LL_FOREACH(connection->memberships, membership)
    if (strcmp(membership->group->name, name) == 0)
        return membership;
    return NULL;
}

static struct share *find_share(const struct group *group, uint64_t place)
{
    for (size_t i = 0; i < group->share_count; i++)
        if (group->shares[i].place == place)
            return &group->shares[i];
    return NULL;
}

static void add_member(struct gateways *gateways, struct connection *connection, const char *name)
{
    struct membership *membership = xcalloc(1, sizeof(*membership));
    uint64_t place = connection->id >> NUMBER_BITS;
    struct group *group;
    struct share *share;

    HASH_FIND_STR(gateways->groups, name, group);
    if (group == NULL) {
        group = xcalloc(1, sizeof(*group));
        group->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, gateways->groups, group->name, strlen(group->name), group);
    }
    if ((share = find_share(group, place)) == NULL) {
        group->shares = xrealloc(group->shares, (group->share_count + 1) * sizeof(*group->shares));
        share = &group->shares[group->share_count++];
        *share = (struct share){.place = place};
    }
    share->members++;
    membership->group = group;
    LL_PREPEND(connection->memberships, membership);
    connection->group_count++;
}

static void remove_member(struct gateways *gateways, struct connection *connection,
                          struct membership *membership)
{
    struct group *group = membership->group;
    struct share *share = find_share(group, connection->id >> NUMBER_BITS);

    LL_DELETE(connection->memberships, membership);
    connection->group_count--;
    free(membership);
    if (--share->members > 0)
        return;
    *share = group->shares[--group->share_count];
    if (group->share_count > 0)
        return;
    HASH_DEL(gateways->groups, group);
    free(group->shares);
    free(group->name);
    free(group);
}

static bool add_member_draft(struct gateways *gateways, uint64_t id,
                             Sharestream__Gateway__Action__WhatCase what, const char *name)
{
    struct draft *draft = add_draft(gateways, id, strlen(name) + 1);

    if (draft == NULL)
        return false;
    draft->action.what_case = what;
    sharestream__gateway__member__init(&draft->of.member);
    draft->of.member.number = draft->to;
    draft->text_at = keep(&gateway_of(gateways, id)->outbox, bytes_of(name, strlen(name) + 1));
    return true;
}

bool gateway_join(struct gateways *gateways, uint64_t id, const char *name)
{
    struct connection *connection = find(gateways, id);

    if (connection == NULL || name[0] == '\0' || strlen(name) > GATEWAY_GROUP_NAME_MAX)
        return false;
    if (find_membership(connection, name) != NULL)
        return true;
    if (connection->group_count == GATEWAY_GROUPS_MAX ||
        !add_member_draft(gateways, id, SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN, name))
        return false;
    add_member(gateways, connection, name);
    return true;
}

void gateway_leave(struct gateways *gateways, uint64_t id, const char *name)
{
    struct connection *connection = find(gateways, id);
    struct membership *membership = connection != NULL ? find_membership(connection, name) : NULL;

    if (membership == NULL)
        return;
    add_member_draft(gateways, id, SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE, name);
    remove_member(gateways, connection, membership);
}

static void spare(struct outbox *outbox, uint64_t number)
{
    if (outbox->spared_count == outbox->spared_capacity) {
        outbox->spared_capacity = MAX(outbox->spared_capacity * 2, 16);
        outbox->spared =
            xrealloc(outbox->spared, outbox->spared_capacity * sizeof(*outbox->spared));
    }
    outbox->spared[outbox->spared_count++] = number;
}

static void send_to_share(struct gateways *gateways, uint64_t place, const char *name,
                          const uint64_t *except, size_t except_count, struct bytes payload,
                          bool is_binary)
{
    struct draft *draft = add_draft(gateways, place << NUMBER_BITS, payload.len + strlen(name) + 1);
    struct outbox *outbox;

    if (draft == NULL)
        return;
    outbox = &gateways->all[place]->outbox;
    draft->is_group = true;
    draft->spared_at = outbox->spared_count;
    for (size_t i = 0; i < except_count; i++)
        if (except[i] >> NUMBER_BITS == place)
            spare(outbox, number_of(except[i]));
    draft->action.what_case = SHARESTREAM__GATEWAY__ACTION__WHAT_SEND;
    sharestream__gateway__send__init(&draft->of.send);
    draft->of.send.n_to = outbox->spared_count - draft->spared_at;
    draft->of.send.is_binary = is_binary;
    draft->of.send.payload.len = payload.len;
    draft->text_at = keep(outbox, bytes_of(name, strlen(name) + 1));
    draft->bytes_at = keep(outbox, payload);
}

void gateway_send_group(struct gateways *gateways, const char *name, const uint64_t *except,
                        size_t except_count, struct bytes payload, bool is_binary)
{
    struct group *group;

    HASH_FIND_STR(gateways->groups, name, group);
    for (size_t i = 0; group != NULL && i < group->share_count; i++)
        send_to_share(gateways, group->shares[i].place, name, except, except_count, payload,
                      is_binary);
}

/* ---- what comes in */

static struct bytes view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

static void close_connection(struct gateways *gateways, struct connection *connection)
{
    while (connection->memberships != NULL)
        remove_member(gateways, connection, connection->memberships);
    HASH_DEL(gateways->connections, connection);
    if (connection->state != NULL)
        gateways->actor.on_closed(gateways->actor.arg, connection->state);
    free(connection);
}

static void close_all_of(struct gateways *gateways, uint64_t place)
{
    struct connection *connection, *next;

    HASH_ITER(hh, gateways->connections, connection, next)
    if (connection->id >> NUMBER_BITS == place)
        close_connection(gateways, connection);
}

static void open_connection(struct gateways *gateways, uint64_t id,
                            const Sharestream__Gateway__Opened *opened)
{
    struct gateway_client client = {.target = view(opened->target),
                                    .address = view(opened->address),
                                    .local = view(opened->local),
                                    .origin = view(opened->origin),
                                    .tag = view(opened->tag)};
    struct connection *connection;

    if (find(gateways, id) != NULL || client.address.len > GATEWAY_ADDRESS_MAX ||
        client.local.len > GATEWAY_ADDRESS_MAX)
        return;
    /* Known already while the actor hears of it: it may have groups to join. */
    connection = xcalloc(1, sizeof(*connection));
    connection->id = id;
    HASH_ADD(hh, gateways->connections, id, sizeof(connection->id), connection);
    connection->state = gateways->actor.on_opened(gateways->actor.arg, id, &client);
    if (connection->state == NULL) {
        close_connection(gateways, connection);
        gateway_close(gateways, id, CLOSE_POLICY, "not here");
    }
}

static void handle_event(struct gateways *gateways, uint64_t place, const Event *event)
{
    uint64_t id = place << NUMBER_BITS | number_of(event->number);
    struct connection *connection;

    switch (event->what_case) {
    case SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED:
        open_connection(gateways, id, event->opened);
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_RECEIVED:
        if ((connection = find(gateways, id)) != NULL)
            gateways->actor.on_received(gateways->actor.arg, connection->state,
                                        view(event->received->payload), event->received->is_binary);
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED:
        if ((connection = find(gateways, id)) != NULL)
            close_connection(gateways, connection);
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_ASKED:
        gateways->actor.on_asked(gateways->actor.arg, id,
                                 &(struct gateway_client){.target = view(event->asked->target),
                                                          .address = view(event->asked->address),
                                                          .local = view(event->asked->local)});
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT__NOT_SET:
    case _SHARESTREAM__GATEWAY__EVENT__WHAT__CASE_IS_INT_SIZE:
        break; /* of a newer gateway */
    }
}

static uint64_t find_place(const struct gateways *gateways,
                           const Sharestream__Gateway__Origin *from)
{
    for (uint64_t place = 0; place < GATEWAYS_MAX; place++)
        if (gateways->all[place] != NULL && gateways->all[place]->loop == from->loop &&
            strcmp(gateways->all[place]->name, from->name) == 0)
            return place;
    return GATEWAYS_MAX;
}

/* ---- replays */

static bool is_same_process(const struct gateway *one, const struct gateway *other)
{
    return one->generation == other->generation && strcmp(one->name, other->name) == 0;
}

static void answer_replay(struct gateways *gateways, struct gateway *gateway)
{
    Sharestream__Gateway__Actions_Closure closure = gateway->gathering;

    if (closure == NULL)
        return;
    gateway->gathering = NULL;
    answer(gateways, gateway, closure, gateway->gathering_data);
}

/* The last of the loops lets all of them go on. */
static void gather(struct gateways *gateways, const struct gateway *last)
{
    unsigned replayed = 0;

    for (size_t i = 0; i < GATEWAYS_MAX; i++)
        if (gateways->all[i] != NULL && is_same_process(gateways->all[i], last))
            replayed += gateways->all[i]->is_replayed;
    for (size_t i = 0; replayed >= last->loops && i < GATEWAYS_MAX; i++)
        if (gateways->all[i] != NULL && is_same_process(gateways->all[i], last))
            answer_replay(gateways, gateways->all[i]);
}

static void forget(struct gateways *gateways, uint64_t place)
{
    struct gateway *gateway = gateways->all[place];

    close_all_of(gateways, place);
    answer_await(gateways, gateway);
    answer_replay(gateways, gateway);
    gateways->all[place] = NULL;
    free(gateway->name);
    free(gateway->outbox.drafts);
    free(gateway->outbox.spared);
    text_fini(&gateway->outbox.heap);
    free(gateway);
}

/* Place of the gateway that speaks, GATEWAYS_MAX when it is not known. */
static uint64_t place_of(struct gateways *gateways, const Sharestream__Gateway__Origin *from)
{
    uint64_t place = from == NULL ? GATEWAYS_MAX : find_place(gateways, from);

    if (place < GATEWAYS_MAX && gateways->all[place]->generation != from->generation) {
        forget(gateways, place);
        return GATEWAYS_MAX;
    }
    return place;
}

static uint64_t attach(struct gateways *gateways, const Sharestream__Gateway__Origin *from)
{
    for (uint64_t place = 0; place < GATEWAYS_MAX; place++) {
        if (gateways->all[place] != NULL)
            continue;
        gateways->all[place] = xcalloc(1, sizeof(struct gateway));
        gateways->all[place]->name = xstrdup(from->name);
        gateways->all[place]->generation = from->generation;
        gateways->all[place]->loop = from->loop;
        gateways->all[place]->loops = from->loops;
        log_debug("gateway attached", "name=%s loop=%u", from->name, from->loop);
        return place;
    }
    return GATEWAYS_MAX;
}

static void on_deliver(Rpc *rpc, const Sharestream__Gateway__Delivery *delivery,
                       Sharestream__Gateway__Actions_Closure closure, void *data)
{
    struct gateways *gateways = bus_state(data);
    uint64_t place = place_of(gateways, delivery->from);
    struct gateway *gateway;

    (void)rpc;
    if (delivery->is_first && delivery->from != NULL) {
        if (place < GATEWAYS_MAX)
            close_all_of(gateways, place);
        else
            place = attach(gateways, delivery->from);
        if (place == GATEWAYS_MAX) {
            bus_fail(data, ERR_BUSY, "more than %d gateways", GATEWAYS_MAX);
            return;
        }
        answer_replay(gateways, gateways->all[place]); /* the one before was given up */
        gateways->all[place]->is_replayed = false;
    }
    if (place == GATEWAYS_MAX) {
        answer_needs_first(closure, data);
        return;
    }
    gateway = gateways->all[place];
    gateway->heard_ms = clock_ms();
    gateways->metrics.deliveries_total++;
    gateways->metrics.events_total += delivery->n_events;
    for (size_t i = 0; i < delivery->n_events; i++)
        handle_event(gateways, place, delivery->events[i]);
    if (gateway->is_replayed || delivery->has_more) {
        answer(gateways, gateway, closure, data);
    } else {
        gateway->is_replayed = true;
        gateway->gathering = closure;
        gateway->gathering_data = data;
        gateway->gather_until_ms = gateway->heard_ms + GATHER_MS;
        gather(gateways, gateway);
    }
    gateways_flush(gateways);
}

static void on_await(Rpc *rpc, const Sharestream__Gateway__AwaitRequest *request,
                     Sharestream__Gateway__Actions_Closure closure, void *data)
{
    struct gateways *gateways = bus_state(data);
    uint64_t place = place_of(gateways, request->from);
    struct gateway *gateway;

    (void)rpc;
    if (place == GATEWAYS_MAX) {
        answer_needs_first(closure, data);
        return;
    }
    gateway = gateways->all[place];
    gateway->heard_ms = clock_ms();
    answer_await(gateways, gateway);
    gateway->await = closure;
    gateway->await_data = data;
    if (gateway->outbox.count > 0)
        answer_await(gateways, gateway);
}

/* ---- a life */

bool gateway_ip(struct bytes address, uint8_t ip[GATEWAY_ADDRESS_MAX])
{
    static const uint8_t mapped[GATEWAY_ADDRESS_MAX] = {[10] = 0xff, [11] = 0xff};
    bool is_known = address.len == 4 || address.len == GATEWAY_ADDRESS_MAX;

    memcpy(ip, mapped, GATEWAY_ADDRESS_MAX);
    if (is_known)
        memcpy(ip + GATEWAY_ADDRESS_MAX - address.len, address.data, address.len);
    return is_known;
}

struct gateways *gateways_new(const struct gateway_actor *actor)
{
    static const Rpc rpc = SHARESTREAM__GATEWAY__GATEWAY__INIT(on_);
    struct gateways *gateways = xcalloc(1, sizeof(*gateways));

    gateways->rpc = rpc;
    gateways->actor = *actor;
    return gateways;
}

enum err gateways_serve(struct gateways *gateways, struct bus *bus, struct error *error)
{
    return bus_serve(bus, &gateways->rpc.base, gateways, error);
}

void gateways_tick(struct gateways *gateways, uint64_t now_ms)
{
    for (uint64_t place = 0; place < GATEWAYS_MAX; place++) {
        struct gateway *gateway = gateways->all[place];

        if (gateway == NULL)
            continue;
        if (gateway->await != NULL &&
            bus_deadline_ms(gateway->await_data) < now_ms + AWAIT_SPARE_MS)
            answer_await(gateways, gateway);
        if (gateway->gather_until_ms < now_ms)
            answer_replay(gateways, gateway);
        if (gateway->heard_ms + GATEWAY_SILENCE_MS < now_ms) {
            log_info("gateway is gone", "name=%s", gateway->name);
            forget(gateways, place);
        }
    }
}

void gateways_free(struct gateways **gateways_p)
{
    struct gateways *gateways = *gateways_p;

    if (gateways == NULL)
        return;
    for (uint64_t place = 0; place < GATEWAYS_MAX; place++)
        if (gateways->all[place] != NULL) {
            gateways->all[place]->await = NULL; /* the bus has dropped them */
            gateways->all[place]->gathering = NULL;
            forget(gateways, place);
        }
    free(gateways->list);
    free(gateways);
    *gateways_p = NULL;
}

size_t gateways_connections(const struct gateways *gateways)
{
    return HASH_COUNT(gateways->connections);
}

void *gateway_state(const struct gateways *gateways, uint64_t connection)
{
    struct connection *found = find(gateways, connection);

    return found != NULL ? found->state : NULL;
}

struct gateway_metrics *gateways_metrics(struct gateways *gateways)
{
    uint64_t count = 0;

    for (uint64_t place = 0; place < GATEWAYS_MAX; place++)
        count += gateways->all[place] != NULL;
    gateways->metrics.gateways = count;
    gateways->metrics.connections = gateways_connections(gateways);
    return &gateways->metrics;
}
