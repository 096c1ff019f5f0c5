/* SPDX-License-Identifier: MIT */
#include "shards.h"

#include <stdlib.h>

#include <proto/gateway.pb-c.h>

#include "base/must.h"

struct shards {
    struct gateway_config config;
    char *name; /* of it */
    struct bus_remote *remote;
    struct gateway *gateways[BUS_INSTANCES_MAX]; /* by instance; they stay */
    unsigned count;                              /* those that are there are below */
};

static struct gateway *gateway_to(struct shards *shards, unsigned instance)
{
    if (shards->gateways[instance] == NULL) {
        shards->config.instance = instance;
        shards->gateways[instance] = gateway_new(&shards->config);
        shards->count = MAX(shards->count, instance + 1);
    }
    return shards->gateways[instance];
}

static void share(struct shards *shards)
{
    unsigned up[BUS_INSTANCES_MAX];
    size_t count = MAX(bus_instances(shards->remote, up), 1u);

    for (unsigned i = 0; i < shards->count; i++)
        if (shards->gateways[i] != NULL)
            gateway_share(shards->gateways[i], (unsigned)count);
}

static void on_up(void *arg, unsigned instance)
{
    struct shards *shards = arg;

    gateway_on_up(gateway_to(shards, instance));
    share(shards);
}

static void on_down(void *arg, unsigned instance)
{
    struct shards *shards = arg;

    gateway_on_down(gateway_to(shards, instance));
    share(shards);
}

struct shards *shards_new(const struct gateway_config *config)
{
    struct shards *shards = xcalloc(1, sizeof(*shards));
    const struct bus_watch watch = {.on_up = on_up, .on_down = on_down, .arg = shards};

    shards->config = *config;
    shards->config.name = shards->name = xstrdup(config->name);
    shards->config.is_shard = true;
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

    return bus_owner(shards->remote, key, &instance) ? gateway_to(shards, instance) : NULL;
}

bool shards_are_many(const struct shards *shards)
{
    return shards->count > 1;
}
