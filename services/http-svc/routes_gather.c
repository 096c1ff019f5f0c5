/* SPDX-License-Identifier: MIT
 *
 * routes_gather: what every torrent-svc has a part of: the list of torrents, and figures. They are
 * asked one after the other; one that is away has no part in the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "bus/pb_json.h"
#include "http_stats.h"
#include "routes.h"

/* Packed messages behind each other are one message with all that is in them: lists are joined. */
struct gathering {
    struct exchange *x;
    unsigned instances[BUS_INSTANCES_MAX];
    size_t count, at, answers;
    struct text packed;
    struct error error; /* of the last one that did not answer */
    Sharestream__Torrent__StatsReply stats;
};

static void gathering_fini(void *memory)
{
    text_fini(&((struct gathering *)memory)->packed);
}

static struct gathering *gathering_new(struct exchange *x)
{
    struct gathering *gathering = exchange_alloc_until(x, sizeof(*gathering), gathering_fini);

    gathering->x = x;
    gathering->count = exchange_torrent_instances(x, gathering->instances);
    return gathering;
}

/* With none up, one is asked all the same: it may be starting. */
static ProtobufCService *next(struct gathering *gathering)
{
    return gathering->count == 0
               ? exchange_torrent(gathering->x, ROUTES_CALL_MS, NULL)
               : exchange_torrent_instance(gathering->x, gathering->instances[gathering->at],
                                           ROUTES_CALL_MS);
}

/* False: that was the last one. */
static bool took(struct gathering *gathering, bool is_answer)
{
    gathering->answers += is_answer;
    if (!is_answer)
        gathering->error = *exchange_call_error(gathering->x);
    return ++gathering->at < gathering->count;
}

/* ---- GET /api/v1/torrents */

static int compare(const void *one, const void *other)
{
    const Sharestream__Torrent__TorrentInfo *const *a = one, *const *b = other;
    int order = strcmp((*a)->info_hash, (*b)->info_hash);

    /* Of two, the one that has more of it comes first. */
    return order != 0
               ? order
               : ((*a)->ready_bytes < (*b)->ready_bytes) - ((*a)->ready_bytes > (*b)->ready_bytes);
}

/* One torrent may be with two of them, while one was away. */
static void drop_doubles(Sharestream__Torrent__ListReply *list)
{
    size_t kept = 0;

    qsort(list->torrents, list->n_torrents, sizeof(list->torrents[0]), compare);
    for (size_t i = 0; i < list->n_torrents; i++)
        if (kept > 0 &&
            strcmp(list->torrents[kept - 1]->info_hash, list->torrents[i]->info_hash) == 0)
            sharestream__torrent__torrent_info__free_unpacked(list->torrents[i], NULL);
        else
            list->torrents[kept++] = list->torrents[i];
    list->n_torrents = kept;
}

static void answer_list(struct gathering *gathering)
{
    Sharestream__Torrent__ListReply *list;

    if (gathering->answers == 0) {
        exchange_fail_error(gathering->x, &gathering->error);
        return;
    }
    list = sharestream__torrent__list_reply__unpack(NULL, gathering->packed.len,
                                                    (const uint8_t *)text_str(&gathering->packed));
    must(list != NULL); /* it was packed by us */
    if (gathering->answers > 1 && list->n_torrents > 1)
        drop_doubles(list);
    routes_answer_message(gathering->x, list);
    sharestream__torrent__list_reply__free_unpacked(list, NULL);
}

static void ask_list(struct gathering *gathering);

static void on_list_reply(const Sharestream__Torrent__ListReply *reply, void *arg)
{
    struct gathering *gathering = arg;

    if (reply != NULL) {
        size_t len = sharestream__torrent__list_reply__get_packed_size(reply);
        uint8_t *packed = xcalloc(MAX(len, 1), 1);

        sharestream__torrent__list_reply__pack(reply, packed);
        text_add_bytes(&gathering->packed, bytes_of(packed, len));
        free(packed);
    }
    if (took(gathering, reply != NULL))
        ask_list(gathering);
    else
        answer_list(gathering);
}

static void ask_list(struct gathering *gathering)
{
    Sharestream__Torrent__ListRequest request = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;

    sharestream__torrent__torrent__list(next(gathering), &request, on_list_reply, gathering);
}

void on_list(struct exchange *x)
{
    ask_list(gathering_new(x));
}

/* ---- GET /api/v1/stats */

static void add_stats(Sharestream__Torrent__StatsReply *sum,
                      const Sharestream__Torrent__StatsReply *one)
{
    sum->download_rate += one->download_rate;
    sum->upload_rate += one->upload_rate;
    sum->downloaded_bytes += one->downloaded_bytes;
    sum->uploaded_bytes += one->uploaded_bytes;
    sum->peers += one->peers;
    sum->dht_nodes += one->dht_nodes;
    sum->torrents += one->torrents;
    sum->readers += one->readers;
    sum->disk_used_bytes += one->disk_used_bytes;
    sum->disk_quota_bytes += one->disk_quota_bytes;
    sum->disk_free_bytes += one->disk_free_bytes;
    sum->disk_floor_bytes += one->disk_floor_bytes;
    sum->has_incoming |= one->has_incoming;
    if (sum->listen_port == 0)
        sum->listen_port = one->listen_port;
}

static void answer_stats(struct gathering *gathering)
{
    struct exchange *x = gathering->x;
    Sharestream__Http__StatsReply own = SHARESTREAM__HTTP__STATS_REPLY__INIT;

    http_stats(exchange_http(x), &own);
    exchange_add_header(x, "cache-control", "no-store");
    /* Our own numbers are of use most when the neighbour is away. */
    exchange_reply_json(
        x, 200,
        json_pack("{s:o,s:o}", "torrent",
                  gathering->answers > 0 ? pb_to_json(&gathering->stats.base) : json_null(), "http",
                  pb_to_json(&own.base)));
}

static void ask_stats(struct gathering *gathering);

static void on_stats_reply(const Sharestream__Torrent__StatsReply *reply, void *arg)
{
    struct gathering *gathering = arg;

    if (reply != NULL)
        add_stats(&gathering->stats, reply);
    if (took(gathering, reply != NULL))
        ask_stats(gathering);
    else
        answer_stats(gathering);
}

static void ask_stats(struct gathering *gathering)
{
    Sharestream__Torrent__StatsRequest request = SHARESTREAM__TORRENT__STATS_REQUEST__INIT;

    sharestream__torrent__torrent__stats(next(gathering), &request, on_stats_reply, gathering);
}

void on_stats(struct exchange *x)
{
    struct gathering *gathering = gathering_new(x);

    sharestream__torrent__stats_reply__init(&gathering->stats);
    ask_stats(gathering);
}
