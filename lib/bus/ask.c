/* SPDX-License-Identifier: MIT */
#include "bus/ask.h"

#include <zmq.h>

#include "base/clock.h"
#include "bus/bus_private.h"

/* A bus that serves nobody gives us sockets with the right options and keys. */
struct asker {
    struct bus *bus;
    void *socket;
};

static void asker_close(struct asker *asker)
{
    if (asker->socket != NULL)
        zmq_close(asker->socket);
    bus_free(&asker->bus);
}

static enum err asker_open(struct asker *asker, const struct ask *where, int type, bool events,
                           struct error *error)
{
    char endpoint[BUS_ENDPOINT_MAX];

    asker->socket = NULL;
    if (!bus_endpoint(where->config->run_dir, where->config->peers, where->service, where->instance,
                      events, endpoint, sizeof(endpoint))) {
        asker->bus = NULL;
        return error_set(error, ERR_CONFIG, "no usable bus address of %s.%u", where->service,
                         where->instance);
    }
    asker->bus = bus_new(where->config, error);
    if (asker->bus == NULL)
        return error->code;
    asker->socket = bus_socket(asker->bus, type, false);
    if (type == ZMQ_SUB)
        return ERR_NONE; /* the caller subscribes before it connects */
    if (zmq_connect(asker->socket, endpoint) != 0)
        return error_set(error, ERR_CONFIG, "cannot connect to %s", endpoint);
    return ERR_NONE;
}

static enum err wait_for(void *socket, const struct ask *where, uint64_t until_ms,
                         struct error *error)
{
    uint64_t now_ms = clock_ms();
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

    if (now_ms >= until_ms || zmq_poll(&item, 1, (long)(until_ms - now_ms)) <= 0)
        return error_set(error, ERR_TIMEOUT, "%s.%u does not answer", where->service,
                         where->instance);
    return ERR_NONE;
}

static enum err read_reply(void *socket, const ProtobufCMethodDescriptor *method,
                           ProtobufCMessage **reply_out, struct error *error)
{
    zmq_msg_t frame, payload;
    enum err err = ERR_NONE;

    if (!bus_receive(socket, &frame))
        return error_set(error, ERR_PROTOCOL, "empty answer");
    Envelope *envelope = bus_read_envelope(&frame);
    bool has_payload = bus_frame_has_more(&frame) && bus_receive(socket, &payload);
    struct bytes data = has_payload ? bus_frame_bytes(&payload) : bytes_of(NULL, 0);

    if (envelope != NULL && envelope->code != 0)
        err = error_set(error, (enum err)envelope->code, "%s", envelope->text);
    else if (envelope == NULL || !has_payload ||
             (*reply_out = protobuf_c_message_unpack(method->output, NULL, data.len, data.data)) ==
                 NULL)
        err = error_set(error, ERR_PROTOCOL, "the answer cannot be read; are both of one build?");
    sharestream__bus__envelope__free_unpacked(envelope, NULL);
    zmq_msg_close(&frame);
    if (has_payload)
        bus_drop_rest(socket, &payload);
    return err;
}

enum err ask(const struct ask *where, const ProtobufCServiceDescriptor *descriptor,
             const char *method_name, const ProtobufCMessage *request, ProtobufCMessage **reply_out,
             struct error *error)
{
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name(descriptor, method_name);
    struct asker asker;
    Envelope envelope;
    char full[160];

    *reply_out = NULL;
    if (method == NULL)
        return error_set(error, ERR_NOT_FOUND, "%s has no method %s", descriptor->name,
                         method_name);
    enum err err = asker_open(&asker, where, ZMQ_REQ, false, error);
    if (err == ERR_NONE) {
        snprintf(full, sizeof(full), "%s/%s", descriptor->name, method->name);
        envelope =
            bus_request_envelope(asker.bus, asker.bus->next_call, where->deadline_ms, clock_ms());
        envelope.method = full;
        if (!bus_send_message(asker.socket, &envelope.base, ZMQ_SNDMORE) ||
            !bus_send_message(asker.socket, request, 0))
            err = error_set(error, ERR_UNAVAILABLE, "cannot send to %s.%u", where->service,
                            where->instance);
    }
    if (err == ERR_NONE)
        err = wait_for(asker.socket, where, clock_ms() + where->deadline_ms, error);
    if (err == ERR_NONE)
        err = read_reply(asker.socket, method, reply_out, error);
    asker_close(&asker);
    return err;
}

enum err ask_listen(const struct ask *where, const char *topic,
                    bool (*on_message)(void *arg, struct bytes payload), void *arg,
                    struct error *error)
{
    uint64_t until_ms = clock_ms() + where->deadline_ms;
    char endpoint[BUS_ENDPOINT_MAX];
    struct asker asker;
    bool goes_on = true;
    enum err err = asker_open(&asker, where, ZMQ_SUB, true, error);

    if (err == ERR_NONE) {
        zmq_setsockopt(asker.socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
        bus_endpoint(where->config->run_dir, where->config->peers, where->service, where->instance,
                     true, endpoint, sizeof(endpoint));
        if (zmq_connect(asker.socket, endpoint) != 0)
            err = error_set(error, ERR_CONFIG, "cannot connect to %s", endpoint);
    }
    while (err == ERR_NONE && goes_on &&
           (err = wait_for(asker.socket, where, until_ms, error)) == ERR_NONE) {
        zmq_msg_t frame;
        bool has_more = true;

        /* The last frame is the payload: trace line or packed event. */
        while (has_more && bus_receive(asker.socket, &frame)) {
            has_more = bus_frame_has_more(&frame);
            if (!has_more)
                goes_on = on_message(arg, bus_frame_bytes(&frame));
            zmq_msg_close(&frame);
        }
    }
    asker_close(&asker);
    return err == ERR_TIMEOUT ? ERR_NONE : err;
}
