/* SPDX-License-Identifier: MIT */
#include <proto/torrent.pb-c.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/must.h"
#include "distant.h"
#include "stream/lease.h"

enum { CALL_MS = 5000, REMEMBER_MS = 3000, LOOKED_FOR_MAX = 256 };

/* One that is looked for, or was not found a moment ago. */
struct distant {
    struct transcode *transcode;
    struct infohash hash;
    struct mirror_draft *draft;
    uint64_t call; /* 0: it has ended */
    struct error error;
    uint64_t until_ms; /* the error is believed */
    UT_hash_handle hh;
};

static void distant_free(struct distant *distant)
{
    struct transcode *transcode = distant->transcode;

    if (distant->call != 0)
        bus_cancel(svc_bus(transcode->svc), distant->call);
    mirror_draft_free(&distant->draft);
    HASH_DEL(transcode->distant, distant);
    free(distant);
}

static void failed(struct distant *distant, const struct error *why)
{
    distant->error = *why;
    distant->until_ms = clock_ms() + REMEMBER_MS;
}

static void ask(struct distant *distant, uint32_t first_file);

static void on_got(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct distant *distant = arg;
    struct error error = {0};
    uint32_t next;

    distant->call = 0;
    if (info == NULL) {
        failed(distant, bus_error(distant->transcode->torrent));
    } else if (!info->has_metadata) {
        error_set(&error, ERR_NOT_FOUND, "its metadata is not known yet");
        failed(distant, &error);
    } else if (!mirror_draft_add(distant->draft, info, &next)) {
        ask(distant, next);
    } else if (lease_set_add_mirror(distant->transcode->leases, distant->draft, &error) !=
               ERR_NONE) {
        failed(distant, &error);
    } else {
        distant_free(distant);
    }
}

static void ask(struct distant *distant, uint32_t first_file)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    char text[INFOHASH_TEXT];

    request.info_hash = infohash_text(&distant->hash, text);
    request.first_file = first_file;
    sharestream__torrent__torrent__get(
        bus_to_holder(distant->transcode->torrent, CALL_MS, bytes_of_text(text), &distant->call),
        &request, on_got, distant);
}

static void forget_old(struct transcode *transcode)
{
    struct distant *distant, *next;

    HASH_ITER(hh, transcode->distant, distant, next)
    if (distant->call == 0 && clock_ms() >= distant->until_ms)
        distant_free(distant);
}

static enum err look_for(struct transcode *transcode, const struct infohash *hash,
                         struct error *error)
{
    struct distant *distant;

    forget_old(transcode);
    HASH_FIND(hh, transcode->distant, hash, sizeof(*hash), distant);
    if (distant != NULL && distant->call == 0) {
        *error = distant->error;
        return error->code;
    }
    if (distant == NULL && HASH_COUNT(transcode->distant) >= LOOKED_FOR_MAX)
        return error_set(error, ERR_BUSY, "too many torrents are being looked for");
    if (distant == NULL) {
        distant = xcalloc(1, sizeof(*distant));
        distant->transcode = transcode;
        distant->hash = *hash;
        distant->draft = mirror_draft_new(hash);
        HASH_ADD(hh, transcode->distant, hash, sizeof(distant->hash), distant);
        ask(distant, 0);
    }
    return error_set(error, ERR_UNAVAILABLE, "it is on another machine; ask again in a moment");
}

enum err distant_open(struct transcode *transcode, const struct file_id *id, struct source *out,
                      struct error *error)
{
    const char *run_dir = svc_common(transcode->svc)->run_dir;
    const char *mirror = lease_set_mirror_folder(transcode->leases);
    struct ready_map *map = NULL;
    enum err err;

    if (mirror == NULL || (err = ready_map_open(run_dir, &id->hash, &map, NULL)) != ERR_NOT_FOUND) {
        ready_map_close(&map);
        return source_open(out, run_dir, id, error);
    }
    if (ready_map_open(mirror, &id->hash, &map, NULL) == ERR_NOT_FOUND)
        return look_for(transcode, &id->hash, error);
    ready_map_close(&map);
    lease_set_open_file(transcode->leases, &id->hash, id->file);
    return source_open(out, mirror, id, error);
}

enum err distant_start(struct transcode *transcode, struct error *error)
{
    char *folder;
    enum err err;

    if (!bus_is_by_tcp(svc_bus(transcode->svc), "torrent"))
        return ERR_NONE;
    folder = xasprintf("%s/mirror", svc_common(transcode->svc)->data_dir);
    const struct mirror_config config = {.folder = folder,
                                         .max_bytes = transcode->settings->mirror_size};
    err = lease_set_mirror(transcode->leases, &config, error);
    free(folder);
    return err;
}

void distant_stop(struct transcode *transcode)
{
    while (transcode->distant != NULL)
        distant_free(transcode->distant);
}
