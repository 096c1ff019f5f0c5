/* SPDX-License-Identifier: MIT
 *
 * routes_subtitles: which subtitles a file has, and those that people add to it. What they say is
 * below /hls, see routes_hls.
 */
#include <proto/transcode.pb-c.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "routes.h"
#include "wire/query.h"

enum {
    BYTES_MAX = 4 << 20,
    WORD_MAX = 256,
    MAKE_MS = 90000, /* the film may have to be opened first, the upload to be read */
};

static void fail(struct exchange *x)
{
    const struct error *error = exchange_call_error(x);

    if (error->code == ERR_TIMEOUT)
        exchange_fail_as(x, 503, error->code, error->text);
    else
        exchange_fail_error(x, error);
}

/* The :hash of the path in canonical form. NULL: answered, as is a file id that is none. */
static char *read_path(struct exchange *x)
{
    char *text = exchange_alloc(x, INFOHASH_TEXT);
    struct infohash hash;

    if (!infohash_parse(exchange_route(x)->source, &hash))
        exchange_fail(x, ERR_INVALID, "an info-hash is 40 hex digits or 32 characters of base32");
    else if (!exchange_route(x)->has_file)
        exchange_fail(x, ERR_INVALID, "a file id is a number");
    else
        return infohash_text(&hash, text);
    return NULL;
}

/* "" when it is absent. False: answered. */
static bool read_word(struct exchange *x, const char *name, char **out)
{
    struct bytes query = exchange_route(x)->query;

    *out = exchange_alloc(x, WORD_MAX);
    if (query_raw(query, name).data == NULL || query_get(query, name, *out, WORD_MAX))
        return true;
    exchange_fail(x, ERR_INVALID, "%s is too long or not well encoded", name);
    return false;
}

/* ---- GET */

/* The request is fine; the file is not. */
static void fail_list(struct exchange *x)
{
    const struct error *error = exchange_call_error(x);

    if (error->code == ERR_INVALID || error->code == ERR_TOO_LARGE)
        exchange_fail_as(x, 415, error->code, error->text);
    else
        fail(x);
}

static void on_list_reply(const Sharestream__Transcode__SubtitlesReply *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL) {
        fail_list(x);
        return;
    }
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_message(x, 200, &reply->base);
}

static void begin_list(struct exchange *x, const struct routes_source *source)
{
    Sharestream__Transcode__SubtitlesRequest request =
        SHARESTREAM__TRANSCODE__SUBTITLES_REQUEST__INIT;

    request.info_hash = (char *)(uintptr_t)source->hash_text;
    request.file = exchange_route(x)->file;
    exchange_watch(x);
    sharestream__transcode__transcode__subtitles(exchange_transcode(x, MAKE_MS, source->hash_text),
                                                 &request, on_list_reply, x);
}

void on_subtitles(struct exchange *x)
{
    if (read_path(x) != NULL)
        routes_open(x, begin_list);
}

/* ---- POST */

static void on_added(const Sharestream__Transcode__Subtitle *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL) {
        fail(x);
        return;
    }
    exchange_add_header(x, "location", reply->url);
    exchange_reply_message(x, 201, &reply->base);
}

void on_add_subtitles(struct exchange *x)
{
    Sharestream__Transcode__AddSubtitleRequest request =
        SHARESTREAM__TRANSCODE__ADD_SUBTITLE_REQUEST__INIT;
    struct bytes body = exchange_body(x);

    request.info_hash = read_path(x);
    if (request.info_hash == NULL || !read_word(x, "name", &request.name) ||
        !read_word(x, "language", &request.language))
        return;
    if (body.len == 0 || body.len > BYTES_MAX) {
        exchange_fail(x, body.len == 0 ? ERR_INVALID : ERR_TOO_LARGE,
                      "the body should be subtitles (SubRip, WebVTT, ASS) of at most %d MiB",
                      BYTES_MAX >> 20);
        return;
    }
    request.file = exchange_route(x)->file;
    /* Borrowed: packing only reads. */
    request.data.data = (uint8_t *)(uintptr_t)body.data;
    request.data.len = body.len;
    exchange_watch(x);
    sharestream__transcode__transcode__add_subtitle(
        exchange_transcode(x, MAKE_MS, request.info_hash), &request, on_added, x);
}

/* ---- DELETE */

static void on_removed(const Sharestream__Transcode__RemoveSubtitleReply *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        fail(x);
    else
        exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

/* The last segment of the path. */
static char *read_id(struct exchange *x)
{
    struct bytes path = exchange_route(x)->path;
    size_t begin = path.len;
    char *id;

    while (begin > 0 && path.data[begin - 1] != '/')
        begin--;
    id = exchange_alloc(x, path.len - begin + 1);
    memcpy(id, path.data + begin, path.len - begin);
    return id;
}

void on_remove_subtitles(struct exchange *x)
{
    Sharestream__Transcode__RemoveSubtitleRequest request =
        SHARESTREAM__TRANSCODE__REMOVE_SUBTITLE_REQUEST__INIT;

    request.info_hash = read_path(x);
    if (request.info_hash == NULL)
        return;
    request.file = exchange_route(x)->file;
    request.id = read_id(x);
    sharestream__transcode__transcode__remove_subtitle(
        exchange_transcode(x, ROUTES_CALL_MS, request.info_hash), &request, on_removed, x);
}
