/* SPDX-License-Identifier: MIT
 *
 * peer: one connection to one instance of a service: whether it is up, which life of it answers,
 * and the greetings that find out.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

static void connect_to(void *socket, const char *endpoint)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        bus_beat(socket);
    /* Only a malformed endpoint fails; an absent peer is a normal state. */
    if (zmq_connect(socket, endpoint) != 0)
        log_error("bus cannot connect", "endpoint=%s error=%s", endpoint,
                  zmq_strerror(zmq_errno()));
}

/* In ".../torrent.0.rpc" the name stands already; "torrent@tcp://10.0.0.7:7001" will say its own.
 */
static void name_by_address(struct peer *peer)
{
    const char *slash = strrchr(peer->rpc, '/');

    if (strncmp(peer->rpc, "ipc://", 6) == 0 && slash != NULL)
        snprintf(peer->name, sizeof(peer->name), "%.*s", (int)strlen(slash + 1) - 4, slash + 1);
    else
        snprintf(peer->name, sizeof(peer->name), "%.32s@%.60s", peer->remote->name, peer->rpc);
}

void bus_peer_open(struct peer *peer, struct bus_remote *remote, unsigned instance, const char *rpc,
                   const char *events)
{
    /* The address of a monitor must never come twice in a process, not even after its socket is
     * closed. */
    static _Atomic unsigned monitors;
    struct bus *bus = remote->bus;
    char monitor[64];

    *peer = (struct peer){.remote = remote, .instance = instance};
    snprintf(peer->rpc, sizeof(peer->rpc), "%s", rpc);
    snprintf(peer->events, sizeof(peer->events), "%s", events);
    name_by_address(peer);
    peer->dealer = bus_socket(bus, ZMQ_DEALER, false);
    snprintf(monitor, sizeof(monitor), "inproc://monitor-%u", ++monitors);
    must(zmq_socket_monitor(peer->dealer, monitor,
                            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0);
    peer->monitor = zmq_socket(bus_context(), ZMQ_PAIR);
    must(peer->monitor != NULL);
    connect_to(peer->monitor, monitor);
    bus_watch_socket(bus, peer->monitor, bus_peer_monitor, peer);
    connect_to(peer->dealer, rpc);
    bus_watch_socket(bus, peer->dealer, call_receive, peer);
    bus_peer_subscribe(peer);
}

void bus_peer_subscribe(struct peer *peer)
{
    struct bus *bus = peer->remote->bus;

    if (peer->remote->watch.on_event == NULL || peer->sub != NULL)
        return;
    peer->sub = bus_socket(bus, ZMQ_SUB, false);
    must(zmq_setsockopt(peer->sub, ZMQ_SUBSCRIBE, "event", 5) == 0);
    connect_to(peer->sub, peer->events);
    bus_watch_socket(bus, peer->sub, event_receive, peer);
}

void bus_peer_close(struct peer *peer)
{
    struct bus *bus = peer->remote->bus;

    if (peer->dealer != NULL)
        zmq_socket_monitor(peer->dealer, NULL, 0);
    bus_socket_close(bus, &peer->monitor);
    bus_socket_close(bus, &peer->dealer);
    bus_socket_close(bus, &peer->sub);
    call_leave_peer(peer);
    remote_forget(peer->remote, peer);
    peer->remote = NULL;
}

static void went_down(struct peer *peer, const char *why)
{
    call_fail_peer(peer, 0, why);
    if (!peer->is_up)
        return;
    peer->is_up = false;
    if (peer->remote->watch.on_down != NULL)
        peer->remote->watch.on_down(peer->remote->watch.arg, peer->instance);
}

/* It is there, but others do its work, or it does not do it yet: as good as away for us. */
static void stands_by(struct peer *peer)
{
    peer->is_standby = true;
    went_down(peer, "does not serve that any more");
}

static void compare_fingerprint(struct peer *peer, const Sharestream__Svc__HelloReply *reply)
{
    if (reply->fingerprint == peer->remote->fingerprint || peer->is_mismatch_logged)
        return;
    peer->is_mismatch_logged = true;
    log_error("neighbour was built from other messages; restart both from one build",
              "peer=%s service=%s", peer->name, peer->remote->service.descriptor->name);
}

/* Its keys hang on its name, so two must not have the same. */
static void take_name(struct peer *peer, const char *name)
{
    struct bus_remote *remote = peer->remote;

    snprintf(peer->name, sizeof(peer->name), "%s", name);
    peer->is_named = true;
    for (size_t i = 0; i < remote->peer_count; i++) {
        const struct peer *other = &remote->peers[i];

        if (other != peer && other->is_up && strcmp(other->name, peer->name) == 0)
            log_error("two instances have one name; set bus.node to another one on each machine",
                      "name=%s here=%s there=%s", name, peer->rpc, other->rpc);
    }
}

static void on_hello(const ProtobufCMessage *message, void *arg)
{
    const Sharestream__Svc__HelloReply *reply = (const Sharestream__Svc__HelloReply *)message;
    struct peer *peer = arg;

    if (reply == NULL)
        return; /* bus_peer_tick() notices silence */
    peer->heard_ms = clock_ms();
    if (reply->fingerprint == 0) {
        stands_by(peer);
        return;
    }
    peer->is_standby = false;
    peer->up_ms = peer->heard_ms;
    peer->held_since_ms = reply->held_since_ms;
    if (peer->is_up && peer->generation == reply->generation && peer->seat == reply->seat &&
        peer->seats == reply->seats)
        return;
    if (peer->generation != 0 && peer->generation != reply->generation)
        call_fail_peer(peer, reply->generation, "restarted while it worked on this");
    peer->generation = reply->generation;
    peer->seat = MIN(reply->seat, (uint32_t)BUS_SEATS_MAX - 1);
    peer->remote->seats = peer->seats = MIN(reply->seats, (uint32_t)BUS_SEATS_MAX);
    peer->came = ++peer->remote->came;
    peer->is_up = true;
    peer->last_event = 0;
    take_name(peer, reply->name);
    compare_fingerprint(peer, reply);
    log_debug("bus peer is up", "peer=%s", peer->name);
    if (peer->remote->watch.on_up != NULL)
        peer->remote->watch.on_up(peer->remote->watch.arg, peer->instance);
}

static void greet(struct peer *peer, uint64_t now_ms)
{
    const ProtobufCMethodDescriptor *method = protobuf_c_service_descriptor_get_method_by_name(
        &sharestream__svc__svc__descriptor, "Hello");
    Sharestream__Svc__HelloRequest hello = SHARESTREAM__SVC__HELLO_REQUEST__INIT;
    char service[128];

    snprintf(service, sizeof(service), "%s", peer->remote->service.descriptor->name);
    hello.service = service;
    hello.fingerprint = peer->remote->fingerprint;
    peer->hello_ms = now_ms;
    call_send(peer->remote, peer, sharestream__svc__svc__descriptor.name, method, BUS_GREETING_MS,
              &hello.base, on_hello, peer);
}

/* A monitor message is an event frame (16-bit event, 32-bit value) and an address frame. */
unsigned bus_peer_monitor(void *owner, unsigned budget)
{
    struct peer *peer = owner;
    unsigned used = 0;
    zmq_msg_t frame;

    while (used < budget && bus_receive(peer->monitor, &frame)) {
        uint16_t event = 0;

        if (zmq_msg_size(&frame) >= sizeof(event))
            memcpy(&event, zmq_msg_data(&frame), sizeof(event));
        bus_drop_rest(peer->monitor, &frame);
        peer->is_connected = event != ZMQ_EVENT_DISCONNECTED;
        if (!peer->is_connected) {
            /* What it still answered comes first, or a late greeting would make the dead look
             * alive. */
            while (call_receive(peer, BUS_ROUND_MAX) == BUS_ROUND_MAX)
                ;
            went_down(peer, "went away");
        } else {
            greet(peer, clock_ms());
        }
        used++;
    }
    return used;
}

void bus_peer_tick(struct peer *peer, uint64_t now_ms)
{
    if (peer->is_up && now_ms - peer->heard_ms > BUS_SILENT_MS + BUS_HELLO_MS)
        went_down(peer, "does not answer");
    /* Greetings to somebody who is away would fill the queue. */
    if (peer->is_connected &&
        now_ms - peer->hello_ms >= (peer->is_standby ? BUS_STANDBY_MS : BUS_HELLO_MS))
        greet(peer, now_ms);
}
