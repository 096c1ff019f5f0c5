/* SPDX-License-Identifier: MIT */
#include "shards.h"

#include <stdlib.h>

#include <proto/gateway.pb-c.h>

#include "base/must.h"

struct shards {
    enum shards_by by;
    struct gateway_config config;
    char *name; /* of it */
    struct bus_remote *remote;
    struct gateway *gateways[BUS_INSTANCES_MAX]; /* by instance, or seat; they stay */
    unsigned count;                              /* those that are there are below */
    unsigned next;                               /* seat; see shards_any() */
};
_Static_assert(BUS_SEATS_MAX <= BUS_INSTANCES_MAX, "there is a place for each");

static struct gateway *gateway_at(struct shards *shards, unsigned place)
{
    if (shards->gateways[place] == NULL) {
        shards->config.instance = shards->by == SHARDS_BY_INSTANCE ? place : 0;
        shards->config.seat = shards->by == SHARDS_BY_SEAT ? place : 0;
        shards->gateways[place] = gateway_new(&shards->config);
        shards->count = MAX(shards->count, place + 1);
    }
    return shards->gateways[place];
}

static struct gateway *find_seat(void *arg, unsigned seat)
{
    return gateway_at(arg, seat);
}

static void share(struct shards *shards)
{
    unsigned up[BUS_INSTANCES_MAX];
    size_t count = MAX(bus_instances(shards->remote, up), 1u);

    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            gateway_share(shards->gateways[i], (unsigned)count);
}

static void leave_all_but(struct shards *shards, unsigned instance, const struct gateway *but)
{
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL && shards->gateways[i] != but)
            gateway_on_down(shards->gateways[i], instance);
}

static void on_up(void *arg, unsigned instance)
{
    struct shards *shards = arg;
    bool has_seats = shards->by == SHARDS_BY_SEAT;
    struct gateway *gateway =
        gateway_at(shards, has_seats ? bus_instance_seat(shards->remote, instance) : instance);

    if (has_seats)
        leave_all_but(shards, instance, gateway); /* in an earlier life it may have had another */
    gateway_on_up(gateway, instance);
    share(shards);
}

static void on_down(void *arg, unsigned instance)
{
    struct shards *shards = arg;

    if (shards->by == SHARDS_BY_SEAT)
        leave_all_but(shards, instance, NULL);
    else
        gateway_on_down(gateway_at(shards, instance), instance);
    share(shards);
}

struct shards *shards_new(const struct gateway_config *config, enum shards_by by)
{
    struct shards *shards = xcalloc(1, sizeof(*shards));
    const struct bus_watch watch = {.on_up = on_up, .on_down = on_down, .arg = shards};

    shards->by = by;
    shards->config = *config;
    shards->config.name = shards->name = xstrdup(config->name);
    if (by == SHARDS_BY_SEAT)
        shards->config.seats = (struct gateway_seats){find_seat, shards};
    shards->remote =
        bus_remote(config->bus, config->actor, &sharestream__gateway__gateway__descriptor);
    bus_watch(shards->remote, &watch);
    return shards;
}

void shards_free(struct shards **shards_p)
{
    struct shards *shards = *shards_p;

    if (shards == NULL)
        return;
    for (unsigned i = 0; i < shards->count; i++)
        gateway_free(&shards->gateways[i]);
    free(shards->name);
    free(shards);
    *shards_p = NULL;
}

int32_t shards_flush(struct shards *shards, uint64_t now_ms)
{
    int32_t wait_ms = GATEWAY_IDLE;

    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            gateway_finish_moves(shards->gateways[i]);
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            wait_ms = MIN(wait_ms, gateway_flush(shards->gateways[i], now_ms));
    return wait_ms;
}

void shards_tick(struct shards *shards, uint64_t now_ms)
{
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            gateway_tick(shards->gateways[i], now_ms);
}

bool shards_are_idle(const struct shards *shards)
{
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL && !gateway_is_idle(shards->gateways[i]))
            return false;
    return true;
}

void shards_rename(struct shards *shards, const char *name)
{
    free(shards->name);
    shards->config.name = shards->name = xstrdup(name);
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            gateway_rename(shards->gateways[i], name);
}

struct gateway *shards_owner(struct shards *shards, struct bytes key)
{
    unsigned instance;

    return bus_owner(shards->remote, key, &instance) ? gateway_at(shards, instance) : NULL;
}

struct gateway *shards_any(struct shards *shards)
{
    unsigned seats = MAX(bus_seats(shards->remote), 1u), instance, seat = shards->next % seats;

    for (unsigned tried = 0; tried < seats; tried++, seat = (seat + 1) % seats)
        if (bus_seat_holder(shards->remote, seat, &instance)) {
            shards->next = seat + 1;
            break;
        }
    /* When none is held, it waits at that one. */
    return gateway_at(shards, seat);
}

bool shards_are_many(const struct shards *shards)
{
    return shards->count > 1;
}
