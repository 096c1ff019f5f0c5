/* SPDX-License-Identifier: MIT
 *
 * feed: server-sent events waiting for one client, or for one thread. An event is made once and
 * shared by all that wait for it, on any thread. A queue is bounded: who does not keep up loses the
 * oldest events, which are reports of a state that is sent again a second later.
 */
#ifndef HTTP_FEED_H
#define HTTP_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/infohash.h"

enum { FEED_MAX = 64 };

struct feed_event {
    _Atomic unsigned refs;
    bool has_hash; /* about this torrent; else about none */
    bool is_last;  /* nothing follows about this torrent */
    struct infohash hash;
    size_t len;
    char text[]; /* "event: name\ndata: json\n\n" */
};

/* One reference for the caller. `json` must hold no line break. */
struct feed_event *feed_event_new(const char *name, const char *json, const struct infohash *hash);
void feed_event_drop(struct feed_event *event);
/* About this torrent. */
bool feed_event_is_of(const struct feed_event *event, const struct infohash *hash);

struct feed {
    struct feed_event *events[FEED_MAX];
    size_t first, count;
};

/* Takes a reference of its own. True when an old event had to go. */
bool feed_add(struct feed *feed, struct feed_event *event);
/* The oldest, with its reference; NULL when empty. */
struct feed_event *feed_take(struct feed *feed);
void feed_fini(struct feed *feed);

#endif
