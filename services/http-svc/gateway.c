/* SPDX-License-Identifier: MIT */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "exchange.h"
#include "gateway_private.h"
#include "websocket.h"

/* utlist is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-core.NullDereference) */

typedef Sharestream__Gateway__Actions Actions;

enum {
    DELIVER_MS = 5000,
    AWAIT_MS = 20000,
    AWAY_MS = 2000,     /* a question waits so long for an actor that is away */
    QUESTION_MS = 7000, /* and so long in any case */
    RETRY_MS = 500,
    GATHER_MS = 5,  /* see gather_ms() */
    DEATHS_MAX = 2, /* of an actor with the same events; then it may be their fault */
};

struct gateway_socket *gateway_socket(const struct gateway *gateway, uint64_t number)
{
    return slots_find(&gateway->sockets, number);
}

struct gateway_question *gateway_question(const struct gateway *gateway, uint64_t number)
{
    return (number & QUESTION_BIT) != 0 ? slots_find(&gateway->questions, number & ~QUESTION_BIT)
                                        : NULL;
}

static bool is_up(const struct gateway *gateway)
{
    return (gateway->up >> gateway->instance & 1) != 0;
}

static Sharestream__Gateway__Origin origin_of(const struct gateway *gateway)
{
    Sharestream__Gateway__Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;

    origin.name = gateway->name;
    origin.generation = gateway->generation;
    origin.loop = gateway->index;
    origin.loops = gateway->count;
    origin.carried = gateway->carried;
    origin.seat = gateway->seat;
    return origin;
}

/* ---- questions */

bool gateway_ask(struct gateway *gateway, struct gateway_question *question,
                 const struct gateway_client *client)
{
    uint64_t number = 0;

    if (gateway->question_count < GATEWAY_QUESTIONS_MAX)
        number = slots_add(&gateway->questions, question);
    if (number == 0) {
        gateway->metrics->gateway_refused_total++;
        return false;
    }
    question->gateway = gateway;
    question->number = number | QUESTION_BIT;
    question->client = client;
    question->asked_ms = clock_ms();
    question->delivery = 0;
    gateway->question_count++;
    DL_APPEND(gateway->asked, question);
    return true;
}

void question_take(struct gateway_question *question)
{
    struct gateway *gateway = question->gateway;

    slots_remove(&gateway->questions, question->number & ~QUESTION_BIT);
    if (question->delivery == 0)
        DL_DELETE(gateway->asked, question);
    else
        DL_DELETE(gateway->sent, question);
    question->gateway = NULL;
    gateway->question_count--;
}

void gateway_forget(struct gateway_question *question)
{
    if (question->gateway != NULL)
        question_take(question);
}

static void fail_question(struct gateway *gateway, struct gateway_question *question)
{
    question_take(question);
    gateway->metrics->gateway_questions_failed_total++;
    exchange_fail_question(question);
}

/* Nobody will answer them: the life that had them is over. */
static void fail_sent(struct gateway *gateway)
{
    while (gateway->sent != NULL)
        fail_question(gateway, gateway->sent);
}

/* Those of the last Delivery are asked once more, in their order. */
static void ask_again(struct gateway *gateway)
{
    struct gateway_question *question;

    while (gateway->sent != NULL &&
           (question = gateway->sent->prev)->delivery == gateway->delivery) {
        DL_DELETE(gateway->sent, question);
        DL_PREPEND(gateway->asked, question);
        question->delivery = 0;
    }
}

/* ---- sockets */

static struct bytes keep(uint8_t **at, struct bytes bytes)
{
    struct bytes kept = bytes_of(*at, bytes.len);

    if (bytes.len > 0)
        memcpy(*at, bytes.data, bytes.len);
    *at += bytes.len;
    return kept;
}

struct gateway_client *gateway_client_copy(const struct gateway_client *client)
{
    struct gateway_client *copy =
        xcalloc(1, sizeof(*copy) + client->target.len + client->origin.len + client->address.len +
                       client->local.len);
    uint8_t *at = (uint8_t *)(copy + 1);

    copy->target = keep(&at, client->target);
    copy->origin = keep(&at, client->origin);
    copy->address = keep(&at, client->address);
    copy->local = keep(&at, client->local);
    copy->is_admin = client->is_admin;
    return copy;
}

bool gateway_opened(struct gateway *gateway, struct gateway_socket *socket,
                    const struct gateway_carrier *carrier, struct gateway_client **client)
{
    uint64_t number = slots_add(&gateway->sockets, socket);

    if (number == 0 || !queue_opened(&gateway->queue, number, *client)) {
        if (number != 0)
            slots_remove(&gateway->sockets, number);
        gateway->metrics->gateway_refused_total++;
        return false;
    }
    *socket = (struct gateway_socket){
        .carrier = carrier, .gateway = gateway, .number = number, .client = *client};
    *client = NULL;
    return true;
}

bool gateway_received(struct gateway_socket *socket, struct bytes payload, bool is_binary)
{
    if (queue_received(&socket->gateway->queue, socket->number, payload, is_binary))
        return true;
    socket->gateway->metrics->gateway_refused_total++;
    return false;
}

void gateway_closed(struct gateway_socket *socket)
{
    struct gateway *gateway = socket->gateway;

    if (gateway == NULL)
        return;
    actions_leave_all(socket);
    slots_remove(&gateway->sockets, socket->number);
    queue_closed(&gateway->queue, socket->number);
    if (socket->move != NULL)
        move_closed(socket);
    free(socket->client);
    free(socket->tag);
    socket->gateway = NULL;
}

/* ---- the talk with the actor */

static void set_attached(struct gateway *gateway, bool is_attached)
{
    if (is_attached && !gateway->is_attached)
        gateway->metrics->gateways_attached++;
    else if (!is_attached && gateway->is_attached)
        gateway->metrics->gateways_attached--;
    gateway->is_attached = is_attached;
}

static void drop_in_flight(struct gateway *gateway)
{
    if (gateway->in_flight != NULL)
        gateway->metrics->gateway_events_lost_total += gateway->in_flight->count;
    queue_drop(&gateway->queue, &gateway->in_flight);
}

/* It may have done some of it, or all. An actor that keeps a journal knows; another one is told
 * from the beginning what there is. */
static void deliver_failed(struct gateway *gateway, const char *why)
{
    gateway->metrics->gateway_deliveries_failed_total++;
    if (gateway->remembers && !gateway->is_replaying && !gateway->is_first_in_flight) {
        gateway->asks_again = true;
    } else {
        drop_in_flight(gateway);
        gateway->needs_first = true;
    }
    fail_sent(gateway);
    set_attached(gateway, false);
    if (is_up(gateway))
        gateway->retry_ms = clock_ms() + RETRY_MS;
    log_debug("delivery failed", "gateway=%s error=%s", gateway->name, why);
}

/* The life before did not do what is in flight, or it died of it. */
static void take_back(struct gateway *gateway)
{
    delivery_untell(gateway, gateway->in_flight);
    if (gateway->in_flight != NULL && gateway->asks_again &&
        ++gateway->in_flight->deaths == DEATHS_MAX) {
        log_warn("events dropped: the actor died twice with them", "gateway=%s events=%zu",
                 gateway->name, gateway->in_flight->count);
        drop_in_flight(gateway);
    }
    queue_put_back(&gateway->queue, &gateway->in_flight);
    ask_again(gateway);
}

static void must_begin_anew(struct gateway *gateway, const Actions *actions)
{
    /* Should it say so again and again, then not as fast as it can. */
    if (gateway->is_first_in_flight)
        gateway->retry_ms = clock_ms() + RETRY_MS;
    /* What the life before wanted done comes before all else: groups and tags are still as it
     * knew them. */
    actions_carry_out(gateway, actions);
    gateway->remembers = actions->remembers;
    if (actions->remembers && gateway->delivery <= actions->done)
        queue_drop(&gateway->queue, &gateway->in_flight);
    else
        take_back(gateway);
    fail_sent(gateway);
    gateway->asks_again = false;
    gateway->needs_first = true;
    set_attached(gateway, false);
}

static void on_delivered(const Actions *actions, void *arg)
{
    struct gateway *gateway = arg;

    gateway->call = 0;
    if (actions == NULL) {
        deliver_failed(gateway, bus_error(gateway->remote)->text);
    } else if (actions->needs_first) {
        must_begin_anew(gateway, actions);
    } else {
        queue_drop(&gateway->queue, &gateway->in_flight);
        set_attached(gateway, true);
        gateway->remembers = actions->remembers;
        gateway->asks_again = !actions_carry_out(gateway, actions);
    }
    websockets_flush(gateway->loop);
}

static void begin_replay(struct gateway *gateway)
{
    gateway->needs_first = false;
    gateway->is_replaying = true;
    gateway->replay_at = 0;
    gateway->metrics->gateway_replays_total++;
    actions_forget_groups(gateway);
}

static void deliver(struct gateway *gateway)
{
    Sharestream__Gateway__Delivery delivery = SHARESTREAM__GATEWAY__DELIVERY__INIT;
    Sharestream__Gateway__Origin origin = origin_of(gateway);

    if (gateway->in_flight == NULL) /* else the same again */
        gateway->delivery++;
    delivery.is_first = gateway->is_first_in_flight = gateway->needs_first;
    if (gateway->needs_first)
        begin_replay(gateway);
    delivery.number = gateway->is_replaying ? 0 : gateway->delivery;
    delivery.again = gateway->asks_again;
    delivery_fill(gateway);
    delivery.from = &origin;
    delivery.has_more = gateway->is_replaying;
    delivery.n_events = gateway->scratch.count;
    delivery.events = gateway->scratch.list;
    gateway->metrics->gateway_deliveries_total++;
    gateway->metrics->gateway_events_total += delivery.n_events;
    sharestream__gateway__gateway__deliver(
        bus_to_instance(gateway->remote, gateway->instance, DELIVER_MS, &gateway->call), &delivery,
        on_delivered, gateway);
}

static void on_awaited(const Actions *actions, void *arg)
{
    struct gateway *gateway = arg;

    gateway->await = 0;
    if (actions == NULL) {
        gateway->await_retry_ms = clock_ms() + RETRY_MS;
        gateway->asks_again |= gateway->remembers;
    } else if (!actions->needs_first) {
        gateway->asks_again |= !actions_carry_out(gateway, actions);
        websockets_flush(gateway->loop);
    } else if (gateway->call == 0) { /* else the Delivery in flight will tell */
        must_begin_anew(gateway, actions);
        websockets_flush(gateway->loop);
    }
}

static void await(struct gateway *gateway)
{
    Sharestream__Gateway__AwaitRequest request = SHARESTREAM__GATEWAY__AWAIT_REQUEST__INIT;
    Sharestream__Gateway__Origin origin = origin_of(gateway);

    request.from = &origin;
    sharestream__gateway__gateway__await(
        bus_to_instance(gateway->remote, gateway->instance, AWAIT_MS, &gateway->await), &request,
        on_awaited, gateway);
}

/* Each message wakes four threads, so what comes soon after the last one waits for more. Who asked
 * by HTTP does not get on before the answer is there. */
static uint64_t gather_ms(const struct gateway *gateway)
{
    bool is_urgent = gateway->asked != NULL || gateway->needs_first || gateway->is_replaying;

    return is_urgent ? MIN(gateway->gather_ms, (uint64_t)GATHER_MS) : GATHER_MS;
}

int32_t gateway_flush(struct gateway *gateway, uint64_t now_ms)
{
    uint64_t due_ms = gateway->flushed_ms + gather_ms(gateway);
    bool delivers = is_up(gateway) && gateway->call == 0 && gateway->retry_ms == 0 &&
                    (gateway->needs_first || gateway->is_replaying || gateway->asks_again ||
                     gateway->queue.batches != NULL || gateway->asked != NULL);
    bool awaits = is_up(gateway) && gateway->await == 0 && gateway->is_attached &&
                  gateway->await_retry_ms == 0;

    if (!delivers && !awaits)
        return GATEWAY_IDLE;
    if (now_ms < due_ms)
        return (int32_t)(due_ms - now_ms);
    gateway->flushed_ms = now_ms;
    if (delivers)
        deliver(gateway);
    if (awaits)
        await(gateway);
    return GATEWAY_IDLE;
}

void gateway_tick(struct gateway *gateway, uint64_t now_ms)
{
    uint64_t patience_ms = is_up(gateway) ? QUESTION_MS : AWAY_MS;

    if (now_ms >= gateway->retry_ms)
        gateway->retry_ms = 0;
    if (now_ms >= gateway->await_retry_ms)
        gateway->await_retry_ms = 0;
    while (gateway->asked != NULL && now_ms - gateway->asked->asked_ms >= patience_ms)
        fail_question(gateway, gateway->asked);
    while (gateway->sent != NULL && now_ms - gateway->sent->asked_ms >= QUESTION_MS)
        fail_question(gateway, gateway->sent);
}

/* ---- its life */

/* What was with another instance is as if that had died: it is not heard any more. */
static void leave_instance(struct gateway *gateway)
{
    if (gateway->await != 0)
        bus_cancel(gateway->bus, gateway->await);
    gateway->await = 0;
    if (gateway->call == 0)
        return;
    bus_cancel(gateway->bus, gateway->call);
    gateway->call = 0;
    deliver_failed(gateway, "another instance has its work now");
}

void gateway_share(struct gateway *gateway, unsigned count)
{
    gateway->gather_ms = count;
}

static void turn_to(struct gateway *gateway, unsigned instance)
{
    if (instance != gateway->instance)
        leave_instance(gateway);
    gateway->instance = instance;
    if (gateway->remembers)
        gateway->asks_again = true; /* and hear whether it is another life */
    else
        gateway->needs_first = true;
    set_attached(gateway, false);
    gateway->retry_ms = gateway->await_retry_ms = 0;
}

static uint64_t bit_of(unsigned instance)
{
    return UINT64_C(1) << instance;
}

static bool is_forestalled(const struct gateway *gateway, unsigned instance, unsigned by)
{
    return bus_instance_held_since(gateway->remote, instance) <
           bus_instance_held_since(gateway->remote, by);
}

/* Of actors with a journal one instance at a time is the one: who took its work last, and of those
 * who say nothing of that who came last. Others that are up may not know yet that they were
 * forestalled. Of actors without the first will do. */
void gateway_on_up(struct gateway *gateway, unsigned instance)
{
    bool was_up = is_up(gateway);

    gateway->up |= bit_of(instance);
    if (!was_up || instance == gateway->instance ||
        (gateway->remembers && !is_forestalled(gateway, instance, gateway->instance)))
        turn_to(gateway, instance);
}

/* Of those that are up. */
static unsigned best_instance(const struct gateway *gateway)
{
    unsigned best = (unsigned)__builtin_ctzll(gateway->up);

    for (unsigned i = best; i < BUS_INSTANCES_MAX; i++)
        if ((gateway->up >> i & 1) != 0 && is_forestalled(gateway, best, i))
            best = i;
    return best;
}

void gateway_on_down(struct gateway *gateway, unsigned instance)
{
    gateway->up &= ~bit_of(instance);
    if (instance != gateway->instance)
        return;
    set_attached(gateway, false);
    if (gateway->up != 0)
        turn_to(gateway, best_instance(gateway));
}

struct gateway *gateway_new(const struct gateway_config *config)
{
    struct gateway *gateway = xcalloc(1, sizeof(*gateway));

    gateway->loop = config->loop;
    gateway->bus = config->bus;
    gateway->metrics = config->metrics;
    gateway->name = xstrdup(config->name);
    gateway->generation = config->generation;
    gateway->index = config->index;
    gateway->count = config->count;
    gateway->remote =
        bus_remote(config->bus, config->actor, &sharestream__gateway__gateway__descriptor);
    gateway->instance = config->instance;
    gateway->gather_ms = 1;
    gateway->seats = config->seats;
    gateway->seat = config->seat;
    return gateway;
}

bool gateway_is_idle(const struct gateway *gateway)
{
    return gateway->call == 0 && gateway->in_flight == NULL && gateway->queue.batches == NULL &&
           gateway->asked == NULL && gateway->sent == NULL && gateway->moves == NULL;
}

void gateway_rename(struct gateway *gateway, const char *name)
{
    if (gateway->call != 0)
        bus_cancel(gateway->bus, gateway->call);
    if (gateway->await != 0)
        bus_cancel(gateway->bus, gateway->await);
    gateway->call = gateway->await = 0;
    drop_in_flight(gateway);
    fail_sent(gateway);
    set_attached(gateway, false);
    free(gateway->name);
    gateway->name = xstrdup(name);
    gateway->carried = 0;
    gateway->asks_again = gateway->is_replaying = false;
    gateway->needs_first = true;
}

void gateway_free(struct gateway **gateway_p)
{
    struct gateway *gateway = *gateway_p;

    if (gateway == NULL)
        return;
    if (gateway->call != 0)
        bus_cancel(gateway->bus, gateway->call);
    if (gateway->await != 0)
        bus_cancel(gateway->bus, gateway->await);
    while (gateway->asked != NULL)
        question_take(gateway->asked);
    while (gateway->sent != NULL)
        question_take(gateway->sent);
    queue_drop(&gateway->queue, &gateway->in_flight);
    queue_fini(&gateway->queue);
    moves_fini(gateway);
    actions_forget_groups(gateway);
    slots_fini(&gateway->sockets);
    slots_fini(&gateway->questions);
    free(gateway->scratch.rows);
    free(gateway->scratch.list);
    free(gateway->name);
    free(gateway);
    *gateway_p = NULL;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-core.NullDereference) */
