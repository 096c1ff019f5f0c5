/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/tracker.proto, and the question to http-svc for its address.
 */
#include <stdlib.h>

#include <proto/http.pb-c.h>
#include <proto/tracker.pb-c.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/settings.h"
#include "siblings.h"
#include "tracker.h"
#include "wire/json.h"
#include "wire/tracker_udp.h"

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
    const char *list = tracker->settings->public_urls, *base = tracker->http_url;
    char *url;

    while ((url = settings_list_take(&list)) != NULL)
        add_url(out, url);
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
    char local[48] = "", *own_url = tracker->settings->own_url;

    (void)rpc;
    (void)request;
    gather_urls(tracker, &urls);
    if (tracker->udp != NULL) {
        const char *host = udp_front_host(tracker->udp);

        snprintf(local, sizeof(local), "udp://%s:%u/announce", host[0] != '\0' ? host : "127.0.0.1",
                 udp_front_port(tracker->udp));
    }
    reply.local = own_url[0] != '\0' ? own_url : local;
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
    reply.server_peers = server_peers_count(tracker->server_peers);
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
        swarms[i].server_peers =
            (uint32_t)server_peers_count_in(tracker->server_peers, &rows[i].hash, clock_ms());
    }
    reply.swarms = list;
    closure(&reply, data);
    free(rows);
    free(swarms);
    free(list);
    free(names);
}

/* ---- of other instances */

/* False: its parts do not fit together. */
static bool read_relayed(const Sharestream__Tracker__RelayRequest *request, struct udp_relayed *out)
{
    struct bytes rest = bytes_of(request->datagrams.data, request->datagrams.len);
    const size_t count = request->n_lengths;

    if (request->addresses.len != count * sizeof(out->ip) ||
        request->locals.len != count * sizeof(out->local))
        return false;
    for (size_t i = 0; i < count; i++) {
        const size_t len = request->lengths[i];

        if (len > rest.len)
            return false;
        out[i].data = bytes_of(rest.data, len);
        memcpy(out[i].ip, request->addresses.data + i * sizeof(out->ip), sizeof(out->ip));
        memcpy(out[i].local, request->locals.data + i * sizeof(out->local), sizeof(out->local));
        rest = bytes_of(rest.data + len, rest.len - len);
    }
    return rest.len == 0;
}

static void on_relay(Rpc *rpc, const Sharestream__Tracker__RelayRequest *request,
                     Sharestream__Tracker__RelayReply_Closure closure, void *data)
{
    /* Large; of the main thread. New memory each time would be cleared each time. */
    static uint8_t out[SIBLINGS_RELAY_MAX * UDP_REPLY_MAX];
    Sharestream__Tracker__RelayReply reply = SHARESTREAM__TRACKER__RELAY_REPLY__INIT;
    struct udp_relayed relayed[SIBLINGS_RELAY_MAX];
    uint32_t lengths[SIBLINGS_RELAY_MAX];
    const size_t count = request->n_lengths;

    (void)rpc;
    if (count > SIBLINGS_RELAY_MAX) {
        bus_fail(data, ERR_TOO_LARGE, "at most %d datagrams at once", SIBLINGS_RELAY_MAX);
        return;
    }
    if (!read_relayed(request, relayed)) {
        bus_fail(data, ERR_INVALID, "one address, one local address and one length for each");
        return;
    }
    for (size_t i = 0; i < count; i += UDP_RELAYED_MAX)
        reply.replies.len +=
            udp_front_answer(bus_state(data), relayed + i, MIN(count - i, UDP_RELAYED_MAX),
                             out + reply.replies.len, lengths + i);
    reply.replies.data = out;
    reply.lengths = lengths;
    reply.n_lengths = count;
    closure(&reply, data);
}

static void on_scrape(Rpc *rpc, const Sharestream__Tracker__ScrapeRequest *request,
                      Sharestream__Tracker__ScrapeReply_Closure closure, void *data)
{
    Sharestream__Tracker__ScrapeReply reply = SHARESTREAM__TRACKER__SCRAPE_REPLY__INIT;
    struct tracker *tracker = bus_state(data);
    size_t count = request->info_hashes.len / sizeof(struct infohash);
    uint32_t counts[3 * SIBLINGS_RELAY_MAX];

    (void)rpc;
    if (count > SIBLINGS_RELAY_MAX) {
        bus_fail(data, ERR_TOO_LARGE, "at most %d torrents at once", SIBLINGS_RELAY_MAX);
        return;
    }
    pthread_mutex_lock(&tracker->lock);
    for (size_t i = 0; i < count; i++) {
        struct swarm_counts of;
        struct infohash hash;

        memcpy(&hash, request->info_hashes.data + i * sizeof(hash), sizeof(hash));
        swarms_scrape(tracker->swarms, &hash, &of);
        counts[3 * i] = of.complete;
        counts[3 * i + 1] = of.downloaded;
        counts[3 * i + 2] = of.incomplete;
    }
    pthread_mutex_unlock(&tracker->lock);
    reply.counts = counts;
    reply.n_counts = 3 * count;
    closure(&reply, data);
}

/* ---- server peers */

/* May this torrent be tracked? Else that is answered. */
static bool read_hash(struct tracker *tracker, const char *text, struct infohash *out, void *data)
{
    bool is_allowed;

    if (!infohash_parse(bytes_of_text(text), out)) {
        bus_fail(data, ERR_INVALID, "this is not an info-hash: 40 hex digits are one");
        return false;
    }
    pthread_mutex_lock(&tracker->lock);
    is_allowed = access_list_allows(&tracker->access, out);
    pthread_mutex_unlock(&tracker->lock);
    if (!is_allowed) {
        tracker->metrics.denied_total++;
        bus_fail(data, ERR_DENIED, "this torrent is not tracked here");
    }
    return is_allowed;
}

/* An id of a peer or an offer; NULL: it has another length, which is told. */
static const uint8_t *read_id(ProtobufCBinaryData id, const char *name, struct error *error)
{
    if (id.len == PEER_ID_BYTES)
        return id.data;
    error_set(error, ERR_INVALID, "%s has %d bytes", name, PEER_ID_BYTES);
    return NULL;
}

/* What is sent to a browser stands in the middle of our own JSON. */
static enum err read_session(ProtobufCBinaryData session, struct bytes *out, struct error *error)
{
    const struct bytes text = bytes_of(session.data, session.len);
    struct json json = json_of(text);

    if (text.len > SIGNAL_SESSION_MAX)
        return error_set(error, ERR_TOO_LARGE, "a session has at most %d bytes",
                         SIGNAL_SESSION_MAX);
    if (utf8_valid(text) && json_peek(&json) == JSON_KIND_OBJECT) {
        *out = json_take(&json);
        if (json_is_done(&json))
            return ERR_NONE;
    }
    return error_set(error, ERR_INVALID, "a session is a JSON object");
}

static enum err read_signal(ProtobufCBinaryData to, ProtobufCBinaryData offer_id,
                            ProtobufCBinaryData session, struct signal *out, struct error *error)
{
    if ((out->to = read_id(to, "to_peer_id", error)) == NULL ||
        (out->offer_id = read_id(offer_id, "offer_id", error)) == NULL)
        return error->code;
    return read_session(session, &out->session, error);
}

/* All of them or none. */
static enum err read_offers(const Sharestream__Tracker__AnnounceRequest *request,
                            const struct infohash *hash, struct signal *out, struct error *error)
{
    if (request->n_offers > WS_OFFERS_MAX)
        return error_set(error, ERR_TOO_LARGE, "an announce has at most %d offers", WS_OFFERS_MAX);
    for (size_t i = 0; i < request->n_offers; i++) {
        const Sharestream__Tracker__Offer *offer = request->offers[i];
        enum err err;

        out[i] = (struct signal){.hash = *hash, .from = request->peer_id.data};
        err = read_signal(offer->to_peer_id, offer->offer_id, offer->session, &out[i], error);
        if (err != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}

/* Returns how many went nowhere; their ids are in `lost`. */
static size_t send_offers(struct tracker *tracker, const struct signal *offers, size_t count,
                          ProtobufCBinaryData *lost)
{
    size_t lost_count = 0;

    for (size_t i = 0; i < count; i++)
        if (i >= tracker->settings->max_offers || !web_front_signal(tracker, &offers[i]))
            lost[lost_count++] = (ProtobufCBinaryData){
                .data = (uint8_t *)(uintptr_t)offers[i].offer_id, .len = WS_ID_BYTES};
    gateways_flush(tracker->gateways);
    tracker->metrics.offers_from_servers_total += count - lost_count;
    tracker->metrics.offers_total += count - lost_count;
    return lost_count;
}

static void on_announce(Rpc *rpc, const Sharestream__Tracker__AnnounceRequest *request,
                        Sharestream__Tracker__AnnounceReply_Closure closure, void *data)
{
    Sharestream__Tracker__AnnounceReply reply = SHARESTREAM__TRACKER__ANNOUNCE_REPLY__INIT;
    ProtobufCBinaryData browsers[SWARM_WANT_MAX], lost[WS_OFFERS_MAX];
    struct tracker *tracker = bus_state(data);
    struct swarm_socket others[SWARM_WANT_MAX];
    struct signal offers[WS_OFFERS_MAX];
    struct swarm_counts counts;
    struct infohash hash;
    struct error error;

    (void)rpc;
    if (!read_hash(tracker, request->info_hash, &hash, data))
        return;
    if (read_id(request->peer_id, "peer_id", &error) == NULL ||
        (!request->is_leaving && read_offers(request, &hash, offers, &error) != ERR_NONE)) {
        bus_fail_error(data, &error);
        return;
    }
    if (request->is_leaving) {
        server_peers_leave(tracker->server_peers, &hash, request->peer_id.data, clock_ms());
    } else if (server_peers_renew(tracker->server_peers, &hash, request->peer_id.data,
                                  request->is_seed, clock_ms()) != ERR_NONE) {
        bus_fail(data, ERR_BUSY, "there is no room for another server peer");
        return;
    } else {
        reply.lease_ms = SERVER_PEER_LEASE_MS;
        reply.n_lost = send_offers(tracker, offers, request->n_offers, lost);
    }
    pthread_mutex_lock(&tracker->lock);
    swarms_scrape(tracker->swarms, &hash, &counts);
    if (!request->is_leaving)
        reply.n_browsers =
            swarms_choose_sockets(tracker->swarms, &hash, request->is_seed, SWARM_WANT_MAX, others);
    pthread_mutex_unlock(&tracker->lock);
    for (size_t i = 0; i < reply.n_browsers; i++)
        browsers[i] = (ProtobufCBinaryData){.data = others[i].peer_id, .len = PEER_ID_BYTES};
    reply.complete = counts.complete;
    reply.incomplete = counts.incomplete;
    reply.browsers = browsers;
    reply.lost = lost;
    closure(&reply, data);
}

static void on_answer(Rpc *rpc, const Sharestream__Tracker__Signal *request,
                      Sharestream__Tracker__AnswerReply_Closure closure, void *data)
{
    Sharestream__Tracker__AnswerReply reply = SHARESTREAM__TRACKER__ANSWER_REPLY__INIT;
    struct tracker *tracker = bus_state(data);
    struct signal answer = {.is_answer = true};
    struct error error;

    (void)rpc;
    if (!read_hash(tracker, request->info_hash, &answer.hash, data))
        return;
    if ((answer.from = read_id(request->peer_id, "peer_id", &error)) == NULL ||
        read_signal(request->to_peer_id, request->offer_id, request->session, &answer, &error) !=
            ERR_NONE) {
        bus_fail_error(data, &error);
        return;
    }
    if (!web_front_signal(tracker, &answer)) {
        tracker->metrics.answers_lost_total++;
        bus_fail(data, ERR_NOT_FOUND, "there is no such browser in this swarm");
        return;
    }
    gateways_flush(tracker->gateways);
    tracker->metrics.answers_total++;
    closure(&reply, data);
}

ProtobufCService *tracker_service(void)
{
    static Rpc rpc = SHARESTREAM__TRACKER__TRACKER__INIT(on_);

    return &rpc.base;
}
