/* SPDX-License-Identifier: MIT
 *
 * http_handlers: what http-svc answers on the bus (proto/http.proto), on the main thread.
 */
#include <string.h>

#include "base/clock.h"
#include "front.h"
#include "http_stats.h"
#include "naming.h"
#include "wire/infohash.h"

typedef Sharestream__Http__Http_Service Service;

void http_stats(const struct http *http, Sharestream__Http__StatsReply *out)
{
    out->base_url = http->base_url;
    out->connections = (uint32_t)http->metrics.connections;
    out->streams = (uint32_t)http->metrics.streams;
    out->waiting = (uint32_t)http->metrics.streams_waiting;
    out->sent_bytes = http->metrics.sent_bytes_total;
    out->requests = http->metrics.requests_total;
    out->needs_token = http->policy.needs_token;
    out->engine_port = front_port(http->front, FRONT_ENGINE);
}

static void on_stats(Service *service, const Sharestream__Http__StatsRequest *request,
                     Sharestream__Http__StatsReply_Closure closure, void *data)
{
    Sharestream__Http__StatsReply reply = SHARESTREAM__HTTP__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    http_stats(bus_state(data), &reply);
    closure(&reply, data);
}

static void on_link(Service *service, const Sharestream__Http__LinkRequest *request,
                    Sharestream__Http__LinkReply_Closure closure, void *data)
{
    const struct http *http = bus_state(data);
    Sharestream__Http__LinkReply reply = SHARESTREAM__HTTP__LINK_REPLY__INIT;
    struct infohash hash;
    char hash_text[INFOHASH_TEXT];
    struct text url = {0};
    uint64_t lifetime_s =
        request->lifetime_s != 0 ? request->lifetime_s : http->settings->link_lifetime / 1000;

    (void)service;
    if (!infohash_parse(bytes_of_text(request->info_hash), &hash)) {
        bus_fail(data, ERR_INVALID, "'%.80s' is no info-hash", request->info_hash);
        return;
    }
    struct naming_link link = {
        .base = http->base_url,
        .hash = infohash_text(&hash, hash_text),
        .file = request->file,
        .path = request->name,
        .key = http->policy.needs_token ? http->link_key : NULL,
        .expires_s = clock_unix_ms() / 1000 + lifetime_s,
    };
    naming_url(&url, &link);
    reply.url = url.data;
    reply.expires_unix_s = link.key != NULL ? link.expires_s : 0;
    closure(&reply, data);
    text_fini(&url);
}

static void on_grant(Service *service, const Sharestream__Http__GrantRequest *request,
                     Sharestream__Http__GrantReply_Closure closure, void *data)
{
    const struct http *http = bus_state(data);
    Sharestream__Http__GrantReply reply = SHARESTREAM__HTTP__GRANT_REPLY__INIT;
    char hash_text[INFOHASH_TEXT], path[NAMING_STREAM_PATH];
    struct text query = {0};
    struct infohash hash;

    (void)service;
    if (!infohash_parse(bytes_of_text(request->info_hash), &hash)) {
        bus_fail(data, ERR_INVALID, "'%.80s' is no info-hash", request->info_hash);
        return;
    }
    if (http->policy.needs_token) {
        reply.expires_unix_s = (clock_unix_ms() + http->settings->grant_lifetime) / 1000;
        naming_signature(&query, http->link_key,
                         naming_torrent_path(infohash_text(&hash, hash_text), path),
                         reply.expires_unix_s);
        reply.query = query.data;
    }
    closure(&reply, data);
    text_fini(&query);
}

static Service service = SHARESTREAM__HTTP__HTTP__INIT(on_);

ProtobufCService *http_service(void)
{
    return &service.base;
}
