/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/tracker.proto, and the question to http-svc for its address.
 */
#include <stdlib.h>

#include <proto/http.pb-c.h>
#include <proto/tracker.pb-c.h>

#include "base/must.h"
#include "tracker.h"

typedef Sharestream__Tracker__Tracker_Service Rpc;

enum { URLS_MAX = 32, ROWS_DEFAULT = 50, ROWS_MAX = 1000, ASK_MS = 2000 };

/* ---- URLs */

static void on_http_stats(const Sharestream__Http__StatsReply *reply, void *arg)
{
    struct tracker *tracker = arg;

    if (reply == NULL)
        return; /* away; asked again with the next tick */
    free(tracker->http_url);
    tracker->http_url = xstrdup(reply->base_url);
}

void tracker_ask_http(struct tracker *tracker)
{
    Sharestream__Http__StatsRequest request = SHARESTREAM__HTTP__STATS_REQUEST__INIT;

    if (tracker->http == NULL)
        tracker->http =
            bus_remote(svc_bus(tracker->svc), "http", &sharestream__http__http__descriptor);
    if (tracker->http_url == NULL && bus_is_up(tracker->http))
        sharestream__http__http__stats(bus_to(tracker->http, ASK_MS, bytes_of(NULL, 0), NULL),
                                       &request, on_http_stats, tracker);
}

struct urls {
    char *items[URLS_MAX];
    size_t count;
};

static void add_url(struct urls *urls, char *take)
{
    if (urls->count < URLS_MAX)
        urls->items[urls->count++] = take;
    else
        free(take);
}

/* The settings, or what can be told of ourselves: UDP on an address of its own, and http-svc. */
static void gather_urls(const struct tracker *tracker, struct urls *out)
{
    char *list = xstrdup(tracker->settings->public_urls), *rest = list, *item;
    const char *base = tracker->http_url;

    while ((item = strtok_r(rest, ", ", &rest)) != NULL)
        add_url(out, xstrdup(item));
    free(list);
    if (out->count > 0)
        return;
    if (tracker->udp != NULL && udp_front_host(tracker->udp)[0] != '\0')
        add_url(out, xasprintf("udp://%s:%u/announce", udp_front_host(tracker->udp),
                               udp_front_port(tracker->udp)));
    if (base != NULL) {
        add_url(out, xasprintf("%s/announce", base));
        /* http://host -> ws://host, https://host -> wss://host */
        if (strncmp(base, "http", 4) == 0)
            add_url(out, xasprintf("ws%s/tracker", base + 4));
    }
}

static void on_urls(Rpc *rpc, const Sharestream__Tracker__UrlsRequest *request,
                    Sharestream__Tracker__UrlsReply_Closure closure, void *data)
{
    Sharestream__Tracker__UrlsReply reply = SHARESTREAM__TRACKER__URLS_REPLY__INIT;
    const struct tracker *tracker = bus_state(data);
    struct urls urls = {0};
    char local[48] = "";

    (void)rpc;
    (void)request;
    gather_urls(tracker, &urls);
    if (tracker->udp != NULL) {
        const char *host = udp_front_host(tracker->udp);

        snprintf(local, sizeof(local), "udp://%s:%u/announce", host[0] != '\0' ? host : "127.0.0.1",
                 udp_front_port(tracker->udp));
    }
    reply.local = local;
    reply.n_public_ = urls.count;
    reply.public_ = urls.items;
    closure(&reply, data);
    for (size_t i = 0; i < urls.count; i++)
        free(urls.items[i]);
}

/* ---- figures */

static void on_stats(Rpc *rpc, const Sharestream__Tracker__StatsRequest *request,
                     Sharestream__Tracker__StatsReply_Closure closure, void *data)
{
    Sharestream__Tracker__StatsReply reply = SHARESTREAM__TRACKER__STATS_REPLY__INIT;
    struct tracker *tracker = bus_state(data);
    struct swarms_stats stats;

    (void)rpc;
    (void)request;
    pthread_mutex_lock(&tracker->lock);
    swarms_stats(tracker->swarms, &stats);
    reply.memory_bytes = swarms_memory(tracker->swarms);
    pthread_mutex_unlock(&tracker->lock);
    reply.swarms = stats.swarms;
    reply.peers = stats.peers4 + stats.peers6 + stats.sockets;
    reply.seeders = stats.seeders;
    reply.peers_ipv6 = stats.peers6;
    reply.sockets = gateways_connections(tracker->gateways);
    reply.announces = tracker->metrics.announces_udp_total + tracker->metrics.announces_http_total +
                      tracker->metrics.announces_ws_total;
    closure(&reply, data);
}

static void on_swarms(Rpc *rpc, const Sharestream__Tracker__SwarmsRequest *request,
                      Sharestream__Tracker__SwarmsReply_Closure closure, void *data)
{
    Sharestream__Tracker__SwarmsReply reply = SHARESTREAM__TRACKER__SWARMS_REPLY__INIT;
    struct tracker *tracker = bus_state(data);
    size_t cap = request->limit == 0 ? ROWS_DEFAULT : MIN(request->limit, ROWS_MAX);
    struct swarm_row *rows = xcalloc(cap, sizeof(*rows));
    Sharestream__Tracker__SwarmsReply__Swarm *swarms = xcalloc(cap, sizeof(*swarms));
    Sharestream__Tracker__SwarmsReply__Swarm **list = xcalloc(cap, sizeof(*list));
    char(*names)[INFOHASH_TEXT] = xcalloc(cap, sizeof(*names));

    (void)rpc;
    pthread_mutex_lock(&tracker->lock);
    reply.n_swarms = swarms_list(tracker->swarms, rows, cap, tracker_now_s());
    pthread_mutex_unlock(&tracker->lock);
    for (size_t i = 0; i < reply.n_swarms; i++) {
        list[i] = &swarms[i];
        sharestream__tracker__swarms_reply__swarm__init(&swarms[i]);
        swarms[i].info_hash = infohash_text(&rows[i].hash, names[i]);
        swarms[i].complete = rows[i].counts.complete;
        swarms[i].incomplete = rows[i].counts.incomplete;
        swarms[i].downloaded = rows[i].counts.downloaded;
        swarms[i].sockets = rows[i].sockets;
        swarms[i].idle_s = rows[i].idle_s;
    }
    reply.swarms = list;
    closure(&reply, data);
    free(rows);
    free(swarms);
    free(list);
    free(names);
}

ProtobufCService *tracker_service(void)
{
    static Rpc rpc = SHARESTREAM__TRACKER__TRACKER__INIT(on_);

    return &rpc.base;
}
