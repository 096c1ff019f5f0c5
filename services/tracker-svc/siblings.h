/* SPDX-License-Identifier: MIT
 *
 * siblings: the instances of tracker-svc, of which each has the swarms that hashing over their
 * names says. http-svc brings what it hears to the right one; by UDP it may come to any, and a
 * scrape may name torrents of several. Alone, none of this costs anything.
 */
#ifndef TRACKER_SIBLINGS_H
#define TRACKER_SIBLINGS_H

#include "tracker.h"

enum {
    SIBLINGS_RELAY_MAX = 256, /* datagrams of one call, and torrents of one scrape */
    SIBLINGS_RELAY_BYTES = SIBLINGS_RELAY_MAX * 128, /* of datagrams of one call; usual are 98 */
    SIBLINGS_SELF = -1,
};

struct siblings;

void siblings_start(struct tracker *tracker);
void siblings_stop(struct tracker *tracker);
/* Every second: who there is. */
void siblings_tick(struct tracker *tracker);
/* Under the lock: how many have torrents; 0: all are ours. */
size_t siblings_count(const struct tracker *tracker);
/* Under the lock: which instance has it. */
int siblings_owner(const struct tracker *tracker, const struct infohash *hash);

/* The counts of all, of which some are others'. On the main thread; `fn` is called with as many
 * counts as there were hashes: at once, if true is returned, else later. Not `is_whole`: some were
 * not told. */
typedef void siblings_scraped_fn(void *arg, const struct swarm_counts *counts, bool is_whole);
bool siblings_scrape(struct tracker *tracker, const struct infohash *hashes, size_t count,
                     siblings_scraped_fn *fn, void *arg);

/* Datagrams for one other instance. */
struct bundle {
    unsigned instance;
    size_t count, len;
    uint32_t lengths[SIBLINGS_RELAY_MAX];
    uint8_t ips[SIBLINGS_RELAY_MAX][16], locals[SIBLINGS_RELAY_MAX][16];
    uint8_t data[SIBLINGS_RELAY_BYTES];
};
/* On the main thread, as `fn` is: once, later, with the length of each answer, one after the other
 * in `replies`; NULL: there are none. */
typedef void siblings_relayed_fn(void *arg, const uint32_t *lengths, struct bytes replies);
void siblings_relay(struct tracker *tracker, const struct bundle *bundle, siblings_relayed_fn *fn,
                    void *arg);

#endif
