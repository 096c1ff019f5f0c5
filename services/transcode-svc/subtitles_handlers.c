/* SPDX-License-Identifier: MIT */
#include "subtitles_handlers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "distant.h"
#include "film.h"
#include "subtitles.h"
#include "transcode.h"

typedef Sharestream__Transcode__Transcode_Service Rpc;
typedef Sharestream__Transcode__SubtitlesReply SubtitlesReply;
typedef Sharestream__Transcode__Subtitle Subtitle;
typedef Sharestream__Transcode__Font Font;
typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

/* ---- a film and its subtitles in the words of the message */

static char *url_of(const struct file_id *film, const char *folder, const char *rest)
{
    char hash[INFOHASH_TEXT];

    return xasprintf("/hls/%s/%u/%s/%s", infohash_text(&film->hash, hash), film->file, folder,
                     rest);
}

/* The film with them in its picture. */
static char *drawn_url(const struct file_id *film, uint32_t stream)
{
    char hash[INFOHASH_TEXT];

    return xasprintf("/hls/%s/%u/master.m3u8?burn=%u", infohash_text(&film->hash, hash), film->file,
                     stream);
}

static const char *kind_of(const struct rendition *rendition)
{
    if (rendition->kind == RENDITION_SUBTITLE)
        return "embedded";
    return rendition->kind == RENDITION_EXTERNAL ? "external" : "upload";
}

static Subtitle *new_subtitle(const struct file_id *film, const struct caption *caption)
{
    Subtitle *out = xcalloc(1, sizeof(*out));
    char id[RENDITION_NAME];

    sharestream__transcode__subtitle__init(out);
    rendition_name(&caption->rendition, id);
    out->id = xstrdup(id);
    out->kind = xstrdup(kind_of(&caption->rendition));
    out->codec = xstrdup(caption->codec);
    out->name = xstrdup(caption->name);
    out->language = xstrdup(caption->language);
    out->is_default = caption->is_default;
    out->is_forced = caption->is_forced;
    out->is_impaired = caption->is_impaired;
    out->is_image = caption->is_image;
    if (caption->is_image) {
        if (caption->can_be_drawn)
            out->playlist = drawn_url(film, caption->rendition.stream);
        return out;
    }
    out->url = url_of(film, id, "all.vtt");
    out->playlist = url_of(film, id, "index.m3u8");
    if (strcmp(caption->codec, "ass") == 0)
        out->script = url_of(film, id, "all.ass");
    return out;
}

/* By its name: muxers do not agree on what type a font has. */
static bool is_font(const Stream *stream)
{
    static const char *const endings[] = {".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2"};
    const char *ending = strrchr(stream->title, '.');

    for (size_t i = 0; ending != NULL && i < COUNT_OF(endings); i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return stream->kind == SHARESTREAM__WORKER__KIND__FONT;
    return false;
}

static void add_fonts(SubtitlesReply *reply, const struct file_id *film, const Media *media)
{
    char number[16];

    reply->fonts = xcalloc(MAX(media->n_streams, 1), sizeof(*reply->fonts));
    for (size_t i = 0; i < media->n_streams; i++) {
        Font *font;

        if (!is_font(media->streams[i]))
            continue;
        font = xcalloc(1, sizeof(*font));
        sharestream__transcode__font__init(font);
        snprintf(number, sizeof(number), "%u", media->streams[i]->index);
        font->name = xstrdup(media->streams[i]->title);
        font->url = url_of(film, "font", number);
        reply->fonts[reply->n_fonts++] = font;
    }
}

/* ---- Subtitles */

struct listing {
    Sharestream__Transcode__SubtitlesReply_Closure closure;
    void *data;
    struct transcode *transcode;
    struct file_id film;
};

static void on_left(void *arg)
{
    struct listing *listing = arg;

    must(film_leave(listing->transcode, &listing->film, NULL, listing));
    bus_fail(listing->data, ERR_CANCELLED, "nobody waits for it");
    free(listing);
}

static void on_known(void *arg, struct film *film, const struct error *error)
{
    struct listing *listing = arg;
    const Media *media = film != NULL ? film_media(film) : NULL;
    SubtitlesReply *reply;
    struct captions captions;

    if (film == NULL) {
        bus_fail_error(listing->data, error);
        free(listing);
        return;
    }
    reply = xcalloc(1, sizeof(*reply));
    sharestream__transcode__subtitles_reply__init(reply);
    subtitles_list(listing->transcode->subtitles, &listing->film, media, &captions);
    reply->subtitles = xcalloc(MAX(captions.count, 1), sizeof(*reply->subtitles));
    for (size_t i = 0; i < captions.count; i++)
        reply->subtitles[reply->n_subtitles++] = new_subtitle(&listing->film, &captions.list[i]);
    add_fonts(reply, &listing->film, media);
    listing->closure(reply, listing->data);
    captions_fini(&captions);
    sharestream__transcode__subtitles_reply__free_unpacked(reply, NULL);
    free(listing);
}

void on_subtitles(Rpc *rpc, const Sharestream__Transcode__SubtitlesRequest *request,
                  Sharestream__Transcode__SubtitlesReply_Closure closure, void *data)
{
    struct file_id film = {.file = request->file};
    struct listing *listing;

    (void)rpc;
    if (!infohash_parse(bytes_of_text(request->info_hash), &film.hash)) {
        bus_fail(data, ERR_INVALID, "that is no info-hash");
        return;
    }
    listing = xcalloc(1, sizeof(*listing));
    listing->closure = closure;
    listing->data = data;
    listing->transcode = bus_state(data);
    listing->film = film;
    bus_on_cancel(data, on_left, listing);
    film_open(listing->transcode, &film, on_known, listing);
}

/* ---- AddSubtitle */

struct adding {
    Sharestream__Transcode__Subtitle_Closure closure;
    void *data;
    struct transcode *transcode;
};

static void on_added(void *arg, const struct upload *upload, const struct error *error)
{
    struct adding *adding = arg;
    struct captions captions;
    struct file_id film;

    if (upload == NULL) {
        bus_fail_error(adding->data, error);
        free(adding);
        return;
    }
    film = (struct file_id){upload->hash, upload->file};
    subtitles_list(adding->transcode->subtitles, &film, NULL, &captions);
    for (size_t i = 0; i < captions.count; i++) {
        Subtitle *subtitle;

        if (captions.list[i].rendition.kind != RENDITION_UPLOAD ||
            captions.list[i].rendition.stream != upload->id)
            continue;
        subtitle = new_subtitle(&film, &captions.list[i]);
        adding->closure(subtitle, adding->data);
        sharestream__transcode__subtitle__free_unpacked(subtitle, NULL);
    }
    captions_fini(&captions);
    free(adding);
}

/* A language we do not know is taken if it looks like the tag of one. */
static bool read_language(const char *text, char out[LABEL_TAG])
{
    if (text[0] == '\0' || label_find_language(bytes_of_text(text), out))
        return true;
    if (!label_is_tag(text))
        return false;
    snprintf(out, LABEL_TAG, "%s", text);
    return true;
}

static bool read_name(const char *text, char out[UPLOAD_NAME_MAX + 1])
{
    size_t len = strlen(text);

    if (len > UPLOAD_NAME_MAX || !utf8_valid(bytes_of_text(text)))
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    memcpy(out, text, len + 1);
    return true;
}

/* The film has to be there, or uploads of strangers to nothing would be kept for ever. */
static bool has_film(struct transcode *transcode, const struct file_id *film, struct error *error)
{
    struct source source;

    if (distant_open(transcode, film, &source, error) != ERR_NONE)
        return false;
    source_close(&source);
    return true;
}

void on_add_subtitle(Rpc *rpc, const Sharestream__Transcode__AddSubtitleRequest *request,
                     Sharestream__Transcode__Subtitle_Closure closure, void *data)
{
    struct transcode *transcode = bus_state(data);
    struct upload upload = {.file = request->file};
    struct file_id film = {.file = request->file};
    struct error error = {0};
    struct adding *adding;

    (void)rpc;
    if (!infohash_parse(bytes_of_text(request->info_hash), &film.hash)) {
        bus_fail(data, ERR_INVALID, "that is no info-hash");
    } else if (!read_language(request->language, upload.language)) {
        bus_fail(data, ERR_INVALID, "language is a code such as en, eng or pt-BR, or its name");
    } else if (!read_name(request->name, upload.name)) {
        bus_fail(data, ERR_INVALID, "name is one line of text of at most %d bytes",
                 UPLOAD_NAME_MAX);
    } else if (!has_film(transcode, &film, &error)) {
        bus_fail_error(data, &error);
    } else {
        upload.hash = film.hash;
        adding = xcalloc(1, sizeof(*adding));
        adding->closure = closure;
        adding->data = data;
        adding->transcode = transcode;
        subtitles_add(transcode->subtitles, &upload,
                      bytes_of(request->data.data, request->data.len), on_added, adding);
    }
}

/* ---- RemoveSubtitle */

static bool read_id(const char *text, uint32_t *out)
{
    struct bytes digits = bytes_of_text(text[0] == 'u' ? text + 1 : "");
    uint64_t number;

    if (digits.len == 0 || bytes_decimal(digits, &number) != digits.len || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

void on_remove_subtitle(Rpc *rpc, const Sharestream__Transcode__RemoveSubtitleRequest *request,
                        Sharestream__Transcode__RemoveSubtitleReply_Closure closure, void *data)
{
    Sharestream__Transcode__RemoveSubtitleReply reply =
        SHARESTREAM__TRANSCODE__REMOVE_SUBTITLE_REPLY__INIT;
    const struct transcode *transcode = bus_state(data);
    struct infohash hash;
    uint32_t id;

    (void)rpc;
    if (!infohash_parse(bytes_of_text(request->info_hash), &hash))
        bus_fail(data, ERR_INVALID, "that is no info-hash");
    else if (!read_id(request->id, &id) ||
             !uploads_remove(subtitles_uploads(transcode->subtitles), &hash, request->file, id))
        bus_fail(data, ERR_NOT_FOUND, "there is no such upload");
    else
        closure(&reply, data);
}
