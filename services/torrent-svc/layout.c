/* SPDX-License-Identifier: MIT
 *
 * layout: what a torrent consists of once its metadata is known: files, selection, ready map,
 * scheduler; and its pieces from then on. All of it comes at once or not at all.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "selection.h"
#include "service.h"
#include "wire/media_type.h"

void layout_clear(struct torrent *torrent)
{
    sched_free(&torrent->sched);
    ready_map_close(&torrent->map);
    lt_info_free(&torrent->info);
    for (uint32_t id = 0; id < torrent->file_count; id++)
        free((char *)(uintptr_t)torrent->files[id].disk_path);
    free(torrent->files);
    free(torrent->file_of);
    free(torrent->is_wanted);
    free(torrent->is_first);
    free(torrent->fresh);
    torrent->files = NULL;
    torrent->file_of = NULL;
    torrent->is_wanted = NULL;
    torrent->is_first = NULL;
    torrent->fresh = NULL;
    torrent->file_count = torrent->fresh_count = 0;
}

bool layout_is_complete(const struct torrent *torrent)
{
    return torrent->map != NULL && ready_map_count(torrent->map) == torrent->info->piece_count;
}

/* Multi-file torrents keep their files in a folder of the torrent's name; people (and tod-p2m)
 * count paths from inside it. */
static const char *display_path(const struct lt_info *info, const char *path)
{
    size_t len = strlen(info->name);

    if (strncmp(path, info->name, len) == 0 && path[len] == '/')
        return path + len + 1;
    return path;
}

static void make_files(struct torrent *torrent)
{
    const struct lt_info *info = torrent->info;

    torrent->files = xcalloc(info->file_count, sizeof(*torrent->files));
    torrent->file_of = xcalloc(info->file_count, sizeof(*torrent->file_of));
    torrent->is_wanted = xcalloc(info->file_count, sizeof(*torrent->is_wanted));
    torrent->is_first = xcalloc(info->file_count, sizeof(*torrent->is_first));
    torrent->fresh = xcalloc(MIN(info->piece_count, (uint32_t)READY_BATCH_MAX), sizeof(uint32_t));
    for (size_t i = 0; i < info->file_count; i++) {
        const struct lt_file *file = &info->files[i];
        uint32_t id = torrent->file_count;

        if (file->is_pad)
            continue;
        torrent->file_of[id] = (uint32_t)i;
        torrent->files[id] = (struct ready_file){
            .path = display_path(info, file->path),
            .disk_path = xasprintf("%s/%s", torrent->row.save_path, file->path),
            .offset = file->offset,
            .size = file->size,
        };
        torrent->file_count++;
    }
}

/* The user's choice, or so= of the magnet. The latter is only known in the life that added it, so
 * it becomes our own selection. */
static void make_selection(struct torrent *torrent)
{
    if (torrent->row.selected != NULL) {
        selection_read(torrent->row.selected, torrent->is_wanted, torrent->file_count);
        return;
    }
    for (uint32_t id = 0; id < torrent->file_count; id++)
        torrent->is_wanted[id] = torrent->info->files[torrent->file_of[id]].is_wanted;
    torrent->row.selected = selection_write(torrent->is_wanted, torrent->file_count);
}

static enum err make_map(const struct service *service, struct torrent *torrent,
                         struct error *error)
{
    const struct lt_info *info = torrent->info;
    struct ready_layout layout = {
        .hash = torrent->hash,
        .name = info->name,
        .piece_count = info->piece_count,
        .piece_bytes = info->piece_bytes,
        .total_bytes = info->total_bytes,
        .file_count = torrent->file_count,
        .files = torrent->files,
    };
    bool has_pieces;

    return ready_map_create(service->run_dir, &layout, &torrent->map, &has_pieces, error);
}

static enum err make_sched(struct torrent *torrent, struct error *error)
{
    const struct lt_info *info = torrent->info;
    struct sched_file *files = xcalloc(torrent->file_count, sizeof(*files));

    for (uint32_t id = 0; id < torrent->file_count; id++) {
        enum media_kind kind = media_kind(torrent->files[id].path);

        files[id] = (struct sched_file){
            .offset = torrent->files[id].offset,
            .size = torrent->files[id].size,
            .is_wanted = torrent->is_wanted[id],
            .is_media = kind == MEDIA_VIDEO || kind == MEDIA_AUDIO,
        };
    }
    struct sched_layout layout = {
        .piece_count = info->piece_count,
        .piece_bytes = info->piece_bytes,
        .total_bytes = info->total_bytes,
        .file_count = torrent->file_count,
        .files = files,
    };
    torrent->sched = sched_new(&layout, ready_map_pieces(torrent->map));
    free(files);
    if (torrent->sched == NULL)
        return error_set(error, ERR_INVALID, "the layout of its files makes no sense");
    sched_set_background(torrent->sched, torrent->row.has_background);
    return ERR_NONE;
}

static void keep_metainfo(struct service *service, struct torrent *torrent)
{
    struct error error;
    uint8_t *data;
    size_t len;

    free(torrent->row.name);
    torrent->row.name = xstrdup(torrent->info->name);
    torrent_save(service, torrent);
    if (torrent->row.has_metainfo || lt_metainfo(service->lt, torrent->id, &data, &len) != ERR_NONE)
        return;
    torrent->row.has_metainfo = store_put_blob(service->store, &torrent->hash, STORE_METAINFO, data,
                                               len, &error) == ERR_NONE;
    if (!torrent->row.has_metainfo)
        log_error("metadata not saved", "hash=%s error=%s", torrent->hex, error.text);
    free(data);
}

/* What the user shared is only ever read: nothing of it is fetched, whatever is missing. */
static void fetch_nothing(struct service *service, struct torrent *torrent)
{
    uint8_t *priorities = xcalloc(torrent->info->piece_count, 1);

    lt_apply(
        service->lt, torrent->id,
        &(struct lt_plan){.priorities = priorities, .piece_count = torrent->info->piece_count});
    free(priorities);
}

enum err layout_make(struct service *service, struct torrent *torrent, struct error *error)
{
    enum err err;

    make_files(torrent);
    if ((err = make_map(service, torrent, error)) == ERR_NONE) {
        make_selection(torrent);
        err = make_sched(torrent, error);
    }
    if (err != ERR_NONE)
        layout_clear(torrent);
    return err;
}

void layout_on_metadata(struct service *service, struct torrent *torrent)
{
    struct error error;

    if (torrent->info != NULL || lt_info(service->lt, torrent->id, &torrent->info) != ERR_NONE)
        return;
    if (layout_make(service, torrent, &error) != ERR_NONE) {
        torrent_stop(service, torrent, error.code, error.text);
        return;
    }
    keep_metainfo(service, torrent);
    log_info("metadata known", "hash=%s name=%s files=%u pieces=%u bytes=%lu", torrent->hex,
             torrent->row.name, torrent->file_count, torrent->info->piece_count,
             (unsigned long)torrent->info->total_bytes);
    /* What is here already is only known once it is checked: see layout_on_checked. */
    if (!torrent->may_have_data && space_reserve(service, torrent, &error) != ERR_NONE)
        torrent_stop(service, torrent, error.code, error.text);
    if (torrent->row.is_seed)
        fetch_nothing(service, torrent);
    layout_replan(service, torrent, clock_ms());
    torrent_tell_state(service, torrent);
    torrent_expire_waiters(service, torrent, 0);
}

void layout_flush_ready(struct service *service, struct torrent *torrent)
{
    if (torrent->fresh_count == 0)
        return;
    events_ready(service, torrent);
    torrent->fresh_count = 0;
}

void layout_on_piece(struct service *service, struct torrent *torrent, uint32_t piece,
                     bool is_ready)
{
    if (torrent->info == NULL || piece >= torrent->info->piece_count ||
        ready_map_has(torrent->map, piece) == is_ready)
        return;
    ready_map_set(torrent->map, piece, is_ready);
    if (!is_ready) {
        sched_piece_lost(torrent->sched, piece);
        return;
    }
    sched_piece_ready(torrent->sched, piece);
    service->metrics.pieces_ready_total++;
    torrent->fresh[torrent->fresh_count++] = piece;
    if (torrent->fresh_count == MIN(torrent->info->piece_count, (uint32_t)READY_BATCH_MAX))
        layout_flush_ready(service, torrent);
}

static void after_check(struct service *service, struct torrent *torrent)
{
    struct error error;

    if (!torrent->row.is_checked) {
        torrent->row.is_checked = true;
        torrent_save(service, torrent);
    }
    if (torrent->row.is_seed && !layout_is_complete(torrent)) {
        fetch_nothing(service, torrent);
        error_set(&error, ERR_IO, "files are gone or changed: put them back, then resume; in %s",
                  torrent->row.save_path);
        torrent_stop(service, torrent, error.code, error.text);
    } else if (torrent->problem_code == ERR_NONE &&
               space_reserve(service, torrent, &error) != ERR_NONE) {
        torrent_stop(service, torrent, error.code, error.text);
    }
}

/* The map of an earlier life may claim more or less than this life found: libtorrent's check is the
 * truth. */
void layout_on_checked(struct service *service, struct torrent *torrent)
{
    if (torrent->info == NULL)
        return;
    uint32_t count = torrent->info->piece_count, changed = 0;
    uint8_t *have = xcalloc(count, 1);

    if (lt_pieces(service->lt, torrent->id, have, count) == ERR_NONE) {
        for (uint32_t piece = 0; piece < count; piece++) {
            changed += ready_map_has(torrent->map, piece) != (have[piece] != 0);
            layout_on_piece(service, torrent, piece, have[piece] != 0);
        }
        layout_flush_ready(service, torrent);
        log_debug("torrent checked", "hash=%s ready=%u changed=%u", torrent->hex,
                  ready_map_count(torrent->map), changed);
        after_check(service, torrent);
        layout_replan(service, torrent, clock_ms());
        torrent_tell_state(service, torrent);
    }
    free(have);
}

enum err layout_select(struct service *service, struct torrent *torrent,
                       const struct layout_choice *choice, struct error *error)
{
    for (uint32_t id = 0; id < torrent->file_count; id++) {
        torrent->is_wanted[id] = choice->wanted_count == 0;
        torrent->is_first[id] = false;
    }
    for (size_t i = 0; i < choice->wanted_count; i++)
        torrent->is_wanted[choice->wanted[i]] = true;
    for (size_t i = 0; i < choice->first_count; i++)
        torrent->is_first[choice->first[i]] = torrent->is_wanted[choice->first[i]];
    free(torrent->row.selected);
    torrent->row.selected = selection_write(torrent->is_wanted, torrent->file_count);
    for (uint32_t id = 0; id < torrent->file_count; id++)
        sched_set_wanted(torrent->sched, id, torrent->is_wanted[id], torrent->is_first[id]);
    sched_set_background(torrent->sched, torrent->row.has_background);
    layout_replan(service, torrent, clock_ms());
    torrent_save(service, torrent);
    if (torrent->problem_code == ERR_NO_SPACE && !torrent->row.is_paused)
        return torrent_resume(service, torrent, error);
    if (!torrent->row.is_checked || torrent->row.is_paused ||
        space_reserve(service, torrent, error) == ERR_NONE)
        return ERR_NONE;
    torrent_stop(service, torrent, error->code, error->text);
    return error->code;
}

void layout_replan(struct service *service, struct torrent *torrent, uint64_t now_ms)
{
    struct lt_deadline deadlines[SCHED_DEADLINES_MAX];
    struct sched_plan plan;

    if (torrent->info == NULL || torrent->row.is_seed || !sched_plan(torrent->sched, now_ms, &plan))
        return;
    service->metrics.plans_total++;
    service->metrics.seeks_total += plan.clears_deadlines;
    for (size_t i = 0; i < plan.deadline_count; i++)
        deadlines[i] = (struct lt_deadline){.piece = plan.deadlines[i].piece,
                                            .in_ms = plan.deadlines[i].in_ms};
    lt_apply(service->lt, torrent->id,
             &(struct lt_plan){.is_sequential = plan.is_sequential,
                               .clears_deadlines = plan.clears_deadlines,
                               .priorities = plan.has_new_priorities ? plan.priorities : NULL,
                               .piece_count = torrent->info->piece_count,
                               .deadlines = deadlines,
                               .deadline_count = plan.deadline_count});
}
