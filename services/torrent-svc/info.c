/* SPDX-License-Identifier: MIT
 *
 * info: a torrent as the bus shows it. Strings are borrowed from the torrent, lists are made here.
 */
#include <stdlib.h>

#include "base/must.h"
#include "service.h"
#include "wire/media_type.h"

enum {
    TEXT_MAX = 4096,           /* bytes of a comment */
    FILES_BYTES_MAX = 8 << 20, /* of the list of files in one reply: half of a bus message */
    FILE_BYTES = 96,           /* of one of them, beside its path; rounded up */
};

static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)(text != NULL ? text : "");
}

/* A copy, cut between characters. */
static char *shortened(const char *text)
{
    return xstrndup(text, utf8_cut(bytes_of_text(text), TEXT_MAX));
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 1.0 : (double)part / (double)whole;
}

/* Sizes of all files, and of those that are fetched when nobody reads. */
static void fill_sizes(const struct torrent *torrent, Info *info)
{
    uint64_t wanted = 0, wanted_ready = 0;

    for (uint32_t id = 0; id < torrent->file_count; id++) {
        uint64_t size = torrent->files[id].size, ready = ready_map_file_bytes(torrent->map, id);

        info->size_bytes += size;
        info->ready_bytes += ready;
        if (torrent->is_wanted[id]) {
            wanted += size;
            wanted_ready += ready;
        }
    }
    info->progress = ratio(wanted_ready, wanted);
}

static void fill_metadata(const struct torrent *torrent, Info *info)
{
    const struct lt_info *meta = torrent->info;

    if (meta == NULL)
        return;
    info->has_metadata = true;
    info->file_count = torrent->file_count;
    info->piece_count = meta->piece_count;
    info->piece_bytes = meta->piece_bytes;
    info->pieces_ready = ready_map_count(torrent->map);
    info->is_private = meta->is_private;
    info->created_unix_s = meta->created_s;
    fill_sizes(torrent, info);
    if (meta->hashes.has_v2) {
        info->info_hash_v2 = xcalloc(65, 1);
        hex_encode(bytes_of(meta->hashes.v2, 32), info->info_hash_v2);
    }
}

/* What strangers may have written at any length, for those who look at one torrent. */
static void fill_texts(struct service *service, const struct torrent *torrent, Info *info)
{
    const struct lt_info *meta = torrent->info;

    lt_ws_trackers(service->lt, torrent->id, &info->ws_trackers, &info->n_ws_trackers);
    if (meta == NULL)
        return;
    info->comment = shortened(meta->comment);
    info->created_by = shortened(meta->creator);
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

static void fill_files(const struct torrent *torrent, uint32_t first, Info *info)
{
    size_t bytes = 0;

    if (first >= torrent->file_count)
        return;
    info->files = xcalloc(torrent->file_count - first, sizeof(void *));
    for (uint32_t id = first; id < torrent->file_count; id++) {
        const struct ready_file *real = &torrent->files[id];

        bytes += strlen(real->path) + FILE_BYTES;
        if (bytes > FILES_BYTES_MAX)
            return;
        Sharestream__Torrent__File *file = xcalloc(1, sizeof(*file));
        sharestream__torrent__file__init(file);
        file->id = id;
        file->path = borrowed(real->path);
        file->size_bytes = real->size;
        file->ready_bytes = ready_map_file_bytes(torrent->map, id);
        file->progress = ratio(file->ready_bytes, file->size_bytes);
        file->is_wanted = torrent->is_wanted[id];
        file->is_first = torrent->is_first[id];
        file->media_type = borrowed(media_type(real->path));
        file->kind = borrowed(media_kind_word(media_kind(real->path)));
        info->files[info->n_files++] = file;
    }
}

void info_fill(struct service *service, const struct torrent *torrent, enum info_detail detail,
               uint32_t first_file, Info *info)
{
    const struct lt_status *status = &torrent->status;

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
    info->browsers = status->browsers;
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
    if (detail == INFO_FULL) {
        fill_texts(service, torrent, info);
        fill_files(torrent, first_file, info);
    }
}

static void free_made(char *text)
{
    if (text != (const char *)protobuf_c_empty_string)
        free(text);
}

void info_clear(Info *info)
{
    for (size_t i = 0; i < info->n_files; i++)
        free(info->files[i]);
    free(info->files);
    free(info->ws_trackers);
    free(info->limits);
    free_made(info->info_hash_v2);
    free_made(info->comment);
    free_made(info->created_by);
    *info = (Info){0};
}
