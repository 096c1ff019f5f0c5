/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct feed_event *feed_event_new(const char *name, const char *json, const struct infohash *hash)
{
    size_t cap = strlen(name) + strlen(json) + sizeof("event: \ndata: \n\n");
    struct feed_event *event = xcalloc(1, sizeof(*event) + cap);

    must(strchr(json, '\n') == NULL);
    atomic_init(&event->refs, 1);
    if (hash != NULL) {
        event->has_hash = true;
        event->hash = *hash;
    }
    event->len = (size_t)snprintf(event->text, cap, "event: %s\ndata: %s\n\n", name, json);
    return event;
}

void feed_event_drop(struct feed_event *event)
{
    if (event != NULL && atomic_fetch_sub(&event->refs, 1) == 1)
        free(event);
}

bool feed_event_is_of(const struct feed_event *event, const struct infohash *hash)
{
    return event->has_hash && memcmp(&event->hash, hash, sizeof(*hash)) == 0;
}

struct feed_event *feed_take(struct feed *feed)
{
    struct feed_event *event;

    if (feed->count == 0)
        return NULL;
    event = feed->events[feed->first];
    feed->first = (feed->first + 1) % FEED_MAX;
    feed->count--;
    return event;
}

bool feed_add(struct feed *feed, struct feed_event *event)
{
    bool is_full = feed->count == FEED_MAX;

    if (is_full)
        feed_event_drop(feed_take(feed));
    atomic_fetch_add(&event->refs, 1);
    feed->events[(feed->first + feed->count) % FEED_MAX] = event;
    feed->count++;
    return is_full;
}

void feed_fini(struct feed *feed)
{
    struct feed_event *event;

    while ((event = feed_take(feed)) != NULL)
        feed_event_drop(event);
}
