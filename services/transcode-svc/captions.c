/* SPDX-License-Identifier: MIT */
#include "captions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "choice.h"
#include "wire/media_type.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum { SAMPLE_PART = 8 }; /* a video so much smaller than the film is none */

static const char separators[] = " ._,()[]{}";

/* ---- the list */

static void add(struct captions *captions, const struct caption *caption)
{
    if (captions->list == NULL)
        captions->list = xcalloc(CAPTIONS_MAX, sizeof(*captions->list));
    captions->list[captions->count++] = *caption;
}

static void set_title(struct caption *caption, struct bytes title)
{
    size_t len = utf8_cut(title, CAPTION_TITLE - 1);

    if (utf8_valid(title))
        snprintf(caption->title, sizeof(caption->title), "%.*s", (int)len,
                 (const char *)title.data);
}

void captions_name(struct captions *captions)
{
    struct label_source sources[CAPTIONS_MAX];
    char *names[CAPTIONS_MAX];

    for (size_t i = 0; i < captions->count; i++)
        sources[i] = (struct label_source){captions->list[i].language, captions->list[i].title};
    labels_make(sources, captions->count, "Subtitles", names);
    for (size_t i = 0; i < captions->count; i++)
        captions->list[i].name = names[i];
}

void captions_fini(struct captions *captions)
{
    for (size_t i = 0; i < captions->count; i++)
        free(captions->list[i].name);
    free(captions->list);
    *captions = (struct captions){0};
}

/* ---- streams */

bool captions_are_text(const Stream *stream)
{
    static const char *const names[] = {"subrip", "ass", "mov_text", "webvtt", "text"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(stream->codec, names[i]) == 0)
            return stream->kind == SHARESTREAM__WORKER__KIND__SUBTITLE;
    return false;
}

/* Many muxers call every track a default one: then nobody has chosen. */
static const Stream *default_of(const Media *media)
{
    const Stream *found = NULL;

    for (size_t i = 0; i < media->n_streams; i++) {
        const Stream *stream = media->streams[i];

        if (stream->kind != SHARESTREAM__WORKER__KIND__SUBTITLE || !stream->is_default)
            continue;
        if (found != NULL)
            return NULL;
        found = stream;
    }
    return found;
}

void captions_add_streams(struct captions *captions, const Media *media)
{
    const Stream *first = default_of(media);

    for (size_t i = 0; i < media->n_streams && captions->count < CAPTIONS_MAX; i++) {
        const Stream *stream = media->streams[i];
        struct caption caption = {
            .rendition = {.kind = RENDITION_SUBTITLE, .stream = stream->index},
            .is_default = stream == first,
            .is_forced = stream->is_forced,
            .is_impaired = stream->is_impaired,
            .is_image = !captions_are_text(stream),
            .can_be_drawn = choice_is_drawn(stream)};

        if (stream->kind != SHARESTREAM__WORKER__KIND__SUBTITLE)
            continue;
        snprintf(caption.codec, sizeof(caption.codec), "%s", stream->codec);
        if (label_is_tag(label_language_tag(stream->language)))
            snprintf(caption.language, sizeof(caption.language), "%s",
                     label_language_tag(stream->language));
        set_title(&caption, bytes_of_text(stream->title));
        add(captions, &caption);
    }
}

/* ---- files */

static struct bytes folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return bytes_of(path, slash != NULL ? (size_t)(slash + 1 - path) : 0);
}

/* Its name without folder and extension. */
static struct bytes stem_of(const char *path)
{
    struct bytes folder = folder_of(path);
    const char *name = path + folder.len, *dot = strrchr(name, '.');

    return bytes_of(name, dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

static bool begins(struct bytes text, struct bytes with)
{
    return text.len >= with.len &&
           (with.len == 0 ||
            strncasecmp((const char *)text.data, (const char *)with.data, with.len) == 0);
}

static struct bytes behind(struct bytes text, size_t len)
{
    return bytes_of(text.data + len, text.len - len);
}

/* Cuts "<folder>/" off the front, if it is one for subtitles. */
static bool takes_folder(struct bytes *folder)
{
    static const char *const names[] = {"subs/", "sub/", "subtitles/", "subtitle/"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (begins(*folder, bytes_of_text(names[i]))) {
            *folder = behind(*folder, strlen(names[i]));
            return true;
        }
    return false;
}

/* The file is where subtitles of the film would be; *is_named when its folder has the film's name
 * ("Subs/Film/2_English.srt"). */
static bool is_near(const char *path, const char *film, bool *is_named)
{
    struct bytes folder = folder_of(path), home = folder_of(film), stem = stem_of(film);

    *is_named = false;
    if (!begins(folder, home))
        return false;
    folder = behind(folder, home.len);
    if (folder.len > 0 && !takes_folder(&folder))
        return false;
    if (folder.len == stem.len + 1 && begins(folder, stem)) {
        *is_named = true;
        return true;
    }
    return folder.len == 0;
}

/* There is no second one that subtitles could be for; a sample is none. */
static bool is_only_film(const struct ready_file *files, size_t count, uint32_t film)
{
    for (size_t i = 0; i < count; i++)
        if (i != film && media_kind(files[i].path) == MEDIA_VIDEO &&
            files[i].size >= files[film].size / SAMPLE_PART)
            return false;
    return true;
}

/* What is behind the film's name ends in a separator, or it is another name. */
static bool takes_stem(struct bytes *rest, const char *film)
{
    struct bytes stem = stem_of(film);

    if (!begins(*rest, stem) ||
        (rest->len > stem.len && strchr(" ._-([{", rest->data[stem.len]) == NULL))
        return false;
    *rest = behind(*rest, stem.len);
    return true;
}

/* Cuts the last word off. */
static struct bytes take_word(struct bytes *text)
{
    size_t end, begin;

    while (text->len > 0 && strchr(separators, text->data[text->len - 1]) != NULL)
        text->len--;
    end = begin = text->len;
    while (begin > 0 && strchr(separators, text->data[begin - 1]) == NULL)
        begin--;
    text->len = begin;
    return bytes_of(text->data + begin, end - begin);
}

static bool is_word(struct bytes word, const char *other)
{
    return word.len == strlen(other) && begins(word, bytes_of_text(other));
}

/* "Film.pt-BR.forced", "2_English", "Film - English (SDH)". Short codes count only where nothing
 * but such words follows: "it" and "no" are words of titles too. */
static void read_words(struct bytes text, struct caption *caption)
{
    bool is_last = true, is_hi = false;
    char found[LABEL_TAG];
    struct bytes word;

    while ((word = take_word(&text)).len > 0) {
        while (word.len > 0 && word.data[0] == '-')
            word = behind(word, 1);
        if (is_word(word, "forced")) {
            caption->is_forced = true;
        } else if (is_word(word, "sdh") || is_word(word, "cc") || is_word(word, "hoh")) {
            caption->is_impaired = true;
        } else if (word.len > 0) {
            bool is_wanted = caption->language[0] == '\0' || is_hi;

            if (is_wanted && (is_last || word.len > 3) && label_find_language(word, found)) {
                /* Hindi, or "en.hi": for the hearing impaired. */
                caption->is_impaired |= is_hi;
                is_hi = caption->language[0] == '\0' && is_word(word, "hi");
                snprintf(caption->language, sizeof(caption->language), "%s", found);
            }
            is_last = is_hi;
        }
    }
}

const char *captions_codec(const char *path)
{
    static const struct {
        const char *extension, *codec;
    } known[] = {{"srt", "subrip"}, {"vtt", "webvtt"}, {"ass", "ass"}, {"ssa", "ass"}};
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot != NULL && i < COUNT_OF(known); i++)
        if (strcasecmp(dot + 1, known[i].extension) == 0)
            return known[i].codec;
    return NULL;
}

static void add_file(struct captions *captions, const struct ready_file *files, uint32_t file,
                     uint32_t film, bool is_only)
{
    struct bytes stem = stem_of(files[file].path), words = stem;
    const char *codec = captions_codec(files[file].path);
    struct caption caption = {.rendition = {.kind = RENDITION_EXTERNAL, .stream = file}};
    bool is_named;

    if (codec == NULL || files[file].size == 0 ||
        !is_near(files[file].path, files[film].path, &is_named) ||
        (!takes_stem(&words, files[film].path) && !is_named && !is_only))
        return;
    read_words(words, &caption);
    snprintf(caption.codec, sizeof(caption.codec), "%s", codec);
    if (caption.language[0] == '\0')
        set_title(&caption, stem);
    else if (caption.is_forced || caption.is_impaired)
        set_title(&caption, bytes_of_text(caption.is_forced ? "forced" : "SDH"));
    add(captions, &caption);
}

void captions_add_files(struct captions *captions, const struct ready_file *files, size_t count,
                        uint32_t film)
{
    bool is_only = film < count && is_only_film(files, count, film);

    for (size_t i = 0; film < count && i < count && captions->count < CAPTIONS_MAX; i++)
        if (i != film)
            add_file(captions, files, (uint32_t)i, film, is_only);
}

/* ---- uploads */

void captions_add_upload(struct captions *captions, uint32_t id, const char *codec,
                         const char *name, const char *language)
{
    struct caption caption = {.rendition = {.kind = RENDITION_UPLOAD, .stream = id}};

    if (captions->count == CAPTIONS_MAX)
        return;
    snprintf(caption.codec, sizeof(caption.codec), "%s", codec);
    snprintf(caption.language, sizeof(caption.language), "%s", language);
    set_title(&caption, bytes_of_text(name));
    add(captions, &caption);
}
