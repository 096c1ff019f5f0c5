/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/rtc.proto.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "rtc.h"

enum { PEERS_DEFAULT = 200, PEERS_MAX = 1000, PATH_MAX_BYTES = 192 };

typedef Sharestream__Rtc__Rtc_Service Rpc;
typedef Sharestream__Rtc__PeersReply__Peer Row;

static void on_stats(Rpc *rpc, const Sharestream__Rtc__StatsRequest *request,
                     Sharestream__Rtc__StatsReply_Closure closure, void *data)
{
    struct rtc *rtc = bus_state(data);
    const struct peer_metrics *metrics = peers_metrics(rtc->peers);
    Sharestream__Rtc__StatsReply reply = SHARESTREAM__RTC__STATS_REPLY__INIT;

    (void)rpc;
    (void)request;
    reply.torrents = HASH_COUNT(rtc->torrents); /* NOLINT */
    reply.peers = (uint32_t)metrics->peers;
    reply.open = (uint32_t)metrics->peers_open;
    reply.bytes_in = metrics->bytes_in_total;
    reply.bytes_out = metrics->bytes_out_total;
    reply.trackers = (uint32_t)rtc->metrics.trackers;
    reply.trackers_up = (uint32_t)rtc->metrics.trackers_up;
    reply.addresses = (char **)(uintptr_t)rtc->addresses.ice.addresses;
    reply.n_addresses = rtc->addresses.ice.address_count;
    reply.ports = rtc->settings->ports;
    closure(&reply, data);
}

/* ---- peers */

/* What a row points to. */
struct row {
    Row row;
    const struct link *link;
    uint64_t bytes;
    char peer_id[PEER_ID_BYTES * 2 + 1], path[PATH_MAX_BYTES], bridge[INET_ADDRSTRLEN];
};

static void fill_row(struct row *out, const struct link *link)
{
    struct in_addr source = {.s_addr = htonl(link->source)};
    struct peer_view view;

    peer_look(link->peer, &view);
    sharestream__rtc__peers_reply__peer__init(&out->row);
    out->bytes = view.bytes_in + view.bytes_out;
    hex_encode(bytes_of(link->peer_id, sizeof(link->peer_id)), out->peer_id);
    snprintf(out->path, sizeof(out->path), "%s", view.path);
    if (link->source != 0)
        inet_ntop(AF_INET, &source, out->bridge, sizeof(out->bridge));
    out->row.info_hash = (char *)(uintptr_t)link->torrent->hex;
    out->row.peer_id = out->peer_id;
    out->row.state = (char *)(uintptr_t)peer_state_word(view.state);
    out->row.path = out->path;
    out->row.via = (char *)(uintptr_t)link->via->name;
    out->row.bridge = out->bridge;
    out->row.bytes_in = view.bytes_in;
    out->row.bytes_out = view.bytes_out;
    out->row.rate_in = link->rate_in;
    out->row.rate_out = link->rate_out;
    out->row.rtt_ms = view.sctp.rtt_ms;
    out->row.age_s = (uint32_t)((clock_ms() - link->begun_ms) / 1000);
}

static int most_first(const void *a, const void *b)
{
    uint64_t left = ((const struct row *)a)->bytes, right = ((const struct row *)b)->bytes;

    return left < right ? 1 : left > right ? -1 : 0;
}

/* `rows` and `list` hold EXT_TRACKERS_MAX. */
static void list_trackers(const struct rtc *rtc, const struct infohash *hash,
                          Sharestream__Rtc__PeersReply *reply,
                          Sharestream__Rtc__PeersReply__Tracker *rows,
                          Sharestream__Rtc__PeersReply__Tracker **list)
{
    struct ext_tracker_view views[EXT_TRACKERS_MAX];

    reply->n_trackers = ext_trackers_look(rtc, hash, views);
    reply->trackers = list;
    for (size_t i = 0; i < reply->n_trackers; i++) {
        sharestream__rtc__peers_reply__tracker__init(&rows[i]);
        rows[i].url = (char *)(uintptr_t)views[i].url;
        rows[i].state = (char *)(uintptr_t)views[i].state;
        rows[i].message = (char *)(uintptr_t)views[i].message;
        rows[i].torrents = views[i].torrents;
        list[i] = &rows[i];
    }
}

static void on_peers(Rpc *rpc, const Sharestream__Rtc__PeersRequest *request,
                     Sharestream__Rtc__PeersReply_Closure closure, void *data)
{
    struct rtc *rtc = bus_state(data);
    Sharestream__Rtc__PeersReply reply = SHARESTREAM__RTC__PEERS_REPLY__INIT;
    size_t count = 0, limit = request->limit == 0 ? PEERS_DEFAULT : MIN(request->limit, PEERS_MAX);
    Sharestream__Rtc__PeersReply__Tracker trackers[EXT_TRACKERS_MAX],
        *tracker_list[EXT_TRACKERS_MAX];
    struct infohash wanted = {0};
    struct link *link, *next;
    struct row *rows;
    Row **list;

    (void)rpc;
    if (request->info_hash[0] != '\0' &&
        !infohash_parse(bytes_of_text(request->info_hash), &wanted)) {
        bus_fail(data, ERR_INVALID, "\"%.64s\" is not an info-hash", request->info_hash);
        return;
    }
    rows = xcalloc(MAX(HASH_COUNT(rtc->links), 1), sizeof(*rows)); /* NOLINT */
    HASH_ITER(hh, rtc->links, link, next)
    {
        if (link->peer == NULL || (request->info_hash[0] != '\0' &&
                                   memcmp(&link->torrent->hash, &wanted, sizeof(wanted)) != 0))
            continue;
        fill_row(&rows[count], link);
        reply.bytes_in += rows[count].row.bytes_in;
        reply.bytes_out += rows[count].row.bytes_out;
        reply.rate_in += rows[count].row.rate_in;
        reply.rate_out += rows[count].row.rate_out;
        count++;
    }
    qsort(rows, count, sizeof(*rows), most_first);
    list = xcalloc(MAX(count, 1), sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        /* Sorting has moved what they point to. */
        rows[i].row.peer_id = rows[i].peer_id;
        rows[i].row.path = rows[i].path;
        rows[i].row.bridge = rows[i].bridge;
        list[i] = &rows[i].row;
    }
    reply.peers = list;
    reply.n_peers = MIN(count, limit);
    reply.peer_count = (uint32_t)count;
    list_trackers(rtc, request->info_hash[0] != '\0' ? &wanted : NULL, &reply, trackers,
                  tracker_list);
    closure(&reply, data);
    free(list);
    free(rows);
}

static void on_connect(Rpc *rpc, const Sharestream__Rtc__ConnectRequest *request,
                       Sharestream__Rtc__ConnectReply_Closure closure, void *data)
{
    (void)rpc;
    rooms_connect(bus_state(data), request, closure, data);
}

static void on_probe(Rpc *rpc, const Sharestream__Rtc__ProbeRequest *request,
                     Sharestream__Rtc__ProbeReply_Closure closure, void *data)
{
    (void)rpc;
    (void)request;
    probe_start(bus_state(data), closure, data);
}

ProtobufCService *rtc_service(void)
{
    static Rpc rpc = SHARESTREAM__RTC__RTC__INIT(on_);

    return &rpc.base;
}
