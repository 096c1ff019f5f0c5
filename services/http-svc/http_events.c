/* SPDX-License-Identifier: MIT
 *
 * http_events: the main thread listens to torrent-svc once for all loops. Each event becomes text
 * once, and goes to the loops as often as there are loops, however many clients listen.
 */
#include <stdlib.h>

#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "base/clock.h"
#include "bus/pb_json.h"
#include "feed.h"
#include "front.h"
#include "http.h"

enum { PATIENCE_MS = 3000 }; /* all may have been started just now */

static void publish(struct http *http, const char *name, const ProtobufCMessage *message,
                    const char *hash_text, bool is_last)
{
    struct infohash hash;
    bool has_hash = hash_text != NULL && infohash_parse(bytes_of_text(hash_text), &hash);
    json_t *json = pb_to_json(message);
    char *text = json_dumps(json, JSON_COMPACT);
    struct feed_event *event = feed_event_new(name, text, has_hash ? &hash : NULL);

    event->is_last = is_last;
    front_publish(http->front, event);
    feed_event_drop(event);
    free(text);
    json_decref(json);
}

static void on_event(void *arg, unsigned instance, const ProtobufCMessage *message)
{
    const Sharestream__Torrent__Event *event = (const void *)message;
    struct http *http = arg;

    (void)instance;
    if (http->metrics.event_clients == 0)
        return;
    switch (event->kind_case) {
    case SHARESTREAM__TORRENT__EVENT__KIND_PROGRESS:
        for (size_t i = 0; i < event->progress->n_torrents; i++)
            publish(http, "progress", &event->progress->torrents[i]->base,
                    event->progress->torrents[i]->info_hash, false);
        break;
    case SHARESTREAM__TORRENT__EVENT__KIND_CHANGED:
        publish(http, "changed", &event->changed->base, event->changed->info_hash,
                event->changed->is_gone);
        break;
    case SHARESTREAM__TORRENT__EVENT__KIND_HASH:
        publish(http, "hash", &event->hash->base, NULL, false);
        break;
    case SHARESTREAM__TORRENT__EVENT__KIND_READY: /* the loops hear of these themselves */
    case SHARESTREAM__TORRENT__EVENT__KIND__NOT_SET:
    case _SHARESTREAM__TORRENT__EVENT__KIND__CASE_IS_INT_SIZE:
        break;
    }
}

static void on_up(void *arg, unsigned instance)
{
    struct http *http = arg;

    (void)instance;
    http_events_tick(http, clock_ms());
}

void http_events_tick(struct http *http, uint64_t now_ms)
{
    struct text away = {0};

    for (enum neighbour i = 0; i < NEIGHBOURS; i++)
        if (http->neighbours[i] != NULL && !bus_is_up(http->neighbours[i]))
            text_addf(&away, "%s%s is away", away.len > 0 ? ", " : "", neighbour_binary(i));
    if (away.len == 0)
        svc_degraded(http->svc, http->lacks[0] != '\0' ? http->lacks : NULL);
    else if (now_ms - http->started_ms > PATIENCE_MS)
        svc_degraded(http->svc, text_str(&away));
    text_fini(&away);
}

void http_events_start(struct http *http)
{
    const struct bus_watch watch = {
        .event = &sharestream__torrent__event__descriptor,
        .on_event = on_event,
        .on_up = on_up,
        .arg = http,
    };

    http->torrent =
        bus_remote(svc_bus(http->svc), "torrent", &sharestream__torrent__torrent__descriptor);
    for (enum neighbour i = 0; i < NEIGHBOURS; i++)
        if (neighbour_is_needed(i))
            http->neighbours[i] = bus_remote(svc_bus(http->svc), neighbour_name(i),
                                             &sharestream__svc__svc__descriptor);
    http->started_ms = clock_ms();
    bus_watch(http->torrent, &watch);
}
