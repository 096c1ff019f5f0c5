/* SPDX-License-Identifier: MIT
 *
 * torrent: one torrent from added to removed: its place in the tables, its state, who waits for it.
 * What its metadata says is layout.c's; what to fetch is decided in sched.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "service.h"

struct torrent *torrent_find(struct service *service, const struct infohash *hash)
{
    struct torrent *torrent;

    HASH_FIND(hh, service->torrents, hash->bytes, sizeof(hash->bytes), torrent);
    if (torrent != NULL)
        return torrent;
    const struct alias *alias = upload_alias(service, hash);
    if (alias != NULL)
        HASH_FIND(hh, service->torrents, alias->torrent.bytes, sizeof(alias->torrent.bytes),
                  torrent);
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

void torrent_save(struct service *service, struct torrent *torrent)
{
    struct error error;
    enum err err = torrent->upload != NULL ? upload_save(service, torrent, &error)
                                           : store_put(service->store, &torrent->row, &error);

    if (err != ERR_NONE)
        log_error("torrent not saved", "hash=%s error=%s", torrent->hex, error.text);
}

void torrent_save_resume(struct service *service, struct torrent *torrent)
{
    torrent->resume_saved_ms = clock_ms();
    if (lt_save_resume(service->lt, torrent->id, false) == ERR_NONE)
        torrent->resumes_asked++;
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

/* libtorrent tells its state once a second; what we know better is said at once. */
static Sharestream__Torrent__State state_of(const struct torrent *torrent)
{
    if (torrent->problem_code != ERR_NONE)
        return SHARESTREAM__TORRENT__STATE__FAILED;
    if (torrent->row.is_paused)
        return SHARESTREAM__TORRENT__STATE__PAUSED;
    if (torrent->upload != NULL)
        return SHARESTREAM__TORRENT__STATE__UPLOADING;
    switch (torrent->status.state) {
    case LT_STATE_CHECKING:
        return SHARESTREAM__TORRENT__STATE__CHECKING;
    case LT_STATE_FINISHED:
        return SHARESTREAM__TORRENT__STATE__FINISHED;
    case LT_STATE_SEEDING:
        return SHARESTREAM__TORRENT__STATE__SEEDING;
    case LT_STATE_ERROR:
        return SHARESTREAM__TORRENT__STATE__FAILED;
    case LT_STATE_METADATA:
    case LT_STATE_PAUSED:
    case LT_STATE_DOWNLOADING:
        break;
    }
    return torrent->info == NULL         ? SHARESTREAM__TORRENT__STATE__METADATA
           : !torrent->row.is_checked    ? SHARESTREAM__TORRENT__STATE__CHECKING
           : layout_is_complete(torrent) ? SHARESTREAM__TORRENT__STATE__SEEDING
                                         : SHARESTREAM__TORRENT__STATE__DOWNLOADING;
}

void torrent_tell_state(struct service *service, struct torrent *torrent)
{
    Sharestream__Torrent__State state = state_of(torrent);

    if (torrent->state == state)
        return;
    torrent->state = state;
    events_changed(service, torrent, false);
}

void torrent_on_status(struct service *service, struct torrent *torrent,
                       const struct lt_status *status)
{
    torrent->status = *status;
    torrent_tell_state(service, torrent);
}

struct torrent *torrent_enter(struct service *service, const struct infohash *hash, lt_id id,
                              struct store_row *row)
{
    struct torrent *torrent = xcalloc(1, sizeof(*torrent));

    torrent->hash = *hash;
    infohash_text(&torrent->hash, torrent->hex);
    torrent->id = id;
    torrent->row = *row;
    *row = (struct store_row){0};
    torrent->row.hash = torrent->hash;
    torrent->resume_saved_ms = clock_ms();
    HASH_ADD(hh, service->torrents, hash, sizeof(torrent->hash), torrent);
    if (id != 0)
        HASH_ADD(hh_id, service->by_id, id, sizeof(torrent->id), torrent);
    service->metrics.torrents = HASH_COUNT(service->torrents);
    return torrent;
}

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
    struct infohash hash;
    memcpy(hash.bytes, hashes.key, sizeof(hash.bytes));
    struct torrent *torrent = torrent_enter(service, &hash, id, &add->row);
    torrent->may_have_data = add->may_have_data;
    torrent->state = state_of(torrent);
    own_tracker_add(service, torrent);
    log_info("torrent added", "hash=%s name=%s paused=%d", torrent->hex, torrent->row.name,
             torrent->row.is_paused);
    events_changed(service, torrent, false);
    *out = torrent;
    return ERR_NONE;
}

void torrent_release(struct service *service, struct torrent *torrent)
{
    HASH_DELETE(hh, service->torrents, torrent);
    if (torrent->id != 0)
        HASH_DELETE(hh_id, service->by_id, torrent);
    upload_free(&torrent->upload);
    service->metrics.torrents = HASH_COUNT(service->torrents);
    layout_clear(torrent);
    store_row_clear(&torrent->row);
    free(torrent);
}

static void free_leaving(struct leaving *leaving)
{
    free(leaving->folder);
    free(leaving);
}

void torrent_free_all(struct service *service)
{
    struct torrent *torrent, *next;
    struct leaving *leaving, *next_leaving;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        torrent_release(service, torrent);
    }
    LL_FOREACH_SAFE(service->leaving, leaving, next_leaving)
    {
        free_leaving(leaving);
    }
    service->leaving = NULL;
}

static void fail_waiters(struct torrent *torrent)
{
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE(torrent->waiters, waiter, next)
    {
        DL_DELETE(torrent->waiters, waiter);
        bus_fail(waiter->data, ERR_NOT_FOUND, "the torrent was removed meanwhile");
        free(waiter);
    }
}

static void forget_row(struct service *service, const struct infohash *hash)
{
    char hex[INFOHASH_TEXT];
    struct error error;

    if (store_delete(service->store, hash, &error) != ERR_NONE)
        log_error("torrent not deleted from the database", "hash=%s error=%s",
                  infohash_text(hash, hex), error.text);
}

/* The row stays until the data is gone, so that a crash in between leaves no data that nobody knows
 * of. */
static void leave(struct service *service, struct torrent *torrent, bool deletes)
{
    struct leaving *leaving = xcalloc(1, sizeof(*leaving));

    *leaving = (struct leaving){.id = torrent->id,
                                .hash = torrent->hash,
                                .folder = deletes ? xstrdup(torrent->row.save_path) : NULL};
    LL_PREPEND(service->leaving, leaving);
    if (deletes) {
        torrent->row.is_leaving = true;
        torrent_save(service, torrent);
    } else {
        forget_row(service, &torrent->hash);
    }
    lt_remove(service->lt, torrent->id, deletes);
}

/* Readers see the map gone before the data goes. */
void torrent_remove(struct service *service, struct torrent *torrent, bool deletes_data)
{
    bool deletes = deletes_data && !torrent->row.is_seed;

    log_info("torrent removed", "hash=%s name=%s with_data=%d", torrent->hex, torrent->row.name,
             deletes);
    fail_waiters(torrent);
    if (torrent->map != NULL)
        ready_map_remove(&torrent->map);
    if (torrent->upload != NULL) {
        upload_delete(service, torrent);
    } else {
        upload_forget_names(service, torrent);
        leave(service, torrent, deletes);
    }
    events_changed(service, torrent, true);
    torrent_release(service, torrent);
}

bool torrent_is_leaving(const struct service *service, const struct infohash *hash)
{
    const struct leaving *leaving;

    LL_FOREACH(service->leaving, leaving)
    {
        if (memcmp(leaving->hash.bytes, hash->bytes, sizeof(hash->bytes)) == 0)
            return true;
    }
    return false;
}

void torrent_on_removed(struct service *service, lt_id id, enum err code)
{
    struct leaving *leaving;

    LL_SEARCH_SCALAR(service->leaving, leaving, id, id);
    if (leaving == NULL)
        return;
    LL_DELETE(service->leaving, leaving);
    /* libtorrent deletes the files it knows of; our folder goes once it is empty. What could not be
     * deleted keeps its row, and the next start tries again. */
    if (leaving->folder != NULL && code == ERR_NONE) {
        rmdir(leaving->folder);
        forget_row(service, &leaving->hash);
    }
    free_leaving(leaving);
}

bool torrent_wait(struct torrent *torrent, const struct waiter *waiter)
{
    struct waiter *other, *copy;
    unsigned count = 0;

    DL_COUNT(torrent->waiters, other, count);
    if (count >= WAITERS_MAX)
        return false;
    copy = xcalloc(1, sizeof(*copy));
    *copy = *waiter;
    DL_APPEND(torrent->waiters, copy);
    return true;
}

void torrent_expire_waiters(struct service *service, struct torrent *torrent, uint64_t now_ms)
{
    bool has_all = torrent->info != NULL || torrent->problem_code != ERR_NONE;
    struct waiter *waiter, *next;

    DL_FOREACH_SAFE(torrent->waiters, waiter, next)
    {
        if (!has_all && waiter->deadline_ms > now_ms)
            continue;
        DL_DELETE(torrent->waiters, waiter);
        waiter->answer(waiter, service, torrent);
        free(waiter);
    }
}

void torrent_pause(struct service *service, struct torrent *torrent)
{
    torrent->row.is_paused = true;
    torrent->problem_code = ERR_NONE;
    torrent->problem[0] = '\0';
    lt_pause(service->lt, torrent->id, true);
    torrent_save_resume(service, torrent);
    torrent_tell_state(service, torrent);
    torrent_save(service, torrent);
}

enum err torrent_resume(struct service *service, struct torrent *torrent, struct error *error)
{
    enum err err = ERR_NONE;

    /* What does not fit would only fill the disk again. */
    if (torrent->info != NULL && torrent->row.is_checked &&
        (err = space_reserve(service, torrent, error)) != ERR_NONE)
        return err;
    if (torrent->upload == NULL && (err = lt_pause(service->lt, torrent->id, false)) != ERR_NONE)
        return error_set(error, err, "it cannot run: %s",
                         torrent->problem_code != ERR_NONE ? torrent->problem
                                                           : torrent->status.error);
    bool was_stopped = torrent->problem_code != ERR_NONE;
    torrent->row.is_paused = false;
    torrent->problem_code = ERR_NONE;
    torrent->problem[0] = '\0';
    torrent->status.error[0] = '\0';
    torrent->status.state = LT_STATE_METADATA; /* unknown until libtorrent tells */
    if (torrent->info == NULL)
        layout_on_metadata(service, torrent); /* the map may not have been possible before */
    else if (was_stopped && torrent->row.is_seed)
        torrent_recheck(service, torrent); /* the user may have put his files back */
    torrent_tell_state(service, torrent);
    torrent_save(service, torrent);
    return ERR_NONE;
}

void torrent_recheck(struct service *service, struct torrent *torrent)
{
    torrent->row.is_checked = false; /* whoever kills us now, the check is still to be done */
    torrent_save(service, torrent);
    lt_recheck(service->lt, torrent->id);
    torrent->status.state = LT_STATE_CHECKING;
    torrent_tell_state(service, torrent);
}

/* Stopped for want of space: whoever plays it again wants to know whether there is some now. */
static enum err run_again(struct service *service, struct torrent *torrent, struct error *error)
{
    if (torrent->problem_code == ERR_NONE)
        return ERR_NONE;
    if (torrent->problem_code != ERR_NO_SPACE || torrent->row.is_paused)
        return error_set(error, torrent->problem_code, "%s", torrent->problem);
    return torrent_resume(service, torrent, error);
}

enum err torrent_read(struct service *service, struct torrent *torrent,
                      const struct sched_reader *reader, struct error *error)
{
    uint32_t count = torrent_reader_count(torrent);
    enum err err = run_again(service, torrent, error);

    if (err != ERR_NONE)
        return err;
    if (torrent->info == NULL)
        return error_set(error, ERR_UNAVAILABLE, "its metadata is not known yet");
    torrent_used(service, torrent);
    if (!sched_read(torrent->sched, reader, clock_ms()))
        return error_set(error, ERR_BUSY, "%d streams of this torrent are open, that is the limit",
                         SCHED_READERS_MAX);
    /* A file that is only fetched for its readers has no room reserved yet. */
    if (torrent_reader_count(torrent) > count && torrent->row.is_checked &&
        !(torrent->row.has_background && torrent->is_wanted[reader->file]) &&
        (err = space_reserve(service, torrent, error)) != ERR_NONE) {
        sched_close(torrent->sched, reader->id);
        return err;
    }
    layout_replan(service, torrent, clock_ms());
    return ERR_NONE;
}

void torrent_stop(struct service *service, struct torrent *torrent, enum err code, const char *text)
{
    if (torrent->problem_code == code && strcmp(torrent->problem, text) == 0)
        return;
    torrent->problem_code = code;
    snprintf(torrent->problem, sizeof(torrent->problem), "%s", text);
    service->metrics.errors_total++;
    log_warn("torrent stopped", "hash=%s name=%s why=%s", torrent->hex, torrent->row.name, text);
    lt_pause(service->lt, torrent->id, true);
    torrent_tell_state(service, torrent);
    torrent_expire_waiters(service, torrent, UINT64_MAX);
}
