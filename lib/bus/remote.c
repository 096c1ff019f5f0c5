/* SPDX-License-Identifier: MIT
 *
 * remote: the instances of a service: who they are, now, and which of them gets a call.
 *
 * They are told apart by the names that they say of themselves, never by their place in a list: who
 * has a key does not depend on who asks, nor on the order of addresses. The number of an instance
 * is its place in this remote.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

_Static_assert(BUS_INSTANCES_MAX <= 64, "one bit for each in struct search");

/* ---- who there is */

static void add_endpoint(void *arg, const char *rpc, const char *events)
{
    struct bus_remote *remote = arg;
    struct peer *free_place = NULL;

    for (unsigned i = 0; i < BUS_INSTANCES_MAX; i++) {
        struct peer *peer = &remote->peers[i];

        if (peer->remote != NULL && strcmp(peer->rpc, rpc) == 0) {
            peer->is_listed = true;
            return;
        }
        if (peer->remote == NULL && free_place == NULL)
            free_place = peer;
    }
    if (free_place == NULL) {
        log_error("too many instances on the bus", "service=%s address=%s", remote->name, rpc);
        return;
    }
    unsigned instance = (unsigned)(free_place - remote->peers);

    bus_peer_open(free_place, remote, instance, rpc, events);
    free_place->is_listed = true;
    remote->peer_count = MAX(remote->peer_count, instance + 1);
}

/* One that is no longer named goes, but not while it answers: names are sometimes wrong. */
static void drop_unlisted(struct bus_remote *remote)
{
    for (size_t i = 0; i < remote->peer_count; i++) {
        struct peer *peer = &remote->peers[i];

        if (peer->remote == NULL || peer->is_listed || peer->is_up)
            continue;
        log_debug("bus peer is gone", "peer=%s", peer->name);
        bus_peer_close(peer);
    }
}

static void look_around(struct bus_remote *remote)
{
    remote->resolved = resolve_version();
    for (size_t i = 0; i < remote->peer_count; i++)
        remote->peers[i].is_listed = false;
    if (!endpoint_each(remote->bus, remote->name, add_endpoint, remote))
        for (size_t i = 0; i < remote->peer_count; i++)
            remote->peers[i].is_listed = true;
}

void remote_tick(struct bus_remote *remote, uint64_t now_ms)
{
    if (remote->resolved != resolve_version())
        look_around(remote);
    drop_unlisted(remote);
    for (size_t i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].remote != NULL)
            bus_peer_tick(&remote->peers[i], now_ms);
}

struct bus_remote *bus_remote(struct bus *bus, const char *name,
                              const ProtobufCServiceDescriptor *descriptor)
{
    struct bus_remote *remote;

    for (remote = bus->remotes; remote != NULL; remote = remote->next)
        if (strcmp(remote->name, name) == 0 && remote->service.descriptor == descriptor)
            return remote;
    remote = xcalloc(1, sizeof(*remote));
    remote->peers = xcalloc(BUS_INSTANCES_MAX, sizeof(*remote->peers));
    remote->bus = bus;
    remote->service.descriptor = descriptor;
    remote->service.invoke = call_invoke;
    remote->fingerprint = bus_fingerprint(descriptor);
    snprintf(remote->name, sizeof(remote->name), "%s", name);
    remote->next = bus->remotes;
    bus->remotes = remote;
    look_around(remote);
    return remote;
}

void remote_free(struct bus_remote *remote)
{
    for (size_t i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].remote != NULL)
            bus_peer_close(&remote->peers[i]);
    free(remote->peers);
    free(remote);
}

void bus_watch(struct bus_remote *remote, const struct bus_watch *watch)
{
    remote->watch = *watch;
    for (size_t i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].remote != NULL)
            bus_peer_subscribe(&remote->peers[i]);
}

size_t bus_instances(const struct bus_remote *remote, unsigned out[BUS_INSTANCES_MAX])
{
    size_t count = 0;

    for (unsigned i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].is_up)
            out[count++] = i;
    return count;
}

const char *bus_instance_name(const struct bus_remote *remote, unsigned instance)
{
    must(instance < BUS_INSTANCES_MAX);
    return remote->peers[instance].is_named ? remote->peers[instance].name : "";
}

uint64_t bus_instance_held_since(const struct bus_remote *remote, unsigned instance)
{
    must(instance < BUS_INSTANCES_MAX);
    return remote->peers[instance].held_since_ms;
}

bool bus_is_up(const struct bus_remote *remote)
{
    for (size_t i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].is_up)
            return true;
    return false;
}

/* ---- who gets what */

void remote_remember(struct bus_remote *remote, struct bytes key, struct peer *peer)
{
    uint64_t hash = bytes_hash(key, 0);
    struct held *held;

    HASH_FIND(hh, remote->held, &hash, sizeof(hash), held);
    if (held == NULL) {
        if (HASH_COUNT(remote->held) >= BUS_HELD_MAX)
            remote_forget(remote, NULL);
        held = xcalloc(1, sizeof(*held));
        held->key = hash;
        HASH_ADD(hh, remote->held, key, sizeof(hash), held);
    }
    held->peer = peer;
}

/* What is said to be with that peer; NULL: everything. */
void remote_forget(struct bus_remote *remote, const struct peer *peer)
{
    struct held *held, *next;

    HASH_ITER(hh, remote->held, held, next)
    {
        if (peer != NULL && held->peer != peer)
            continue;
        HASH_DEL(remote->held, held);
        free(held);
    }
}

static struct peer *holder_of(const struct bus_remote *remote, struct bytes key)
{
    uint64_t hash = bytes_hash(key, 0);
    struct held *held;

    HASH_FIND(hh, remote->held, &hash, sizeof(hash), held);
    return held != NULL ? held->peer : NULL;
}

static bool is_alive(const struct peer *peer, uint64_t now_ms)
{
    return peer->is_up || (peer->up_ms != 0 && now_ms - peer->up_ms < BUS_PATIENCE_MS);
}

/* What speaks for one: answers (or has until just now), weight, answers now, comes first. */
struct merit {
    bool is_alive;
    uint64_t weight;
    bool is_up;
};

static bool is_better(const struct merit *one, const struct merit *other)
{
    if (one->is_alive != other->is_alive)
        return one->is_alive;
    if (one->weight != other->weight)
        return one->weight > other->weight;
    return one->is_up && !other->is_up;
}

static struct peer *choose(struct bus_remote *remote, struct bytes key, uint64_t tried,
                           bool is_patient)
{
    uint64_t now_ms = clock_ms(), key_hash = bytes_hash(key, 0);
    bool has_key = key.data != NULL;
    struct peer *best = NULL;
    struct merit best_merit = {0};

    for (size_t i = 0; i < remote->peer_count; i++) {
        struct peer *peer = &remote->peers[i];

        if (peer->remote == NULL || (tried >> i & 1) != 0)
            continue;
        struct merit merit = {
            .is_alive = is_patient ? is_alive(peer, now_ms) : peer->is_up,
            .weight = has_key ? bytes_weight(bytes_hash(bytes_of_text(peer->name), 0), key_hash)
                              : UINT64_MAX - i,
            .is_up = peer->is_up,
        };
        if (best == NULL || is_better(&merit, &best_merit)) {
            best = peer;
            best_merit = merit;
        }
    }
    return best;
}

/* Without a key nothing is lost by going to another one at once. */
struct peer *remote_owner(struct bus_remote *remote, struct bytes key)
{
    return choose(remote, key, 0, key.data != NULL);
}

struct peer *remote_next(struct bus_remote *remote, struct bytes key, uint64_t tried)
{
    struct peer *next = choose(remote, key, tried, false);

    return next != NULL && is_alive(next, clock_ms()) ? next : NULL;
}

bool remote_misses_one(const struct bus_remote *remote)
{
    for (size_t i = 0; i < remote->peer_count; i++) {
        const struct peer *peer = &remote->peers[i];

        if (peer->remote != NULL && !peer->is_up && !peer->is_standby)
            return true;
    }
    return false;
}

size_t bus_owners(const struct bus_remote *remote, unsigned out[BUS_INSTANCES_MAX])
{
    uint64_t now_ms = clock_ms();
    size_t count = 0;

    for (unsigned i = 0; i < remote->peer_count; i++)
        if (remote->peers[i].remote != NULL && is_alive(&remote->peers[i], now_ms))
            out[count++] = i;
    return count;
}

bool bus_owner(struct bus_remote *remote, struct bytes key, unsigned *instance_out)
{
    const struct peer *peer = remote_owner(remote, key);

    *instance_out = peer != NULL ? peer->instance : 0;
    return peer != NULL;
}

static ProtobufCService *aim(struct bus_remote *remote, struct peer *peer, uint32_t deadline_ms,
                             uint64_t *call_out)
{
    remote->next_peer = peer;
    remote->next_deadline_ms = deadline_ms;
    remote->next_call_out = call_out;
    remote->next_finds_holder = false;
    return &remote->service;
}

ProtobufCService *bus_to(struct bus_remote *remote, uint32_t deadline_ms, struct bytes key,
                         uint64_t *call_out)
{
    return aim(remote, remote_owner(remote, key), deadline_ms, call_out);
}

static bool has_several(const struct bus_remote *remote)
{
    unsigned count = 0;

    for (size_t i = 0; i < remote->peer_count; i++)
        count += remote->peers[i].remote != NULL;
    return count > 1;
}

ProtobufCService *bus_to_holder(struct bus_remote *remote, uint32_t deadline_ms, struct bytes key,
                                uint64_t *call_out)
{
    struct peer *first;

    if (key.data == NULL || !has_several(remote))
        return bus_to(remote, deadline_ms, key, call_out);
    first = holder_of(remote, key);
    if (first == NULL || !is_alive(first, clock_ms()))
        first = remote_next(remote, key, 0);
    aim(remote, first != NULL ? first : remote_owner(remote, key), deadline_ms, call_out);
    remote->next_finds_holder = true;
    remote->next_key = key;
    return &remote->service;
}

unsigned bus_seats(const struct bus_remote *remote)
{
    return remote->seats;
}

unsigned bus_instance_seat(const struct bus_remote *remote, unsigned instance)
{
    must(instance < BUS_INSTANCES_MAX);
    return remote->peers[instance].seat;
}

static bool has_taken_later(const struct peer *one, const struct peer *other)
{
    return one->held_since_ms != other->held_since_ms ? one->held_since_ms > other->held_since_ms
                                                      : one->came > other->came;
}

static struct peer *seat_holder(const struct bus_remote *remote, unsigned seat)
{
    struct peer *holder = NULL;

    for (size_t i = 0; i < remote->peer_count; i++) {
        struct peer *peer = &remote->peers[i];

        if (peer->is_up && peer->seat == seat && (holder == NULL || has_taken_later(peer, holder)))
            holder = peer;
    }
    return holder;
}

bool bus_seat_holder(const struct bus_remote *remote, unsigned seat, unsigned *instance_out)
{
    const struct peer *holder = seat_holder(remote, seat);

    *instance_out = holder != NULL ? holder->instance : 0;
    return holder != NULL;
}

ProtobufCService *bus_to_seat(struct bus_remote *remote, unsigned seat, uint32_t deadline_ms,
                              uint64_t *call_out)
{
    return aim(remote, seat_holder(remote, seat), deadline_ms, call_out);
}

ProtobufCService *bus_to_instance(struct bus_remote *remote, unsigned instance,
                                  uint32_t deadline_ms, uint64_t *call_out)
{
    bool exists = instance < remote->peer_count && remote->peers[instance].remote != NULL;

    return aim(remote, exists ? &remote->peers[instance] : NULL, deadline_ms, call_out);
}
