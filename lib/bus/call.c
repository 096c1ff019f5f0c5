/* SPDX-License-Identifier: MIT
 *
 * call: our side of a request: who gets it, the table of those that wait, deadlines.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/ask.h"
#include "bus/bus_private.h"

struct bus_remote *bus_remote(struct bus *bus, const char *name,
                              const ProtobufCServiceDescriptor *descriptor)
{
    struct bus_remote *remote;

    for (remote = bus->remotes; remote != NULL; remote = remote->next)
        if (strcmp(remote->name, name) == 0 && remote->service.descriptor == descriptor)
            return remote;
    remote = xcalloc(1, sizeof(*remote));
    remote->bus = bus;
    remote->service.descriptor = descriptor;
    remote->service.invoke = call_invoke;
    remote->fingerprint = bus_fingerprint(descriptor);
    snprintf(remote->name, sizeof(remote->name), "%s", name);
    remote->next = bus->remotes;
    bus->remotes = remote;
    unsigned count = endpoint_count(bus->peers_text, name);
    for (unsigned i = 0; i < count; i++) {
        char rpc[BUS_ENDPOINT_MAX], events[BUS_ENDPOINT_MAX];

        if (!bus_endpoint(bus->run_dir, bus->peers_text, name, i, false, rpc, sizeof(rpc)) ||
            !bus_endpoint(bus->run_dir, bus->peers_text, name, i, true, events, sizeof(events))) {
            log_error("bus address is unusable", "service=%s instance=%u run_dir=%s", name, i,
                      bus->run_dir);
            continue;
        }
        bus_peer_open(&remote->peers[remote->peer_count++], remote, i, rpc, events);
    }
    return remote;
}

void bus_watch(struct bus_remote *remote, const struct bus_watch *watch)
{
    remote->watch = *watch;
    for (size_t i = 0; i < remote->peer_count; i++) {
        struct peer *peer = &remote->peers[i];
        char rpc[BUS_ENDPOINT_MAX], events[BUS_ENDPOINT_MAX];
        struct bus *bus = remote->bus;

        if (watch->on_event == NULL || peer->sub != NULL)
            continue;
        must(bus_endpoint(bus->run_dir, bus->peers_text, remote->name, peer->instance, true, events,
                          sizeof(events)));
        must(bus_endpoint(bus->run_dir, bus->peers_text, remote->name, peer->instance, false, rpc,
                          sizeof(rpc)));
        bus_peer_close(peer);
        bus_peer_open(peer, remote, peer->instance, rpc, events);
    }
}

static struct peer *choose(struct bus_remote *remote, struct bytes key)
{
    struct peer *best = NULL;
    uint64_t best_weight = 0;
    bool best_is_up = false;

    for (size_t i = 0; i < remote->peer_count; i++) {
        struct peer *peer = &remote->peers[i];
        uint64_t weight = key.data != NULL ? bus_peer_weight(peer, key) : UINT64_MAX - i;

        if (best == NULL || (peer->is_up && !best_is_up) ||
            (peer->is_up == best_is_up && weight > best_weight)) {
            best = peer;
            best_weight = weight;
            best_is_up = peer->is_up;
        }
    }
    return best;
}

static ProtobufCService *aim(struct bus_remote *remote, struct peer *peer, uint32_t deadline_ms,
                             uint64_t *call_out)
{
    remote->next_peer = peer;
    remote->next_deadline_ms = deadline_ms;
    remote->next_call_out = call_out;
    return &remote->service;
}

ProtobufCService *bus_to(struct bus_remote *remote, uint32_t deadline_ms, struct bytes key,
                         uint64_t *call_out)
{
    return aim(remote, choose(remote, key), deadline_ms, call_out);
}

ProtobufCService *bus_to_instance(struct bus_remote *remote, unsigned instance,
                                  uint32_t deadline_ms, uint64_t *call_out)
{
    return aim(remote, instance < remote->peer_count ? &remote->peers[instance] : NULL, deadline_ms,
               call_out);
}

const struct error *bus_error(const struct bus_remote *remote)
{
    static const struct error none;

    return remote->error != NULL ? remote->error : &none;
}

bool bus_is_up(const struct bus_remote *remote)
{
    for (size_t i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].is_up)
            return true;
    return false;
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
    free(call);
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

static bool send_frames(struct call *call, const char *package_service, uint32_t deadline_ms,
                        const ProtobufCMessage *input)
{
    struct peer *peer = call->peer;
    struct bus *bus = peer->remote->bus;
    Envelope envelope = bus_request_envelope(bus, call->id, deadline_ms, call->sent_us / 1000);
    char method[160];

    snprintf(method, sizeof(method), "%s/%s", package_service, call->method->name);
    envelope.method = method;
    envelope.trace = call->trace;
    if (!bus_send_message(peer->dealer, &envelope.base, ZMQ_SNDMORE) ||
        !bus_send_message(peer->dealer, input, 0))
        return false;
    bus_check_after_send(bus, peer->dealer);
    if (trace_is_on(peer->name))
        trace_line(bus, "%s -> %s  %s id=%016llx %zuB", bus->self, peer->name, call->method->name,
                   (unsigned long long)call->id, protobuf_c_message_get_packed_size(input));
    return true;
}

uint64_t call_send(struct bus_remote *remote, struct peer *peer, const char *package_service,
                   const ProtobufCMethodDescriptor *method, uint32_t deadline_ms,
                   const ProtobufCMessage *input, ProtobufCClosure closure, void *arg)
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
    HASH_ADD(hh, bus->calls, id, sizeof(call->id), call);
    insert_by_deadline(bus, call);
    bus_metrics()->calls_total++;
    bus_metrics()->calls_waiting++;
    if (peer == NULL) {
        error_set(&call->failed, ERR_UNAVAILABLE, "no such instance of %s is configured",
                  remote->name);
        bus_kick(bus);
    } else if (!(call->is_sent = send_frames(call, package_service, deadline_ms, input))) {
        bus_metrics()->queue_full_total++;
        error_set(&call->failed, ERR_BUSY, "too many messages wait for %s", peer->name);
        bus_kick(bus);
    }
    return call->id;
}

void call_invoke(ProtobufCService *service, unsigned method, const ProtobufCMessage *input,
                 ProtobufCClosure closure, void *arg)
{
    struct bus_remote *remote = (struct bus_remote *)service;

    must(remote->next_deadline_ms > 0); /* every call goes through bus_to() */
    if (remote->next_call_out != NULL)
        *remote->next_call_out = 0;
    uint64_t id = call_send(remote, remote->next_peer, service->descriptor->name,
                            &service->descriptor->methods[method], remote->next_deadline_ms, input,
                            closure, arg);
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
    free(call);
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
    if (envelope->code != 0)
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
    free(call);
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
