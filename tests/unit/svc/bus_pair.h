/* SPDX-License-Identifier: MIT
 *
 * bus_pair: two real buses in one thread, one of an actor, which may have several lives, and one of
 * who plays its gateways. For the tests of the actor's side.
 */
#ifndef UNIT_BUS_PAIR_H
#define UNIT_BUS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <proto/gateway.pb-c.h>
#include <proto/svc.pb-c.h>

#include "base/clock.h"
#include "svc/gateway.h"

struct bus_pair {
    char dir[64];
    struct bus *actor, *caller;
    struct bus_remote *remote; /* the caller's way to the actor */
    uint64_t generation;       /* of the actor */
};

static inline void bus_pair_on_hello(Sharestream__Svc__Svc_Service *service,
                                     const Sharestream__Svc__HelloRequest *request,
                                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;
    const struct bus_pair *pair = bus_state(data);

    (void)service;
    reply.name = (char *)(uintptr_t) "room.0";
    reply.fingerprint = bus_served_fingerprint(pair->actor, request->service);
    reply.generation = pair->generation;
    closure(&reply, data);
}

static inline struct bus *bus_pair_open(const struct bus_pair *pair, const char *self,
                                        uint64_t generation)
{
    const struct bus_config config = {.self = self,
                                      .generation = generation,
                                      .run_dir = pair->dir,
                                      .listen = "",
                                      .peers = "",
                                      .secret = ""};
    struct error error;
    struct bus *bus = bus_new(&config, &error);

    assert_non_null(bus);
    return bus;
}

static inline void bus_pair_init(struct bus_pair *pair)
{
    snprintf(pair->dir, sizeof(pair->dir), "/tmp/gateway-test-XXXXXX");
    assert_non_null(mkdtemp(pair->dir));
    pair->caller = bus_pair_open(pair, "test.0", 1);
    pair->remote = bus_remote(pair->caller, "room", &sharestream__gateway__gateway__descriptor);
}

static inline void bus_pair_fini(struct bus_pair *pair)
{
    char command[128];

    bus_free(&pair->caller);
    snprintf(command, sizeof(command), "rm -rf %s", pair->dir);
    assert_int_equal(system(command), 0);
}

/* A life of the actor; it ends with bus_free(&pair->actor). */
static inline void bus_pair_serve(struct bus_pair *pair, struct gateways *gateways)
{
    static Sharestream__Svc__Svc_Service greeter = {
        .base = {.descriptor = &sharestream__svc__svc__descriptor,
                 .invoke = protobuf_c_service_invoke_internal},
        .hello = bus_pair_on_hello};
    struct error error;

    pair->actor = bus_pair_open(pair, "room.0", ++pair->generation);
    assert_int_equal(gateways_serve(gateways, pair->actor, &error), ERR_NONE);
    assert_int_equal(bus_serve(pair->actor, &greeter.base, pair, &error), ERR_NONE);
}

static inline void bus_pair_turn_until(struct bus_pair *pair, const unsigned *counter,
                                       unsigned wanted)
{
    uint64_t until_ms = clock_ms() + 30000, tick_ms = 0;

    while (*counter < wanted && clock_ms() < until_ms) {
        struct pollfd fds[2] = {{.fd = bus_fd(pair->caller), .events = POLLIN},
                                {.fd = bus_fd(pair->actor), .events = POLLIN}};

        poll(fds, 2, BUS_TICK_MS);
        bus_dispatch(pair->caller);
        bus_dispatch(pair->actor);
        if (clock_ms() - tick_ms >= BUS_TICK_MS) {
            tick_ms = clock_ms();
            bus_tick(pair->caller);
            bus_tick(pair->actor);
        }
    }
    assert_true(*counter >= wanted);
}

#endif
