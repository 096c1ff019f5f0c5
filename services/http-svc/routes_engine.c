/* SPDX-License-Identifier: MIT
 *
 * routes_engine: what players and people ask at the door of sharestream-engine, in all the forms
 * that earlier engines had or promised. Most of them name no torrent: the one added last is meant,
 * which for the engine is the only one.
 */
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "routes.h"
#include "shapes.h"
#include "wire/media_type.h"

typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Torrent__File File;

struct looking {
    struct exchange *x;
    struct infohash hash;
    char hash_text[INFOHASH_TEXT];
    char *name; /* of a file, decoded; NULL: the one that is to be played */
};

static void fail(struct exchange *x, const struct error *error)
{
    if (error->code == ERR_NOT_FOUND)
        exchange_fail(x, ERR_NOT_FOUND, "torrent not found");
    else
        exchange_fail_error(x, error);
}

static bool ends_with_part(const char *path, const char *name)
{
    size_t len = strlen(path), name_len = strlen(name);

    return len >= name_len && strcmp(path + len - name_len, name) == 0 &&
           (len == name_len || path[len - name_len - 1] == '/');
}

/* By its path, else by the last parts of it, else by its number; without a name, what is to be
 * played. */
static const File *find_file(const Info *info, const char *name)
{
    const File *found = NULL;
    uint64_t number;

    for (size_t i = 0; i < info->n_files; i++) {
        const File *file = info->files[i];

        if (name != NULL && strcmp(file->path, name) == 0)
            return file;
        if (name != NULL ? found == NULL && ends_with_part(file->path, name)
                         : found == NULL || media_is_rather(file->path, file->size_bytes,
                                                            found->path, found->size_bytes))
            found = file;
    }
    if (found == NULL && name != NULL && parse_count(name, &number) && number < info->n_files)
        return info->files[number];
    return found;
}

/* ---- a file by its name or number */

static void on_info(const Info *info, void *arg)
{
    struct looking *looking = arg;
    const struct route *route = exchange_route(looking->x);
    const File *file;

    if (info == NULL)
        fail(looking->x, exchange_call_error(looking->x));
    else if (route->has_file)
        stream_answer(looking->x, &looking->hash, route->file);
    else if ((file = find_file(info, looking->name)) != NULL)
        stream_answer(looking->x, &looking->hash, file->id);
    else
        exchange_fail(looking->x, ERR_NOT_FOUND, "file not found");
}

/* Waits for the metadata, as a player has to. */
static void ask_for_files(struct looking *looking)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = looking->hash_text;
    request.wait_ms = ROUTES_WAIT_MS;
    exchange_watch(looking->x);
    sharestream__torrent__torrent__get(
        exchange_torrent(looking->x, ROUTES_WAIT_CALL_MS, looking->hash_text), &request, on_info,
        looking);
}

/* A file of the torrent of the route, whose hash is a part of it. */
static struct looking *begin(struct exchange *x, struct bytes name)
{
    struct looking *looking = exchange_alloc(x, sizeof(*looking));

    looking->x = x;
    if (infohash_parse(exchange_route(x)->source, &looking->hash))
        infohash_text(&looking->hash, looking->hash_text);
    if (name.len == 0)
        return looking;
    looking->name = exchange_alloc(x, name.len + 1);
    if (percent_decode(name, looking->name, name.len + 1, false))
        return looking;
    exchange_fail(x, ERR_INVALID, "invalid path");
    return NULL;
}

/* What follows the segment that is the hash. */
static struct bytes behind_hash(const struct route *route)
{
    const uint8_t *end = route->path.data + route->path.len;
    const uint8_t *at = route->source.data + route->source.len;

    return at < end ? bytes_of(at + 1, (size_t)(end - at) - 1) : bytes_of(NULL, 0);
}

void on_engine_stream(struct exchange *x)
{
    struct looking *looking = begin(x, behind_hash(exchange_route(x)));

    if (looking == NULL)
        return;
    if (looking->hash_text[0] == '\0')
        exchange_fail(x, ERR_INVALID, "invalid path");
    else
        ask_for_files(looking);
}

/* ---- the torrent that is there */

static const Info *newest(const Sharestream__Torrent__ListReply *list)
{
    const Info *found = NULL;

    for (size_t i = 0; i < list->n_torrents; i++)
        if (found == NULL || list->torrents[i]->added_unix_ms > found->added_unix_ms)
            found = list->torrents[i];
    return found;
}

static void on_list_reply(const Sharestream__Torrent__ListReply *reply, void *arg)
{
    struct looking *looking = arg;
    const Info *info = reply != NULL ? newest(reply) : NULL;

    if (reply == NULL) {
        exchange_fail_error(looking->x, exchange_call_error(looking->x));
    } else if (info == NULL || !infohash_parse(bytes_of_text(info->info_hash), &looking->hash)) {
        exchange_fail(looking->x, ERR_NOT_FOUND, "torrent not found");
    } else {
        infohash_text(&looking->hash, looking->hash_text);
        /* A file of which the number is known needs nobody's help once there is a map. */
        if (looking->name == NULL && exchange_has_map(looking->x, &looking->hash))
            stream_answer(looking->x, &looking->hash, exchange_route(looking->x)->file);
        else
            ask_for_files(looking);
    }
}

static void ask_for_list(struct exchange *x, Sharestream__Torrent__ListReply_Closure closure,
                         void *arg)
{
    Sharestream__Torrent__ListRequest request = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;

    sharestream__torrent__torrent__list(exchange_torrent(x, ROUTES_CALL_MS, NULL), &request,
                                        closure, arg);
}

/* /{number of the file}/{whatever}: what is told as serverUrl. */
void on_engine_file(struct exchange *x)
{
    struct looking *looking = begin(x, bytes_of(NULL, 0));

    if (!exchange_route(x)->has_file)
        exchange_fail(x, ERR_NOT_FOUND, "file not found");
    else
        ask_for_list(x, on_list_reply, looking);
}

/* /{info-hash} or /{name of a file} */
void on_engine_name(struct exchange *x)
{
    struct looking *looking = begin(x, exchange_route(x)->source);

    if (looking == NULL)
        return;
    if (looking->hash_text[0] == '\0') {
        ask_for_list(x, on_list_reply, looking);
        return;
    }
    looking->name = NULL;
    ask_for_files(looking);
}

/* ---- what there is, for people */

static void on_torrents(const Sharestream__Torrent__ListReply *reply, void *arg)
{
    struct exchange *x = arg;
    json_t *hashes;

    if (reply == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    hashes = json_array();
    for (size_t i = 0; i < reply->n_torrents; i++)
        json_array_append_new(hashes, json_string(reply->torrents[i]->info_hash));
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200, json_pack("{s:o}", "torrents", hashes));
}

void on_engine_torrents(struct exchange *x)
{
    ask_for_list(x, on_torrents, x);
}

static void on_torrent(const Info *info, void *arg)
{
    struct exchange *x = arg;
    json_t *files;

    if (info == NULL) {
        fail(x, exchange_call_error(x));
        return;
    }
    files = json_array();
    for (size_t i = 0; i < info->n_files; i++)
        json_array_append_new(files,
                              json_pack("{s:o,s:I,s:I}", "path", shape_text(info->files[i]->path),
                                        "length", (json_int_t)info->files[i]->size_bytes,
                                        "completed", (json_int_t)info->files[i]->ready_bytes));
    bool is_whole = info->has_metadata && info->ready_bytes == info->size_bytes;

    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(
        x, 200,
        json_pack("{s:o,s:s,s:I,s:I,s:I,s:o,s:I,s:b,s:b}", "name", shape_text(info->name),
                  "infoHash", info->info_hash, "totalBytes", (json_int_t)info->size_bytes,
                  "bytesDone", (json_int_t)info->ready_bytes, "bytesMissing",
                  (json_int_t)(info->size_bytes - info->ready_bytes), "files", files, "numPieces",
                  (json_int_t)info->piece_count, "complete", is_whole, "seeding",
                  info->state == SHARESTREAM__TORRENT__STATE__SEEDING));
}

void on_engine_torrent(struct exchange *x)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    const struct looking *looking = begin(x, bytes_of(NULL, 0));

    request.info_hash = (char *)(uintptr_t)looking->hash_text;
    if (looking->hash_text[0] == '\0')
        exchange_fail(x, ERR_INVALID, "an info-hash is 40 hex digits or 32 characters of base32");
    else
        sharestream__torrent__torrent__get(exchange_torrent(x, ROUTES_CALL_MS, looking->hash_text),
                                           &request, on_torrent, x);
}
