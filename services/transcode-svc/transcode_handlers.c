/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/transcode.proto. Get ends in a playlist, which is made at once, or
 * in a segment, which may have to be made; both need to know the film first.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <proto/transcode.pb-c.h>

#include "base/clock.h"
#include "base/must.h"
#include "choice.h"
#include "film.h"
#include "jobs_handlers.h"
#include "playlist.h"
#include "subtitles.h"
#include "subtitles_handlers.h"
#include "transcode.h"
#include "wire/font.h"

typedef Sharestream__Transcode__Transcode_Service Rpc;
typedef Sharestream__Transcode__GetRequest GetRequest;
typedef Sharestream__Transcode__GetReply GetReply;
typedef Sharestream__Transcode__MediaReply MediaReply;

/* Goes nowhere: whom it is for is not there any more. */
static const struct error nobody_waits = {ERR_CANCELLED, "nobody waits for it"};

/* ---- Get */

/* Outlives the handler: the request does not. */
struct getting {
    Sharestream__Transcode__GetReply_Closure closure;
    void *data;
    struct transcode *transcode;
    struct file_id film;
    struct path path;
    char *query, *burn;
    struct choice_client client;
};

static void getting_free(struct getting *getting)
{
    choice_client_fini(&getting->client);
    free(getting->query);
    free(getting->burn);
    free(getting);
}

/* What kind of font it is, its first bytes tell. */
static const char *type_of_font(const char *file)
{
    uint8_t head[FONT_HEAD_BYTES];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, head, sizeof(head)) : 0;
    const char *type = font_type(bytes_of(head, (size_t)MAX(len, 0)));

    if (fd >= 0)
        close(fd);
    return type != NULL ? type : "application/octet-stream";
}

/* `file`: what is sent, unless it is made on the spot. */
static const char *type_of(const struct path *path, const char *file)
{
    switch (path->what) {
    case PATH_MASTER:
    case PATH_PLAYLIST:
        return "application/vnd.apple.mpegurl";
    case PATH_CUES:
    case PATH_ALONE:
        return "text/vtt; charset=utf-8";
    case PATH_SCRIPT:
        return "text/x-ssa; charset=utf-8";
    case PATH_FONT:
        return type_of_font(file);
    case PATH_PROGRESS:
        return "application/json";
    case PATH_NONE:
    case PATH_INIT:
    case PATH_SEGMENT:
        break;
    }
    switch (path->rendition.kind) {
    case RENDITION_TS:
        return "video/mp2t";
    case RENDITION_AUDIO:
        return "audio/mp4";
    case RENDITION_SUBTITLE:
    case RENDITION_EXTERNAL:
    case RENDITION_UPLOAD:
        return "text/vtt; charset=utf-8";
    case RENDITION_THUMBS:
    case RENDITION_POSTER:
        return "image/jpeg";
    case RENDITION_WAVEFORM:
        return "application/json";
    case RENDITION_VIDEO:
        break;
    }
    return "video/mp4";
}

static void answer_text(struct getting *getting, struct text *body)
{
    GetReply reply = SHARESTREAM__TRANSCODE__GET_REPLY__INIT;
    char *type = xstrdup(type_of(&getting->path, NULL));

    reply.type = type;
    reply.body.data = (uint8_t *)body->data;
    reply.body.len = body->len;
    getting->closure(&reply, getting->data);
    free(type);
    text_fini(body);
    getting_free(getting);
}

static void answer_file(struct getting *getting, const char *path, uint64_t size)
{
    GetReply reply = SHARESTREAM__TRANSCODE__GET_REPLY__INIT;
    char *type = xstrdup(type_of(&getting->path, path)), *file = xstrdup(path);

    reply.type = type;
    reply.file = file;
    reply.size = size;
    reply.may_change = getting->path.rendition.kind == RENDITION_POSTER ||
                       getting->path.rendition.kind == RENDITION_UPLOAD; /* may be removed */
    getting->closure(&reply, getting->data);
    free(type);
    free(file);
    getting_free(getting);
}

static void answer_error(struct getting *getting, const struct error *error)
{
    bus_fail_error(getting->data, error);
    getting_free(getting);
}

static void on_made(void *arg, const char *path, uint64_t size, const struct error *error)
{
    if (path != NULL)
        answer_file(arg, path, size);
    else
        answer_error(arg, error);
}

static bool read_burn(const struct getting *getting, const struct film *film,
                      struct playlist_sizes *sizes)
{
    uint64_t stream;

    if (bytes_decimal(bytes_of_text(getting->burn), &stream) != strlen(getting->burn) ||
        stream > UINT32_MAX || !film_can_burn(film, (uint32_t)stream))
        return false;
    sizes->has_original = false;
    sizes->count = film_ladder(film, sizes->rungs);
    sizes->encoder = ENCODER_SOFTWARE; /* draws */
    sizes->has_burnt = true;
    sizes->burnt = (uint32_t)stream;
    return true;
}

static void answer_master(struct getting *getting, const struct film *film)
{
    struct playlist_sizes sizes = {.count = 0};
    struct captions captions;
    struct text body = {0};
    struct error error;
    const char *why;

    sizes.count = film_ladder(film, sizes.rungs);
    sizes.encoder = film_encoder(film);
    switch (choice_way(film_media(film), &getting->client, film_has_keyframe_plan(film), &why)) {
    case SHARESTREAM__TRANSCODE__WAY__UNPLAYABLE:
    case _SHARESTREAM__TRANSCODE__WAY_IS_INT_SIZE:
        error_set(&error, ERR_INVALID, "%s", why);
        answer_error(getting, &error);
        return;
    case SHARESTREAM__TRANSCODE__WAY__FULL:
        break;
    case SHARESTREAM__TRANSCODE__WAY__DIRECT:
    case SHARESTREAM__TRANSCODE__WAY__REMUX:
    case SHARESTREAM__TRANSCODE__WAY__SOUND:
        /* Browsers play MP4 as it is, also where it has no index to cut at. */
        sizes.has_original = film_media(film)->video < 0 || film_has_keyframe_plan(film);
        if (sizes.has_original && !film_offers_ladder(film))
            sizes.count = 0;
        break;
    }
    if (getting->burn[0] != '\0' && !read_burn(getting, film, &sizes)) {
        error_set(&error, ERR_NOT_FOUND, "there are no subtitles '%.20s' to draw", getting->burn);
        answer_error(getting, &error);
        return;
    }
    subtitles_list(getting->transcode->subtitles, &getting->film, film_media(film), &captions);
    playlist_master(&body, film_media(film), &captions, &getting->client, &sizes, getting->query);
    captions_fini(&captions);
    answer_text(getting, &body);
}

static const struct plan *find_plan(const struct film *film, const struct rendition *rendition,
                                    struct error *error)
{
    const Sharestream__Worker__Stream *stream = choice_stream(film_media(film), rendition->stream);
    const struct plan *plan;
    const char *why;

    if (rendition->kind == RENDITION_SUBTITLE && (stream == NULL || !captions_are_text(stream))) {
        error_set(error, ERR_NOT_FOUND, "there are no such subtitles in it");
        return NULL;
    }
    plan = film_plan(film, rendition, &why);
    if (why[0] == '\0')
        return plan;
    error_set(error, ERR_INVALID, "%s", why);
    return NULL;
}

static void answer_playlist(struct getting *getting, const struct film *film)
{
    const struct rendition *rendition = &getting->path.rendition;
    /* Subtitles beside the film have one segment: no bytes of the film are read for them. */
    int64_t starts[] = {0, film_media(film)->duration_us};
    const struct plan whole = {starts, 1}, *plan = &whole;
    struct text body = {0};
    struct error error;

    if (rendition->kind != RENDITION_EXTERNAL && rendition->kind != RENDITION_UPLOAD)
        plan = find_plan(film, rendition, &error);
    if (plan == NULL) {
        answer_error(getting, &error);
        return;
    }
    playlist_media(&body, plan, rendition, getting->query);
    answer_text(getting, &body);
}

static void answer_thumbs(struct getting *getting, struct film *film)
{
    const struct thumbs_film thumbs = film_thumbs(film);
    struct text body = {0};

    if (getting->path.what == PATH_CUES)
        thumbs_cues(&body, &thumbs, getting->query);
    else
        thumbs_progress(&body, &thumbs);
    answer_text(getting, &body);
}

/* Which picture it is depends on what is here. */
static void get_poster(struct getting *getting, struct film *film)
{
    const struct thumbs_film thumbs = film_thumbs(film);
    const char *file;
    uint64_t size;

    getting->path.number = thumbs_poster(&thumbs);
    file = film_cached(getting->transcode, &getting->film, &getting->path, &size);
    if (file != NULL)
        answer_file(getting, file, size);
    else
        film_make(film, &getting->path, on_made, getting);
}

static void on_known(void *arg, struct film *film, const struct error *error)
{
    struct getting *getting = arg;

    if (film == NULL)
        answer_error(getting, error);
    else if (getting->path.what == PATH_MASTER)
        answer_master(getting, film);
    else if (getting->path.what == PATH_PLAYLIST)
        answer_playlist(getting, film);
    else if (getting->path.what == PATH_CUES || getting->path.what == PATH_PROGRESS)
        answer_thumbs(getting, film);
    else if (getting->path.rendition.kind == RENDITION_POSTER)
        get_poster(getting, film);
    else
        film_make(film, &getting->path, on_made, getting);
}

/* Until it is answered, it waits for the film, or for what is made. */
static void on_left(void *arg)
{
    struct getting *getting = arg;
    struct transcode *transcode = getting->transcode;

    transcode->metrics.left_total++;
    must(film_leave(transcode, &getting->film, &getting->path, getting) ||
         subtitles_leave(transcode->subtitles, &getting->film, &getting->path, getting));
    answer_error(getting, &nobody_waits);
}

static struct getting *new_getting(const GetRequest *request,
                                   Sharestream__Transcode__GetReply_Closure closure, void *data)
{
    struct getting *getting = xcalloc(1, sizeof(*getting));

    getting->closure = closure;
    getting->data = data;
    getting->transcode = bus_state(data);
    getting->film.file = request->file;
    getting->path = path_parse(bytes_of_text(request->path));
    getting->path.delay_ms = request->delay_ms;
    getting->query = xstrdup(request->query);
    getting->burn = xstrdup(request->burn);
    getting->client = choice_client_copy(request->can, request->n_can);
    return getting;
}

/* Removed, it may still lie in the cache. */
static bool is_gone(const struct getting *getting)
{
    const struct rendition *rendition = &getting->path.rendition;

    return rendition->kind == RENDITION_UPLOAD &&
           uploads_find(subtitles_uploads(getting->transcode->subtitles), &getting->film.hash,
                        getting->film.file, rendition->stream) == NULL;
}

/* Has a name in the cache that says what it is; the poster's depends on what is here. */
static bool is_kept(const struct path *path)
{
    return path->what != PATH_MASTER && path->what != PATH_PLAYLIST && path->what != PATH_CUES &&
           path->what != PATH_PROGRESS && path->rendition.kind != RENDITION_POSTER;
}

static void get(struct getting *getting)
{
    struct transcode *transcode = getting->transcode;
    const struct path *path = &getting->path;
    const char *file = NULL;
    uint64_t size;

    if (is_kept(path))
        file = film_cached(transcode, &getting->film, path, &size);
    if (file != NULL) {
        transcode->metrics.hits_total++;
        answer_file(getting, file, size);
    } else if (subtitles_make_it(path)) {
        subtitles_make(transcode->subtitles, &getting->film, path, on_made, getting);
    } else {
        film_open(transcode, &getting->film, on_known, getting);
    }
}

static void on_get(Rpc *rpc, const GetRequest *request,
                   Sharestream__Transcode__GetReply_Closure closure, void *data)
{
    struct getting *getting = new_getting(request, closure, data);
    struct error error = {0};

    (void)rpc;
    bus_on_cancel(data, on_left, getting);
    getting->transcode->metrics.requests_total++;
    if (!infohash_parse(bytes_of_text(request->info_hash), &getting->film.hash))
        error_set(&error, ERR_INVALID, "that is no info-hash");
    else if (getting->path.what == PATH_NONE)
        error_set(&error, ERR_NOT_FOUND, "there is no '%.100s' of a film", request->path);
    else if (is_gone(getting))
        error_set(&error, ERR_NOT_FOUND, "there is no such upload");
    if (error.code != ERR_NONE)
        answer_error(getting, &error);
    else
        get(getting);
}

/* ---- Media */

struct asking {
    Sharestream__Transcode__MediaReply_Closure closure;
    void *data;
    struct transcode *transcode;
    struct file_id film;
    struct choice_client client;
};

static void asking_free(struct asking *asking)
{
    choice_client_fini(&asking->client);
    free(asking);
}

static void on_media_known(void *arg, struct film *film, const struct error *error)
{
    struct asking *asking = arg;
    MediaReply reply = SHARESTREAM__TRANSCODE__MEDIA_REPLY__INIT;
    const char *why = "";
    Sharestream__Worker__Media media;
    char *words;

    if (film == NULL) {
        bus_fail_error(asking->data, error);
    } else {
        media = *film_media(film);
        media.n_keyframes_us = media.n_keyframe_offsets = 0; /* nobody reads thousands */
        reply.media = &media;
        reply.way = choice_way(&media, &asking->client, film_has_keyframe_plan(film), &why);
        words = xstrdup(why);
        reply.why = words;
        asking->closure(&reply, asking->data);
        free(words);
    }
    asking_free(asking);
}

static void on_media_left(void *arg)
{
    struct asking *asking = arg;

    must(film_leave(asking->transcode, &asking->film, NULL, asking));
    bus_fail_error(asking->data, &nobody_waits);
    asking_free(asking);
}

static void on_media(Rpc *rpc, const Sharestream__Transcode__MediaRequest *request,
                     Sharestream__Transcode__MediaReply_Closure closure, void *data)
{
    struct asking *asking;
    struct file_id film = {.file = request->file};

    (void)rpc;
    if (!infohash_parse(bytes_of_text(request->info_hash), &film.hash)) {
        bus_fail(data, ERR_INVALID, "that is no info-hash");
        return;
    }
    asking = xcalloc(1, sizeof(*asking));
    asking->closure = closure;
    asking->data = data;
    asking->transcode = bus_state(data);
    asking->film = film;
    asking->client = choice_client_copy(request->can, request->n_can);
    bus_on_cancel(data, on_media_left, asking);
    film_open(asking->transcode, &film, on_media_known, asking);
}

ProtobufCService *transcode_service(void)
{
    static Rpc rpc = SHARESTREAM__TRANSCODE__TRANSCODE__INIT(on_);

    return &rpc.base;
}
