/* SPDX-License-Identifier: MIT */
#include "handlers_add.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "source.h"

static void answer_added(const struct torrent *torrent, bool is_new,
                         Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    Sharestream__Torrent__AddReply reply = SHARESTREAM__TORRENT__ADD_REPLY__INIT;
    Info info;

    info_fill(bus_state(data), torrent, INFO_FULL, 0, &info);
    reply.info_hash = info.info_hash;
    reply.is_new = is_new;
    reply.info = &info;
    closure(&reply, data);
    info_clear(&info);
}

static void answer_add(const struct waiter *waiter, struct service *service,
                       struct torrent *torrent)
{
    (void)service;
    answer_added(torrent, waiter->is_new, (Sharestream__Torrent__AddReply_Closure)waiter->closure,
                 waiter->data);
}

uint64_t handlers_deadline(const void *data, uint64_t wait_ms)
{
    return MIN(clock_ms() + wait_ms, bus_deadline_ms(data) - ANSWER_MARGIN_MS);
}

void handlers_wait(struct service *service, struct torrent *torrent, uint32_t wait_ms,
                   struct waiter waiter)
{
    if (torrent->info != NULL || torrent->problem_code != ERR_NONE || wait_ms == 0) {
        waiter.answer(&waiter, service, torrent);
        return;
    }
    waiter.deadline_ms =
        handlers_deadline(waiter.data, MIN((uint64_t)wait_ms, service->settings->metadata_timeout));
    if (!torrent_wait(torrent, &waiter))
        bus_fail(waiter.data, ERR_BUSY, "%d callers wait for this torrent's metadata already",
                 WAITERS_MAX);
}

/* Each torrent has a folder of its own, so that two with the same file names do not meet. */
static enum err make_folder(const struct service *service, const struct infohash *hash, char **out,
                            bool *was_there_out, struct error *error)
{
    char hex[INFOHASH_TEXT];

    *out = xasprintf("%s/%s", service->data_dir, infohash_text(hash, hex));
    *was_there_out = false;
    if (mkdir(*out, 0755) == 0)
        return ERR_NONE;
    *was_there_out = errno == EEXIST;
    if (*was_there_out)
        return ERR_NONE;
    return error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                           "cannot create folder %s", *out);
}

/* What a magnet that came again brought along must not be forgotten before its metadata is here. */
static void keep_trackers(struct torrent *torrent, const struct source *source)
{
    if (torrent->row.has_metainfo || torrent->row.magnet == NULL)
        return;
    char *magnet = source_with_trackers(torrent->row.magnet, source);
    free(torrent->row.magnet);
    torrent->row.magnet = magnet;
}

static enum err add_source(struct service *service, const struct source *source,
                           struct torrent_add *add, struct torrent **out, bool *is_new_out,
                           struct error *error)
{
    enum err err;

    if (torrent_find(service, &source->hash) == NULL && !space_has_place(service))
        return error_set(error, ERR_BUSY,
                         "twice torrent.max_torrents (%lu) are here and in use: remove some",
                         (unsigned long)service->settings->max_torrents);
    if ((err = make_folder(service, &source->hash, &add->row.save_path, &add->may_have_data,
                           error)) != ERR_NONE)
        return err;
    char *folder = xstrdup(add->row.save_path);
    add->lt.save_path = folder;
    err = torrent_add(service, add, out, is_new_out, error);
    /* Known by another hash, or refused: then nobody needs the folder, unless it holds something.
     */
    if (err != ERR_NONE || strcmp(folder, (*out)->row.save_path) != 0)
        rmdir(folder);
    free(folder);
    return err;
}

static enum err add_torrent(struct service *service,
                            const Sharestream__Torrent__AddRequest *request,
                            const struct source *source, struct lt_add lt, struct torrent **out,
                            bool *is_new_out, struct error *error)
{
    struct torrent_add add = {.lt = lt};

    add.lt.sequential = true;
    add.lt.paused = request->is_paused;
    add.lt.max_connections = (uint32_t)service->settings->torrent_connections;
    add.row.name = xstrdup(source->name);
    add.row.magnet = source->uri != NULL ? xstrdup(source->uri) : NULL;
    add.row.added_ms = add.row.used_ms = clock_unix_ms();
    add.row.is_paused = request->is_paused;
    add.row.has_background = service->settings->background && !request->no_background;
    enum err err = add_source(service, source, &add, out, is_new_out, error);
    store_row_clear(&add.row);
    if (err != ERR_NONE)
        return err;
    if (!*is_new_out)
        keep_trackers(*out, source);
    (*out)->row.used_ms = clock_unix_ms();
    torrent_save(service, *out);
    alerts_drain(service); /* a .torrent brings its metadata: have it before the answer */
    if ((*out)->info == NULL && source->metadata_url != NULL)
        job_fetch_metadata(service, *out, source->metadata_url);
    return ERR_NONE;
}

/* What is known here by the hash of an upload; no peer has ever heard of that. */
static struct torrent *find_upload(struct service *service, const struct infohash *hash)
{
    struct torrent *torrent = torrent_find(service, hash);

    return torrent != NULL && (torrent->upload != NULL || upload_alias(service, hash) != NULL)
               ? torrent
               : NULL;
}

void handlers_add(struct service *service, const Sharestream__Torrent__AddRequest *request,
                  struct bytes metainfo, Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    struct lt_add lt = {.magnet = NULL};
    struct torrent *torrent = NULL;
    struct source source;
    struct error error;
    struct bytes url;
    bool is_new = false;
    enum err err;

    if (metainfo.len == 0 && source_is_url(request->source, &url)) {
        if (job_fetch(service, request, url, closure, data, &error) != ERR_NONE)
            bus_fail_error(data, &error);
        return;
    }
    err = source_read(&source, request, metainfo, service->settings->trackers, &lt, &error);
    if (err == ERR_NONE && bus_may_be_elsewhere(data) &&
        torrent_find(service, &source.hash) == NULL)
        err = error_set(&error, ERR_NOT_FOUND, "it is not here");
    if (err == ERR_NONE)
        torrent = find_upload(service, &source.hash);
    if (err == ERR_NONE && torrent == NULL && torrent_is_leaving(service, &source.hash))
        err = job_add_later(service, request, metainfo, &source.hash, closure, data, &error);
    else if (err == ERR_NONE && torrent == NULL)
        err = add_torrent(service, request, &source, lt, &torrent, &is_new, &error);
    if (err != ERR_NONE)
        bus_fail_error(data, &error);
    else if (torrent != NULL)
        handlers_wait(service, torrent, request->wait_ms,
                      (struct waiter){.answer = answer_add,
                                      .closure = (ProtobufCClosure)closure,
                                      .data = data,
                                      .is_new = is_new});
    source_fini(&source);
}

enum err handlers_add_seed(struct service *service, const char *path, struct bytes metainfo,
                           struct torrent **out, struct error *error)
{
    const char *slash = strrchr(path, '/');
    struct torrent_add add = {
        .lt = {.metainfo = metainfo,
               .seed = true,
               .max_connections = (uint32_t)service->settings->torrent_connections}};
    char *folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
    bool is_new;

    add.row.save_path = xstrdup(folder);
    add.row.name = xstrdup(slash + 1);
    add.row.added_ms = add.row.used_ms = clock_unix_ms();
    add.row.is_seed = true;
    add.row.has_background = true;
    add.lt.save_path = folder;
    enum err err = torrent_add(service, &add, out, &is_new, error);
    store_row_clear(&add.row);
    free(folder);
    if (err == ERR_NONE && !(*out)->row.is_seed && !layout_is_complete(*out))
        return error_set(error, ERR_EXISTS,
                         "the same torrent is being downloaded already: remove it, then seed");
    if (err == ERR_NONE) {
        torrent_save(service, *out);
        alerts_drain(service);
    }
    return err;
}

static bool is_same(const struct lt_hashes *a, const struct lt_hashes *b)
{
    return (a->has_v1 && b->has_v1 && memcmp(a->v1, b->v1, sizeof(a->v1)) == 0) ||
           (a->has_v2 && b->has_v2 && memcmp(a->v2, b->v2, sizeof(a->v2)) == 0);
}

void handlers_add_metadata(struct service *service, struct torrent *torrent, struct bytes metainfo)
{
    struct lt_add add = {.metainfo = metainfo, .save_path = torrent->row.save_path};
    struct lt_hashes wanted, got;
    struct error error;
    char name[1];
    bool is_new;
    lt_id id;

    if (torrent->info != NULL || source_check(metainfo, &error) != ERR_NONE ||
        lt_peek(&add, &got, name, sizeof(name), &error) != ERR_NONE ||
        lt_hashes(service->lt, torrent->id, &wanted) != ERR_NONE || !is_same(&wanted, &got) ||
        lt_add(service->lt, &add, &id, &is_new, &error) != ERR_NONE)
        log_debug("metadata from xs= not usable", "hash=%s", torrent->hex);
    else
        alerts_drain(service);
}
