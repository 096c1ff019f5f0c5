/* SPDX-License-Identifier: MIT */
#include "siblings.h"

#include <stdio.h>
#include <stdlib.h>

#include <proto/tracker.pb-c.h>
#include <utlist.h>

#include "base/must.h"

enum { CALL_MS = 3000, COUNTS = 3 };

struct siblings {
    struct bus_remote *remote;
    /* Behind the lock of the tracker: who has swarms, this process among them; with 0 all are
     * ours. */
    size_t count;
    char names[BUS_INSTANCES_MAX][BUS_NAME_MAX];
};

static struct bytes key_of(const struct infohash *hash)
{
    return bytes_of(hash->bytes, sizeof(hash->bytes));
}

/* ---- who there is */

void siblings_tick(struct tracker *tracker)
{
    struct siblings *siblings = tracker->siblings;
    const char *names[BUS_INSTANCES_MAX];
    bool has_self = false;
    size_t count;

    if (siblings == NULL)
        return;
    count = bus_owners(siblings->remote, names);
    for (size_t i = 0; i < count; i++)
        has_self |= strcmp(names[i], svc_name(tracker->svc)) == 0;
    pthread_mutex_lock(&tracker->lock);
    siblings->count = has_self && count > 1 ? count : 0;
    for (size_t i = 0; i < siblings->count; i++)
        snprintf(siblings->names[i], sizeof(siblings->names[i]), "%s", names[i]);
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

bool siblings_have(const struct tracker *tracker, const struct infohash *hash)
{
    const struct siblings *siblings = tracker->siblings;
    const char *owner = NULL;
    uint64_t most = 0;

    if (siblings == NULL || siblings->count == 0)
        return false;
    for (size_t i = 0; i < siblings->count; i++) {
        uint64_t weight = bus_weight(siblings->names[i], key_of(hash));

        if (owner != NULL && weight <= most)
            continue;
        owner = siblings->names[i];
        most = weight;
    }
    return strcmp(owner, svc_name(tracker->svc)) != 0;
}

/* False: it is ours. */
static bool find_owner(const struct tracker *tracker, const struct infohash *hash, unsigned *out)
{
    return tracker->siblings != NULL && bus_owner(tracker->siblings->remote, key_of(hash), out) &&
           strcmp(bus_instance_name(tracker->siblings->remote, *out), svc_name(tracker->svc)) != 0;
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
    unsigned owner;

    must(count <= SIBLINGS_RELAY_MAX);
    *scrape =
        (struct scrape){.fn = fn,
                        .arg = arg,
                        .remote = tracker->siblings != NULL ? tracker->siblings->remote : NULL,
                        .waiting = 1,
                        .is_whole = true,
                        .count = count};
    for (size_t i = 0; i < count; i++) {
        if (!find_owner(tracker, &hashes[i], &owner)) {
            pthread_mutex_lock(&tracker->lock);
            swarms_scrape(tracker->swarms, &hashes[i], &scrape->counts[i]);
            pthread_mutex_unlock(&tracker->lock);
            continue;
        }
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

static void free_parcels(struct parcel *parcels)
{
    struct parcel *parcel, *next;

    DL_FOREACH_SAFE(parcels, parcel, next)
    free(parcel);
}

static void on_relayed(const Sharestream__Tracker__RelayReply *reply, void *arg)
{
    struct parcel *parcels = arg, *parcel;
    size_t i = 0;

    if (reply != NULL)
        DL_FOREACH(parcels, parcel)
        {
            if (i < reply->n_replies && reply->replies[i].len > 0)
                parcel->answer(parcel, bytes_of(reply->replies[i].data, reply->replies[i].len));
            i++;
        }
    free_parcels(parcels); /* who got no answer asks again */
}

static void relay_to(struct tracker *tracker, unsigned instance, struct parcel *parcels)
{
    Sharestream__Tracker__RelayRequest request = SHARESTREAM__TRACKER__RELAY_REQUEST__INIT;
    Sharestream__Tracker__RelayRequest__Datagram rows[SIBLINGS_RELAY_MAX];
    Sharestream__Tracker__RelayRequest__Datagram *list[SIBLINGS_RELAY_MAX];
    struct parcel *parcel;

    DL_FOREACH(parcels, parcel)
    {
        Sharestream__Tracker__RelayRequest__Datagram *row = &rows[request.n_datagrams];

        sharestream__tracker__relay_request__datagram__init(row);
        row->address = (ProtobufCBinaryData){sizeof(parcel->ip), parcel->ip};
        row->local = (ProtobufCBinaryData){sizeof(parcel->local), parcel->local};
        row->data =
            (ProtobufCBinaryData){parcel->data.len, (uint8_t *)(uintptr_t)parcel->data.data};
        list[request.n_datagrams++] = row;
    }
    request.datagrams = list;
    tracker->metrics.relayed_total += request.n_datagrams;
    sharestream__tracker__tracker__relay(
        bus_to_instance(tracker->siblings->remote, instance, CALL_MS, NULL), &request, on_relayed,
        parcels);
}

void siblings_relay(struct tracker *tracker, struct parcel *parcels)
{
    struct parcel *of[BUS_INSTANCES_MAX] = {NULL}, *parcel, *next;
    size_t count[BUS_INSTANCES_MAX] = {0};
    unsigned owner;

    DL_FOREACH_SAFE(parcels, parcel, next)
    {
        DL_DELETE(parcels, parcel);
        if (!find_owner(tracker, &parcel->hash, &owner)) {
            free(parcel); /* it has become ours just now: the client asks again */
            continue;
        }
        DL_APPEND(of[owner], parcel);
        if (++count[owner] < SIBLINGS_RELAY_MAX)
            continue;
        relay_to(tracker, owner, of[owner]);
        of[owner] = NULL;
        count[owner] = 0;
    }
    for (unsigned i = 0; i < BUS_INSTANCES_MAX; i++)
        if (of[i] != NULL)
            relay_to(tracker, i, of[i]);
}
