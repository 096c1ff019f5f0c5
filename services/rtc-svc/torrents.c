/* SPDX-License-Identifier: MIT
 *
 * torrents: those that torrent-svc works on are those of which we meet browsers. The list is asked
 * for anew when something changed, and now and then; while torrent-svc is away nothing changes.
 */
#include <proto/torrent.pb-c.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "rtc.h"

enum { CALL_MS = 5000, LIST_EVERY_MS = 10000, LIST_SOON_MS = 300 };

struct torrent *torrents_find(struct rtc *rtc, const struct infohash *hash)
{
    struct torrent *torrent;

    HASH_FIND(hh, rtc->torrents, hash, sizeof(*hash), torrent);
    return torrent != NULL && !torrent->is_gone ? torrent : NULL;
}

static struct torrent *find_or_add(struct rtc *rtc, const struct infohash *hash)
{
    struct torrent *torrent;

    HASH_FIND(hh, rtc->torrents, hash, sizeof(*hash), torrent);
    if (torrent != NULL)
        return torrent;
    torrent = xcalloc(1, sizeof(*torrent));
    torrent->hash = *hash;
    infohash_text(hash, torrent->hex);
    HASH_ADD(hh, rtc->torrents, hash, sizeof(torrent->hash), torrent);
    log_info("meeting browsers", "torrent=%s", torrent->hex);
    return torrent;
}

static void leave(struct rtc *rtc, struct torrent *torrent, const char *why)
{
    if (torrent->is_gone)
        return;
    log_info("meeting browsers no more", "torrent=%s why=%s", torrent->hex, why);
    torrent->is_gone = true;
    own_tracker_meet(torrent); /* when it comes back */
    own_tracker_leave(rtc, torrent);
    ext_trackers_leave(rtc, torrent);
    link_close_all(torrent, why);
}

/* Those it takes peers for. */
static bool is_active(const Sharestream__Torrent__TorrentInfo *info)
{
    return info->state == SHARESTREAM__TORRENT__STATE__METADATA ||
           info->state == SHARESTREAM__TORRENT__STATE__DOWNLOADING ||
           info->state == SHARESTREAM__TORRENT__STATE__FINISHED ||
           info->state == SHARESTREAM__TORRENT__STATE__SEEDING;
}

static void on_list(const Sharestream__Torrent__ListReply *reply, void *arg)
{
    struct rtc *rtc = arg;
    struct torrent *torrent, *next;
    struct infohash hash;

    if (reply == NULL)
        return; /* away; asked again soon */
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        torrent->is_seed = false;
        torrent->is_listed = false;
    }
    for (size_t i = 0; i < reply->n_torrents; i++) {
        const Sharestream__Torrent__TorrentInfo *info = reply->torrents[i];

        if (!is_active(info) || !infohash_parse(bytes_of_text(info->info_hash), &hash))
            continue;
        torrent = find_or_add(rtc, &hash);
        torrent->is_listed = true;
        torrent->is_gone = false;
        if (torrent->has_metadata != info->has_metadata)
            torrent->asked_ms = 0; /* a .torrent may name others than a magnet link */
        if (torrent->is_private != info->is_private)
            torrent->has_joined = false;
        torrent->has_metadata = info->has_metadata;
        torrent->is_private = info->is_private;
        torrent->is_seed = info->piece_count > 0 && info->pieces_ready == info->piece_count;
    }
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        if (!torrent->is_listed)
            leave(rtc, torrent, "it is not active");
    }
}

/* Where bridges go. */
static void on_stats(const Sharestream__Torrent__StatsReply *reply, void *arg)
{
    struct rtc *rtc = arg;
    static const uint8_t loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    struct sockaddr_in *to = (struct sockaddr_in *)&rtc->bittorrent;

    if (reply == NULL || rtc->settings->bittorrent[0] != '\0')
        return;
    *to = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)reply->listen_port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    rtc->bittorrent_len = reply->listen_port != 0 ? sizeof(*to) : 0;
    rtc->comes_by_loopback = true;
    peers_avoid(rtc->peers, loopback, (uint16_t)reply->listen_port);
}

static void ask(struct rtc *rtc)
{
    Sharestream__Torrent__ListRequest list = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    Sharestream__Torrent__StatsRequest stats = SHARESTREAM__TORRENT__STATS_REQUEST__INIT;
    struct bytes anybody = bytes_of(NULL, 0);

    rtc->listed_ms = clock_ms();
    sharestream__torrent__torrent__stats(bus_to(rtc->torrent_svc, CALL_MS, anybody, NULL), &stats,
                                         on_stats, rtc);
    sharestream__torrent__torrent__list(bus_to(rtc->torrent_svc, CALL_MS, anybody, NULL), &list,
                                        on_list, rtc);
}

/* All bridges to its last life have ended. */
static void on_up(void *arg, unsigned instance)
{
    struct rtc *rtc = arg;
    struct torrent *torrent, *next;

    (void)instance;
    ask(rtc);
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        own_tracker_meet(torrent);
    }
}

static void ask_soon(struct rtc *rtc)
{
    rtc->listed_ms = MIN(rtc->listed_ms, clock_ms() - LIST_EVERY_MS + LIST_SOON_MS);
}

static void on_gap(void *arg, unsigned instance)
{
    (void)instance;
    ask_soon(arg);
}

static void on_event(void *arg, unsigned instance, const ProtobufCMessage *message)
{
    const Sharestream__Torrent__Event *event = (const Sharestream__Torrent__Event *)message;

    (void)instance;
    if (event->kind_case == SHARESTREAM__TORRENT__EVENT__KIND_CHANGED)
        ask_soon(arg);
}

void torrents_start(struct rtc *rtc)
{
    const struct bus_watch watch = {.event = &sharestream__torrent__event__descriptor,
                                    .on_event = on_event,
                                    .on_up = on_up,
                                    .on_gap = on_gap,
                                    .arg = rtc};

    rtc->torrent_svc =
        bus_remote(svc_bus(rtc->svc), "torrent", &sharestream__torrent__torrent__descriptor);
    bus_watch(rtc->torrent_svc, &watch);
}

static void forget(struct rtc *rtc, struct torrent *torrent)
{
    HASH_DEL(rtc->torrents, torrent);
    for (size_t i = 0; i < torrent->tracker_count; i++)
        free(torrent->trackers[i]);
    free(torrent);
}

void torrents_tick(struct rtc *rtc, uint64_t now_ms)
{
    struct torrent *torrent, *next;
    /* It may have come up before its port. */
    uint64_t every_ms = rtc->bittorrent_len == 0 ? LIST_SOON_MS : LIST_EVERY_MS;

    if (bus_is_up(rtc->torrent_svc) && now_ms - rtc->listed_ms >= every_ms)
        ask(rtc);
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        if (torrent->is_gone && torrent->links == NULL)
            forget(rtc, torrent);
    }
}

void torrents_stop(struct rtc *rtc)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        forget(rtc, torrent);
    }
}
