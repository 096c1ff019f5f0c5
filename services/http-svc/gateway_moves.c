/* SPDX-License-Identifier: MIT
 *
 * gateway_moves: connections that go from one seat of an actor to another. What the first one has
 * of it in flight may come back: so a connection stays in the queue of the first until that is
 * answered, and then goes with all that is to be told of it, in its order.
 */
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/must.h"
#include "exchange.h"
#include "gateway_private.h"
#include "wire/websocket.h"

/* utlist is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-*) */

static struct bytes view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

static struct gateway *find_seat(const struct gateway *gateway, unsigned seat)
{
    if (gateway->seats.find != NULL && seat < BUS_SEATS_MAX)
        return gateway->seats.find(gateway->seats.arg, seat);
    log_error("an actor without such seats moves a connection", "gateway=%s seat=%u", gateway->name,
              seat);
    return NULL;
}

static void move_question(struct gateway *gateway, struct gateway_question *question, unsigned seat)
{
    struct gateway *to = find_seat(gateway, seat);
    const struct gateway_client *client = question->client;
    uint64_t asked_ms = question->asked_ms;

    question_take(question);
    if (to == NULL || to == gateway || !gateway_ask(to, question, client))
        exchange_fail_question(question);
    else
        question->asked_ms = asked_ms; /* nobody waits longer for it */
}

void move_begin(struct gateway *gateway, const Sharestream__Gateway__Move *order)
{
    struct gateway_question *question = gateway_question(gateway, order->number);
    struct gateway_socket *socket = gateway_socket(gateway, order->number);
    struct gateway *to;
    struct move *move;

    if (question != NULL) {
        move_question(gateway, question, order->seat);
        return;
    }
    if (socket == NULL || socket->move != NULL)
        return;
    to = find_seat(gateway, order->seat);
    if (to == NULL || to == gateway) {
        socket->carrier->close(socket, WEBSOCKET_TRY_LATER, bytes_of_text("try again later"));
        return;
    }
    actions_leave_all(socket);
    socket->is_told = false; /* another life of the actor is not to hear of it */
    socket->move = move = xcalloc(1, sizeof(*move));
    move->number = order->number;
    move->to = to;
    move->socket = socket;
    DL_APPEND(gateway->moves, move);
    gateway->metrics->gateway_moved_total++;
}

void move_returned(struct gateway *gateway, const Sharestream__Gateway__Return *returned)
{
    struct move *move;

    DL_SEARCH_SCALAR(gateway->moves, move, number, returned->number);
    if (move != NULL)
        queue_add_received(&move->returned, move->number, view(returned->payload),
                           returned->is_binary);
}

void move_closed(struct gateway_socket *socket)
{
    struct move *move = socket->move;

    move->socket = NULL;
    move->client = socket->client;
    move->tag = socket->tag;
    move->tag_len = socket->tag_len;
    socket->client = NULL;
    socket->tag = NULL;
    socket->move = NULL;
}

static void move_free(struct gateway *gateway, struct move *move)
{
    DL_DELETE(gateway->moves, move);
    queue_fini(&move->returned);
    free(move->client);
    free(move->tag);
    free(move);
}

/* Its number there; 0: there is no room. */
static uint64_t settle(struct gateway *gateway, struct move *move)
{
    struct gateway_socket *socket = move->socket;
    struct slots *slots = &move->to->sockets;
    uint64_t number = slots_add(slots, socket != NULL ? (void *)socket : (void *)move);

    if (number == 0)
        return 0;
    if (socket == NULL) {
        slots_remove(slots, number); /* that it has closed is still to be told */
        return number;
    }
    slots_remove(&gateway->sockets, move->number);
    socket->gateway = move->to;
    socket->number = number;
    socket->move = NULL;
    return number;
}

static void finish(struct gateway *gateway, struct move *move)
{
    struct gateway_socket *socket = move->socket;
    uint64_t number = settle(gateway, move);
    const struct gateway_client *client = socket != NULL ? socket->client : move->client;
    struct bytes tag = socket != NULL ? bytes_of(socket->tag, socket->tag_len)
                                      : bytes_of(move->tag, move->tag_len);

    if (number == 0) {
        if (socket == NULL)
            return;
        socket->move = NULL;
        socket->carrier->close(socket, WEBSOCKET_TRY_LATER, bytes_of_text("busy, try again later"));
        return;
    }
    queue_add_opened(&move->to->queue, number, client, tag);
    queue_move(&move->returned, &move->to->queue, move->number, number);
    queue_move(&gateway->queue, &move->to->queue, move->number, number);
}

void gateway_finish_moves(struct gateway *gateway)
{
    while (gateway->moves != NULL && gateway->call == 0 && gateway->in_flight == NULL &&
           !gateway->asks_again) {
        struct move *move = gateway->moves;

        finish(gateway, move);
        move_free(gateway, move);
    }
}

void moves_fini(struct gateway *gateway)
{
    while (gateway->moves != NULL) {
        if (gateway->moves->socket != NULL)
            gateway->moves->socket->move = NULL;
        move_free(gateway, gateway->moves);
    }
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-*) */
