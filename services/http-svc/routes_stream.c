/* SPDX-License-Identifier: MIT
 *
 * routes_stream: a file of a torrent over HTTP, and tod-p2m's way to ask what a torrent holds.
 * Errors have tod-p2m's texts.
 */
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "routes.h"
#include "routes_listing.h"
#include "shapes.h"
#include "stream/mirror.h"

/* ---- GET /stream/{hash}/{file} */

struct opening {
    struct exchange *x;
    struct routes_source source;
    routes_begin_fn *begin;
    struct mirror_draft *draft; /* of a torrent on another machine */
};

static void opening_fini(void *memory)
{
    mirror_draft_free(&((struct opening *)memory)->draft);
}

static void begin(struct opening *opening)
{
    opening->begin(opening->x, &opening->source);
}

static void fail_stream(struct exchange *x, const struct error *error)
{
    enum err code = error != NULL ? error->code : ERR_TIMEOUT;

    if (error != NULL)
        log_debug("torrent not got", "error=%s", error->text);
    if (code == ERR_UNAVAILABLE || code == ERR_BUSY)
        exchange_fail_as(x, 503, code, "Failed to get torrent");
    else if (code == ERR_NO_SPACE)
        exchange_fail_as(x, 507, code, error->text);
    else
        exchange_fail_as(x, 500, ERR_INTERNAL, "Failed to get torrent");
}

static void on_got(const Sharestream__Torrent__TorrentInfo *info, void *arg);

static void get(struct opening *opening, uint32_t first_file)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = opening->source.hash_text;
    request.wait_ms = first_file == 0 ? ROUTES_WAIT_MS : 0;
    request.first_file = first_file;
    sharestream__torrent__torrent__get(
        exchange_torrent(opening->x, ROUTES_WAIT_CALL_MS, opening->source.hash_text), &request,
        on_got, opening);
}

/* It is known, and still there is no map: its files are on another machine. */
static void mirror(struct opening *opening, const Sharestream__Torrent__TorrentInfo *info)
{
    struct exchange *x = opening->x;
    struct error error = {0};
    uint32_t next;

    if (opening->draft == NULL)
        opening->draft = mirror_draft_new(&opening->source.hash);
    if (!mirror_draft_add(opening->draft, info, &next))
        get(opening, next);
    else if (exchange_add_mirror(x, opening->draft, &error) != ERR_NONE)
        fail_stream(x, &error);
    else
        begin(opening);
}

static void on_known(struct opening *opening, const Sharestream__Torrent__TorrentInfo *info)
{
    if (info == NULL || !info->has_metadata)
        fail_stream(opening->x, info == NULL ? exchange_call_error(opening->x) : NULL);
    else if (exchange_has_map(opening->x, &opening->source.hash))
        begin(opening);
    else
        mirror(opening, info);
}

static void on_got(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    on_known(arg, info);
}

static void on_added(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    on_known(arg, reply != NULL ? reply->info : NULL);
}

/* No map: nobody has opened this torrent yet, or its metadata is still to come. */
static void ask_for_torrent(struct opening *opening)
{
    struct exchange *x = opening->x;

    exchange_watch(x);
    if (exchange_is_admin(x)) {
        Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;

        request.source = opening->source.text;
        request.wait_ms = ROUTES_WAIT_MS;
        sharestream__torrent__torrent__add(
            exchange_torrent(x, ROUTES_WAIT_CALL_MS, opening->source.hash_text), &request, on_added,
            opening);
    } else {
        get(opening, 0);
    }
}

void routes_open(struct exchange *x, routes_begin_fn *then)
{
    struct opening *opening = exchange_alloc_until(x, sizeof(*opening), opening_fini);
    struct error error = {0};

    opening->x = x;
    opening->begin = then;
    if (!exchange_route(x)->has_file)
        exchange_fail_as(x, 400, ERR_INVALID, "Invalid file ID");
    else if (!routes_read_source(x, &opening->source, &error))
        exchange_fail_as(x, 500, ERR_INVALID, "Failed to get torrent");
    else if (exchange_has_map(x, &opening->source.hash))
        begin(opening);
    else
        ask_for_torrent(opening);
}

static void begin_stream(struct exchange *x, const struct routes_source *source)
{
    stream_answer(x, &source->hash, exchange_route(x)->file);
}

void on_stream(struct exchange *x)
{
    routes_open(x, begin_stream);
}

/* ---- GET /torrent/{hash or magnet} */

static void add_p2m_files(struct exchange *x, const Sharestream__Torrent__TorrentInfo *info,
                          struct text *body)
{
    (void)x;
    if (body->len == 0)
        shape_p2m_begin(body, info);
    shape_p2m_files(body, info);
}

static void answer_p2m(struct exchange *x, const Sharestream__Torrent__TorrentInfo *last,
                       struct text *body)
{
    shape_p2m_end(body, last);
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply(x, 200, "application/json", bytes_of_text(text_str(body)));
}

static void on_p2m_added(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    static const struct listing_kind kind = {add_p2m_files, answer_p2m};
    struct exchange *x = arg;
    const struct error *error = reply == NULL ? exchange_call_error(x) : NULL;
    char text[300];

    if (reply != NULL && reply->info != NULL && reply->info->has_metadata) {
        listing_answer(x, &kind, reply->info);
    } else if (error == NULL || error->code == ERR_TIMEOUT) {
        exchange_fail_as(x, 500, ERR_TIMEOUT, "timeout waiting for torrent info");
    } else if (error->code == ERR_UNAVAILABLE || error->code == ERR_BUSY ||
               error->code == ERR_NO_SPACE) {
        exchange_fail_error(x, error);
    } else {
        snprintf(text, sizeof(text), "failed to add magnet: %s", error->text);
        exchange_fail_as(x, 500, error->code, text);
    }
}

void on_p2m_torrent(struct exchange *x)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct routes_source source;
    struct error error = {0};
    char text[300];

    if (!routes_read_source(x, &source, &error)) {
        snprintf(text, sizeof(text), "failed to add magnet: %s", error.text);
        exchange_fail_as(x, 500, ERR_INVALID, text);
        return;
    }
    request.source = source.text;
    request.wait_ms = ROUTES_WAIT_MS;
    exchange_watch(x);
    sharestream__torrent__torrent__add(exchange_torrent(x, ROUTES_WAIT_CALL_MS, source.hash_text),
                                       &request, on_p2m_added, x);
}
