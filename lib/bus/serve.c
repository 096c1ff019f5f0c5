/* SPDX-License-Identifier: MIT
 *
 * serve: requests of others: unpacked, handed to the generated struct of handlers, answered.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

static enum err bind_to(struct bus *bus, void *socket, bool events, char *endpoint, size_t cap,
                        struct error *error)
{
    if (!endpoint_own(bus, events, endpoint, cap))
        return error_set(error, ERR_CONFIG,
                         "no usable bus address in run_dir '%s' (too long?) or bus.listen '%s'",
                         bus->run_dir, bus->listen);
    if (zmq_bind(socket, endpoint) != 0)
        return error_set(error, zmq_errno() == EADDRINUSE ? ERR_BUSY : ERR_CONFIG,
                         "cannot bind %s: %s", endpoint, zmq_strerror(zmq_errno()));
    return ERR_NONE;
}

static enum err bind_all(struct bus *bus, struct error *error)
{
    char endpoint[BUS_ENDPOINT_MAX];
    int on = 1, replies = 8 * BUS_QUEUE_MAX;
    enum err err = curve_zap_bind(bus, error);

    if (err != ERR_NONE)
        return err;
    bus->router = bus_socket(bus, ZMQ_ROUTER, true);
    bus->pub = bus_socket(bus, ZMQ_PUB, true);
    /* A caller that is gone or full makes the send fail instead of being dropped in silence; we
     * count it. */
    must(zmq_setsockopt(bus->router, ZMQ_ROUTER_MANDATORY, &on, sizeof(on)) == 0);
    /* A burst of answers is as large as the burst of requests that came in over several rounds. */
    must(zmq_setsockopt(bus->router, ZMQ_SNDHWM, &replies, sizeof(replies)) == 0);
    if ((err = bind_to(bus, bus->router, false, endpoint, sizeof(endpoint), error)) != ERR_NONE ||
        (err = bind_to(bus, bus->pub, true, bus->events_endpoint, sizeof(bus->events_endpoint),
                       error)) != ERR_NONE)
        return err;
    bus_watch_socket(bus, bus->router, serve_receive, bus);
    /* The PUB socket is not watched: it never gives us anything, and sending is when it reads its
     * subscriptions. */
    trace_bind(bus);
    return ERR_NONE;
}

enum err bus_serve(struct bus *bus, ProtobufCService *service, void *state, struct error *error)
{
    enum err err = bus->router == NULL ? bind_all(bus, error) : ERR_NONE;

    if (err != ERR_NONE)
        return err;
    struct served *served = xcalloc(1, sizeof(*served));
    served->service = service;
    served->state = state;
    served->next = bus->served;
    bus->served = served;
    return ERR_NONE;
}

uint64_t bus_served_fingerprint(const struct bus *bus, const char *service)
{
    for (const struct served *served = bus->served; served != NULL; served = served->next)
        if (strcmp(served->service->descriptor->name, service) == 0)
            return bus_fingerprint(served->service->descriptor);
    return 0;
}

const char *bus_events_endpoint(const struct bus *bus)
{
    return bus->events_endpoint;
}

void *bus_state(const void *closure_data)
{
    return ((const struct request *)closure_data)->state;
}

uint64_t bus_deadline_ms(const void *closure_data)
{
    return ((const struct request *)closure_data)->deadline_ms;
}

bool bus_may_be_elsewhere(const void *closure_data)
{
    return ((const struct request *)closure_data)->may_be_elsewhere;
}

static void release(struct request *request)
{
    cancel_unwatch(request);
    DL_DELETE(request->bus->requests, request);
    free(request);
}

static void answer(struct request *request, enum err code, const char *text,
                   const ProtobufCMessage *reply)
{
    if (request->is_given_up) {
        release(request);
        return;
    }
    struct bus *bus = request->bus;
    Envelope envelope = SHARESTREAM__BUS__ENVELOPE__INIT;
    size_t size = reply != NULL ? protobuf_c_message_get_packed_size(reply) : 0;

    if (size > BUS_MESSAGE_MAX) {
        answer(request, ERR_TOO_LARGE, "the answer is too large for the bus", NULL);
        return;
    }
    envelope.call = request->key.call;
    envelope.trace = request->trace;
    envelope.generation = bus->generation;
    envelope.from = bus->self;
    envelope.code = code;
    envelope.text = (char *)(uintptr_t)text;
    if (trace_is_on(request->from))
        trace_line(bus, "%s -> %s  %s id=%016llx %s %zuB %.1fms", bus->self, request->from,
                   request->method ? request->method->name : "?",
                   (unsigned long long)request->key.call, err_word(code), size,
                   (double)(clock_us() - request->came_us) / 1000);
    bool is_sent = zmq_send(bus->router, request->identity, request->identity_len,
                            ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
    if (is_sent && request->has_delimiter)
        zmq_send(bus->router, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    if (is_sent && bus_send_message(bus->router, &envelope.base, reply != NULL ? ZMQ_SNDMORE : 0) &&
        reply != NULL)
        bus_send_message(bus->router, reply, 0);
    if (!is_sent) {
        bus_metrics()->replies_lost_total++;
        log_debug("bus caller is gone or full", "from=%s", request->from);
    }
    bus_check_after_send(bus, bus->router);
    release(request);
}

static void on_reply(const ProtobufCMessage *reply, void *closure_data)
{
    answer(closure_data, ERR_NONE, "", reply);
}

void bus_fail(void *closure_data, enum err code, const char *format, ...)
{
    struct error error;
    va_list args;

    va_start(args, format);
    vsnprintf(error.text, sizeof(error.text), format, args);
    va_end(args);
    answer(closure_data, code, error.text, NULL);
}

void bus_fail_error(void *closure_data, const struct error *error)
{
    answer(closure_data, error->code, error->text, NULL);
}

static const struct served *find_service(const struct bus *bus, const char *full,
                                         const char *method)
{
    size_t len = (size_t)(method - full) - 1;

    for (const struct served *served = bus->served; method != full && served != NULL;
         served = served->next) {
        const char *name = served->service->descriptor->name;

        if (strlen(name) == len && strncmp(name, full, len) == 0)
            return served;
    }
    return NULL;
}

static void handle(struct request *request, const Envelope *envelope, struct bytes payload)
{
    const char *name = bus_method_name(envelope->method);
    const struct served *served = find_service(request->bus, envelope->method, name);
    const ProtobufCServiceDescriptor *descriptor =
        served != NULL ? served->service->descriptor : NULL;

    if (served == NULL) {
        bus_metrics()->requests_bad_total++;
        bus_fail(request, ERR_UNAVAILABLE, "%s does not serve %s, or not now", request->bus->self,
                 envelope->method);
        return;
    }
    request->method = descriptor != NULL
                          ? protobuf_c_service_descriptor_get_method_by_name(descriptor, name)
                          : NULL;
    if (request->method == NULL) {
        bus_metrics()->requests_bad_total++;
        bus_fail(request, ERR_NOT_FOUND, "%s has no method %s", request->bus->self,
                 envelope->method);
        return;
    }
    ProtobufCMessage *input =
        protobuf_c_message_unpack(request->method->input, NULL, payload.len, payload.data);
    if (input == NULL) {
        bus_metrics()->requests_bad_total++;
        bus_fail(request, ERR_PROTOCOL, "the request for %s cannot be read; are both of one build?",
                 name);
        return;
    }
    if (trace_is_on(request->from))
        trace_line(request->bus, "%s -> %s  %s id=%016llx %zuB", request->from, request->bus->self,
                   name, (unsigned long long)request->key.call, payload.len);
    request->state = served->state;
    log_set_trace(request->trace);
    served->service->invoke(served->service, (unsigned)(request->method - descriptor->methods),
                            input, on_reply, request);
    log_set_trace(0);
    protobuf_c_message_free_unpacked(input, NULL);
}

/* How long it lay in queues, if that can be known. */
static uint64_t age_of(const struct bus *bus, const Envelope *envelope)
{
    uint64_t now_ms = clock_ms();

    if (envelope->clock == 0 || envelope->clock != bus->clock)
        return 0;
    return now_ms - MIN(envelope->sent_ms, now_ms);
}

static struct request *make_request(struct bus *bus, struct bytes identity, bool has_delimiter,
                                    const Envelope *envelope)
{
    struct request *request = xcalloc(1, sizeof(*request));

    request->bus = bus;
    request->identity_len = MIN(identity.len, sizeof(request->identity));
    memcpy(request->identity, identity.data, request->identity_len);
    request->has_delimiter = has_delimiter;
    request->came_us = clock_us();
    request->key = (struct request_key){envelope->generation, envelope->call};
    request->trace = envelope->trace;
    request->may_be_elsewhere = envelope->may_be_elsewhere;
    request->deadline_ms = request->came_us / 1000 + envelope->deadline_ms - age_of(bus, envelope);
    snprintf(request->from, sizeof(request->from), "%s", envelope->from);
    DL_APPEND(bus->requests, request);
    return request;
}

/* `envelope` may be NULL, `payload.data` as well. */
static void receive_request(struct bus *bus, struct bytes identity, bool has_delimiter,
                            const Envelope *envelope, struct bytes payload)
{
    bus_metrics()->requests_total++;
    if (envelope == NULL || payload.data == NULL)
        bus_metrics()->requests_bad_total++; /* nothing to answer to: not even a call id */
    else if (age_of(bus, envelope) >= envelope->deadline_ms)
        bus_metrics()->requests_late_total++;
    else
        handle(make_request(bus, identity, has_delimiter, envelope), envelope, payload);
}

/* Frames: identity, [empty delimiter of a REQ socket,] envelope, payload (none: it is given up). */
static void receive_one(struct bus *bus, zmq_msg_t *identity)
{
    zmq_msg_t frame, payload;
    bool has_delimiter = false;
    Envelope *envelope = NULL;

    if (!bus_frame_has_more(identity) || !bus_receive(bus->router, &frame))
        return;
    if (zmq_msg_size(&frame) == 0 && bus_frame_has_more(&frame)) {
        has_delimiter = true;
        zmq_msg_close(&frame);
        if (!bus_receive(bus->router, &frame))
            return;
    }
    bool has_payload = bus_frame_has_more(&frame) && bus_receive(bus->router, &payload);

    envelope = bus_read_envelope(&frame);
    if (envelope != NULL && !has_delimiter)
        cancel_former_lives(bus, envelope);
    if (envelope != NULL && envelope->method[0] == '\0' && !has_payload)
        cancel_request(bus, envelope);
    else
        receive_request(bus, bus_frame_bytes(identity), has_delimiter, envelope,
                        has_payload ? bus_frame_bytes(&payload) : bytes_of(NULL, 0));
    sharestream__bus__envelope__free_unpacked(envelope, NULL);
    zmq_msg_close(&frame);
    if (has_payload)
        bus_drop_rest(bus->router, &payload);
}

unsigned serve_receive(void *owner, unsigned budget)
{
    struct bus *bus = owner;
    unsigned used = 0;
    zmq_msg_t identity;

    while (used < budget && bus_receive(bus->router, &identity)) {
        receive_one(bus, &identity);
        zmq_msg_close(&identity);
        used++;
    }
    return used;
}

void serve_drop_all(struct bus *bus)
{
    while (bus->requests != NULL)
        release(bus->requests);
}

/* Whoever works on them may still answer. */
void serve_give_up_all(struct bus *bus)
{
    struct request *request;

    DL_FOREACH(bus->requests, request)
    request->is_given_up = true;
}
