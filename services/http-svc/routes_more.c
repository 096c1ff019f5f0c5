/* SPDX-License-Identifier: MIT
 *
 * routes_more: answers of /api/v1 that are more than a message as JSON: the .torrent file,
 * playlists, links and events.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "bus/pb_json.h"
#include "naming.h"
#include "routes.h"
#include "routes_listing.h"
#include "shapes.h"
#include "wire/query.h"

/* ---- questions about one torrent */

static char *read_hash(struct exchange *x, struct infohash *hash)
{
    char *text = exchange_alloc(x, INFOHASH_TEXT);

    if (infohash_parse(exchange_route(x)->source, hash))
        return infohash_text(hash, text);
    exchange_fail(x, ERR_INVALID, "an info-hash is 40 hex digits or 32 characters of base32");
    return NULL;
}

static void get(struct exchange *x, uint32_t first_file,
                Sharestream__Torrent__TorrentInfo_Closure closure)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    struct infohash hash;

    request.info_hash = read_hash(x, &hash);
    request.first_file = first_file;
    if (request.info_hash != NULL)
        sharestream__torrent__torrent__get(exchange_torrent(x, ROUTES_CALL_MS, request.info_hash),
                                           &request, closure, x);
}

static void on_metainfo_reply(const Sharestream__Torrent__MetainfoReply *reply, void *arg)
{
    struct exchange *x = arg;
    struct text disposition = {0}, body = {0};
    char name[64];

    if (reply == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    shape_metainfo(&body, bytes_of(reply->metainfo.data, reply->metainfo.len),
                   exchange_is_admin(x));
    if (body.len == 0) {
        exchange_fail(x, ERR_NOT_FOUND, "the metadata of this torrent is not here yet");
        return;
    }
    snprintf(name, sizeof(name), "%.*s.torrent", (int)exchange_route(x)->source.len,
             (const char *)exchange_route(x)->source.data);
    naming_disposition(&disposition, name, true);
    exchange_add_header(x, "content-disposition", text_str(&disposition));
    text_fini(&disposition);
    exchange_reply(x, 200, "application/x-bittorrent", bytes_of(body.data, body.len));
    text_fini(&body);
}

void on_metainfo(struct exchange *x)
{
    Sharestream__Torrent__Name request = SHARESTREAM__TORRENT__NAME__INIT;
    struct infohash hash;

    request.info_hash = read_hash(x, &hash);
    if (request.info_hash != NULL)
        sharestream__torrent__torrent__metainfo(
            exchange_torrent(x, ROUTES_CALL_MS, request.info_hash), &request, on_metainfo_reply, x);
}

/* ---- links */

void routes_add_base(struct exchange *x, struct text *out)
{
    const struct http *http = exchange_http(x);

    if (http->settings->public_url[0] != '\0')
        text_add(out, http->base_url);
    else
        naming_base(out, exchange_is_tls(x), exchange_host(x), http->base_url);
}

/* No longer than the grant of who asks with one: nobody prolongs that himself. */
static struct naming_link link_of(struct exchange *x, const struct text *base, const char *hash)
{
    const struct http *http = exchange_http(x);
    uint64_t expires_s = (clock_unix_ms() + http->settings->link_lifetime) / 1000, granted_s;

    if (!exchange_is_admin(x) &&
        access_read_expiry(query_raw(exchange_route(x)->query, "exp"), &granted_s))
        expires_s = MIN(expires_s, granted_s);
    return (struct naming_link){
        .base = text_str(base),
        .hash = hash,
        .key = http->policy.needs_token ? http->link_key : NULL,
        .expires_s = expires_s,
    };
}

static bool is_playable(const Sharestream__Torrent__File *file)
{
    return strcmp(file->kind, "video") == 0 || strcmp(file->kind, "audio") == 0;
}

static void add_to_playlist(struct exchange *x, const Sharestream__Torrent__TorrentInfo *info,
                            struct text *body)
{
    struct text base = {0}, url = {0};

    routes_add_base(x, &base);
    if (body->len == 0)
        naming_m3u_begin(body);
    for (size_t i = 0; i < info->n_files; i++) {
        struct naming_link link = link_of(x, &base, info->info_hash);

        if (!is_playable(info->files[i]))
            continue;
        link.file = info->files[i]->id;
        link.path = info->files[i]->path;
        text_clear(&url);
        naming_url(&url, &link);
        naming_m3u_add(body, info->files[i]->path, text_str(&url));
    }
    text_fini(&base);
    text_fini(&url);
}

static void answer_playlist(struct exchange *x, const Sharestream__Torrent__TorrentInfo *last,
                            struct text *body)
{
    (void)last;
    exchange_add_header(x, "cache-control", "no-store");
    exchange_add_header(x, "content-disposition", "inline; filename=\"playlist.m3u\"");
    exchange_reply(x, 200, "audio/x-mpegurl", bytes_of_text(text_str(body)));
}

static void on_playlist_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    static const struct listing_kind kind = {add_to_playlist, answer_playlist};
    struct exchange *x = arg;

    if (info == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else if (!info->has_metadata)
        exchange_fail(x, ERR_NOT_FOUND, "the metadata of this torrent is not here yet");
    else
        listing_answer(x, &kind, info);
}

void on_playlist(struct exchange *x)
{
    get(x, 0, on_playlist_info);
}

static void on_link_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct exchange *x = arg;
    const struct route *route = exchange_route(x);
    struct text base = {0}, url = {0};

    /* The list was asked for from this file on. */
    if (info == NULL || info->n_files == 0 || info->files[0]->id != route->file) {
        if (info == NULL)
            exchange_fail_error(x, exchange_call_error(x));
        else
            exchange_fail(x, ERR_NOT_FOUND, "this torrent has no such file, or no metadata yet");
        return;
    }
    routes_add_base(x, &base);
    struct naming_link link = link_of(x, &base, info->info_hash);
    link.file = route->file;
    link.path = info->files[0]->path;
    naming_url(&url, &link);
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200,
                        json_pack("{s:o,s:I}", "url", shape_text(text_str(&url)), "expiresUnixS",
                                  link.key != NULL ? (json_int_t)link.expires_s : 0));
    text_fini(&base);
    text_fini(&url);
}

void on_link(struct exchange *x)
{
    if (exchange_route(x)->has_file)
        get(x, exchange_route(x)->file, on_link_info);
    else
        exchange_fail(x, ERR_INVALID, "a file id is a number");
}

/* ---- events */

static void start_events(struct exchange *x, const struct infohash *hash, struct feed_event *first)
{
    if (event_socket_is_wanted(x))
        event_socket_start(x, hash, first);
    else
        event_body_start(x, hash, first);
}

static void on_events_info(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct exchange *x = arg;
    struct infohash hash;
    json_t *json;
    char *text;

    if (info == NULL || !infohash_parse(bytes_of_text(info->info_hash), &hash)) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    json = shape_torrent(&info->base, exchange_is_admin(x));
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    start_events(x, &hash, feed_event_new("progress", text, &hash));
    free(text);
}

void on_torrent_events(struct exchange *x)
{
    get(x, 0, on_events_info);
}

void on_all_events(struct exchange *x)
{
    start_events(x, NULL, NULL);
}
