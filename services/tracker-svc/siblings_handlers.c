/* SPDX-License-Identifier: MIT */
#include "siblings.h"

#include <stdlib.h>

#include <proto/tracker.pb-c.h>

#include "base/must.h"

enum { CALL_MS = 3000, COUNTS = 3 };

struct siblings {
    struct bus_remote *remote;
    /* Behind the lock of the tracker: who has swarms, this process among them; with 0 all are
     * ours. */
    size_t count;
    struct {
        int instance; /* SIBLINGS_SELF, or its number for the bus */
        uint64_t name_hash;
    } of[BUS_INSTANCES_MAX];
};

/* ---- who there is */

void siblings_tick(struct tracker *tracker)
{
    struct siblings *siblings = tracker->siblings;
    unsigned instances[BUS_INSTANCES_MAX];
    bool has_self = false;
    size_t count;

    if (siblings == NULL)
        return;
    count = bus_owners(siblings->remote, instances);
    pthread_mutex_lock(&tracker->lock);
    for (size_t i = 0; i < count; i++) {
        const char *name = bus_instance_name(siblings->remote, instances[i]);
        bool is_self = strcmp(name, svc_name(tracker->svc)) == 0;

        siblings->of[i].name_hash = bytes_hash(bytes_of_text(name), 0);
        siblings->of[i].instance = is_self ? SIBLINGS_SELF : (int)instances[i];
        has_self |= is_self;
    }
    siblings->count = has_self && count > 1 ? count : 0;
    pthread_mutex_unlock(&tracker->lock);
}

static void on_change(void *arg, unsigned instance)
{
    (void)instance;
    siblings_tick(arg);
}

void siblings_start(struct tracker *tracker)
{
    const struct bus_watch watch = {.on_up = on_change, .on_down = on_change, .arg = tracker};

    if (!bus_is_by_tcp(svc_bus(tracker->svc), "tracker"))
        return;
    tracker->siblings = xcalloc(1, sizeof(*tracker->siblings));
    tracker->siblings->remote =
        bus_remote(svc_bus(tracker->svc), "tracker", &sharestream__tracker__tracker__descriptor);
    bus_watch(tracker->siblings->remote, &watch);
}

void siblings_stop(struct tracker *tracker)
{
    static const struct bus_watch nothing;

    if (tracker->siblings == NULL)
        return;
    bus_watch(tracker->siblings->remote, &nothing);
    free(tracker->siblings);
    tracker->siblings = NULL;
}

size_t siblings_count(const struct tracker *tracker)
{
    return tracker->siblings != NULL ? tracker->siblings->count : 0;
}

int siblings_owner(const struct tracker *tracker, const struct infohash *hash)
{
    const struct siblings *siblings = tracker->siblings;
    int owner = SIBLINGS_SELF;
    uint64_t key, most = 0;

    if (siblings_count(tracker) == 0)
        return owner;
    key = bytes_hash(bytes_of(hash->bytes, sizeof(hash->bytes)), 0);
    for (size_t i = 0; i < siblings->count; i++) {
        uint64_t weight = bytes_weight(siblings->of[i].name_hash, key);

        if (i > 0 && weight <= most)
            continue;
        owner = siblings->of[i].instance;
        most = weight;
    }
    return owner;
}

/* ---- scrapes */

struct scrape {
    siblings_scraped_fn *fn;
    void *arg;
    struct bus_remote *remote;
    unsigned waiting;
    bool is_whole;
    size_t count;
    struct swarm_counts counts[];
};

/* One instance's part of it: which of the counts it tells. */
struct scrape_part {
    struct scrape *scrape;
    size_t count;
    size_t places[SIBLINGS_RELAY_MAX];
};

static bool scrape_done(struct scrape *scrape)
{
    if (--scrape->waiting > 0)
        return false;
    scrape->fn(scrape->arg, scrape->counts, scrape->is_whole);
    free(scrape);
    return true;
}

static void on_scraped(const Sharestream__Tracker__ScrapeReply *reply, void *arg)
{
    struct scrape_part *part = arg;
    struct scrape *scrape = part->scrape;

    if (reply == NULL || reply->n_counts != part->count * COUNTS)
        scrape->is_whole = false;
    else
        for (size_t i = 0; i < part->count; i++)
            scrape->counts[part->places[i]] =
                (struct swarm_counts){.complete = reply->counts[i * COUNTS],
                                      .downloaded = reply->counts[i * COUNTS + 1],
                                      .incomplete = reply->counts[i * COUNTS + 2]};
    free(part);
    scrape_done(scrape);
}

static void ask_scrape(struct scrape *scrape, unsigned instance, struct scrape_part *take,
                       const struct infohash *hashes)
{
    Sharestream__Tracker__ScrapeRequest request = SHARESTREAM__TRACKER__SCRAPE_REQUEST__INIT;
    uint8_t packed[SIBLINGS_RELAY_MAX * sizeof(struct infohash)];

    for (size_t i = 0; i < take->count; i++)
        memcpy(packed + i * sizeof(*hashes), &hashes[take->places[i]], sizeof(*hashes));
    request.info_hashes.data = packed;
    request.info_hashes.len = take->count * sizeof(*hashes);
    scrape->waiting++;
    sharestream__tracker__tracker__scrape(bus_to_instance(scrape->remote, instance, CALL_MS, NULL),
                                          &request, on_scraped, take);
}

bool siblings_scrape(struct tracker *tracker, const struct infohash *hashes, size_t count,
                     siblings_scraped_fn *fn, void *arg)
{
    struct scrape *scrape = xcalloc(1, sizeof(*scrape) + count * sizeof(scrape->counts[0]));
    struct scrape_part *parts[BUS_INSTANCES_MAX] = {NULL};

    must(count <= SIBLINGS_RELAY_MAX);
    *scrape =
        (struct scrape){.fn = fn,
                        .arg = arg,
                        .remote = tracker->siblings != NULL ? tracker->siblings->remote : NULL,
                        .waiting = 1,
                        .is_whole = true,
                        .count = count};
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&tracker->lock);
        int owner = siblings_owner(tracker, &hashes[i]);
        if (owner == SIBLINGS_SELF)
            swarms_scrape(tracker->swarms, &hashes[i], &scrape->counts[i]);
        pthread_mutex_unlock(&tracker->lock);
        if (owner == SIBLINGS_SELF)
            continue;
        if (parts[owner] == NULL)
            parts[owner] = xcalloc(1, sizeof(*parts[owner]));
        parts[owner]->scrape = scrape;
        parts[owner]->places[parts[owner]->count++] = i;
    }
    for (unsigned i = 0; i < BUS_INSTANCES_MAX; i++)
        if (parts[i] != NULL)
            ask_scrape(scrape, i, parts[i], hashes);
    return scrape_done(scrape);
}

/* ---- datagrams */

struct relay {
    siblings_relayed_fn *fn;
    void *arg;
    size_t count;
};

static bool is_sound(const Sharestream__Tracker__RelayReply *reply, size_t count)
{
    size_t sum = 0;

    if (reply == NULL || reply->n_lengths != count)
        return false;
    for (size_t i = 0; i < count; i++)
        sum += reply->lengths[i];
    return sum == reply->replies.len;
}

static void on_relayed(const Sharestream__Tracker__RelayReply *reply, void *arg)
{
    struct relay *relay = arg;

    if (is_sound(reply, relay->count))
        relay->fn(relay->arg, reply->lengths, bytes_of(reply->replies.data, reply->replies.len));
    else
        relay->fn(relay->arg, NULL, bytes_of(NULL, 0)); /* who got no answer asks again */
    free(relay);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

void siblings_relay(struct tracker *tracker, const struct bundle *bundle, siblings_relayed_fn *fn,
                    void *arg)
{
    Sharestream__Tracker__RelayRequest request = SHARESTREAM__TRACKER__RELAY_REQUEST__INIT;
    struct relay *relay = xcalloc(1, sizeof(*relay));

    *relay = (struct relay){.fn = fn, .arg = arg, .count = bundle->count};
    request.addresses = binary(bundle->ips, bundle->count * sizeof(bundle->ips[0]));
    request.locals = binary(bundle->locals, bundle->count * sizeof(bundle->locals[0]));
    request.n_lengths = bundle->count;
    request.lengths = (uint32_t *)(uintptr_t)bundle->lengths;
    request.datagrams = binary(bundle->data, bundle->len);
    tracker->metrics.relayed_total += bundle->count;
    tracker->metrics.relays_total++;
    sharestream__tracker__tracker__relay(
        bus_to_instance(tracker->siblings->remote, bundle->instance, CALL_MS, NULL), &request,
        on_relayed, relay);
}
