/* SPDX-License-Identifier: MIT
 *
 * info: a torrent as the bus shows it. Strings are borrowed from the torrent, lists are made here.
 */
#include <stdlib.h>

#include "base/must.h"
#include "service.h"
#include "wire/media_type.h"

static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)(text != NULL ? text : "");
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 1.0 : (double)part / (double)whole;
}

static uint64_t ready_bytes(const struct torrent *torrent)
{
    uint64_t sum = 0;

    for (uint32_t id = 0; id < torrent->file_count; id++)
        sum += ready_map_file_bytes(torrent->map, id);
    return sum;
}

static uint64_t real_bytes(const struct torrent *torrent)
{
    uint64_t sum = 0;

    for (uint32_t id = 0; id < torrent->file_count; id++)
        sum += torrent->files[id].size;
    return sum;
}

static void fill_metadata(const struct torrent *torrent, Info *info)
{
    const struct lt_info *meta = torrent->info;

    if (meta == NULL || torrent->map == NULL)
        return;
    info->has_metadata = true;
    info->size_bytes = real_bytes(torrent);
    info->ready_bytes = ready_bytes(torrent);
    info->piece_count = meta->piece_count;
    info->piece_bytes = meta->piece_bytes;
    info->pieces_ready = ready_map_count(torrent->map);
    info->is_private = meta->is_private;
    info->comment = borrowed(meta->comment);
    info->created_by = borrowed(meta->creator);
    info->created_unix_s = meta->created_s;
    info->progress = ratio(info->ready_bytes, info->size_bytes);
    info->n_ws_trackers = meta->ws_tracker_count;
    info->ws_trackers = (char **)(uintptr_t)meta->ws_trackers;
    if (meta->hashes.has_v2) {
        info->info_hash_v2 = xcalloc(65, 1);
        hex_encode(bytes_of(meta->hashes.v2, 32), info->info_hash_v2);
    }
}

static void fill_readers(const struct torrent *torrent, Info *info)
{
    struct sched_view views[SCHED_READERS_MAX];
    size_t count =
        torrent->sched != NULL ? sched_readers(torrent->sched, views, COUNT_OF(views)) : 0;

    info->readers = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || views[i].buffered_bytes < info->buffered_bytes)
            info->buffered_bytes = views[i].buffered_bytes;
}

static void fill_files(const struct torrent *torrent, Info *info)
{
    if (torrent->map == NULL)
        return;
    info->files = xcalloc(torrent->file_count, sizeof(*info->files));
    for (uint32_t id = 0; id < torrent->file_count; id++) {
        Sharestream__Torrent__File *file = xcalloc(1, sizeof(*file));
        const struct ready_file *real = &torrent->files[id];

        sharestream__torrent__file__init(file);
        file->id = id;
        file->path = borrowed(real->path);
        file->size_bytes = real->size;
        file->ready_bytes = ready_map_file_bytes(torrent->map, id);
        file->progress = ratio(file->ready_bytes, file->size_bytes);
        file->is_wanted = torrent_is_selected(torrent, id);
        file->media_type = borrowed(media_type(real->path));
        file->kind = borrowed(media_kind_word(media_kind(real->path)));
        info->files[info->n_files++] = file;
    }
}

void info_fill(const struct service *service, const struct torrent *torrent, bool with_files,
               Info *info)
{
    const struct lt_status *status = &torrent->status;

    (void)service;
    sharestream__torrent__torrent_info__init(info);
    info->info_hash = borrowed(torrent->hex);
    info->name = borrowed(torrent->row.name);
    info->state = torrent->state;
    info->error = borrowed(torrent->problem_code != ERR_NONE ? torrent->problem : status->error);
    info->download_rate = status->download_rate;
    info->upload_rate = status->upload_rate;
    info->downloaded_bytes = status->downloaded;
    info->uploaded_bytes = status->uploaded;
    info->peers = status->peers;
    info->seeds = status->seeds;
    info->known_peers = status->known_peers;
    info->added_unix_ms = torrent->row.added_ms;
    info->used_unix_ms = torrent->row.used_ms;
    info->has_background = torrent->row.has_background;
    info->check_progress = (double)status->checking_progress;
    info->is_seed = torrent->row.is_seed;
    fill_metadata(torrent, info);
    fill_readers(torrent, info);
    if (status->download_rate > 0 && status->wanted_bytes > status->wanted_done_bytes)
        info->eta_s = (status->wanted_bytes - status->wanted_done_bytes) / status->download_rate;
    info->limits = xcalloc(1, sizeof(*info->limits));
    sharestream__torrent__limits__init(info->limits);
    info->limits->download = torrent->row.download_limit;
    info->limits->upload = torrent->row.upload_limit;
    info->limits->max_connections = torrent->row.max_connections;
    if (with_files)
        fill_files(torrent, info);
}

void info_clear(Info *info)
{
    for (size_t i = 0; i < info->n_files; i++)
        free(info->files[i]);
    free(info->files);
    free(info->limits);
    if (info->info_hash_v2 != NULL && info->info_hash_v2[0] != '\0')
        free(info->info_hash_v2);
    *info = (Info){0};
}
