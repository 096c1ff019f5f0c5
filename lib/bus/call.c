/* SPDX-License-Identifier: MIT
 *
 * call: our side of a request: the table of those that wait, deadlines, and going round until
 * somebody has what is asked for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/ask.h"
#include "bus/bus_private.h"

const struct error *bus_error(const struct bus_remote *remote)
{
    static const struct error none;

    return remote->error != NULL ? remote->error : &none;
}

/* Most calls have the same deadline as the one before, so the place is found from the end at once.
 */
static void insert_by_deadline(struct bus *bus, struct call *call)
{
    struct call *after = bus->deadlines != NULL ? bus->deadlines->prev : NULL;

    while (after != NULL && after->deadline_ms > call->deadline_ms)
        after = after == bus->deadlines ? NULL : after->prev;
    if (after == NULL)
        DL_PREPEND(bus->deadlines, call);
    else
        DL_APPEND_ELEM(bus->deadlines, after, call);
}

static void forget(struct bus *bus, struct call *call)
{
    HASH_DEL(bus->calls, call);
    DL_DELETE(bus->deadlines, call);
    bus_metrics()->calls_waiting--;
}

static void call_free(struct call *call)
{
    free(call->search);
    free(call);
}

/* Ends a call without a reply. */
static void finish_failed(struct bus *bus, struct call *call)
{
    struct bus_remote *remote = call->remote;

    forget(bus, call);
    bus_metrics()->calls_failed_total++;
    if (trace_is_on(remote->name))
        trace_line(bus, "%s -> %s  %s id=%016llx FAILED %s: %s", remote->name, bus->self,
                   call->method->name, (unsigned long long)call->id, err_word(call->failed.code),
                   call->failed.text);
    remote->error = &call->failed;
    log_set_trace(call->trace);
    call->closure(NULL, call->arg);
    log_set_trace(0);
    remote->error = NULL;
    call_free(call);
}

/* We have given it up; does nothing when it never left. Without room in the queue the service goes
 * by the deadline. */
static void send_cancel(const struct call *call)
{
    struct bus *bus = call->remote->bus;
    Envelope envelope = SHARESTREAM__BUS__ENVELOPE__INIT;

    if (!call->is_sent)
        return;
    envelope.call = call->id;
    envelope.trace = call->trace;
    envelope.generation = bus->generation;
    envelope.from = bus->self;
    if (!bus_send_message(call->peer->dealer, &envelope.base, 0))
        return;
    bus_metrics()->calls_cancelled_total++;
    bus_check_after_send(bus, call->peer->dealer);
    if (trace_is_on(call->peer->name))
        trace_line(bus, "%s -> %s  %s id=%016llx given up", bus->self, call->peer->name,
                   call->method->name, (unsigned long long)call->id);
}

/* `input` NULL: the message of the search. */
static bool send_frames(struct call *call, const char *package_service, uint32_t deadline_ms,
                        const ProtobufCMessage *input)
{
    struct peer *peer = call->peer;
    struct bus *bus = peer->remote->bus;
    Envelope envelope = bus_request_envelope(bus, call->id, deadline_ms, call->sent_us / 1000);
    const struct search *search = call->search;
    char method[160];

    snprintf(method, sizeof(method), "%s/%s", package_service, call->method->name);
    envelope.method = method;
    envelope.trace = call->trace;
    envelope.may_be_elsewhere = search != NULL && !search->is_last;
    if (!bus_send_message(peer->dealer, &envelope.base, ZMQ_SNDMORE) ||
        !(input != NULL ? bus_send_message(peer->dealer, input, 0)
                        : bus_send_bytes(peer->dealer, search->message)))
        return false;
    bus_check_after_send(bus, peer->dealer);
    if (trace_is_on(peer->name))
        trace_line(bus, "%s -> %s  %s id=%016llx %zuB", bus->self, peer->name, call->method->name,
                   (unsigned long long)call->id,
                   input != NULL ? protobuf_c_message_get_packed_size(input) : search->message.len);
    return true;
}

/* `search` is taken; NULL: for this peer alone. */
static uint64_t send_call(struct bus_remote *remote, struct peer *peer, const char *package_service,
                          const ProtobufCMethodDescriptor *method, uint32_t deadline_ms,
                          const ProtobufCMessage *input, struct search *search,
                          ProtobufCClosure closure, void *arg)
{
    struct bus *bus = remote->bus;
    struct call *call = xcalloc(1, sizeof(*call));

    call->id = ++bus->next_call;
    call->remote = remote;
    call->peer = peer;
    call->sent_us = clock_us();
    call->deadline_ms = call->sent_us / 1000 + deadline_ms;
    call->generation = peer != NULL && peer->is_up ? peer->generation : 0;
    call->trace = log_trace();
    call->method = method;
    call->closure = closure;
    call->arg = arg;
    call->search = search;
    HASH_ADD(hh, bus->calls, id, sizeof(call->id), call);
    insert_by_deadline(bus, call);
    bus_metrics()->calls_total++;
    bus_metrics()->calls_waiting++;
    if (peer == NULL) {
        error_set(&call->failed, ERR_UNAVAILABLE,
                  remote->seats > 1 ? "nobody holds that part of %s at the moment"
                                    : "no such instance of %s is known",
                  remote->name);
        bus_kick(bus);
    } else if (!(call->is_sent = send_frames(call, package_service, deadline_ms, input))) {
        bus_metrics()->queue_full_total++;
        error_set(&call->failed, ERR_BUSY, "too many messages wait for %s", peer->name);
        bus_kick(bus);
    }
    return call->id;
}

uint64_t call_send(struct bus_remote *remote, struct peer *peer, const char *package_service,
                   const ProtobufCMethodDescriptor *method, uint32_t deadline_ms,
                   const ProtobufCMessage *input, ProtobufCClosure closure, void *arg)
{
    return send_call(remote, peer, package_service, method, deadline_ms, input, NULL, closure, arg);
}

/* ---- looking for who has something */

static struct search *search_new(struct bytes key, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    struct search *search = xcalloc(1, sizeof(*search) + key.len + len);
    uint8_t *at = (uint8_t *)(search + 1);

    memcpy(at, key.data, key.len);
    search->key = bytes_of(at, key.len);
    protobuf_c_message_pack(message, at + key.len);
    search->message = bytes_of(at + key.len, len);
    return search;
}

/* It was not found where it was asked for. False: nor anywhere else. */
static bool ask_next(struct call *call)
{
    struct search *search = call->search;
    struct bus_remote *remote = call->remote;
    uint64_t now_ms = clock_ms();
    struct peer *next;

    if (search == NULL || search->is_last || now_ms >= call->deadline_ms)
        return false;
    search->tried |= UINT64_C(1) << call->peer->instance;
    next = remote_next(remote, search->key, search->tried);
    if (next == NULL) {
        search->is_last = true;
        search->misses_one = remote_misses_one(remote);
        next = remote_owner(remote, search->key);
    }
    call->peer = next;
    call->generation = next->is_up ? next->generation : 0;
    call->sent_us = clock_us();
    call->is_sent = send_frames(call, remote->service.descriptor->name,
                                (uint32_t)(call->deadline_ms - now_ms), NULL);
    return call->is_sent;
}

void call_invoke(ProtobufCService *service, unsigned method, const ProtobufCMessage *input,
                 ProtobufCClosure closure, void *arg)
{
    struct bus_remote *remote = (struct bus_remote *)service;

    must(remote->next_deadline_ms > 0); /* every call goes through bus_to() */
    if (remote->next_call_out != NULL)
        *remote->next_call_out = 0;
    struct search *search = remote->next_finds_holder ? search_new(remote->next_key, input) : NULL;
    uint64_t id = send_call(remote, remote->next_peer, service->descriptor->name,
                            &service->descriptor->methods[method], remote->next_deadline_ms, input,
                            search, closure, arg);
    if (remote->next_call_out != NULL)
        *remote->next_call_out = id;
    remote->next_deadline_ms = 0;
}

void bus_cancel(struct bus *bus, uint64_t id)
{
    struct call *call;

    HASH_FIND(hh, bus->calls, &id, sizeof(id), call);
    if (call == NULL)
        return;
    send_cancel(call);
    forget(bus, call);
    call_free(call);
}

static void finish(struct bus *bus, struct call *call, const Envelope *envelope,
                   struct bytes payload)
{
    ProtobufCMessage *reply = NULL;

    if (trace_is_on(call->peer->name))
        trace_line(bus, "%s -> %s  %s id=%016llx %s %zuB %.1fms", call->peer->name, bus->self,
                   call->method->name, (unsigned long long)call->id,
                   err_word((enum err)envelope->code), payload.len,
                   (double)(clock_us() - call->sent_us) / 1000);
    if (envelope->code == ERR_NOT_FOUND && ask_next(call))
        return;
    if (envelope->code == 0 && call->search != NULL && call->search->tried != 0)
        remote_remember(call->remote, call->search->key, call->peer);
    if (envelope->code == ERR_NOT_FOUND && call->search != NULL && call->search->misses_one)
        error_set(&call->failed, ERR_UNAVAILABLE, "%s, but not all %s-svc are here to be asked",
                  envelope->text, call->remote->name);
    else if (envelope->code != 0)
        error_set(&call->failed, (enum err)envelope->code, "%s", envelope->text);
    else if ((reply = protobuf_c_message_unpack(call->method->output, NULL, payload.len,
                                                payload.data)) == NULL)
        error_set(&call->failed, ERR_PROTOCOL,
                  "%s answered %s with something else; are both of one build?", call->peer->name,
                  call->method->name);
    if (reply == NULL) {
        finish_failed(bus, call);
        return;
    }
    forget(bus, call);
    log_set_trace(call->trace);
    call->closure(reply, call->arg);
    log_set_trace(0);
    protobuf_c_message_free_unpacked(reply, NULL);
    call_free(call);
}

/* Frames: envelope, payload (absent when the envelope tells an error). */
unsigned call_receive(void *owner, unsigned budget)
{
    struct peer *peer = owner;
    struct bus *bus = peer->remote->bus;
    unsigned used = 0;
    zmq_msg_t frame, payload;

    while (used < budget && bus_receive(peer->dealer, &frame)) {
        Envelope *envelope = bus_read_envelope(&frame);
        bool has_payload = bus_frame_has_more(&frame) && bus_receive(peer->dealer, &payload);
        struct call *call = NULL;

        used++;
        if (envelope != NULL)
            HASH_FIND(hh, bus->calls, &envelope->call, sizeof(envelope->call), call);
        if (call != NULL && call->peer == peer)
            finish(bus, call, envelope,
                   has_payload ? bus_frame_bytes(&payload) : bytes_of(NULL, 0));
        else
            bus_metrics()->replies_late_total++;
        sharestream__bus__envelope__free_unpacked(envelope, NULL);
        zmq_msg_close(&frame);
        if (has_payload)
            bus_drop_rest(peer->dealer, &payload);
    }
    return used;
}

/* Marks; the closures run at the next dispatch, so that no caller is called back from inside his
 * own call. */
void call_fail_peer(struct peer *peer, uint64_t other_than_generation, const char *why)
{
    struct bus *bus = peer->remote->bus;

    for (struct call *call = bus->deadlines; call != NULL; call = call->next) {
        if (call->peer != peer || call->generation == 0 ||
            call->generation == other_than_generation)
            continue;
        error_set(&call->failed, ERR_UNAVAILABLE, "%s %s", peer->name, why);
        bus_kick(bus);
    }
}

void call_leave_peer(struct peer *peer)
{
    struct bus *bus = peer->remote->bus;

    for (struct call *call = bus->deadlines; call != NULL; call = call->next) {
        if (call->peer != peer)
            continue;
        call->is_sent = false; /* there is nobody to tell when it is given up */
        error_set(&call->failed, ERR_UNAVAILABLE, "%s has left", peer->name);
        bus_kick(bus);
    }
}

void call_finish_failed(struct bus *bus)
{
    /* A closure may try again at once and fail again: that is for the next round, or we would never
     * leave this one. */
    unsigned left = HASH_COUNT(bus->calls);
    struct call *call = bus->deadlines;

    while (call != NULL && left > 0) {
        if (call->failed.code == ERR_NONE) {
            call = call->next;
            continue;
        }
        left--;
        send_cancel(call); /* it may still lie in the queue */
        finish_failed(bus, call);
        call = bus->deadlines; /* the closure may have cancelled or made others */
    }
    if (call != NULL)
        bus_kick(bus);
}

void call_expire(struct bus *bus, uint64_t now_ms)
{
    while (bus->deadlines != NULL && bus->deadlines->deadline_ms <= now_ms) {
        struct call *call = bus->deadlines;

        bus_metrics()->calls_timeout_total++;
        if (call->failed.code == ERR_NONE)
            error_set(&call->failed, ERR_TIMEOUT, "%s did not answer %s in time", call->peer->name,
                      call->method->name);
        send_cancel(call);
        finish_failed(bus, call);
    }
}

void call_cancel_all(struct bus *bus)
{
    while (bus->deadlines != NULL) {
        struct call *call = bus->deadlines;

        error_set(&call->failed, ERR_CANCELLED, "this process is stopping");
        send_cancel(call);
        finish_failed(bus, call);
    }
}
