/* SPDX-License-Identifier: MIT
 *
 * upload: a file that somebody sends to this server, from its first byte to the torrent that it
 * becomes. While it arrives it is a torrent like others, known by a random hash, but for
 * libtorrent, which knows nothing of it: its pieces are hashed as they come, its ready map tells
 * readers of them, and who wants what is not here yet waits. With the last byte the real torrent is
 * made of these hashes and shared; the random hash stays another name of it, with a map of its own,
 * so that nobody who plays it notices.
 *
 * The bytes are written by http-svc, which holds a lock (flock) on the file meanwhile; where the
 * next ones go is in our database, and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "service.h"

enum { HASH_BYTES = 20, NAME_BYTES_MAX = 255 };

static char *path_of(const struct torrent *torrent)
{
    return xasprintf("%s/%s", torrent->row.save_path, torrent->row.name);
}

void upload_free(struct upload **upload)
{
    if (*upload == NULL)
        return;
    free((*upload)->hashes);
    free(*upload);
    *upload = NULL;
}

static struct store_upload row_of(const struct torrent *torrent)
{
    const struct upload *upload = torrent->upload;

    return (struct store_upload){
        .hash = torrent->hash,
        .name = torrent->row.name,
        .size = upload->arrival.size,
        .received = upload->arrival.received,
        .tail_at = upload->arrival.tail_at,
        .grown_ms = upload->grown_ms,
        .hashes = bytes_of(upload->hashes, (size_t)arrival_pieces(&upload->arrival) * HASH_BYTES),
    };
}

/* ---- other names of torrents */

struct alias *upload_alias(const struct service *service, const struct infohash *hash)
{
    struct alias *alias;

    HASH_FIND(hh, service->aliases, hash->bytes, sizeof(hash->bytes), alias);
    return alias;
}

static void free_alias(struct service *service, struct alias *alias)
{
    HASH_DELETE(hh, service->aliases, alias);
    if (alias->map != NULL)
        ready_map_close(&alias->map);
    free(alias);
}

void uploads_stop(struct service *service)
{
    struct alias *alias, *next;

    HASH_ITER(hh, service->aliases, alias, next)
    {
        free_alias(service, alias);
    }
}

static void forget_row(struct service *service, const struct infohash *hash)
{
    struct error error;

    if (store_delete_upload(service->store, hash, &error) != ERR_NONE)
        log_error("upload not deleted from the database", "error=%s", error.text);
}

void upload_forget_names(struct service *service, const struct torrent *torrent)
{
    struct alias *alias, *next;

    HASH_ITER(hh, service->aliases, alias, next)
    {
        if (memcmp(&alias->torrent, &torrent->hash, sizeof(alias->torrent)) != 0)
            continue;
        ready_map_remove(&alias->map);
        forget_row(service, &alias->hash);
        free_alias(service, alias);
    }
}

/* The file lies in `folder`, all of it. */
static enum err make_alias(struct service *service, const struct store_upload *row,
                           const char *folder, struct error *error)
{
    char *disk_path = xasprintf("%s/%s", folder, row->name);
    struct ready_file file = {.path = row->name, .disk_path = disk_path, .size = row->size};
    struct arrival whole = arrival_of(row->size, lt_piece_bytes(row->size));
    struct ready_layout layout = {.hash = row->hash,
                                  .name = row->name,
                                  .piece_count = arrival_pieces(&whole),
                                  .piece_bytes = whole.piece_bytes,
                                  .total_bytes = row->size,
                                  .file_count = 1,
                                  .files = &file};
    struct alias *alias = xcalloc(1, sizeof(*alias));
    bool has_pieces;
    enum err err = ready_map_create(service->run_dir, &layout, &alias->map, &has_pieces, error);

    free(disk_path);
    if (err != ERR_NONE) {
        free(alias);
        return err;
    }
    for (uint32_t piece = 0; piece < layout.piece_count; piece++)
        ready_map_set(alias->map, piece, true);
    alias->hash = row->hash;
    alias->torrent = row->torrent;
    HASH_ADD(hh, service->aliases, hash, sizeof(alias->hash), alias);
    return ERR_NONE;
}

/* ---- beginning */

static enum err check_name(const char *name, struct error *error)
{
    size_t len = strlen(name);

    if (len > 0 && len <= NAME_BYTES_MAX && utf8_valid(bytes_of_text(name)) &&
        strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "a file needs a name of 1 to %d bytes, without '/': rename it",
                     NAME_BYTES_MAX);
}

static unsigned count_uploads(const struct service *service)
{
    const struct torrent *torrent, *next;
    unsigned count = 0;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        count += torrent->upload != NULL;
    }
    return count;
}

static enum err check_request(struct service *service, const char *name, uint64_t size,
                              struct error *error)
{
    struct lt_single single = {.name = name, .size = size};
    char text[UNITS_TEXT];
    uint8_t *metainfo;
    size_t len;
    enum err err;

    if (size == 0)
        return error_set(error, ERR_INVALID, "the file is empty");
    if (size > service->settings->upload_max)
        return error_set(error, ERR_TOO_LARGE,
                         "files of up to %s may be sent here: raise torrent.upload_max, or share "
                         "it from the server's disk",
                         format_size(service->settings->upload_max, text));
    if (count_uploads(service) >= service->settings->max_uploads || !space_has_place(service))
        return error_set(error, ERR_BUSY,
                         "%lu files are being sent already: wait, or remove what nobody sends on",
                         (unsigned long)service->settings->max_uploads);
    if ((err = check_name(name, error)) != ERR_NONE ||
        (err = lt_make_metainfo(&single, &metainfo, &len, error)) != ERR_NONE)
        return err;
    free(metainfo);
    return ERR_NONE;
}

/* What libtorrent would say of a torrent with that one file; as there, one block of memory. */
static struct lt_info *make_info(const struct infohash *hash, const char *name,
                                 const struct arrival *arrival)
{
    struct lt_info *info = xcalloc(1, sizeof(*info) + sizeof(*info->files) + strlen(name) + 1);

    info->files = (struct lt_file *)(info + 1);
    info->name = strcpy((char *)(info->files + 1), name);
    info->comment = info->creator = "";
    memcpy(info->hashes.key, hash->bytes, sizeof(hash->bytes));
    info->piece_count = arrival_pieces(arrival);
    info->piece_bytes = arrival->piece_bytes;
    info->total_bytes = arrival->size;
    info->file_count = 1;
    info->files[0] = (struct lt_file){.path = info->name, .size = arrival->size, .is_wanted = true};
    return info;
}

static enum err make_file(const struct torrent *torrent, uint64_t size, struct error *error)
{
    char *path = path_of(torrent);
    enum err err = ERR_NONE;
    int fd = -1;

    if ((mkdir(torrent->row.save_path, 0755) != 0 && errno != EEXIST) ||
        (fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) < 0 ||
        ftruncate(fd, (off_t)size) != 0)
        err =
            error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot make %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

/* The torrent that can be read while it arrives. `hashes` is taken; NULL: none yet. */
static enum err enter(struct service *service, const struct store_upload *row, uint8_t *hashes,
                      struct torrent **out, struct error *error)
{
    struct upload *upload = xcalloc(1, sizeof(*upload));
    char hex[INFOHASH_TEXT];
    struct store_row kept = {
        .name = xstrdup(row->name),
        .save_path = xasprintf("%s/%s", service->data_dir, infohash_text(&row->hash, hex)),
        .added_ms = row->grown_ms,
        .used_ms = row->grown_ms,
        .has_background = true,
        .is_checked = true};

    upload->arrival = arrival_of(row->size, lt_piece_bytes(row->size));
    upload->arrival.received = MIN(row->received, row->size);
    upload->arrival.tail_at = MIN(row->tail_at, row->size);
    upload->grown_ms = row->grown_ms;
    upload->hashes =
        hashes != NULL ? hashes : xcalloc(arrival_pieces(&upload->arrival), HASH_BYTES);
    struct torrent *torrent = torrent_enter(service, &row->hash, 0, &kept);
    torrent->upload = upload;
    torrent->info = make_info(&row->hash, row->name, &upload->arrival);
    enum err err = make_file(torrent, row->size, error);
    if (err == ERR_NONE)
        err = layout_make(service, torrent, error);
    if (err == ERR_NONE) {
        for (uint32_t piece = 0; piece < torrent->info->piece_count; piece++)
            layout_on_piece(service, torrent, piece, arrival_has(&upload->arrival, piece));
        layout_flush_ready(service, torrent);
    }
    *out = torrent;
    return err;
}

enum err upload_begin(struct service *service, const char *name, uint64_t size,
                      struct torrent **out, struct error *error)
{
    enum err err = check_request(service, name, size, error);

    if (err != ERR_NONE)
        return err;
    struct store_upload row = {.name = (char *)(uintptr_t)name,
                               .size = size,
                               .tail_at = size,
                               .grown_ms = clock_unix_ms()};
    must(getrandom(row.hash.bytes, sizeof(row.hash.bytes), 0) == sizeof(row.hash.bytes));
    if ((err = enter(service, &row, NULL, out, error)) != ERR_NONE ||
        (err = space_reserve(service, *out, error)) != ERR_NONE ||
        (err = upload_save(service, *out, error)) != ERR_NONE) {
        torrent_remove(service, *out, true);
        return err;
    }
    service->metrics.uploads_total++;
    log_info("upload begun", "hash=%s name=%s bytes=%lu", (*out)->hex, name, (unsigned long)size);
    torrent_tell_state(service, *out);
    return ERR_NONE;
}

/* ---- growing */

enum err upload_save(struct service *service, const struct torrent *torrent, struct error *error)
{
    struct store_upload row = row_of(torrent);

    return store_put_upload(service->store, &row, error);
}

static enum err hash_pieces(const struct torrent *torrent, const struct arrival *arrival,
                            struct error *error)
{
    char *path = path_of(torrent);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum err err = ERR_NONE;

    if (fd < 0)
        err = error_set_errno(error, ERR_IO, "cannot open %s", path);
    for (uint32_t piece = 0; err == ERR_NONE && piece < torrent->info->piece_count; piece++)
        if (arrival_has(arrival, piece) && !ready_map_has(torrent->map, piece))
            err = lt_hash_piece(fd, (uint64_t)piece * arrival->piece_bytes,
                                arrival_piece_len(arrival, piece),
                                torrent->upload->hashes + (size_t)piece * HASH_BYTES, error);
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

/* What is in the way of going on; what was stopped for want of space may fit by now. */
static enum err check_running(struct service *service, struct torrent *torrent, struct error *error)
{
    if (torrent->problem_code == ERR_NONE)
        return ERR_NONE;
    return torrent_resume(service, torrent, error);
}

static void tell_pieces(struct service *service, struct torrent *torrent)
{
    for (uint32_t piece = 0; piece < torrent->info->piece_count; piece++)
        if (arrival_has(&torrent->upload->arrival, piece))
            layout_on_piece(service, torrent, piece, true);
    layout_flush_ready(service, torrent);
    layout_replan(service, torrent, clock_ms());
}

enum err upload_grow(struct service *service, struct torrent *torrent, uint64_t position,
                     uint64_t len, bool is_tail, struct error *error)
{
    struct upload *upload = torrent->upload;
    struct arrival before = upload->arrival, after = before;
    enum err err = check_running(service, torrent, error);

    if (err == ERR_NONE)
        err = (is_tail ? arrival_add_tail : arrival_grow)(&after, position, len, error);
    if (err != ERR_NONE || (err = hash_pieces(torrent, &after, error)) != ERR_NONE)
        return err;
    upload->arrival = after;
    upload->grown_ms = clock_unix_ms();
    if ((err = upload_save(service, torrent, error)) != ERR_NONE) {
        upload->arrival = before;
        return err;
    }
    upload->counted[upload->second] += len;
    service->metrics.received_bytes_total += len;
    tell_pieces(service, torrent);
    if (arrival_is_whole(&after))
        upload_finish(service, torrent);
    return ERR_NONE;
}

/* ---- becoming a torrent */

static enum err add_torrent(struct service *service, const struct torrent *torrent,
                            struct torrent **out, struct error *error)
{
    struct torrent_add add = {
        .lt = {.seed = true,
               .save_path = torrent->row.save_path,
               .max_connections = (uint32_t)service->settings->torrent_connections},
        .may_have_data = true};
    struct lt_single single = {.name = torrent->row.name,
                               .size = torrent->upload->arrival.size,
                               .hashes = torrent->upload->hashes};
    uint8_t *metainfo = NULL;
    size_t len;
    bool is_new;
    char **urls = own_tracker_urls(service, NULL, 0, &single.tracker_count);

    single.trackers = (const char *const *)urls;
    enum err err = lt_make_metainfo(&single, &metainfo, &len, error);
    free(urls);
    if (err != ERR_NONE)
        return err;
    add.lt.metainfo = bytes_of(metainfo, len);
    add.row = (struct store_row){.name = xstrdup(torrent->row.name),
                                 .save_path = xstrdup(torrent->row.save_path),
                                 .added_ms = torrent->row.added_ms,
                                 .used_ms = clock_unix_ms(),
                                 .has_background = true};
    err = torrent_add(service, &add, out, &is_new, error);
    store_row_clear(&add.row);
    free(metainfo);
    if (err == ERR_NONE && is_new) {
        torrent_save(service, *out);
        alerts_drain(service); /* its metadata is kept now: whoever kills us, it comes back */
    }
    return err;
}

static void delete_file(const struct torrent *torrent)
{
    char *path = path_of(torrent);

    unlink(path);
    rmdir(torrent->row.save_path);
    free(path);
}

/* The same film may be here already: then it is that, once it is whole. */
void upload_finish(struct service *service, struct torrent *torrent)
{
    struct store_upload row = row_of(torrent);
    struct torrent *real;
    struct error error;

    if (add_torrent(service, torrent, &real, &error) != ERR_NONE) {
        torrent_stop(service, torrent, error.code, error.text);
        return;
    }
    bool is_ours = strcmp(real->row.save_path, torrent->row.save_path) == 0;
    if (!is_ours && !layout_is_complete(real))
        return; /* uploads_tick() asks again */
    row.has_torrent = true;
    row.torrent = real->hash;
    row.hashes = bytes_of(NULL, 0);
    if (make_alias(service, &row, real->row.save_path, &error) != ERR_NONE ||
        store_put_upload(service->store, &row, &error) != ERR_NONE)
        log_error("another name of a torrent not kept", "hash=%s error=%s", torrent->hex,
                  error.text);
    if (!is_ours)
        delete_file(torrent);
    log_info("upload complete", "hash=%s torrent=%s name=%s", torrent->hex, real->hex,
             torrent->row.name);
    service->metrics.uploads_finished_total++;
    torrent->state = SHARESTREAM__TORRENT__STATE__SEEDING;
    events_changed(service, torrent, false);
    torrent_release(service, torrent);
}

/* ---- the end of one that never became whole */

void upload_delete(struct service *service, const struct torrent *torrent)
{
    delete_file(torrent);
    forget_row(service, &torrent->hash);
}

static void measure(struct torrent *torrent)
{
    struct upload *upload = torrent->upload;
    struct lt_status *status = &torrent->status;
    uint64_t sum = 0;

    for (size_t i = 0; i < COUNT_OF(upload->counted); i++)
        sum += upload->counted[i];
    status->download_rate = sum / COUNT_OF(upload->counted);
    upload->second = (upload->second + 1) % COUNT_OF(upload->counted);
    upload->counted[upload->second] = 0;
    status->wanted_bytes = upload->arrival.size;
    status->wanted_done_bytes = upload->arrival.received;
}

void uploads_tick(struct service *service)
{
    uint64_t now_ms = clock_unix_ms();
    struct torrent *torrent, *next, *whole = NULL, *stale = NULL;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->upload == NULL)
            continue;
        measure(torrent);
        if (arrival_is_whole(&torrent->upload->arrival))
            whole = torrent;
        else if (now_ms > upload_expires_ms(service, torrent) && torrent_reader_count(torrent) == 0)
            stale = torrent;
    }
    /* One of each is enough for a second; both may change the table. */
    if (stale != NULL) {
        log_info("upload given up", "hash=%s name=%s", stale->hex, stale->row.name);
        torrent_remove(service, stale, true);
    }
    if (whole != NULL && whole->problem_code == ERR_NONE)
        upload_finish(service, whole);
}

uint64_t upload_expires_ms(const struct service *service, const struct torrent *torrent)
{
    return torrent->upload->grown_ms + service->settings->upload_lifetime;
}

/* ---- the next life */

struct restoring {
    struct service *service;
    struct infohash *lost; /* names of torrents that are gone */
    size_t lost_count;
};

static void forget_later(struct restoring *restoring, const struct infohash *hash)
{
    size_t bytes = (restoring->lost_count + 1) * sizeof(*restoring->lost);

    restoring->lost = xrealloc(restoring->lost, bytes);
    restoring->lost[restoring->lost_count++] = *hash;
}

static void restore_alias(struct restoring *restoring, const struct store_upload *row)
{
    const struct torrent *torrent = torrent_find(restoring->service, &row->torrent);
    struct error error;

    if (torrent == NULL)
        forget_later(restoring, &row->hash);
    else if (make_alias(restoring->service, row, torrent->row.save_path, &error) != ERR_NONE)
        log_error("another name of a torrent not restored", "hash=%s error=%s", torrent->hex,
                  error.text);
}

/* Somebody may have tidied up meanwhile: then it begins anew. */
static bool is_believable(const struct service *service, const struct store_upload *row)
{
    struct arrival arrival = arrival_of(row->size, lt_piece_bytes(row->size));
    char hex[INFOHASH_TEXT];
    char *path =
        xasprintf("%s/%s/%s", service->data_dir, infohash_text(&row->hash, hex), row->name);
    struct stat about;
    bool is_there = stat(path, &about) == 0 && (uint64_t)about.st_size == row->size;

    free(path);
    return is_there && row->hashes.len == (size_t)arrival_pieces(&arrival) * HASH_BYTES;
}

static void restore_arriving(struct service *service, const struct store_upload *row)
{
    struct store_upload kept = *row;
    uint8_t *hashes = NULL;
    struct torrent *torrent;
    struct error error;

    if (is_believable(service, row)) {
        hashes = xcalloc(row->hashes.len, 1);
        memcpy(hashes, row->hashes.data, row->hashes.len);
    } else {
        kept.received = 0;
        kept.tail_at = row->size;
    }
    if (enter(service, &kept, hashes, &torrent, &error) == ERR_NONE) {
        torrent_tell_state(service, torrent);
        return;
    }
    log_error("upload not restored", "hash=%s error=%s", torrent->hex, error.text);
    torrent_release(service, torrent); /* its row stays: the next start may be luckier */
}

static void restore_one(void *arg, const struct store_upload *row)
{
    struct restoring *restoring = arg;

    if (row->has_torrent)
        restore_alias(restoring, row);
    else if (row->size > 0)
        restore_arriving(restoring->service, row);
}

/* What is whole but no torrent yet is finished by uploads_tick(). */
enum err uploads_restore(struct service *service, struct error *error)
{
    struct restoring restoring = {.service = service};
    enum err err = store_each_upload(service->store, restore_one, &restoring, error);

    for (size_t i = 0; i < restoring.lost_count; i++)
        forget_row(service, &restoring.lost[i]);
    free(restoring.lost);
    return err;
}
