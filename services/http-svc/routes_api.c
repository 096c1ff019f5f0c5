/* SPDX-License-Identifier: MIT
 *
 * routes_api: /api/v1, torrents and what is done to them. Each handler turns a request into one
 * message for torrent-svc, and its reply into JSON by the message's own descriptor.
 */
#include <proto/rtc.pb-c.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "routes.h"
#include "shapes.h"
#include "wire/query.h"

enum { JSON_DEPTH_FLAGS = JSON_REJECT_DUPLICATES, TEXT_MAX = 64 };

/* ---- reading requests */

/* The :hash of the path as canonical text in the exchange's memory; NULL: answered. */
static char *read_hash(struct exchange *x)
{
    char *text = exchange_alloc(x, INFOHASH_TEXT);
    struct infohash hash;

    if (infohash_parse(exchange_route(x)->source, &hash))
        return infohash_text(&hash, text);
    exchange_fail(x, ERR_INVALID, "an info-hash is 40 hex digits or 32 characters of base32");
    return NULL;
}

static bool is_type(struct exchange *x, const char *type)
{
    struct bytes value = exchange_header(x, "content-type");
    size_t len = strlen(type);

    return value.len >= len && strncasecmp((const char *)value.data, type, len) == 0 &&
           (value.len == len || value.data[len] == ';' || value.data[len] == ' ');
}

ProtobufCMessage *routes_read_message(struct exchange *x,
                                      const ProtobufCMessageDescriptor *descriptor)
{
    struct bytes body = exchange_body(x);
    json_error_t json_error = {0};
    struct error error = {0};
    ProtobufCMessage *message = NULL;
    json_t *json;

    if (body.len > 0 && exchange_header(x, "content-type").data != NULL &&
        !is_type(x, "application/json")) {
        exchange_fail_as(x, 415, ERR_INVALID, "the body should be application/json");
        return NULL;
    }
    json = body.len > 0
               ? json_loadb((const char *)body.data, body.len, JSON_DEPTH_FLAGS, &json_error)
               : json_object();
    if (json == NULL) {
        exchange_fail(x, ERR_INVALID, "the body is no JSON: %s, line %d", json_error.text,
                      json_error.line);
        return NULL;
    }
    if (pb_from_json(descriptor, json, &message, &error) != ERR_NONE) {
        exchange_fail_error(x, &error);
        message = NULL;
    }
    json_decref(json);
    return message;
}

void routes_set_text(char **field, const char *text)
{
    if (*field != NULL && *field != (const char *)protobuf_c_empty_string)
        free(*field);
    *field = xstrdup(text);
}

bool routes_read_number(struct exchange *x, const char *name, uint64_t *out)
{
    struct bytes query = exchange_route(x)->query;
    char text[TEXT_MAX];

    *out = 0;
    if (query_raw(query, name).data == NULL ||
        (query_get(query, name, text, sizeof(text)) && parse_count(text, out)))
        return true;
    exchange_fail(x, ERR_INVALID, "%s is a number", name);
    return false;
}

/* ?wait=30s; 0 when absent or broken. */
static uint32_t read_wait(struct exchange *x)
{
    char text[TEXT_MAX];
    uint64_t ms;

    if (!query_get(exchange_route(x)->query, "wait", text, sizeof(text)) ||
        !parse_duration_ms(text, &ms))
        return 0;
    return (uint32_t)MIN(ms, (uint64_t)ROUTES_WAIT_MS);
}

/* ?firstFile=; 0 when absent or broken. */
static uint32_t read_first_file(struct exchange *x)
{
    char text[TEXT_MAX];
    uint64_t file;

    if (!query_get(exchange_route(x)->query, "firstFile", text, sizeof(text)) ||
        !parse_count(text, &file))
        return 0;
    return (uint32_t)MIN(file, (uint64_t)UINT32_MAX);
}

static uint32_t call_ms(uint32_t wait_ms)
{
    return ROUTES_CALL_MS + wait_ms;
}

/* ---- replies that are the message itself, or nothing */

void routes_answer_message(struct exchange *x, const void *message)
{
    if (message == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_message(x, 200, message);
}

#define DEFINE_ANSWER(name, type)                                                                  \
    static void name(const Sharestream__Torrent__##type *reply, void *arg)                         \
    {                                                                                              \
        routes_answer_message(arg, reply);                                                         \
    }
DEFINE_ANSWER(on_limits_reply, Limits)
DEFINE_ANSWER(on_peers_reply, PeersReply)
DEFINE_ANSWER(on_pieces_reply, PiecesReply)

/* What viewers may ask as well. */
static void answer_seen(struct exchange *x, const ProtobufCMessage *message)
{
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200, shape_torrent(message, exchange_is_admin(x)));
}

static void on_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    if (info != NULL)
        answer_seen(arg, &info->base);
    else
        exchange_fail_error(arg, exchange_call_error(arg));
}

static void on_diagnosis_reply(const Sharestream__Torrent__Diagnosis *reply, void *arg)
{
    if (reply != NULL)
        answer_seen(arg, &reply->base);
    else
        exchange_fail_error(arg, exchange_call_error(arg));
}

static void on_done(const Sharestream__Torrent__Empty *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else
        exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

/* ---- adding */

static void on_added(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    struct exchange *x = arg;
    char location[80];

    if (reply == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    snprintf(location, sizeof(location), "/api/v1/torrents/%s", reply->info_hash);
    exchange_add_header(x, "location", location);
    exchange_reply_message(x, reply->is_new ? 201 : 200, &reply->base);
}

static void send_add(struct exchange *x, Sharestream__Torrent__AddRequest *request)
{
    char *key = routes_key_of_add(request);

    request->wait_ms = MIN(request->wait_ms, (uint32_t)ROUTES_WAIT_MS);
    if (request->wait_ms > 0)
        exchange_watch(x);
    sharestream__torrent__torrent__add(exchange_torrent(x, call_ms(request->wait_ms), key), request,
                                       on_added, x);
    free(key);
}

void on_add(struct exchange *x)
{
    Sharestream__Torrent__AddRequest raw = SHARESTREAM__TORRENT__ADD_REQUEST__INIT, *request;
    struct bytes body = exchange_body(x);

    if (is_type(x, "application/x-bittorrent")) {
        /* Borrowed: packing only reads. */
        raw.metainfo.data = (uint8_t *)(uintptr_t)body.data;
        raw.metainfo.len = body.len;
        raw.wait_ms = read_wait(x);
        send_add(x, &raw);
        return;
    }
    request = (void *)routes_read_message(x, &sharestream__torrent__add_request__descriptor);
    if (request == NULL)
        return;
    if (request->source[0] == '\0' && request->metainfo.len == 0)
        exchange_fail(x, ERR_INVALID, "say what to add: source is a magnet link, URL or info-hash");
    else
        send_add(x, request);
    protobuf_c_message_free_unpacked(&request->base, NULL);
}

static void on_seeded(const Sharestream__Torrent__SeedReply *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else
        exchange_reply_message(x, reply->info_hash[0] != '\0' ? 201 : 202, &reply->base);
}

void on_seed(struct exchange *x)
{
    Sharestream__Torrent__SeedRequest *request =
        (void *)routes_read_message(x, &sharestream__torrent__seed_request__descriptor);

    if (request == NULL)
        return;
    if (request->path[0] != '/') {
        exchange_fail(x, ERR_INVALID, "path has to be absolute, and readable by torrent-svc");
    } else {
        request->wait_ms = MIN(request->wait_ms, (uint32_t)ROUTES_WAIT_MS);
        if (request->wait_ms > 0)
            exchange_watch(x);
        sharestream__torrent__torrent__seed(exchange_torrent(x, call_ms(request->wait_ms), NULL),
                                            request, on_seeded, x);
    }
    protobuf_c_message_free_unpacked(&request->base, NULL);
}

/* ---- reading */

static void get(struct exchange *x, Sharestream__Torrent__TorrentInfo_Closure closure)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = read_hash(x);
    if (request.info_hash == NULL)
        return;
    request.wait_ms = read_wait(x);
    request.first_file = read_first_file(x);
    if (request.wait_ms > 0)
        exchange_watch(x);
    sharestream__torrent__torrent__get(
        exchange_torrent(x, call_ms(request.wait_ms), request.info_hash), &request, closure, x);
}

void on_get(struct exchange *x)
{
    get(x, on_info);
}

static void on_files_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct exchange *x = arg;
    json_t *files;

    if (info == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    files = json_array();
    for (size_t i = 0; i < info->n_files; i++)
        json_array_append_new(files, pb_to_json(&info->files[i]->base));
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200,
                        json_pack("{s:b,s:I,s:o}", "hasMetadata", (int)info->has_metadata,
                                  "fileCount", (json_int_t)info->file_count, "files", files));
}

void on_files(struct exchange *x)
{
    get(x, on_files_info);
}

void on_peers(struct exchange *x)
{
    Sharestream__Torrent__PeersRequest request = SHARESTREAM__TORRENT__PEERS_REQUEST__INIT;

    request.info_hash = read_hash(x);
    if (request.info_hash != NULL)
        sharestream__torrent__torrent__peers(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash),
                                             &request, on_peers_reply, x);
}

void on_pieces(struct exchange *x)
{
    Sharestream__Torrent__PiecesRequest request = SHARESTREAM__TORRENT__PIECES_REQUEST__INIT;
    uint64_t cells;

    request.info_hash = read_hash(x);
    if (request.info_hash == NULL || !routes_read_number(x, "cells", &cells))
        return;
    request.cells = (uint32_t)MIN(cells, (uint64_t)UINT32_MAX);
    sharestream__torrent__torrent__pieces(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash),
                                          &request, on_pieces_reply, x);
}

static void on_browsers_reply(const Sharestream__Rtc__PeersReply *reply, void *arg)
{
    routes_answer_message(arg, reply);
}

void on_browsers(struct exchange *x)
{
    Sharestream__Rtc__PeersRequest request = SHARESTREAM__RTC__PEERS_REQUEST__INIT;

    request.info_hash = read_hash(x);
    if (request.info_hash != NULL)
        sharestream__rtc__rtc__peers(exchange_rtc(x, ROUTES_CALL_MS), &request, on_browsers_reply,
                                     x);
}

void on_diagnosis(struct exchange *x)
{
    Sharestream__Torrent__DiagnoseRequest request = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;
    const struct route *route = exchange_route(x);

    request.info_hash = read_hash(x);
    if (request.info_hash == NULL)
        return;
    if (!route->has_file) {
        exchange_fail(x, ERR_INVALID, "a file id is a number");
        return;
    }
    request.file = route->file;
    if (!routes_read_number(x, "position", &request.position))
        return;
    sharestream__torrent__torrent__diagnose(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash),
                                            &request, on_diagnosis_reply, x);
}

void on_file_ready(struct exchange *x)
{
    const struct route *route = exchange_route(x);
    struct infohash hash;

    if (read_hash(x) == NULL)
        return;
    infohash_parse(route->source, &hash);
    if (route->has_file)
        ready_answer(x, &hash, route->file);
    else
        exchange_fail(x, ERR_INVALID, "a file id is a number");
}

/* ---- changing */

void on_remove(struct exchange *x)
{
    Sharestream__Torrent__RemoveRequest request = SHARESTREAM__TORRENT__REMOVE_REQUEST__INIT;
    char text[TEXT_MAX];
    bool keeps = false;

    request.info_hash = read_hash(x);
    if (request.info_hash == NULL)
        return;
    /* Data is gone for good: a value that is not understood must not mean "delete". */
    if (query_raw(exchange_route(x)->query, "keepData").data != NULL &&
        (!query_get(exchange_route(x)->query, "keepData", text, sizeof(text)) ||
         !parse_bool(text, &keeps))) {
        exchange_fail(x, ERR_INVALID, "keepData is true or false");
        return;
    }
    request.keeps_data = keeps;
    sharestream__torrent__torrent__remove(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash),
                                          &request, on_done, x);
}

typedef void name_call(ProtobufCService *service, const Sharestream__Torrent__Name *request,
                       Sharestream__Torrent__Empty_Closure closure, void *arg);

static void call_by_name(struct exchange *x, name_call *call)
{
    Sharestream__Torrent__Name request = SHARESTREAM__TORRENT__NAME__INIT;

    request.info_hash = read_hash(x);
    if (request.info_hash != NULL)
        call(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash), &request, on_done, x);
}

void on_pause(struct exchange *x)
{
    call_by_name(x, sharestream__torrent__torrent__pause);
}

void on_resume(struct exchange *x)
{
    call_by_name(x, sharestream__torrent__torrent__resume);
}

void on_recheck(struct exchange *x)
{
    call_by_name(x, sharestream__torrent__torrent__recheck);
}

void on_select(struct exchange *x)
{
    char *hash = read_hash(x);
    Sharestream__Torrent__SelectRequest *request;

    if (hash == NULL)
        return;
    request = (void *)routes_read_message(x, &sharestream__torrent__select_request__descriptor);
    if (request == NULL)
        return;
    routes_set_text(&request->info_hash, hash);
    sharestream__torrent__torrent__select(exchange_torrent(x, ROUTES_CALL_MS, hash), request,
                                          on_done, x);
    protobuf_c_message_free_unpacked(&request->base, NULL);
}

/* Of a torrent when the path names one, else of the session. NULL *hash_out is the latter. False:
 * answered. */
static bool read_limits_hash(struct exchange *x, char **hash_out)
{
    *hash_out = NULL;
    return exchange_route(x)->source.len == 0 || (*hash_out = read_hash(x)) != NULL;
}

static void send_limits(struct exchange *x, char *hash, Sharestream__Torrent__Limits *limits)
{
    Sharestream__Torrent__LimitsRequest request = SHARESTREAM__TORRENT__LIMITS_REQUEST__INIT;

    if (hash != NULL)
        request.info_hash = hash;
    request.limits = limits;
    sharestream__torrent__torrent__set_limits(exchange_torrent(x, ROUTES_CALL_MS, hash), &request,
                                              on_limits_reply, x);
}

void on_limits(struct exchange *x)
{
    char *hash;

    if (read_limits_hash(x, &hash))
        send_limits(x, hash, NULL);
}

void on_set_limits(struct exchange *x)
{
    Sharestream__Torrent__Limits *limits;
    char *hash;

    if (!read_limits_hash(x, &hash))
        return;
    limits = (void *)routes_read_message(x, &sharestream__torrent__limits__descriptor);
    if (limits == NULL)
        return;
    send_limits(x, hash, limits);
    protobuf_c_message_free_unpacked(&limits->base, NULL);
}
