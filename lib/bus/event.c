/* SPDX-License-Identifier: MIT
 *
 * event: publishing and hearing. Events carry a number that rises by one, so a subscriber notices
 * what it missed (a full queue drops for slow readers only) and asks for the state anew.
 */
#include "base/log.h"
#include "bus/bus_private.h"

void bus_publish(struct bus *bus, const ProtobufCMessage *event)
{
    Envelope envelope = SHARESTREAM__BUS__ENVELOPE__INIT;

    if (bus->pub == NULL)
        return;
    envelope.method = (char *)(uintptr_t)event->descriptor->name;
    envelope.call = ++bus->next_event;
    envelope.generation = bus->generation;
    envelope.trace = log_trace();
    envelope.from = bus->self;
    zmq_send(bus->pub, "event", 5, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    bus_send_message(bus->pub, &envelope.base, ZMQ_SNDMORE);
    bus_send_message(bus->pub, event, 0);
    bus_metrics()->events_sent_total++;
}

static void deliver(struct peer *peer, const Envelope *envelope, struct bytes payload)
{
    const struct bus_watch *watch = &peer->remote->watch;
    ProtobufCMessage *event =
        protobuf_c_message_unpack(watch->event, NULL, payload.len, payload.data);

    if (event == NULL) {
        bus_metrics()->requests_bad_total++;
        return;
    }
    if (peer->last_event != 0 && envelope->call != peer->last_event + 1) {
        bus_metrics()->events_lost_total++;
        if (watch->on_gap != NULL)
            watch->on_gap(watch->arg, peer->instance);
    }
    peer->last_event = envelope->call;
    log_set_trace(envelope->trace);
    watch->on_event(watch->arg, peer->instance, event);
    log_set_trace(0);
    protobuf_c_message_free_unpacked(event, NULL);
}

unsigned event_receive(void *owner, unsigned budget)
{
    struct peer *peer = owner;
    unsigned used = 0;
    zmq_msg_t frame, payload;

    while (used < budget && bus_receive(peer->sub, &frame)) {
        bool has_more = bus_frame_has_more(&frame);

        used++;
        zmq_msg_close(&frame);
        if (!has_more || !bus_receive(peer->sub, &frame))
            continue;
        if (!bus_frame_has_more(&frame) || !bus_receive(peer->sub, &payload)) {
            zmq_msg_close(&frame);
            continue;
        }
        Envelope *envelope = bus_read_envelope(&frame);
        if (envelope != NULL)
            deliver(peer, envelope, bus_frame_bytes(&payload));
        sharestream__bus__envelope__free_unpacked(envelope, NULL);
        zmq_msg_close(&frame);
        bus_drop_rest(peer->sub, &payload);
    }
    return used;
}
