/* SPDX-License-Identifier: MIT
 *
 * torrent: one torrent from added to removed: its metadata, its ready map, its plan. libtorrent is
 * called here and in alerts.c, jobs.c and restore.c; what to fetch is decided in sched.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "service.h"
#include "wire/media_type.h"

struct torrent *torrent_find(struct service *service, const struct infohash *hash)
{
    struct torrent *torrent;

    HASH_FIND(hh, service->torrents, hash->bytes, sizeof(hash->bytes), torrent);
    return torrent;
}

struct torrent *torrent_of_id(struct service *service, lt_id id)
{
    struct torrent *torrent;

    HASH_FIND(hh_id, service->by_id, &id, sizeof(id), torrent);
    return torrent;
}

uint32_t torrent_reader_count(const struct torrent *torrent)
{
    return torrent->sched != NULL ? (uint32_t)sched_readers(torrent->sched, NULL, 0) : 0;
}

static void set_state(struct service *service, struct torrent *torrent,
                      Sharestream__Torrent__State state)
{
    if (torrent->state == state)
        return;
    torrent->state = state;
    events_changed(service, torrent, false);
}

void torrent_save(struct service *service, struct torrent *torrent)
{
    struct error error;

    if (store_put(service->store, &torrent->row, &error) != ERR_NONE)
        log_error("torrent not saved", "hash=%s error=%s", torrent->hex, error.text);
}

void torrent_used(struct service *service, struct torrent *torrent)
{
    enum { WORTH_SAVING_MS = 60000 };
    uint64_t now_ms = clock_unix_ms();
    bool is_worth_saving = now_ms - torrent->row.used_ms > WORTH_SAVING_MS;

    torrent->row.used_ms = now_ms;
    if (is_worth_saving)
        torrent_save(service, torrent);
}

/* ---- adding and removing
 * --------------------------------------------------------------------------------------------- */

enum err torrent_add(struct service *service, struct torrent_add *add, struct torrent **out,
                     bool *is_new_out, struct error *error)
{
    struct lt_hashes hashes;
    lt_id id;
    enum err err = lt_add(service->lt, &add->lt, &id, is_new_out, error);

    if (err != ERR_NONE)
        return err;
    *out = torrent_of_id(service, id);
    if (*out != NULL)
        return ERR_NONE;
    must(lt_hashes(service->lt, id, &hashes) == ERR_NONE);
    struct torrent *torrent = xcalloc(1, sizeof(*torrent));
    memcpy(torrent->hash.bytes, hashes.key, sizeof(torrent->hash.bytes));
    infohash_text(&torrent->hash, torrent->hex);
    torrent->id = id;
    torrent->row = add->row;
    add->row = (struct store_row){0};
    torrent->row.hash = torrent->hash;
    torrent->state = add->lt.paused ? SHARESTREAM__TORRENT__STATE__PAUSED
                                    : SHARESTREAM__TORRENT__STATE__METADATA;
    torrent->resume_saved_ms = clock_ms();
    HASH_ADD(hh, service->torrents, hash, sizeof(torrent->hash), torrent);
    HASH_ADD(hh_id, service->by_id, id, sizeof(torrent->id), torrent);
    service->metrics.torrents = HASH_COUNT(service->torrents);
    log_info("torrent added", "hash=%s name=%s paused=%d", torrent->hex, torrent->row.name,
             add->lt.paused);
    *out = torrent;
    return ERR_NONE;
}

static void free_layout(struct torrent *torrent)
{
    for (uint32_t i = 0; i < torrent->file_count; i++)
        free((char *)(uintptr_t)torrent->files[i].disk_path);
    free(torrent->files);
    free(torrent->file_of);
    free(torrent->fresh);
    torrent->files = NULL;
    torrent->file_of = NULL;
    torrent->fresh = NULL;
    torrent->file_count = 0;
}

static void release(struct service *service, struct torrent *torrent)
{
    HASH_DELETE(hh, service->torrents, torrent);
    HASH_DELETE(hh_id, service->by_id, torrent);
    service->metrics.torrents = HASH_COUNT(service->torrents);
    sched_free(&torrent->sched);
    ready_map_close(&torrent->map);
    lt_info_free(&torrent->info);
    free_layout(torrent);
    store_row_clear(&torrent->row);
    free(torrent);
}

void torrent_free_all(struct service *service)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        release(service, torrent);
    }
}

/* Readers see the map gone before the data goes. */
void torrent_remove(struct service *service, struct torrent *torrent, bool deletes_data)
{
    struct error error;

    log_info("torrent removed", "hash=%s name=%s with_data=%d", torrent->hex, torrent->row.name,
             deletes_data);
    torrent_expire_waiters(service, torrent, UINT64_MAX);
    if (torrent->map != NULL)
        ready_map_remove(&torrent->map);
    if (store_delete(service->store, &torrent->hash, &error) != ERR_NONE)
        log_error("torrent not deleted from the database", "hash=%s error=%s", torrent->hex,
                  error.text);
    lt_remove(service->lt, torrent->id, deletes_data && !torrent->row.is_seed);
    events_changed(service, torrent, true);
    /* libtorrent deletes what it knows of; our own folder goes too once it is empty. */
    if (deletes_data && !torrent->row.is_seed)
        rmdir(torrent->row.save_path);
    release(service, torrent);
}

/* ---- waiting for metadata
 * -------------------------------------------------------------------------------------------- */

void torrent_wait(struct torrent *torrent, struct waiter *waiter)
{
    DL_APPEND(torrent->waiters, waiter);
}

void torrent_expire_waiters(struct service *service, struct torrent *torrent, uint64_t now_ms)
{
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE(torrent->waiters, waiter, next)
    {
        if (torrent->info == NULL && waiter->deadline_ms > now_ms)
            continue;
        DL_DELETE(torrent->waiters, waiter);
        waiter->answer(waiter, service, torrent);
        free(waiter);
    }
}

/* ---- metadata
 * --------------------------------------------------------------------------------------------------------
 */

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

bool torrent_is_selected(const struct torrent *torrent, uint32_t id)
{
    char word[16];
    size_t len = (size_t)snprintf(word, sizeof(word), "%u", id);

    for (const char *at = torrent->row.selected; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return torrent->row.selected == NULL;
}

/* so= of a magnet is only known in the life that added it, so it becomes our own selection. */
static void keep_selection(struct torrent *torrent)
{
    struct text text = {0};
    bool is_all = true;

    if (torrent->row.selected != NULL)
        return;
    for (uint32_t id = 0; id < torrent->file_count; id++) {
        if (torrent->info->files[torrent->file_of[id]].is_wanted)
            text_addf(&text, "%s%u", text.len ? "," : "", id);
        else
            is_all = false;
    }
    if (!is_all)
        torrent->row.selected = text_take(&text);
    text_fini(&text);
}

static struct sched *make_sched(const struct torrent *torrent)
{
    const struct lt_info *info = torrent->info;
    struct sched_file *files = xcalloc(torrent->file_count, sizeof(*files));

    for (uint32_t id = 0; id < torrent->file_count; id++) {
        enum media_kind kind = media_kind(torrent->files[id].path);

        files[id] = (struct sched_file){
            .offset = torrent->files[id].offset,
            .size = torrent->files[id].size,
            .is_wanted = torrent_is_selected(torrent, id),
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
    struct sched *sched = sched_new(&layout, ready_map_pieces(torrent->map));
    free(files);
    if (sched != NULL)
        sched_set_background(sched, torrent->row.has_background);
    return sched;
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

static void keep_metainfo(struct service *service, struct torrent *torrent)
{
    if (torrent->row.metainfo == NULL &&
        lt_metainfo(service->lt, torrent->id, &torrent->row.metainfo, &torrent->row.metainfo_len) !=
            ERR_NONE)
        torrent->row.metainfo = NULL;
    free(torrent->row.name);
    torrent->row.name = xstrdup(torrent->info->name);
    torrent_save(service, torrent);
}

void torrent_on_metadata(struct service *service, struct torrent *torrent)
{
    struct error error;
    enum err err =
        torrent->info == NULL ? lt_info(service->lt, torrent->id, &torrent->info) : ERR_EXISTS;

    if (err == ERR_EXISTS)
        return;
    if (err != ERR_NONE) {
        torrent_problem(service, torrent, err, "its metadata was refused");
        return;
    }
    make_files(torrent);
    keep_selection(torrent);
    torrent->fresh = xcalloc(MIN(torrent->info->piece_count, (uint32_t)READY_BATCH_MAX),
                             sizeof(*torrent->fresh));
    if ((err = make_map(service, torrent, &error)) != ERR_NONE ||
        (torrent->sched = make_sched(torrent)) == NULL) {
        if (err == ERR_NONE)
            err = error_set(&error, ERR_INVALID, "its layout makes no sense");
        torrent_problem(service, torrent, err, error.text);
        torrent_expire_waiters(service, torrent, UINT64_MAX);
        return;
    }
    keep_metainfo(service, torrent);
    log_info("metadata known", "hash=%s name=%s files=%u pieces=%u bytes=%lu", torrent->hex,
             torrent->row.name, torrent->file_count, torrent->info->piece_count,
             (unsigned long)torrent->info->total_bytes);
    if (torrent->state == SHARESTREAM__TORRENT__STATE__METADATA)
        set_state(service, torrent, SHARESTREAM__TORRENT__STATE__DOWNLOADING);
    if (!torrent->row.is_seed &&
        space_reserve(service, torrent, torrent->info->total_bytes, &error) != ERR_NONE)
        torrent_problem(service, torrent, error.code, error.text);
    torrent_replan(service, torrent, clock_ms());
    torrent_expire_waiters(service, torrent, 0);
    events_changed(service, torrent, false);
}

/* ---- pieces
 * ----------------------------------------------------------------------------------------------------------
 */

void torrent_flush_ready(struct service *service, struct torrent *torrent)
{
    if (torrent->fresh_count == 0)
        return;
    events_ready(service, torrent);
    torrent->fresh_count = 0;
}

void torrent_on_piece(struct service *service, struct torrent *torrent, uint32_t piece,
                      bool is_ready)
{
    if (torrent->map == NULL || torrent->sched == NULL ||
        ready_map_has(torrent->map, piece) == is_ready)
        return;
    ready_map_set(torrent->map, piece, is_ready);
    if (!is_ready) {
        sched_piece_lost(torrent->sched, piece);
        return;
    }
    sched_piece_ready(torrent->sched, piece);
    service->metrics.pieces_ready_total++;
    torrent->is_resume_due = true;
    torrent->fresh[torrent->fresh_count++] = piece;
    if (torrent->fresh_count == MIN(torrent->info->piece_count, (uint32_t)READY_BATCH_MAX))
        torrent_flush_ready(service, torrent);
}

/* The map of an earlier life may claim more or less than this life found: libtorrent's check is the
 * truth. */
void torrent_on_checked(struct service *service, struct torrent *torrent)
{
    if (torrent->map == NULL || torrent->sched == NULL)
        return;
    uint32_t count = torrent->info->piece_count, changed = 0;
    uint8_t *have = xcalloc(count, 1);

    if (lt_pieces(service->lt, torrent->id, have, count) == ERR_NONE) {
        torrent->is_checked = true;
        for (uint32_t piece = 0; piece < count; piece++) {
            changed += ready_map_has(torrent->map, piece) != (have[piece] != 0);
            torrent_on_piece(service, torrent, piece, have[piece] != 0);
        }
        torrent_flush_ready(service, torrent);
        log_debug("torrent checked", "hash=%s ready=%u changed=%u", torrent->hex,
                  ready_map_count(torrent->map), changed);
        torrent_replan(service, torrent, clock_ms());
        events_changed(service, torrent, false);
    }
    free(have);
}

void torrent_replan(struct service *service, struct torrent *torrent, uint64_t now_ms)
{
    struct sched_plan plan;

    if (torrent->sched == NULL || !sched_plan(torrent->sched, now_ms, &plan))
        return;
    service->metrics.plans_total++;
    /* The order is sched.h's. Clearing lowers the priority of those pieces, so priorities come
     * after it; and libtorrent cancels what it has asked for only when a deadline is set on an
     * empty list. */
    if (plan.clears_deadlines) {
        service->metrics.seeks_total++;
        lt_clear_deadlines(service->lt, torrent->id);
    }
    if (plan.has_new_priorities)
        lt_prioritize(service->lt, torrent->id, plan.priorities, torrent->info->piece_count);
    lt_sequential(service->lt, torrent->id, plan.is_sequential);
    for (size_t i = 0; i < plan.deadline_count; i++)
        lt_deadline(service->lt, torrent->id, plan.deadlines[i].piece, plan.deadlines[i].in_ms);
}

/* ---- state
 * -----------------------------------------------------------------------------------------------------------
 */

static Sharestream__Torrent__State shown_state(const struct torrent *torrent)
{
    if (torrent->problem_code != ERR_NONE)
        return SHARESTREAM__TORRENT__STATE__FAILED;
    switch (torrent->status.state) {
    case LT_STATE_METADATA:
        return SHARESTREAM__TORRENT__STATE__METADATA;
    case LT_STATE_CHECKING:
        return SHARESTREAM__TORRENT__STATE__CHECKING;
    case LT_STATE_DOWNLOADING:
        return SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    case LT_STATE_FINISHED:
        return SHARESTREAM__TORRENT__STATE__FINISHED;
    case LT_STATE_SEEDING:
        return SHARESTREAM__TORRENT__STATE__SEEDING;
    case LT_STATE_PAUSED:
        return SHARESTREAM__TORRENT__STATE__PAUSED;
    case LT_STATE_ERROR:
        return SHARESTREAM__TORRENT__STATE__FAILED;
    }
    return SHARESTREAM__TORRENT__STATE__UNKNOWN;
}

void torrent_on_status(struct service *service, struct torrent *torrent,
                       const struct lt_status *status)
{
    torrent->status = *status;
    set_state(service, torrent, shown_state(torrent));
}

void torrent_set_paused(struct service *service, struct torrent *torrent, bool is_paused)
{
    torrent->row.is_paused = is_paused;
    torrent->problem_code = ERR_NONE;
    torrent->problem[0] = '\0';
    lt_pause(service->lt, torrent->id, is_paused);
    torrent->status.state = is_paused               ? LT_STATE_PAUSED
                            : torrent->info == NULL ? LT_STATE_METADATA
                                                    : LT_STATE_DOWNLOADING;
    torrent->status.error[0] = '\0';
    set_state(service, torrent, shown_state(torrent));
    if (is_paused)
        lt_save_resume(service->lt, torrent->id, false);
    torrent_save(service, torrent);
}

void torrent_problem(struct service *service, struct torrent *torrent, enum err code,
                     const char *text)
{
    if (torrent->problem_code == code && strcmp(torrent->problem, text) == 0)
        return;
    torrent->problem_code = code;
    snprintf(torrent->problem, sizeof(torrent->problem), "%s", text);
    if (code != ERR_NONE) {
        service->metrics.errors_total++;
        log_warn("torrent stopped", "hash=%s name=%s why=%s", torrent->hex, torrent->row.name,
                 text);
    }
    lt_pause(service->lt, torrent->id, code != ERR_NONE || torrent->row.is_paused);
    set_state(service, torrent, shown_state(torrent));
}
