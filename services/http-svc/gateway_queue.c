/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/must.h"
#include "gateway_private.h"

/* utlist is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-core.NullDereference) */

typedef Sharestream__Gateway__Event Event;

struct event_message {
    Event event;
    union {
        Sharestream__Gateway__Opened opened;
        Sharestream__Gateway__Received received;
        Sharestream__Gateway__Closed closed;
        Sharestream__Gateway__Asked asked;
    } of;
};

/* ---- what waits */

static void free_batch(struct batch *batch)
{
    free(batch->events);
    text_fini(&batch->heap);
    free(batch);
}

/* The batch that `bytes` more fit into. */
static struct batch *filling(struct queue *queue, size_t bytes)
{
    struct batch *batch = queue->batches != NULL ? queue->batches->prev : NULL;

    if (batch != NULL && batch->count < BATCH_EVENTS && batch->heap.len + bytes <= BATCH_BYTES)
        return batch;
    batch = queue->spare != NULL ? queue->spare : xcalloc(1, sizeof(*batch));
    queue->spare = NULL;
    DL_APPEND(queue->batches, batch);
    return batch;
}

static struct event *add(struct queue *queue, enum event_kind kind, uint64_t number, size_t bytes)
{
    struct batch *batch = filling(queue, bytes);
    struct event *event;

    if (batch->count == batch->capacity) {
        batch->capacity = MAX(batch->capacity * 2, 16);
        batch->events = xrealloc(batch->events, batch->capacity * sizeof(*batch->events));
    }
    event = &batch->events[batch->count++];
    *event = (struct event){.kind = kind, .number = number, .at = batch->heap.len};
    queue->events++;
    queue->bytes += bytes;
    return event;
}

static bool has_room(const struct queue *queue, size_t bytes)
{
    return queue->events < GATEWAY_EVENTS_MAX && queue->bytes + bytes <= GATEWAY_BYTES_MAX;
}

static size_t bytes_of_client(const struct gateway_client *client)
{
    return client->target.len + client->origin.len + client->address.len + client->local.len;
}

void queue_add_opened(struct queue *queue, uint64_t number, const struct gateway_client *client,
                      struct bytes tag)
{
    struct event *event = add(queue, EVENT_OPENED, number, bytes_of_client(client) + tag.len);
    struct text *heap = &queue->batches->prev->heap;

    event->len = (uint32_t)client->target.len;
    event->origin_len = (uint32_t)client->origin.len;
    event->address_len = (uint8_t)client->address.len;
    event->local_len = (uint8_t)client->local.len;
    event->tag_len = (uint32_t)tag.len;
    event->is_admin = client->is_admin;
    text_add_bytes(heap, client->target);
    text_add_bytes(heap, client->origin);
    text_add_bytes(heap, client->address);
    text_add_bytes(heap, client->local);
    text_add_bytes(heap, tag);
}

bool queue_opened(struct queue *queue, uint64_t number, const struct gateway_client *client)
{
    if (!has_room(queue, bytes_of_client(client)))
        return false;
    queue_add_opened(queue, number, client, bytes_of(NULL, 0));
    return true;
}

void queue_add_received(struct queue *queue, uint64_t number, struct bytes payload, bool is_binary)
{
    struct event *event = add(queue, EVENT_RECEIVED, number, payload.len);

    event->len = (uint32_t)payload.len;
    event->is_binary = is_binary;
    text_add_bytes(&queue->batches->prev->heap, payload);
}

bool queue_received(struct queue *queue, uint64_t number, struct bytes payload, bool is_binary)
{
    if (!has_room(queue, payload.len))
        return false;
    queue_add_received(queue, number, payload, is_binary);
    return true;
}

void queue_closed(struct queue *queue, uint64_t number)
{
    add(queue, EVENT_CLOSED, number, 0);
}

/* All but an Opened, which has been told. */
static void move_event(struct queue *to, const struct batch *batch, const struct event *event,
                       uint64_t number_there)
{
    if (event->kind == EVENT_RECEIVED)
        queue_add_received(to, number_there, bytes_of(batch->heap.data + event->at, event->len),
                           event->is_binary);
    else if (event->kind == EVENT_CLOSED)
        queue_closed(to, number_there);
}

void queue_move(struct queue *from, struct queue *to, uint64_t number, uint64_t number_there)
{
    struct batch *batch, *next;

    DL_FOREACH_SAFE(from->batches, batch, next)
    {
        size_t kept = 0;

        for (size_t i = 0; i < batch->count; i++)
            if (batch->events[i].number == number)
                move_event(to, batch, &batch->events[i], number_there);
            else
                batch->events[kept++] = batch->events[i];
        from->events -= batch->count - kept;
        batch->count = kept;
        if (kept > 0)
            continue;
        DL_DELETE(from->batches, batch);
        from->bytes -= batch->heap.len;
        queue_drop(from, &batch);
    }
}

struct batch *queue_take(struct queue *queue)
{
    struct batch *batch = queue->batches;

    if (batch == NULL)
        return NULL;
    DL_DELETE(queue->batches, batch);
    queue->events -= batch->count;
    queue->bytes -= batch->heap.len;
    return batch;
}

void queue_put_back(struct queue *queue, struct batch **batch)
{
    if (*batch == NULL)
        return;
    DL_PREPEND(queue->batches, *batch);
    queue->events += (*batch)->count;
    queue->bytes += (*batch)->heap.len;
    *batch = NULL;
}

void queue_drop(struct queue *queue, struct batch **batch_p)
{
    struct batch *batch = *batch_p;

    *batch_p = NULL;
    if (batch == NULL)
        return;
    batch->count = 0;
    batch->deaths = 0;
    text_clear(&batch->heap);
    if (queue->spare == NULL)
        queue->spare = batch;
    else
        free_batch(batch);
}

void queue_fini(struct queue *queue)
{
    struct batch *batch, *next;

    DL_FOREACH_SAFE(queue->batches, batch, next)
    free_batch(batch);
    if (queue->spare != NULL)
        free_batch(queue->spare);
    *queue = (struct queue){0};
}

/* ---- a Delivery of it */

static struct event_message *next_message(struct scratch *scratch, uint64_t number)
{
    struct event_message *message;

    if (scratch->count == scratch->capacity) {
        scratch->capacity = MAX(scratch->capacity * 2, 64);
        scratch->rows = xrealloc(scratch->rows, scratch->capacity * sizeof(*scratch->rows));
        scratch->list = xrealloc(scratch->list, scratch->capacity * sizeof(Event *));
    }
    message = &scratch->rows[scratch->count++];
    sharestream__gateway__event__init(&message->event);
    message->event.number = number;
    return message;
}

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    /* protobuf-c has no const data; it does not write. */
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)bytes.data, .len = bytes.len};
}

static void add_opened(struct scratch *scratch, uint64_t number,
                       const struct gateway_client *client, struct bytes tag)
{
    struct event_message *message = next_message(scratch, number);

    message->event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED;
    sharestream__gateway__opened__init(&message->of.opened);
    message->of.opened.target = data_of(client->target);
    message->of.opened.address = data_of(client->address);
    message->of.opened.local = data_of(client->local);
    message->of.opened.origin = data_of(client->origin);
    message->of.opened.tag = data_of(tag);
    message->of.opened.is_admin = client->is_admin;
}

static void add_queued(struct gateway *gateway, const struct batch *batch,
                       const struct event *event)
{
    const uint8_t *at = (const uint8_t *)batch->heap.data + event->at;
    struct gateway_socket *socket;
    struct event_message *message;

    switch (event->kind) {
    case EVENT_OPENED: {
        const struct gateway_client client = {
            .target = bytes_of(at, event->len),
            .origin = bytes_of(at + event->len, event->origin_len),
            .address = bytes_of(at + event->len + event->origin_len, event->address_len),
            .local = bytes_of(at + event->len + event->origin_len + event->address_len,
                              event->local_len),
            .is_admin = event->is_admin,
        };
        struct bytes tag = bytes_of(client.local.data + event->local_len, event->tag_len);

        add_opened(&gateway->scratch, event->number, &client, tag);
        if ((socket = gateway_socket(gateway, event->number)) != NULL)
            socket->is_told = true;
        break;
    }
    case EVENT_RECEIVED:
        message = next_message(&gateway->scratch, event->number);
        message->event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_RECEIVED;
        sharestream__gateway__received__init(&message->of.received);
        message->of.received.payload = data_of(bytes_of(at, event->len));
        message->of.received.is_binary = event->is_binary;
        break;
    case EVENT_CLOSED:
        message = next_message(&gateway->scratch, event->number);
        message->event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED;
        sharestream__gateway__closed__init(&message->of.closed);
        break;
    }
}

/* Those that the life before knew; who came since is in the queue. */
static void add_replayed(struct gateway *gateway)
{
    struct gateway_socket *socket;
    size_t bytes = 0;

    while (gateway->scratch.count < BATCH_EVENTS && bytes < BATCH_BYTES) {
        socket = slots_next(&gateway->sockets, &gateway->replay_at);
        if (socket == NULL) {
            gateway->is_replaying = false;
            return;
        }
        if (!socket->is_told)
            continue;
        add_opened(&gateway->scratch, socket->number, socket->client,
                   bytes_of(socket->tag, socket->tag_len));
        bytes += socket->tag_len + socket->client->target.len + socket->client->origin.len;
    }
}

static void add_asked(struct gateway *gateway)
{
    struct gateway_question *question;

    for (size_t i = 0; i < BATCH_EVENTS && (question = gateway->asked) != NULL; i++) {
        struct event_message *message = next_message(&gateway->scratch, question->number);

        message->event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_ASKED;
        sharestream__gateway__asked__init(&message->of.asked);
        message->of.asked.target = data_of(question->client->target);
        message->of.asked.address = data_of(question->client->address);
        message->of.asked.local = data_of(question->client->local);
        question->delivery = gateway->delivery;
        DL_DELETE(gateway->asked, question);
        DL_APPEND(gateway->sent, question);
    }
}

/* Rows have moved while there came more: pointers into them are set at the end. */
static void link_up(struct scratch *scratch)
{
    for (size_t i = 0; i < scratch->count; i++) {
        struct event_message *message = &scratch->rows[i];

        scratch->list[i] = &message->event;
        message->event.opened = &message->of.opened; /* the members are one union of pointers */
    }
}

void delivery_fill(struct gateway *gateway)
{
    gateway->scratch.count = 0;
    if (gateway->is_replaying) {
        add_replayed(gateway);
    } else {
        bool is_repeated = gateway->in_flight != NULL;

        if (!is_repeated)
            gateway->in_flight = queue_take(&gateway->queue);
        for (size_t i = 0; gateway->in_flight != NULL && i < gateway->in_flight->count; i++)
            add_queued(gateway, gateway->in_flight, &gateway->in_flight->events[i]);
        if (!is_repeated)
            add_asked(gateway);
    }
    link_up(&gateway->scratch);
}

void delivery_untell(struct gateway *gateway, const struct batch *batch)
{
    struct gateway_socket *socket;

    for (size_t i = 0; batch != NULL && i < batch->count; i++)
        if (batch->events[i].kind == EVENT_OPENED &&
            (socket = gateway_socket(gateway, batch->events[i].number)) != NULL)
            socket->is_told = false;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-core.NullDereference) */
