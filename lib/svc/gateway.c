/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "svc/gateway_private.h"

/* uthash and utlist are made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-*) */

#define METRICS_TAG gateway_metrics
METRICS_TABLE(gateway_metrics_table, "gateway", GATEWAY_METRICS);

enum {
    AWAIT_SPARE_MS = 2000, /* an Await is answered so long before it would time out */
    CLOSE_POLICY = 1008,
    GATHER_MS = 3000, /* replays wait so long for each other */
};

/* ---- what goes out */

/* `again`: also what was sent before, and is not known to be carried out. */
static void answer(struct gateways *gateways, struct gateway *gateway, bool again, Closure closure,
                   void *data)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;
    struct outbox *outbox = has_journal(gateways) ? &gateway->answers : &gateway->outbox;

    outbox_fill(gateways, outbox, &actions);
    actions.remembers = has_journal(gateways);
    journal_fill(gateway, again, &actions);
    closure(&actions, data);
    journal_unfill(&actions);
    outbox_clear(outbox);
}

/* To a gateway that this life does not know, but the one before may have. */
static void answer_needs_first(const struct gateways *gateways, struct gateway *gateway,
                               Closure closure, void *data)
{
    Sharestream__Gateway__Actions actions = SHARESTREAM__GATEWAY__ACTIONS__INIT;

    actions.needs_first = true;
    actions.remembers = has_journal(gateways);
    if (gateway != NULL) {
        actions.done = gateway->done;
        journal_fill(gateway, true, &actions);
    }
    closure(&actions, data);
    journal_unfill(&actions);
}

static void answer_await(struct gateways *gateways, struct gateway *gateway)
{
    Closure closure = gateway->await;

    if (closure == NULL)
        return;
    gateway->await = NULL;
    answer(gateways, gateway, false, closure, gateway->await_data);
}

static bool has_something(const struct gateways *gateways, const struct gateway *gateway)
{
    return has_journal(gateways) ? journal_has_unsent(gateway) || gateway->answers.count > 0
                                 : gateway->outbox.count > 0;
}

static void answer_awaits(struct gateways *gateways)
{
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL && has_something(gateways, gateways->all[place]))
            answer_await(gateways, gateways->all[place]);
}

void gateways_flush(struct gateways *gateways)
{
    journal_commit(gateways);
    answer_awaits(gateways);
}

/* ---- what comes in */

static struct bytes view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

struct connection *connection_find(const struct gateways *gateways, uint64_t id)
{
    struct connection *connection;

    HASH_FIND(hh, gateways->connections, &id, sizeof(id), connection);
    return connection;
}

static void close_connection(struct gateways *gateways, struct connection *connection)
{
    groups_leave_all(gateways, connection);
    HASH_DEL(gateways->connections, connection);
    if (connection->state != NULL)
        gateways->actor.on_closed(gateways->actor.arg, connection->state);
    free(connection);
}

static void close_all_of(struct gateways *gateways, uint64_t place)
{
    struct connection *connection, *next;

    HASH_ITER(hh, gateways->connections, connection, next)
    if (place_of_id(connection->id) == place)
        close_connection(gateways, connection);
}

static void move_connection(struct gateways *gateways, struct connection *connection)
{
    outbox_move(gateways, connection->id, connection->seat);
    close_connection(gateways, connection);
}

void gateway_move(struct gateways *gateways, uint64_t id, unsigned seat)
{
    struct connection *connection = connection_find(gateways, id);

    if (connection == NULL)
        return;
    connection->is_moving = true;
    connection->seat = seat;
    if (!connection->is_handled)
        move_connection(gateways, connection);
}

static void receive(struct gateways *gateways, uint64_t id,
                    const Sharestream__Gateway__Received *received)
{
    struct connection *connection = connection_find(gateways, id);
    struct bytes payload = view(received->payload);
    bool is_taken = false;

    if (connection != NULL) {
        connection->is_handled = true;
        gateways->actor.on_received(gateways->actor.arg, connection->state, payload,
                                    received->is_binary);
        connection->is_handled = false;
        is_taken = !connection->is_moving;
        if (connection->is_moving)
            move_connection(gateways, connection);
    }
    if (!is_taken && has_journal(gateways))
        outbox_return(gateways, id, payload, received->is_binary);
}

static void open_connection(struct gateways *gateways, uint64_t id,
                            const Sharestream__Gateway__Opened *opened)
{
    struct gateway_client client = {.target = view(opened->target),
                                    .address = view(opened->address),
                                    .local = view(opened->local),
                                    .origin = view(opened->origin),
                                    .tag = view(opened->tag),
                                    .is_admin = opened->is_admin};
    struct connection *connection;

    if (connection_find(gateways, id) != NULL || client.address.len > GATEWAY_ADDRESS_MAX ||
        client.local.len > GATEWAY_ADDRESS_MAX)
        return;
    /* Known already while the actor hears of it: it may have groups to join. */
    connection = xcalloc(1, sizeof(*connection));
    connection->id = id;
    HASH_ADD(hh, gateways->connections, id, sizeof(connection->id), connection);
    connection->is_handled = true;
    connection->state = gateways->actor.on_opened(gateways->actor.arg, id, &client);
    connection->is_handled = false;
    if (connection->is_moving) {
        move_connection(gateways, connection);
    } else if (connection->state == NULL) {
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
        receive(gateways, id, event->received);
        break;
    case SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED:
        if ((connection = connection_find(gateways, id)) != NULL)
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

static uint64_t find_place(const struct gateways *gateways, const Origin *from)
{
    for (uint64_t place = 0; place < gateways->places; place++)
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
    Closure closure = gateway->gathering;

    if (closure == NULL)
        return;
    gateway->gathering = NULL;
    answer(gateways, gateway, false, closure, gateway->gathering_data);
}

/* All loops of its process have told their connections; and of an actor with a journal, all
 * gateways that the life before knew: who is heard before them speaks to rooms that lack members.
 */
static bool is_gathered(const struct gateways *gateways, const struct gateway *gateway)
{
    unsigned replayed = 0;

    for (uint64_t i = 0; i < gateways->places; i++)
        if (gateways->all[i] != NULL && is_same_process(gateways->all[i], gateway))
            replayed += gateways->all[i]->is_replayed;
    return replayed >= gateway->loops && (!has_journal(gateways) || gateways_are_settled(gateways));
}

/* The last one lets all of them go on. */
static void gather(struct gateways *gateways)
{
    for (uint64_t i = 0; i < gateways->places; i++)
        if (gateways->all[i] != NULL && gateways->all[i]->gathering != NULL &&
            is_gathered(gateways, gateways->all[i]))
            answer_replay(gateways, gateways->all[i]);
}

static void free_gateway(struct gateways *gateways, uint64_t place)
{
    struct gateway *gateway = gateways->all[place];

    gateways->all[place] = NULL;
    outbox_fini(&gateway->outbox);
    outbox_fini(&gateway->answers);
    free(gateway->name);
    free(gateway);
}

static void forget(struct gateways *gateways, uint64_t place)
{
    struct gateway *gateway = gateways->all[place];

    close_all_of(gateways, place);
    answer_await(gateways, gateway);
    answer_replay(gateways, gateway);
    journal_forget(gateways, place);
    free_gateway(gateways, place);
}

void gateways_forget(struct gateways *gateways)
{
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL)
            forget(gateways, place);
}

/* Of the life before nobody has said yet that its connections are gone: whoever got the same place
 * now would have connections of the same numbers. It is forgotten when it has been silent for long.
 */
static void outlive(struct gateway *gateway)
{
    free(gateway->name);
    gateway->name = xstrdup("");
    gateway->is_replayed = true; /* nothing is to come */
}

/* Place of the gateway that speaks, GATEWAYS_MAX when there is nothing of it. */
static uint64_t place_of(struct gateways *gateways, const Origin *from)
{
    uint64_t place = from == NULL ? GATEWAYS_MAX : find_place(gateways, from);

    if (place == GATEWAYS_MAX)
        return GATEWAYS_MAX;
    if (gateways->all[place]->generation != from->generation) {
        if (gateways->all[place]->is_known)
            forget(gateways, place);
        else
            outlive(gateways->all[place]);
        return GATEWAYS_MAX;
    }
    gateways->all[place]->heard_ms = clock_ms();
    journal_carried(gateways->all[place], from->carried);
    return place;
}

struct gateway *gateway_place(struct gateways *gateways, uint64_t place, const Origin *from)
{
    struct gateway *gateway = xcalloc(1, sizeof(*gateway));

    gateway->name = xstrdup(from->name);
    gateway->generation = from->generation;
    gateway->loop = from->loop;
    gateway->loops = from->loops;
    gateway->heard_ms = clock_ms();
    gateways->all[place] = gateway;
    gateways->places = MAX(gateways->places, place + 1);
    return gateway;
}

static uint64_t attach(struct gateways *gateways, const Origin *from)
{
    uint64_t place = 0;

    while (place < GATEWAYS_MAX && gateways->all[place] != NULL)
        place++;
    if (place < GATEWAYS_MAX) {
        gateway_place(gateways, place, from);
        log_debug("gateway attached", "name=%s loop=%u", from->name, from->loop);
    }
    return place;
}

static void begin_replay(struct gateways *gateways, uint64_t place)
{
    close_all_of(gateways, place);
    answer_replay(gateways, gateways->all[place]); /* the one before was given up */
    gateways->all[place]->is_continued = gateways->all[place]->is_replayed;
    gateways->all[place]->is_replayed = false;
    gateways->all[place]->is_known = true;
}

static void carry_out(struct gateways *gateways, uint64_t place,
                      const Sharestream__Gateway__Delivery *delivery)
{
    struct gateway *gateway = gateways->all[place];

    gateways->metrics.deliveries_total++;
    if (delivery->number != 0 && delivery->number <= gateway->done) {
        gateways->metrics.repeated_total++;
        return;
    }
    gateways->metrics.events_total += delivery->n_events;
    for (size_t i = 0; i < delivery->n_events; i++)
        handle_event(gateways, place, delivery->events[i]);
    if (has_journal(gateways) && delivery->number != 0) {
        gateway->done = delivery->number;
        gateway->is_changed = true;
    }
}

/* A message may have waited for the life before, which held another seat. False: answered. */
static bool is_meant(const struct gateways *gateways, const Origin *from, void *data)
{
    if (from == NULL || from->seat == gateways->seat)
        return true;
    bus_fail(data, ERR_UNAVAILABLE, "seat %u is not held here, but %u", from->seat, gateways->seat);
    return false;
}

static void on_deliver(Rpc *rpc, const Sharestream__Gateway__Delivery *delivery, Closure closure,
                       void *data)
{
    struct gateways *gateways = bus_state(data);
    struct gateway *gateway;
    uint64_t place;

    (void)rpc;
    if (!is_meant(gateways, delivery->from, data))
        return;
    place = place_of(gateways, delivery->from);
    if (delivery->is_first && delivery->from != NULL) {
        if (place == GATEWAYS_MAX && (place = attach(gateways, delivery->from)) == GATEWAYS_MAX) {
            bus_fail(data, ERR_BUSY, "more than %d gateways", GATEWAYS_MAX);
            return;
        }
        begin_replay(gateways, place);
    }
    gateway = place < GATEWAYS_MAX ? gateways->all[place] : NULL;
    if (gateway == NULL || !gateway->is_known) {
        answer_needs_first(gateways, gateway, closure, data);
        return;
    }
    carry_out(gateways, place, delivery);
    journal_commit(gateways);
    if (gateway->is_replayed || delivery->has_more) {
        answer(gateways, gateway, delivery->again, closure, data);
    } else {
        gateway->is_replayed = true;
        log_debug("gateway has told its connections", "name=%s loop=%u", gateway->name,
                  gateway->loop);
        gateway->gathering = closure;
        gateway->gathering_data = data;
        gateway->gather_until_ms = gateway->heard_ms + GATHER_MS;
        gather(gateways);
    }
    answer_awaits(gateways);
}

static void on_await(Rpc *rpc, const Sharestream__Gateway__AwaitRequest *request, Closure closure,
                     void *data)
{
    struct gateways *gateways = bus_state(data);
    struct gateway *gateway;
    uint64_t place;

    (void)rpc;
    if (!is_meant(gateways, request->from, data))
        return;
    place = place_of(gateways, request->from);
    gateway = place < GATEWAYS_MAX ? gateways->all[place] : NULL;
    if (gateway == NULL || !gateway->is_known) {
        answer_needs_first(gateways, gateway, closure, data);
        return;
    }
    answer_await(gateways, gateway);
    gateway->await = closure;
    gateway->await_data = data;
    if (has_something(gateways, gateway))
        answer_await(gateways, gateway);
}

/* ---- a life */

bool gateway_ip(struct bytes address, uint8_t ip[GATEWAY_ADDRESS_MAX])
{
    static const uint8_t nothing[4];
    bool is_v4 = address.len == 4, is_v6 = address.len == GATEWAY_ADDRESS_MAX;

    if (is_v6)
        memcpy(ip, address.data, GATEWAY_ADDRESS_MAX);
    else
        address_map(is_v4 ? address.data : nothing, ip);
    return is_v4 || is_v6;
}

struct gateways *gateways_new(const struct gateway_actor *actor)
{
    static const Rpc rpc = SHARESTREAM__GATEWAY__GATEWAY__INIT(on_);
    struct gateways *gateways = xcalloc(1, sizeof(*gateways));

    gateways->rpc = rpc;
    gateways->actor = *actor;
    return gateways;
}

void gateways_hold_seat(struct gateways *gateways, unsigned seat)
{
    gateways->seat = seat;
}

enum err gateways_serve(struct gateways *gateways, struct bus *bus, struct error *error)
{
    return bus_serve(bus, &gateways->rpc.base, gateways, error);
}

void gateways_tick(struct gateways *gateways, uint64_t now_ms)
{
    for (uint64_t place = 0; place < gateways->places; place++) {
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
    for (uint64_t place = 0; place < gateways->places; place++)
        if (gateways->all[place] != NULL) {
            gateways->all[place]->await = NULL; /* the bus has dropped them */
            gateways->all[place]->gathering = NULL;
            close_all_of(gateways, place);
            journal_drop(gateways->all[place]); /* what is kept stays */
            free_gateway(gateways, place);
        }
    text_fini(&gateways->rows);
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
    struct connection *found = connection_find(gateways, connection);

    return found != NULL ? found->state : NULL;
}

bool gateway_is_continued(const struct gateways *gateways, uint64_t connection)
{
    return gateways->all[place_of_id(connection)]->is_continued;
}

struct gateway_metrics *gateways_metrics(struct gateways *gateways)
{
    uint64_t count = 0;

    for (uint64_t place = 0; place < gateways->places; place++)
        count += gateways->all[place] != NULL;
    gateways->metrics.gateways = count;
    gateways->metrics.connections = gateways_connections(gateways);
    return &gateways->metrics;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-*) */
