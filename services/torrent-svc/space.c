/* SPDX-License-Identifier: MIT
 *
 * space: the disk never fills. Downloaded data has a quota and the disk a floor of free space;
 * above either, the longest unused torrents go. What the user seeds from his own folders is neither
 * counted nor touched.
 */
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/units.h"
#include "service.h"

enum { IN_USE_MS = 600000 }; /* who was read in the last ten minutes is not evicted */

uint64_t space_free(const struct service *service)
{
    struct statvfs disk;

    if (statvfs(service->data_dir, &disk) != 0)
        return 0;
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}

static uint64_t bytes_on_disk(const struct torrent *torrent)
{
    if (torrent->map == NULL || torrent->row.is_seed)
        return 0;
    return MIN((uint64_t)ready_map_count(torrent->map) * torrent->info->piece_bytes,
               torrent->info->total_bytes);
}

uint64_t space_used(const struct service *service)
{
    struct torrent *torrent, *next;
    uint64_t sum = 0;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        sum += bytes_on_disk(torrent);
    }
    return sum;
}

static bool is_evictable(const struct torrent *torrent, uint64_t now_unix_ms)
{
    return !torrent->row.is_seed && torrent->waiters == NULL &&
           torrent_reader_count(torrent) == 0 && now_unix_ms - torrent->row.used_ms > IN_USE_MS;
}

static struct torrent *longest_unused(struct service *service, const struct torrent *but)
{
    struct torrent *torrent, *next, *oldest = NULL;
    uint64_t now_ms = clock_unix_ms();

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent != but && is_evictable(torrent, now_ms) &&
            (oldest == NULL || torrent->row.used_ms < oldest->row.used_ms))
            oldest = torrent;
    }
    return oldest;
}

static void evict(struct service *service, struct torrent *torrent, const char *why)
{
    log_info("torrent evicted", "hash=%s name=%s why=%s", torrent->hex, torrent->row.name, why);
    service->metrics.evicted_total++;
    torrent_remove(service, torrent, true);
}

/* Bytes that may still be written before quota or floor is hit. */
static uint64_t available(const struct service *service)
{
    const struct torrent_settings *settings = service->settings;
    uint64_t free_bytes = space_free(service), used = space_used(service);
    uint64_t above_floor =
        free_bytes > settings->disk_floor ? free_bytes - settings->disk_floor : 0;

    if (settings->disk_quota == 0)
        return above_floor;
    return MIN(above_floor, settings->disk_quota > used ? settings->disk_quota - used : 0);
}

enum err space_reserve(struct service *service, const struct torrent *for_whom, uint64_t bytes,
                       struct error *error)
{
    uint64_t have = bytes_on_disk(for_whom), needed = bytes > have ? bytes - have : 0, freed = 0;
    uint64_t now_available = available(service);
    char want[UNITS_TEXT], got[UNITS_TEXT];
    struct torrent *victim;

    /* Deleting takes a moment in libtorrent's thread, so what was freed is added up here instead of
     * asked of the disk. */
    while (needed > now_available + freed && (victim = longest_unused(service, for_whom)) != NULL) {
        freed += bytes_on_disk(victim);
        evict(service, victim, "room is needed for another");
    }
    if (needed <= now_available + freed)
        return ERR_NONE;
    return error_set(error, ERR_NO_SPACE,
                     "it needs %s and the disk budget has %s left: remove other torrents, or raise "
                     "torrent.disk_quota "
                     "or lower torrent.disk_floor, then resume",
                     format_size(needed, want), format_size(now_available + freed, got));
}

static void stop_all_downloads(struct service *service)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->state == SHARESTREAM__TORRENT__STATE__DOWNLOADING)
            torrent_problem(service, torrent, ERR_NO_SPACE,
                            "the disk is nearly full (torrent.disk_floor): make room, then resume");
    }
}

void space_clean(struct service *service, uint64_t now_ms)
{
    const struct torrent_settings *settings = service->settings;
    struct torrent *victim;

    /* The floor is watched all the time, the number of torrents and the quota at the interval. */
    if (space_free(service) < settings->disk_floor) {
        victim = longest_unused(service, NULL);
        if (victim != NULL)
            evict(service, victim, "the disk is nearly full");
        else
            stop_all_downloads(service);
    }
    if (now_ms - service->cleaned_ms < settings->cleanup_interval)
        return;
    service->cleaned_ms = now_ms;
    while ((HASH_COUNT(service->torrents) > settings->max_torrents ||
            (settings->disk_quota > 0 && space_used(service) > settings->disk_quota)) &&
           (victim = longest_unused(service, NULL)) != NULL)
        evict(service, victim, "over torrent.max_torrents or torrent.disk_quota");
}
