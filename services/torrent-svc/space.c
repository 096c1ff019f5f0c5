/* SPDX-License-Identifier: MIT
 *
 * space: the disk never fills. Gathers who takes what, lets budget.c decide, evicts. What the user
 * seeds from his own folders is neither counted nor touched.
 */
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/units.h"
#include "budget.h"
#include "service.h"

enum { IN_USE_MS = 600000 }; /* who was read in the last ten minutes is not evicted */

/* All torrents with data of ours, side by side. */
struct census {
    struct torrent **torrents;
    struct budget_item *items;
    size_t count;
};

static bool look_at_disk(const struct service *service, uint64_t *free_out)
{
    struct statvfs disk;

    if (statvfs(service->data_dir, &disk) != 0)
        return false;
    *free_out = (uint64_t)disk.f_bavail * disk.f_frsize;
    return true;
}

uint64_t space_free(const struct service *service)
{
    uint64_t bytes;

    return look_at_disk(service, &bytes) ? bytes : 0;
}

/* A disk that does not answer is no reason to evict anybody. */
static struct budget budget_of(const struct service *service)
{
    struct budget budget = {.floor = service->settings->disk_floor,
                            .quota = service->settings->disk_quota};

    if (!look_at_disk(service, &budget.free_bytes))
        budget.free_bytes = UINT64_MAX;
    return budget;
}

static uint64_t bytes_on_disk(const struct torrent *torrent)
{
    if (torrent->info == NULL)
        return 0;
    return MIN((uint64_t)ready_map_count(torrent->map) * torrent->info->piece_bytes,
               torrent->info->total_bytes);
}

/* What it will still fetch: wanted files, and those that somebody reads. */
static uint64_t bytes_missing(const struct torrent *torrent)
{
    struct sched_view readers[SCHED_READERS_MAX];
    uint64_t sum = 0;

    if (torrent->info == NULL || torrent->row.is_seed || layout_is_complete(torrent))
        return 0;
    size_t count = sched_readers(torrent->sched, readers, COUNT_OF(readers));
    for (uint32_t id = 0; id < torrent->file_count; id++) {
        bool is_fetched = torrent->row.has_background && torrent->is_wanted[id];

        for (size_t i = 0; i < count && !is_fetched; i++)
            is_fetched = readers[i].file == id;
        if (is_fetched)
            sum += torrent->files[id].size - ready_map_file_bytes(torrent->map, id);
    }
    return sum;
}

static bool is_running(const struct torrent *torrent)
{
    return torrent->problem_code == ERR_NONE && !torrent->row.is_paused;
}

/* Nothing of `but` is promised yet, and it stays. */
static struct census take_census(struct service *service, const struct torrent *but)
{
    unsigned most = HASH_COUNT(service->torrents);
    struct census census = {.torrents = xcalloc(most, sizeof(struct torrent *)),
                            .items = xcalloc(most, sizeof(struct budget_item))};
    uint64_t now_ms = clock_unix_ms();
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->row.is_seed)
            continue;
        census.torrents[census.count] = torrent;
        census.items[census.count++] = (struct budget_item){
            .on_disk = bytes_on_disk(torrent),
            .missing = torrent != but && is_running(torrent) ? bytes_missing(torrent) : 0,
            .used_ms = torrent->row.used_ms,
            .is_evictable = torrent != but && torrent->upload == NULL && torrent->waiters == NULL &&
                            torrent_reader_count(torrent) == 0 &&
                            now_ms > torrent->row.used_ms + IN_USE_MS,
        };
    }
    return census;
}

/* Frees the census, too. Returns whether anybody had to go. */
static bool evict(struct service *service, struct census *census, const char *why)
{
    bool has_victims = false;

    for (size_t i = 0; i < census->count; i++) {
        struct torrent *torrent = census->torrents[i];

        if (!census->items[i].is_victim)
            continue;
        has_victims = true;
        log_info("torrent evicted", "hash=%s name=%s why=%s", torrent->hex, torrent->row.name, why);
        service->metrics.evicted_total++;
        torrent_remove(service, torrent, true);
    }
    free(census->torrents);
    free(census->items);
    return has_victims;
}

uint64_t space_used(const struct service *service)
{
    struct torrent *torrent, *next;
    uint64_t sum = 0;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (!torrent->row.is_seed)
            sum += bytes_on_disk(torrent);
    }
    return sum;
}

enum err space_reserve(struct service *service, const struct torrent *torrent, struct error *error)
{
    uint64_t needed = bytes_missing(torrent);
    char want[UNITS_TEXT], got[UNITS_TEXT];

    if (needed == 0)
        return ERR_NONE;
    struct budget budget = budget_of(service);
    struct census census = take_census(service, torrent);
    bool fits = budget_fit(&budget, census.items, census.count, needed);
    uint64_t left = budget_left(&budget, census.items, census.count);
    evict(service, &census, "room is needed for another");
    if (fits)
        return ERR_NONE;
    return error_set(error, ERR_NO_SPACE,
                     "it needs %s and the disk budget has %s left: remove other torrents, choose "
                     "fewer files, raise torrent.disk_quota or lower torrent.disk_floor, then "
                     "resume",
                     format_size(needed, want), format_size(left, got));
}

static void stop_all_downloads(struct service *service)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (is_running(torrent) && bytes_missing(torrent) > 0)
            torrent_stop(service, torrent, ERR_NO_SPACE,
                         "the disk is nearly full (torrent.disk_floor): make room, then resume");
    }
}

/* What is being deleted will be free in a moment: nobody else has to go for it. */
static void keep_floor(struct service *service)
{
    uint64_t free_bytes;

    if (service->leaving != NULL || !look_at_disk(service, &free_bytes) ||
        free_bytes >= service->settings->disk_floor)
        return;
    struct budget budget = {.free_bytes = free_bytes, .floor = service->settings->disk_floor};
    struct census census = take_census(service, NULL);
    budget_trim(&budget, census.items, census.count, SIZE_MAX);
    if (!evict(service, &census, "the disk is nearly full"))
        stop_all_downloads(service);
}

static void trim(struct service *service)
{
    struct budget budget = {.free_bytes = UINT64_MAX, .quota = service->settings->disk_quota};
    struct census census = take_census(service, NULL);

    budget_trim(&budget, census.items, census.count, service->settings->max_torrents);
    evict(service, &census, "over torrent.max_torrents or torrent.disk_quota");
}

/* The floor is watched all the time, the number of torrents and the quota at the interval. */
void space_clean(struct service *service, uint64_t now_ms)
{
    keep_floor(service);
    if (now_ms - service->cleaned_ms < service->settings->cleanup_interval)
        return;
    service->cleaned_ms = now_ms;
    trim(service);
}

static size_t count_ours(const struct service *service)
{
    struct torrent *torrent, *next;
    size_t count = 0;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        count += !torrent->row.is_seed;
    }
    return count;
}

bool space_has_place(struct service *service)
{
    size_t most = 2 * service->settings->max_torrents;

    if (count_ours(service) >= most)
        trim(service);
    return count_ours(service) < most;
}
