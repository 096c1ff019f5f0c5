/* SPDX-License-Identifier: MIT
 *
 * routes_hls: what transcode-svc makes of a file: playlists and segments below /hls, what is in it,
 * and what is being worked on.
 */
#include <proto/transcode.pb-c.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "joined.h"
#include "routes.h"
#include "wire/codec_string.h"
#include "wire/query.h"

enum {
    BURN_MAX = 16,
    QUERY_MAX = 1024, /* it is repeated for every segment */
    MAKE_MS = 90000,  /* transcode-svc itself gives up before */
    DELAY_MS_MAX = 600000,
};

static void fail(struct exchange *x, const struct error *error)
{
    int status = err_http_status(error->code);

    /* The request is fine; the file is not, or not yet. */
    if (error->code == ERR_INVALID || error->code == ERR_TOO_LARGE)
        status = 415;
    else if (error->code == ERR_TIMEOUT)
        status = 503;
    exchange_fail_as(x, status, error->code, error->text);
}

/* "?can=avc1,mp4a.40.2": what the client says it plays. The list lives as long as the exchange. */
static size_t read_can(struct exchange *x, char ***out)
{
    char *text = exchange_alloc(x, QUERY_MAX), *rest = text, *word;
    size_t count = 0;

    *out = exchange_alloc(x, CODEC_STRINGS_MAX * sizeof(**out));
    if (!query_get(exchange_route(x)->query, "can", text, QUERY_MAX))
        return 0;
    while (count < CODEC_STRINGS_MAX && (word = strtok_r(rest, ", ", &rest)) != NULL)
        (*out)[count++] = word;
    return count;
}

/* ---- /hls/{hash or magnet}/{file}/... */

struct getting {
    struct exchange *x;
    Sharestream__Transcode__GetRequest request;
    bool is_second;
};

static void on_got(void *arg, const Sharestream__Transcode__GetReply *reply,
                   const struct error *error);

static void get(struct getting *getting)
{
    struct joined_asker *asker;
    struct joined *joined = exchange_joined(getting->x, &asker);

    joined_get(joined, &getting->request, asker, MAKE_MS, on_got, getting);
}

/* It has left the cache since the question was answered. */
static bool is_gone(const Sharestream__Transcode__GetReply *reply)
{
    return reply->file[0] != '\0' && access(reply->file, F_OK) != 0;
}

static void get_again(struct getting *getting)
{
    struct joined_asker *asker;

    getting->is_second = true;
    joined_forget(exchange_joined(getting->x, &asker), &getting->request);
    get(getting);
}

static void on_got(void *arg, const Sharestream__Transcode__GetReply *reply,
                   const struct error *error)
{
    struct getting *getting = arg;
    struct exchange *x = getting->x;

    if (reply == NULL) {
        fail(x, error);
        return;
    }
    if (is_gone(reply) && !getting->is_second) {
        get_again(getting);
        return;
    }
    exchange_add_header(x, "cache-control",
                        reply->file[0] == '\0' || reply->may_change ? "no-cache"
                        : exchange_http(x)->policy.needs_token      ? "private, max-age=86400"
                                                                    : "public, max-age=86400");
    if (reply->file[0] != '\0')
        exchange_reply_file(x, reply->type, reply->file);
    else
        exchange_reply(x, 200, reply->type, bytes_of(reply->body.data, reply->body.len));
}

/* "?delay=-500": subtitles come earlier by half a second. False: answered. */
static bool read_delay(struct exchange *x, int32_t *out)
{
    struct bytes query = exchange_route(x)->query, digits;
    char text[16];
    uint64_t ms;
    bool is_earlier;

    *out = 0;
    if (query_raw(query, "delay").data == NULL)
        return true;
    if (query_get(query, "delay", text, sizeof(text))) {
        is_earlier = text[0] == '-';
        digits = bytes_of_text(text + is_earlier);
        if (digits.len > 0 && bytes_decimal(digits, &ms) == digits.len && ms <= DELAY_MS_MAX) {
            *out = is_earlier ? -(int32_t)ms : (int32_t)ms;
            return true;
        }
    }
    exchange_fail_as(x, 400, ERR_INVALID, "delay is a number of milliseconds, at most 600000");
    return false;
}

/* Behind "/hls/<source>/<file>/"; borrowed from the path, as long as the exchange. */
static char *rest_of(struct exchange *x)
{
    struct bytes path = exchange_route(x)->path;
    char *text = exchange_alloc(x, path.len + 1);
    unsigned slashes = 0;
    size_t at = 0;

    while (at < path.len && slashes < 4)
        slashes += path.data[at++] == '/';
    memcpy(text, path.data + at, path.len - at);
    return text;
}

static void begin_hls(struct exchange *x, const struct routes_source *source)
{
    struct getting *getting = exchange_alloc(x, sizeof(*getting));
    Sharestream__Transcode__GetRequest *request = &getting->request;
    struct bytes query = exchange_route(x)->query;

    if (query.len > QUERY_MAX) {
        exchange_fail_as(x, 414, ERR_TOO_LARGE, "the query is too long to be repeated");
        return;
    }
    getting->x = x;
    sharestream__transcode__get_request__init(request);
    request->info_hash = exchange_alloc(x, sizeof(source->hash_text));
    memcpy(request->info_hash, source->hash_text, sizeof(source->hash_text));
    request->file = exchange_route(x)->file;
    request->path = rest_of(x);
    request->query = exchange_alloc(x, query.len + 1);
    memcpy(request->query, query.data != NULL ? query.data : (const uint8_t *)"", query.len);
    request->n_can = read_can(x, &request->can);
    request->burn = exchange_alloc(x, BURN_MAX);
    request->burn[0] = '\0';
    query_get(query, "burn", request->burn, BURN_MAX);
    if (!read_delay(x, &request->delay_ms))
        return;
    exchange_watch(x);
    get(getting);
}

void on_hls(struct exchange *x)
{
    routes_open(x, begin_hls);
}

/* ---- for people and pages */

static void on_looked(const Sharestream__Transcode__MediaReply *reply, void *arg)
{
    struct exchange *x = arg;

    exchange_add_header(x, "cache-control", "no-store");
    if (reply != NULL)
        exchange_reply_message(x, 200, &reply->base);
    else
        fail(x, exchange_call_error(x));
}

static void begin_media(struct exchange *x, const struct routes_source *source)
{
    Sharestream__Transcode__MediaRequest request = SHARESTREAM__TRANSCODE__MEDIA_REQUEST__INIT;

    request.info_hash = (char *)(uintptr_t)source->hash_text;
    request.file = exchange_route(x)->file;
    request.n_can = read_can(x, &request.can);
    exchange_watch(x);
    sharestream__transcode__transcode__media(exchange_transcode(x, MAKE_MS, source->hash_text),
                                             &request, on_looked, x);
}

void on_media(struct exchange *x)
{
    routes_open(x, begin_media);
}

static void on_listed(const Sharestream__Transcode__JobsReply *reply, void *arg)
{
    struct exchange *x = arg;

    exchange_add_header(x, "cache-control", "no-store");
    if (reply != NULL)
        exchange_reply_message(x, 200, &reply->base);
    else
        exchange_fail_error(x, exchange_call_error(x));
}

void on_jobs(struct exchange *x)
{
    Sharestream__Transcode__JobsRequest request = SHARESTREAM__TRANSCODE__JOBS_REQUEST__INIT;

    sharestream__transcode__transcode__jobs(exchange_transcode(x, ROUTES_CALL_MS, NULL), &request,
                                            on_listed, x);
}
