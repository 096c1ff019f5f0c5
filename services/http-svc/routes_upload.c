/* SPDX-License-Identifier: MIT
 *
 * routes_upload: files that people send, by tus 1.0 (creation, termination, expiration) and one
 * request of our own, for the end of a file before its turn; and films in the media folder. The
 * bytes are written here (upload_file.h), all else is torrent-svc's.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "routes.h"
#include "upload_file.h"
#include "wire/query.h"
#include "wire/tus.h"

enum { GROW_MS = 60000, PATH_TEXT = 4096 };

/* ---- what all requests and answers have */

void routes_add_tus(struct exchange *x)
{
    static const char prefix[] = "/api/v1/uploads";
    struct bytes path = exchange_route(x)->path;

    if (path.len < sizeof(prefix) - 1 || memcmp(path.data, prefix, sizeof(prefix) - 1) != 0)
        return;
    exchange_add_header(x, "tus-version", TUS_VERSION);
    exchange_add_header(x, "tus-extension", "creation,termination,expiration");
}

/* False: answered. */
static bool begin(struct exchange *x)
{
    exchange_add_header(x, "tus-resumable", TUS_VERSION);
    exchange_add_header(x, "cache-control", "no-store");
    if (bytes_equal_text(exchange_header(x, "tus-resumable"), TUS_VERSION))
        return true;
    exchange_add_header(x, "tus-version", TUS_VERSION);
    exchange_fail_as(x, 412, ERR_INVALID, "files are sent by tus 1.0.0: say Tus-Resumable: 1.0.0");
    return false;
}

/* The number of a header. False: answered. */
static bool read_number(struct exchange *x, const char *name, uint64_t *out)
{
    if (tus_number(exchange_header(x, name), out))
        return true;
    exchange_fail(x, ERR_INVALID, "the header %s should be a number of bytes", name);
    return false;
}

static char *read_hash(struct exchange *x, struct infohash *hash)
{
    char *text = exchange_alloc(x, INFOHASH_TEXT);

    if (infohash_parse(exchange_route(x)->source, hash))
        return infohash_text(hash, text);
    exchange_fail(x, ERR_NOT_FOUND, "there is no such upload");
    return NULL;
}

static void add_number(struct exchange *x, const char *name, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%lu", (unsigned long)number);
    exchange_add_header(x, name, text);
}

static void add_state(struct exchange *x, const Sharestream__Torrent__Upload *upload)
{
    time_t expires = (time_t)(upload->expires_unix_ms / 1000);
    char date[64];
    struct tm parts;

    add_number(x, "upload-offset", upload->received_bytes);
    add_number(x, "upload-length", upload->size_bytes);
    if (upload->expires_unix_ms > 0 && gmtime_r(&expires, &parts) != NULL &&
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
        exchange_add_header(x, "upload-expires", date);
}

/* ---- POST: a new one */

static void on_begun(const Sharestream__Torrent__Upload *upload, void *arg)
{
    struct exchange *x = arg;
    char location[64];

    if (upload == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    /* Relative, for those who come through a proxy that puts something before our paths. */
    snprintf(location, sizeof(location), "uploads/%s", upload->info_hash);
    exchange_add_header(x, "location", location);
    add_state(x, upload);
    exchange_reply_message(x, 201, &upload->base);
}

void on_begin_upload(struct exchange *x)
{
    Sharestream__Torrent__BeginUploadRequest request =
        SHARESTREAM__TORRENT__BEGIN_UPLOAD_REQUEST__INIT;
    char name[TUS_NAME_TEXT];

    if (!begin(x) || !read_number(x, "upload-length", &request.size_bytes))
        return;
    if (!tus_file_name(exchange_header(x, "upload-metadata"), name)) {
        exchange_fail(x, ERR_INVALID,
                      "Upload-Metadata should hold the name of the file: filename, a space, and "
                      "the name in base64");
        return;
    }
    request.name = name;
    sharestream__torrent__torrent__begin_upload(exchange_torrent(x, ROUTES_CALL_MS, NULL), &request,
                                                on_begun, x);
}

/* ---- HEAD, and GET: how far it is */

static void on_upload_found(const Sharestream__Torrent__Upload *upload, void *arg)
{
    struct exchange *x = arg;

    if (upload == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    add_state(x, upload);
    exchange_reply_message(x, 200, &upload->base);
}

static void find(struct exchange *x, char *hash, Sharestream__Torrent__Upload_Closure closure,
                 void *arg)
{
    Sharestream__Torrent__Name request = SHARESTREAM__TORRENT__NAME__INIT;

    request.info_hash = hash;
    sharestream__torrent__torrent__find_upload(exchange_torrent(x, ROUTES_CALL_MS, hash), &request,
                                               closure, arg);
}

void on_upload(struct exchange *x)
{
    struct infohash hash;
    char *text = read_hash(x, &hash);

    if (text == NULL)
        return;
    exchange_add_header(x, "tus-resumable", TUS_VERSION);
    exchange_add_header(x, "cache-control", "no-store");
    find(x, text, on_upload_found, x);
}

/* ---- PATCH, and PUT of the tail: bytes */

struct growing {
    struct exchange *x;
    char *hash;
    struct upload_file *file;
    uint64_t position;
    bool is_tail;
};

static void on_grown(const Sharestream__Torrent__Upload *upload, void *arg)
{
    struct growing *growing = arg;
    struct exchange *x = growing->x;

    upload_file_unlock(growing->file); /* the next part may come on another connection */
    if (upload == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    add_state(x, upload);
    exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

static void on_written(void *arg, const struct error *error)
{
    struct growing *growing = arg;
    struct exchange *x = growing->x;
    Sharestream__Torrent__GrowUploadRequest request =
        SHARESTREAM__TORRENT__GROW_UPLOAD_REQUEST__INIT;

    if (error != NULL) {
        exchange_fail_error(x, error);
        return;
    }
    request.info_hash = growing->hash;
    request.position = growing->position;
    request.size_bytes = exchange_body(x).len;
    request.is_tail = growing->is_tail;
    sharestream__torrent__torrent__grow_upload(exchange_torrent(x, GROW_MS, growing->hash),
                                               &request, on_grown, growing);
}

/* What torrent-svc would refuse is not written, and nothing over the tail: that is known by its
 * hash already, and what comes now may be another file of the same name. */
static void on_found(const Sharestream__Torrent__Upload *upload, void *arg)
{
    struct growing *growing = arg;
    struct exchange *x = growing->x;
    uint64_t len = exchange_body(x).len; /* at most http.max_body */

    if (upload == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else if (growing->is_tail ? upload->tail_bytes > 0 || growing->position < upload->received_bytes
                              : growing->position != upload->received_bytes)
        exchange_fail(x, ERR_EXISTS, "the next byte is %lu, not %lu",
                      (unsigned long)upload->received_bytes, (unsigned long)growing->position);
    else if (growing->position > upload->size_bytes || len > upload->size_bytes - growing->position)
        exchange_fail(x, ERR_TOO_LARGE, "the file was announced with %lu bytes, this is more",
                      (unsigned long)upload->size_bytes);
    else if (upload->torrent[0] != '\0')
        on_grown(upload, growing);
    else
        upload_file_write(
            growing->file, growing->position,
            (size_t)MIN(len, upload->size_bytes - upload->tail_bytes - growing->position),
            on_written, growing);
}

static void grow(struct exchange *x, bool is_tail)
{
    struct growing *growing = exchange_alloc(x, sizeof(*growing));
    struct infohash hash;
    struct error error;

    if (!begin(x) || !read_number(x, "upload-offset", &growing->position))
        return;
    if (!bytes_is_word(exchange_header(x, "content-type"), "application/offset+octet-stream")) {
        exchange_fail_as(x, 415, ERR_INVALID, "the body should be application/offset+octet-stream");
        return;
    }
    growing->x = x;
    growing->is_tail = is_tail;
    growing->hash = read_hash(x, &hash);
    if (growing->hash == NULL)
        return;
    if (upload_file_open(x, &hash, &growing->file, &error) != ERR_NONE)
        exchange_fail_as(x, error.code == ERR_EXISTS ? 423 : err_http_status(error.code),
                         error.code, error.text);
    else
        find(x, growing->hash, on_found, growing);
}

void on_grow_upload(struct exchange *x)
{
    grow(x, false);
}

void on_upload_tail(struct exchange *x)
{
    grow(x, true);
}

/* ---- DELETE */

static void on_removed(const Sharestream__Torrent__Empty *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else
        exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

/* What has become a torrent is removed as one: it may be wanted by others. */
static void on_found_to_remove(const Sharestream__Torrent__Upload *upload, void *arg)
{
    struct exchange *x = arg;
    Sharestream__Torrent__RemoveRequest request = SHARESTREAM__TORRENT__REMOVE_REQUEST__INIT;

    if (upload == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
    } else if (upload->torrent[0] != '\0') {
        exchange_fail(x, ERR_EXISTS, "it is complete: remove the torrent %s", upload->torrent);
    } else {
        request.info_hash = upload->info_hash;
        sharestream__torrent__torrent__remove(
            exchange_torrent(x, ROUTES_CALL_MS, upload->info_hash), &request, on_removed, x);
    }
}

void on_remove_upload(struct exchange *x)
{
    struct infohash hash;
    char *text;

    if (begin(x) && (text = read_hash(x, &hash)) != NULL)
        find(x, text, on_found_to_remove, x);
}

/* ---- the media folder */

static void on_browsed(const Sharestream__Torrent__BrowseReply *reply, void *arg)
{
    routes_answer_message(arg, reply);
}

void on_media_folder(struct exchange *x)
{
    Sharestream__Torrent__BrowseRequest request = SHARESTREAM__TORRENT__BROWSE_REQUEST__INIT;
    struct bytes query = exchange_route(x)->query;
    char path[PATH_TEXT] = "";

    if (query_raw(query, "path").data != NULL && !query_get(query, "path", path, sizeof(path))) {
        exchange_fail(x, ERR_INVALID, "path is too long or not well encoded");
        return;
    }
    request.path = path;
    sharestream__torrent__torrent__browse(exchange_torrent(x, ROUTES_CALL_MS, NULL), &request,
                                          on_browsed, x);
}
