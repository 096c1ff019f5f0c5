/* SPDX-License-Identifier: MIT */
#include "routes.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "naming.h"
#include "shapes.h"
#include "wire/magnet.h"
#include "wire/metainfo.h"
#include "wire/query.h"

enum { TOKEN_TEXT_MAX = 256 };

static exchange_handler *const handlers[] = {
#define X(id, pattern, methods, need, handler) [ROUTE_##id] = (handler),
    ROUTES(X) ENGINE_ROUTES(X)
#undef X
};

bool routes_read_source(struct exchange *x, struct routes_source *out, struct error *error)
{
    const struct route *route = exchange_route(x);
    size_t cap = route->source.len + route->query.len + 2;
    struct magnet magnet;
    enum err err;

    out->text = exchange_alloc(x, cap);
    if (!percent_decode(route->source, out->text, cap, false)) {
        error_set(error, ERR_INVALID, "the info-hash is not well encoded");
        return false;
    }
    if (strncasecmp(out->text, "magnet:", 7) != 0) {
        if (!infohash_parse(bytes_of_text(out->text), &out->hash)) {
            error_set(error, ERR_INVALID,
                      "an info-hash is 40 hex digits or 32 characters of base32");
            return false;
        }
        infohash_text(&out->hash, out->hash_text);
        return true;
    }
    /* A link that was put into the path without encoding it: what follows its '?' became our query.
     */
    if (strlen(out->text) == 7 && route->query.len > 0) {
        out->text[7] = '?';
        memcpy(out->text + 8, route->query.data, route->query.len);
        out->text[8 + route->query.len] = '\0';
    }
    err = magnet_parse(bytes_of_text(out->text), &magnet, error);
    if (err != ERR_NONE)
        return false;
    out->hash = magnet.key;
    infohash_text(&out->hash, out->hash_text);
    magnet_fini(&magnet);
    return true;
}

/* What a signed link or a grant of this request would be for. */
struct paths {
    char link[NAMING_STREAM_PATH], grant[NAMING_STREAM_PATH];
};

static void find_paths(const struct route *route, struct paths *paths,
                       struct access_request *request)
{
    struct infohash hash;
    char hash_text[INFOHASH_TEXT];

    if ((route->need != NEED_LINK && route->need != NEED_GRANT) ||
        !infohash_parse(route->source, &hash))
        return;
    infohash_text(&hash, hash_text);
    request->grant_path = naming_torrent_path(hash_text, paths->grant);
    if (route->need == NEED_LINK && route->has_file)
        request->link_path = naming_stream_path(hash_text, route->file, paths->link);
}

static enum access_verdict judge(struct exchange *x, enum route_need need)
{
    const struct route *route = exchange_route(x);
    struct paths paths;
    char token[TOKEN_TEXT_MAX];
    struct access_request request = {
        .need = need,
        .changes_state = (route->method & METHOD_READ) == 0,
        .host = exchange_host(x),
        .origin = exchange_header(x, "origin"),
        .fetch_site = exchange_header(x, "sec-fetch-site"),
        .authorization = exchange_header(x, "authorization"),
        .expires = query_raw(route->query, "exp"),
        .signature = query_raw(route->query, "sig"),
        .now_s = clock_unix_ms() / 1000,
    };

    find_paths(route, &paths, &request);
    if (query_get(route->query, "token", token, sizeof(token)))
        request.token = bytes_of_text(token);
    return access_judge(&exchange_http(x)->policy, &request);
}

bool routes_is_operator(struct exchange *x)
{
    return judge(x, NEED_CHANGE) == ACCESS_ADMIN;
}

/* Answers 401 or 403 and returns false when the request may not go on. */
static bool authorise(struct exchange *x)
{
    const struct route *route = exchange_route(x);
    enum access_verdict verdict = judge(x, route->need);
    const char *advice, *reason = access_reason(verdict, &advice);

    exchange_set_admin(x, verdict == ACCESS_ADMIN);
    if (reason[0] == '\0')
        return true;
    bool has_no_token = verdict == ACCESS_NO_TOKEN || verdict == ACCESS_BAD_TOKEN;

    if (has_no_token)
        exchange_add_header(x, "www-authenticate", "Bearer realm=\"ShareStream\"");
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, has_no_token ? 401 : 403,
                        route->is_api ? shape_error("denied", reason, advice)
                                      : shape_p2m_error(reason));
    return false;
}

static void answer_preflight(struct exchange *x)
{
    char allow[ROUTE_ALLOW_TEXT];

    routes_add_tus(x);
    route_allow(exchange_route(x)->allowed, allow);
    exchange_add_header(x, "allow", allow);
    exchange_add_header(x, "access-control-allow-methods", allow);
    exchange_add_header(x, "access-control-allow-headers",
                        "Accept, Authorization, Content-Type, Range, If-Range, If-Match, "
                        "If-None-Match, Cache-Control, Last-Event-ID, X-CSRF-Token, "
                        "Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset");
    exchange_add_header(x, "access-control-max-age", "600");
    exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

static void answer_no_route(struct exchange *x)
{
    const struct route *route = exchange_route(x);
    char allow[ROUTE_ALLOW_TEXT];

    if (route->allowed != 0) {
        exchange_add_header(x, "allow", route_allow(route->allowed, allow));
        exchange_fail_as(x, 405, ERR_INVALID, "this path does not take that method");
    } else if (route->is_api) {
        exchange_fail(x, ERR_NOT_FOUND, "there is no such path; see /api/v1/openapi.yaml");
    } else {
        exchange_reply(x, 404, "text/plain; charset=utf-8", bytes_of_text("404 page not found\n"));
    }
}

void routes_dispatch(struct exchange *x)
{
    const struct route *route = exchange_route(x);

    if (route->method == METHOD_OPTIONS && route->allowed != 0)
        answer_preflight(x);
    else if (route->id == ROUTE_NONE)
        answer_no_route(x);
    else if (route->need == NEED_OPEN || authorise(x))
        handlers[route->id](x);
}

char *routes_key_of_add(const Sharestream__Torrent__AddRequest *request)
{
    struct bytes source = bytes_of_text(request->source);
    struct metainfo metainfo;
    struct magnet magnet;
    struct infohash hash;
    struct error error;
    char text[INFOHASH_TEXT];

    if (request->metainfo.len > 0) {
        if (metainfo_check(bytes_of(request->metainfo.data, request->metainfo.len), &metainfo,
                           &error) != ERR_NONE)
            return NULL; /* any of them says what is wrong with it */
        metainfo_hash(&metainfo, &hash);
    } else if (strncasecmp(request->source, "magnet:", 7) == 0) {
        if (magnet_parse(source, &magnet, &error) != ERR_NONE)
            return NULL;
        hash = magnet.key;
        magnet_fini(&magnet);
    } else if (!infohash_parse(source, &hash)) {
        return xstrdup(request->source); /* a URL: whose it is, is not known yet */
    }
    return xstrdup(infohash_text(&hash, text));
}
