/* SPDX-License-Identifier: MIT
 *
 * own_tracker: our torrents announce to our own tracker, so that clients and browsers that know
 * nobody else find us there. tracker-svc tells its URLs each time it comes up; while it is away,
 * libtorrent's announces fail and are tried again, as with any tracker.
 */
#include <proto/tracker.pb-c.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "service.h"

enum { ASK_MS = 5000, ASK_EVERY_MS = 5000 };

void own_tracker_add(struct service *service, const struct torrent *torrent)
{
    if (service->own_tracker_url != NULL)
        lt_add_tracker(service->lt, torrent->id, service->own_tracker_url);
}

static void forget_urls(struct service *service)
{
    for (size_t i = 0; i < service->public_url_count; i++)
        free(service->public_urls[i]);
    free(service->public_urls);
    free(service->own_tracker_url);
    service->public_urls = NULL;
    service->public_url_count = 0;
    service->own_tracker_url = NULL;
}

static void on_urls(const Sharestream__Tracker__UrlsReply *reply, void *arg)
{
    struct service *service = arg;
    struct torrent *torrent, *next;
    bool is_new;

    if (reply == NULL)
        return; /* away; asked again soon */
    is_new =
        service->own_tracker_url == NULL || strcmp(service->own_tracker_url, reply->local) != 0;
    forget_urls(service);
    if (reply->local[0] != '\0')
        service->own_tracker_url = xstrdup(reply->local);
    service->public_urls = xcalloc(reply->n_public_, sizeof(char *));
    for (size_t i = 0; i < reply->n_public_; i++)
        service->public_urls[service->public_url_count++] = xstrdup(reply->public_[i]);
    if (!is_new)
        return;
    log_info("own tracker", "url=%s", reply->local);
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        own_tracker_add(service, torrent);
    }
}

static void on_up(void *arg, unsigned instance)
{
    struct service *service = arg;
    Sharestream__Tracker__UrlsRequest request = SHARESTREAM__TRACKER__URLS_REQUEST__INIT;

    (void)instance;
    service->tracker_asked_ms = clock_ms();
    sharestream__tracker__tracker__urls(bus_to(service->tracker, ASK_MS, bytes_of(NULL, 0), NULL),
                                        &request, on_urls, service);
}

void own_tracker_start(struct service *service)
{
    const struct bus_watch watch = {.on_up = on_up, .arg = service};

    /* Through a proxy, 127.0.0.1 would be the proxy's. */
    if (!service->settings->own_tracker || service->settings->proxy[0] != '\0')
        return;
    service->tracker =
        bus_remote(service->bus, "tracker", &sharestream__tracker__tracker__descriptor);
    bus_watch(service->tracker, &watch);
}

/* Asked again and again: the tracker learns only after its start by which URLs http-svc is reached.
 */
void own_tracker_tick(struct service *service, uint64_t now_ms)
{
    if (service->tracker != NULL && bus_is_up(service->tracker) &&
        now_ms - service->tracker_asked_ms >= ASK_EVERY_MS)
        on_up(service, 0);
}

void own_tracker_stop(struct service *service)
{
    forget_urls(service);
}

char **own_tracker_urls(const struct service *service, char **asked, size_t asked_count,
                        size_t *count_out)
{
    size_t count = asked_count;
    char **urls = xcalloc(asked_count + service->public_url_count + 1, sizeof(char *));

    for (size_t i = 0; i < asked_count; i++)
        urls[i] = asked[i];
    for (size_t i = 0; i < service->public_url_count; i++)
        urls[count++] = service->public_urls[i];
    *count_out = count;
    return urls;
}
