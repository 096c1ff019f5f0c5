/* SPDX-License-Identifier: MIT */
#include "playlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum {
    SOUNDS_MAX = 32,
    MADE_SOUND_BITRATE = 170000,
    GUESSED_BITRATE = 4000000, /* where the file does not tell */
};

static void add_query(struct text *out, const char *query)
{
    if (query[0] != '\0')
        text_addf(out, "?%s", query);
}

/* Inside quotes of an attribute, where no quotes and no line ends may be. */
static void add_quoted(struct text *out, const char *raw)
{
    text_add(out, "\"");
    for (; *raw != '\0'; raw++)
        text_addf(out, "%c", (unsigned char)*raw < ' ' || *raw == '"' ? ' ' : *raw);
    text_add(out, "\"");
}

static void add_sound(struct text *out, const Stream *stream, bool is_copied, bool is_first,
                      const char *query)
{
    const struct rendition rendition = {
        .kind = RENDITION_AUDIO, .stream = stream->index, .is_made = !is_copied};
    char name[RENDITION_NAME], numbered[32];

    snprintf(numbered, sizeof(numbered), "%u", stream->index);
    text_add(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=");
    if (stream->title[0] != '\0' || stream->language[0] != '\0') {
        struct text label = {0};

        /* Names must differ. */
        text_addf(&label, "%s%s%s (%u)", stream->language,
                  stream->title[0] != '\0' && stream->language[0] != '\0' ? ": " : "",
                  stream->title, stream->index);
        add_quoted(out, text_str(&label));
        text_fini(&label);
    } else {
        add_quoted(out, numbered);
    }
    if (stream->language[0] != '\0' && strcmp(stream->language, "und") != 0) {
        text_add(out, ",LANGUAGE=");
        add_quoted(out, stream->language);
    }
    text_addf(out, ",DEFAULT=%s,AUTOSELECT=YES,CHANNELS=\"%u\",URI=\"%s/index.m3u8",
              is_first ? "YES" : "NO", is_copied ? stream->channels : 2,
              rendition_name(&rendition, name));
    add_query(out, query);
    text_add(out, "\"\n");
}

void playlist_master(struct text *out, const Media *media, const struct choice_client *client,
                     const char *query)
{
    const Stream *video = choice_stream(media, media->video), *audio = NULL;
    uint32_t sounds[SOUNDS_MAX];
    size_t count = choice_sounds(media, sounds, COUNT_OF(sounds));
    struct rendition first = {.kind = RENDITION_VIDEO};
    char name[RENDITION_NAME];
    bool is_copied = true;

    text_add(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < count; i++) {
        const Stream *stream = choice_stream(media, sounds[i]);
        bool copies = choice_plays(client, stream);

        if (i == 0) {
            audio = stream;
            is_copied = copies;
        }
        if (video != NULL)
            add_sound(out, stream, copies, i == 0, query);
    }
    text_addf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64,
              media->bitrate > 0 ? media->bitrate + MADE_SOUND_BITRATE : GUESSED_BITRATE);
    text_addf(out, ",CODECS=\"%s%s%s\"", video != NULL ? video->codec_string : "",
              video != NULL && audio != NULL ? "," : "",
              audio == NULL ? ""
              : is_copied   ? audio->codec_string
                            : "mp4a.40.2");
    if (video != NULL && video->width > 0)
        text_addf(out, ",RESOLUTION=%ux%u", video->width, video->height);
    if (video != NULL && video->frame_rate > 0)
        text_addf(out, ",FRAME-RATE=%.3f", video->frame_rate);
    if (video != NULL && audio != NULL)
        text_add(out, ",AUDIO=\"sound\"");
    if (video == NULL)
        first = (struct rendition){.kind = RENDITION_AUDIO,
                                   .stream = audio != NULL ? audio->index : 0,
                                   .is_made = !is_copied};
    text_addf(out, "\n%s/index.m3u8", rendition_name(&first, name));
    add_query(out, query);
    text_add(out, "\n");
}

void playlist_media(struct text *out, const struct plan *plan, const struct rendition *rendition,
                    const char *query)
{
    bool is_ts = rendition->kind == RENDITION_TS;

    text_addf(out,
              "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%u\n#EXT-X-MEDIA-SEQUENCE:0\n"
              "#EXT-X-PLAYLIST-TYPE:VOD\n",
              is_ts ? 3 : 7, plan_target_s(plan));
    if (!is_ts) {
        text_add(out, "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4");
        add_query(out, query);
        text_add(out, "\"\n");
    }
    for (size_t i = 0; i < plan->count; i++) {
        int64_t us = plan->starts[i + 1] - plan->starts[i];

        text_addf(out, "#EXTINF:%" PRId64 ".%06" PRId64 ",\n%zu.%s", us / 1000000, us % 1000000, i,
                  is_ts ? "ts" : "m4s");
        add_query(out, query);
        text_add(out, "\n");
    }
    text_add(out, "#EXT-X-ENDLIST\n");
}
