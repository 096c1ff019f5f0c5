/* SPDX-License-Identifier: MIT
 *
 * siblings: the instances of tracker-svc, of which each has the swarms that hashing over their
 * names says. http-svc brings what it hears to the right one; by UDP it may come to any, and a
 * scrape may name torrents of several. Alone, none of this costs anything.
 */
#ifndef TRACKER_SIBLINGS_H
#define TRACKER_SIBLINGS_H

#include "tracker.h"

enum { SIBLINGS_RELAY_MAX = 256 /* datagrams of one call, and torrents of one scrape */ };

struct siblings;

void siblings_start(struct tracker *tracker);
void siblings_stop(struct tracker *tracker);
/* Every second: who there is. */
void siblings_tick(struct tracker *tracker);
/* Under the lock: is another instance to be asked for it? */
bool siblings_have(const struct tracker *tracker, const struct infohash *hash);

/* The counts of all, of which some are others'. On the main thread; `fn` is called with as many
 * counts as there were hashes: at once, if true is returned, else later. Not `is_whole`: some were
 * not told. */
typedef void siblings_scraped_fn(void *arg, const struct swarm_counts *counts, bool is_whole);
bool siblings_scrape(struct tracker *tracker, const struct infohash *hashes, size_t count,
                     siblings_scraped_fn *fn, void *arg);

/* A datagram for another instance, the first part of one block of memory; `answer` is called on the
 * main thread, unless there is none. */
struct parcel {
    struct infohash hash;
    uint8_t ip[16], local[16];
    struct bytes data;
    void (*answer)(const struct parcel *parcel, struct bytes reply);
    struct parcel *prev, *next;
};
/* All of them are freed. */
void siblings_relay(struct tracker *tracker, struct parcel *parcels);

#endif
