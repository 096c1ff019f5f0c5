/* SPDX-License-Identifier: MIT */
#include "playlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "label.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum {
    SOUNDS_MAX = 32,
    CODEC_BYTES = 16,
    MADE_SOUND_BITRATE = 170000,
    GUESSED_BITRATE = 4000000, /* where the file does not tell */
};

/* As it came, but for what would end the attribute or the line it stands in. */
static void add_query(struct text *out, const char *query)
{
    if (query[0] != '\0') {
        text_add(out, "?");
        text_add_percent(out, bytes_of_text(query), "%&=+,;:/?@!$'()*[]");
    }
}

/* Inside quotes of an attribute, where no quotes and no line ends may be. */
static void add_quoted(struct text *out, const char *raw)
{
    text_add(out, "\"");
    for (; *raw != '\0'; raw++)
        text_addf(out, "%c", (unsigned char)*raw < ' ' || *raw == '"' ? ' ' : *raw);
    text_add(out, "\"");
}

/* One track in the form in which the client gets it. */
struct sound {
    const Stream *stream;
    bool is_copied;
    char *label;
};

static const char *sound_codec(const struct sound *sound)
{
    return sound->is_copied ? sound->stream->codec_string : "mp4a.40.2";
}

static const char *sound_folder(const struct sound *sound, char name[RENDITION_NAME])
{
    const struct rendition rendition = {
        .kind = RENDITION_AUDIO, .stream = sound->stream->index, .is_made = !sound->is_copied};

    return rendition_name(&rendition, name);
}

static void add_sound(struct text *out, const struct sound *sound, bool is_first, const char *query)
{
    const char *tag = label_language_tag(sound->stream->language);
    char name[RENDITION_NAME];

    text_add(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=");
    add_quoted(out, sound->label);
    if (tag[0] != '\0') {
        text_add(out, ",LANGUAGE=");
        add_quoted(out, tag);
    }
    text_addf(out, ",DEFAULT=%s,AUTOSELECT=YES,CHANNELS=\"%u\",URI=\"%s/index.m3u8",
              is_first ? "YES" : "NO", sound->is_copied ? sound->stream->channels : 2,
              sound_folder(sound, name));
    add_query(out, query);
    text_add(out, "\"\n");
}

/* The codec of every track that can be chosen (RFC 8216, 4.3.4.2), each once. */
static void add_codecs(struct text *out, const char *video, const struct sound *sounds,
                       size_t count)
{
    struct text list = {0};

    text_add(&list, video);
    for (size_t i = 0; i < count; i++) {
        bool is_listed = false;

        for (size_t j = 0; j < i; j++)
            is_listed |= strcmp(sound_codec(&sounds[i]), sound_codec(&sounds[j])) == 0;
        if (!is_listed)
            text_addf(&list, "%s%s", list.len > 0 ? "," : "", sound_codec(&sounds[i]));
    }
    text_add(out, ",CODECS=");
    add_quoted(out, text_str(&list));
    text_fini(&list);
}

static bool is_text_there(const struct captions *captions)
{
    for (size_t i = 0; i < captions->count; i++)
        if (!captions->list[i].is_image)
            return true;
    return false;
}

static void add_caption(struct text *out, const struct caption *caption, const char *query)
{
    char name[RENDITION_NAME];

    text_add(out, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=");
    add_quoted(out, caption->name);
    if (caption->language[0] != '\0') {
        text_add(out, ",LANGUAGE=");
        add_quoted(out, caption->language);
    }
    text_addf(out, ",DEFAULT=%s,AUTOSELECT=YES,FORCED=%s%s,URI=\"%s/index.m3u8",
              caption->is_default ? "YES" : "NO", caption->is_forced ? "YES" : "NO",
              caption->is_impaired
                  ? ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,"
                    "public.accessibility.describes-music-and-sound\""
                  : "",
              rendition_name(&caption->rendition, name));
    add_query(out, query);
    text_add(out, "\"\n");
}

static size_t find_sounds(const Media *media, const struct choice_client *client,
                          struct sound sounds[SOUNDS_MAX])
{
    uint32_t indexes[SOUNDS_MAX];
    size_t count = choice_sounds(media, indexes, SOUNDS_MAX);
    struct label_source sources[SOUNDS_MAX];
    char *labels[SOUNDS_MAX];

    for (size_t i = 0; i < count; i++) {
        sounds[i].stream = choice_stream(media, indexes[i]);
        sounds[i].is_copied = choice_plays(client, sounds[i].stream);
        sources[i].language = sounds[i].stream->language;
        sources[i].title = sounds[i].stream->title;
    }
    labels_make(sources, count, "Sound", labels);
    for (size_t i = 0; i < count; i++)
        sounds[i].label = labels[i];
    return count;
}

/* A row of the table of variants. */
struct variant {
    const char *codec; /* of the picture */
    uint64_t bitrate;
    uint32_t width, height;
    const char *folder;
    bool has_text;
};

static void add_variant(struct text *out, const struct variant *variant, const Stream *video,
                        const struct sound *sounds, size_t count, const char *query)
{
    text_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64, variant->bitrate);
    add_codecs(out, variant->codec, sounds, count);
    if (variant->width > 0)
        text_addf(out, ",RESOLUTION=%ux%u", variant->width, variant->height);
    if (video != NULL && video->frame_rate > 0)
        text_addf(out, ",FRAME-RATE=%.3f", video->frame_rate);
    if (video != NULL && count > 0)
        text_add(out, ",AUDIO=\"sound\"");
    if (variant->has_text)
        text_add(out, ",SUBTITLES=\"text\"");
    text_addf(out, "\n%s/index.m3u8", variant->folder);
    add_query(out, query);
    text_add(out, "\n");
}

static void add_original(struct text *out, const Media *media, const struct sound *sounds,
                         size_t count, bool has_text, const char *query)
{
    const Stream *video = choice_stream(media, media->video);
    char name[RENDITION_NAME];
    struct variant variant = {.codec = "", .folder = "v", .has_text = has_text};

    variant.bitrate = media->bitrate > 0 ? media->bitrate + MADE_SOUND_BITRATE : GUESSED_BITRATE;
    if (video != NULL) {
        variant.codec = video->codec_string;
        variant.width = video->width;
        variant.height = video->height;
    } else if (count > 0) {
        variant.folder = sound_folder(sounds, name);
    }
    add_variant(out, &variant, video, sounds, count, query);
}

static void add_made(struct text *out, const Stream *video, const struct playlist_sizes *sizes,
                     size_t i, const struct sound *sounds, size_t count, bool has_text,
                     const char *query)
{
    const struct rung *rung = &sizes->rungs[i];
    const struct rendition rendition = {.kind = RENDITION_VIDEO,
                                        .is_made = true,
                                        .height = rung->height,
                                        .has_burnt = sizes->has_burnt,
                                        .burnt = sizes->burnt,
                                        .encoder = sizes->encoder};
    char codec[CODEC_BYTES], name[RENDITION_NAME];
    const struct variant variant = {.codec = codec,
                                    .bitrate = (uint64_t)rung->max_bitrate + MADE_SOUND_BITRATE,
                                    .width = rung->width,
                                    .height = rung->height,
                                    .folder = rendition_name(&rendition, name),
                                    .has_text = has_text};

    /* High profile, without constraints. */
    snprintf(codec, sizeof(codec), "avc1.6400%02x", rung->level);
    add_variant(out, &variant, video, sounds, count, query);
}

void playlist_master(struct text *out, const Media *media, const struct captions *captions,
                     const struct choice_client *client, const struct playlist_sizes *sizes,
                     const char *query)
{
    const Stream *video = choice_stream(media, media->video);
    struct sound sounds[SOUNDS_MAX];
    /* Without picture there is but one: other tracks would need a group to be in. */
    size_t found = find_sounds(media, client, sounds),
           count = video != NULL ? found : MIN(found, 1);
    bool has_text = video != NULL && is_text_there(captions);

    text_add(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < count && video != NULL; i++)
        add_sound(out, &sounds[i], i == 0, query);
    for (size_t i = 0; has_text && i < captions->count; i++)
        if (!captions->list[i].is_image)
            add_caption(out, &captions->list[i], query);
    if (sizes->has_original || video == NULL)
        add_original(out, media, sounds, count, has_text, query);
    for (size_t i = 0; i < sizes->count; i++)
        if (video != NULL && (!sizes->has_original || sizes->rungs[i].height < video->height))
            add_made(out, video, sizes, i, sounds, count, has_text, query);
    for (size_t i = 0; i < found; i++)
        free(sounds[i].label);
}

void playlist_media(struct text *out, const struct plan *plan, const struct rendition *rendition,
                    const char *query)
{
    bool is_ts = rendition->kind == RENDITION_TS, is_text = rendition_is_text(rendition);

    text_addf(out,
              "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%u\n#EXT-X-MEDIA-SEQUENCE:0\n"
              "#EXT-X-PLAYLIST-TYPE:VOD\n",
              is_ts || is_text ? 3 : 7, plan_target_s(plan));
    if (!is_ts && !is_text) {
        text_add(out, "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4");
        add_query(out, query);
        text_add(out, "\"\n");
    }
    for (size_t i = 0; i < plan->count; i++) {
        int64_t us = plan->starts[i + 1] - plan->starts[i];

        text_addf(out, "#EXTINF:%" PRId64 ".%06" PRId64 ",\n%zu.%s", us / 1000000, us % 1000000, i,
                  is_text ? "vtt"
                  : is_ts ? "ts"
                          : "m4s");
        add_query(out, query);
        text_add(out, "\n");
    }
    text_add(out, "#EXT-X-ENDLIST\n");
}
