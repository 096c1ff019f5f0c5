/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/torrent.proto: check bounds, ask the core, answer. Adding and the
 * long answers for people have files of their own, handlers_add.c and handlers_show.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "handlers_add.h"
#include "handlers_show.h"
#include "handlers_upload.h"
#include "service.h"

typedef Sharestream__Torrent__Torrent_Service Rpc;

enum { FETCH_BYTES_MAX = 1 << 20 };

/* Answers the call itself when no new work is taken. */
static bool is_stopping(void *data)
{
    const struct service *service = bus_state(data);

    if (service->is_draining)
        bus_fail(data, ERR_UNAVAILABLE, "torrent-svc is stopping; try again soon");
    return service->is_draining;
}

/* Answers the call itself when there is no such torrent. */
static struct torrent *named(const char *info_hash, void *data)
{
    struct service *service = bus_state(data);
    struct infohash hash;
    struct torrent *torrent;

    if (is_stopping(data))
        return NULL;
    if (!infohash_parse(bytes_of_text(info_hash), &hash)) {
        bus_fail(data, ERR_INVALID, "this is not an info-hash: 40 hex digits are one");
        return NULL;
    }
    if ((torrent = torrent_find(service, &hash)) == NULL)
        bus_fail(data, ERR_NOT_FOUND, "there is no torrent %.80s here; add it first", info_hash);
    return torrent;
}

static void answer_empty(Sharestream__Torrent__Empty_Closure closure, void *data)
{
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    closure(&reply, data);
}

static void on_add(Rpc *rpc, const Sharestream__Torrent__AddRequest *request,
                   Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    (void)rpc;
    if (!is_stopping(data))
        handlers_add(bus_state(data), request,
                     bytes_of(request->metainfo.data, request->metainfo.len), closure, data);
}

static void answer_info(const struct torrent *torrent, uint32_t first_file,
                        Sharestream__Torrent__TorrentInfo_Closure closure, void *data)
{
    Info info;

    info_fill(bus_state(data), torrent, INFO_FULL, first_file, &info);
    closure(&info, data);
    info_clear(&info);
}

static void answer_get(const struct waiter *waiter, struct service *service,
                       struct torrent *torrent)
{
    (void)service;
    answer_info(torrent, 0, (Sharestream__Torrent__TorrentInfo_Closure)waiter->closure,
                waiter->data);
}

static void on_get(Rpc *rpc, const Sharestream__Torrent__GetRequest *request,
                   Sharestream__Torrent__TorrentInfo_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (request->first_file > 0)
        answer_info(torrent, request->first_file, closure, data);
    else
        handlers_wait(bus_state(data), torrent, request->wait_ms,
                      (struct waiter){.answer = answer_get,
                                      .closure = (ProtobufCClosure)closure,
                                      .data = data});
}

static void on_list(Rpc *rpc, const Sharestream__Torrent__ListRequest *request,
                    Sharestream__Torrent__ListReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    Sharestream__Torrent__ListReply reply = SHARESTREAM__TORRENT__LIST_REPLY__INIT;
    unsigned count = HASH_COUNT(service->torrents);
    Info *infos = xcalloc(count, sizeof(*infos));
    struct torrent *torrent, *next;

    (void)rpc;
    (void)request;
    reply.torrents = xcalloc(count, sizeof(void *));
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        info_fill(service, torrent, INFO_BRIEF, 0, &infos[reply.n_torrents]);
        reply.torrents[reply.n_torrents] = &infos[reply.n_torrents];
        reply.n_torrents++;
    }
    closure(&reply, data);
    for (size_t i = 0; i < reply.n_torrents; i++)
        info_clear(&infos[i]);
    free(reply.torrents);
    free(infos);
}

static void on_remove(Rpc *rpc, const Sharestream__Torrent__RemoveRequest *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    torrent_remove(bus_state(data), torrent, !request->keeps_data);
    answer_empty(closure, data);
}

/* Answers the call itself when it is still being sent. */
static struct torrent *named_whole(const char *info_hash, void *data)
{
    struct torrent *torrent = named(info_hash, data);

    if (torrent == NULL || torrent->upload == NULL)
        return torrent;
    bus_fail(data, ERR_EXISTS, "it is still being sent to this server: wait, or remove it");
    return NULL;
}

static void on_pause(Rpc *rpc, const Sharestream__Torrent__Name *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named_whole(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    torrent_pause(bus_state(data), torrent);
    answer_empty(closure, data);
}

static void on_resume(Rpc *rpc, const Sharestream__Torrent__Name *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);
    struct error error;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent_resume(bus_state(data), torrent, &error) != ERR_NONE)
        bus_fail_error(data, &error);
    else
        answer_empty(closure, data);
}

static void on_recheck(Rpc *rpc, const Sharestream__Torrent__Name *request,
                       Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named_whole(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info == NULL) {
        bus_fail(data, ERR_UNAVAILABLE, "its metadata is not known yet, there is nothing to check");
        return;
    }
    torrent_recheck(service, torrent);
    answer_empty(closure, data);
}

static void on_seed(Rpc *rpc, const Sharestream__Torrent__SeedRequest *request,
                    Sharestream__Torrent__SeedReply_Closure closure, void *data)
{
    struct error error;

    (void)rpc;
    if (is_stopping(data))
        return;
    if (job_hash(bus_state(data), request, closure, data, &error) != ERR_NONE)
        bus_fail_error(data, &error);
}

static bool files_exist(const uint32_t *files, size_t count, const struct torrent *torrent,
                        void *data)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i] < torrent->file_count)
            continue;
        bus_fail(data, ERR_NOT_FOUND, "there is no file %u: the torrent has 0 to %u", files[i],
                 torrent->file_count - 1);
        return false;
    }
    return true;
}

static void on_select(Rpc *rpc, const Sharestream__Torrent__SelectRequest *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);
    struct error error;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info == NULL) {
        bus_fail(data, ERR_UNAVAILABLE,
                 "its metadata is not known yet, there are no files to choose from");
        return;
    }
    if (!files_exist(request->files, request->n_files, torrent, data) ||
        !files_exist(request->first, request->n_first, torrent, data))
        return;
    torrent->row.has_background = !request->no_background;
    if (layout_select(bus_state(data), torrent,
                      &(struct layout_choice){.wanted = request->files,
                                              .wanted_count = request->n_files,
                                              .first = request->first,
                                              .first_count = request->n_first},
                      &error) != ERR_NONE)
        bus_fail_error(data, &error);
    else
        answer_empty(closure, data);
}

static void session_limits(struct service *service, const Sharestream__Torrent__Limits *limits)
{
    if (limits == NULL)
        return;
    service->download_limit = limits->download;
    service->upload_limit = limits->upload;
    if (limits->max_connections > 0)
        service->max_connections = limits->max_connections;
    service_apply_limits(service);
}

static void torrent_limits(struct service *service, struct torrent *torrent,
                           const Sharestream__Torrent__Limits *limits)
{
    if (limits == NULL)
        return;
    torrent->row.download_limit = limits->download;
    torrent->row.upload_limit = limits->upload;
    torrent->row.max_connections = limits->max_connections;
    lt_limits(service->lt, torrent->id, limits->download, limits->upload,
              limits->max_connections ? limits->max_connections
                                      : (uint32_t)service->settings->torrent_connections);
    torrent_save(service, torrent);
}

static void on_set_limits(Rpc *rpc, const Sharestream__Torrent__LimitsRequest *request,
                          Sharestream__Torrent__Limits_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    Sharestream__Torrent__Limits reply = SHARESTREAM__TORRENT__LIMITS__INIT;

    (void)rpc;
    if (request->info_hash[0] == '\0') {
        session_limits(service, request->limits);
        reply.download = service->download_limit;
        reply.upload = service->upload_limit;
        reply.max_connections = service->max_connections;
    } else {
        struct torrent *torrent = named(request->info_hash, data);

        if (torrent == NULL)
            return;
        torrent_limits(service, torrent, request->limits);
        reply.download = torrent->row.download_limit;
        reply.upload = torrent->row.upload_limit;
        reply.max_connections = torrent->row.max_connections;
    }
    closure(&reply, data);
}

static void on_read(Rpc *rpc, const Sharestream__Torrent__ReadRequest *request,
                    Sharestream__Torrent__ReadReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__ReadReply reply = SHARESTREAM__TORRENT__READ_REPLY__INIT;
    struct sched_reader reader = {.id = request->reader,
                                  .file = request->file,
                                  .position = request->position,
                                  .end = request->end,
                                  .is_waiting = request->is_waiting};
    struct error error;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info != NULL && (request->file >= torrent->file_count ||
                                  request->position > torrent->files[request->file].size)) {
        bus_fail(data, ERR_INVALID, "there is no byte %lu in a file %u",
                 (unsigned long)request->position, request->file);
        return;
    }
    if (torrent_read(service, torrent, &reader, &error) != ERR_NONE) {
        bus_fail_error(data, &error);
        return;
    }
    reply.lease_ms = SCHED_LEASE_MS;
    reply.ready_bytes = sched_buffered(torrent->sched, request->file, request->position);
    closure(&reply, data);
}

static void on_describe(Rpc *rpc, const Sharestream__Torrent__DescribeRequest *request,
                        Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (request->file >= torrent->file_count) {
        bus_fail(data, ERR_INVALID, "there is no file %u", request->file);
        return;
    }
    sched_describe(torrent->sched, request->file, request->bytes_per_s);
    closure(&reply, data);
}

static void on_close(Rpc *rpc, const Sharestream__Torrent__CloseRequest *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info != NULL) {
        sched_close(torrent->sched, request->reader);
        layout_replan(service, torrent, clock_ms());
    }
    answer_empty(closure, data);
}

/* What is ready is in the page cache most of the time: it has just been written, or is being read.
 */
static size_t read_ready(const struct torrent *torrent, uint32_t file, uint64_t position,
                         uint8_t *out, size_t want)
{
    int fd = open(torrent->files[file].disk_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t done = 0;

    while (fd >= 0 && done < want) {
        ssize_t got = pread(fd, out + done, want - done, (off_t)(position + done));

        if (got <= 0 && errno != EINTR)
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    return done;
}

static void on_fetch(Rpc *rpc, const Sharestream__Torrent__FetchRequest *request,
                     Sharestream__Torrent__FetchReply_Closure closure, void *data)
{
    const struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__FetchReply reply = SHARESTREAM__TORRENT__FETCH_REPLY__INIT;
    size_t ready;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (request->size_bytes > FETCH_BYTES_MAX) {
        bus_fail(data, ERR_TOO_LARGE, "at most %d bytes at once", FETCH_BYTES_MAX);
        return;
    }
    ready = torrent->map == NULL ? 0
                                 : (size_t)ready_map_run(torrent->map, request->file,
                                                         request->position, request->size_bytes);
    reply.data.data = xcalloc(1, MAX(ready, 1));
    if (ready > 0)
        reply.data.len =
            read_ready(torrent, request->file, request->position, reply.data.data, ready);
    if (reply.data.len < ready)
        bus_fail(data, ERR_IO, "the file on disk is shorter than it should be, or cannot be read");
    else
        closure(&reply, data);
    free(reply.data.data);
}

static void on_peers(Rpc *rpc, const Sharestream__Torrent__PeersRequest *request,
                     Sharestream__Torrent__PeersReply_Closure closure, void *data)
{
    const struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent != NULL)
        handlers_peers(bus_state(data), torrent, closure, data);
}

static void on_pieces(Rpc *rpc, const Sharestream__Torrent__PiecesRequest *request,
                      Sharestream__Torrent__PiecesReply_Closure closure, void *data)
{
    const struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (request->cells > PIECES_CELLS_MAX)
        bus_fail(data, ERR_INVALID, "cells is at most %d", PIECES_CELLS_MAX);
    else
        handlers_pieces(bus_state(data), torrent, request->cells, closure, data);
}

static void on_metainfo(Rpc *rpc, const Sharestream__Torrent__Name *request,
                        Sharestream__Torrent__MetainfoReply_Closure closure, void *data)
{
    const struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent != NULL)
        handlers_metainfo(bus_state(data), torrent, closure, data);
}

static void on_diagnose(Rpc *rpc, const Sharestream__Torrent__DiagnoseRequest *request,
                        Sharestream__Torrent__Diagnosis_Closure closure, void *data)
{
    const struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info != NULL && (request->file >= torrent->file_count ||
                                  request->position > torrent->files[request->file].size))
        bus_fail(data, ERR_NOT_FOUND, "there is no byte %lu in a file %u",
                 (unsigned long)request->position, request->file);
    else
        handlers_diagnose(bus_state(data), torrent, request, closure, data);
}

static void on_begin_upload(Rpc *rpc, const Sharestream__Torrent__BeginUploadRequest *request,
                            Sharestream__Torrent__Upload_Closure closure, void *data)
{
    (void)rpc;
    if (!is_stopping(data))
        handlers_begin_upload(bus_state(data), request, closure, data);
}

static void on_find_upload(Rpc *rpc, const Sharestream__Torrent__Name *request,
                           Sharestream__Torrent__Upload_Closure closure, void *data)
{
    struct infohash hash;

    (void)rpc;
    if (named(request->info_hash, data) != NULL &&
        infohash_parse(bytes_of_text(request->info_hash), &hash))
        handlers_find_upload(bus_state(data), &hash, closure, data);
}

static void on_grow_upload(Rpc *rpc, const Sharestream__Torrent__GrowUploadRequest *request,
                           Sharestream__Torrent__Upload_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent != NULL)
        handlers_grow_upload(bus_state(data), torrent, request, closure, data);
}

static void on_browse(Rpc *rpc, const Sharestream__Torrent__BrowseRequest *request,
                      Sharestream__Torrent__BrowseReply_Closure closure, void *data)
{
    (void)rpc;
    if (!is_stopping(data))
        handlers_browse(bus_state(data), request, closure, data);
}

static void on_stats(Rpc *rpc, const Sharestream__Torrent__StatsRequest *request,
                     Sharestream__Torrent__StatsReply_Closure closure, void *data)
{
    (void)rpc;
    (void)request;
    handlers_stats(bus_state(data), closure, data);
}

Sharestream__Torrent__Torrent_Service torrent_handlers = SHARESTREAM__TORRENT__TORRENT__INIT(on_);
