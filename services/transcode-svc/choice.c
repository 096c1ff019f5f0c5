/* SPDX-License-Identifier: MIT */
#include "choice.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "wire/codec_string.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

struct choice_client choice_client_copy(char *const *can, size_t count)
{
    struct choice_client client = {.can_count = MIN(count, CODEC_STRINGS_MAX)};

    client.can = xcalloc(MAX(client.can_count, 1), sizeof(*client.can));
    for (size_t i = 0; i < client.can_count; i++)
        client.can[i] = xstrdup(can[i]);
    return client;
}

void choice_client_fini(struct choice_client *client)
{
    for (size_t i = 0; i < client->can_count; i++)
        free(client->can[i]);
    free(client->can);
    *client = (struct choice_client){0};
}

const Stream *choice_stream(const Media *media, int64_t index)
{
    for (size_t i = 0; i < media->n_streams; i++)
        if (media->streams[i]->index == index)
            return media->streams[i];
    return NULL;
}

/* High 10 and 4:2:2 have the same name but for a digit, and are played by no browser. */
static bool is_common_h264(const Stream *stream)
{
    return strcmp(stream->codec, "h264") == 0 && stream->bit_depth <= 8 &&
           strstr(stream->profile, "4:2:2") == NULL && strstr(stream->profile, "4:4:4") == NULL;
}

/* "avc1.640028" is played by who names that very string, or "avc1" if it is a common one. */
static bool is_listed(const struct choice_client *client, const Stream *stream)
{
    const char *codec = stream->codec_string;
    size_t family = strcspn(codec, ".");
    bool is_common = strcmp(stream->codec, "h264") != 0 || is_common_h264(stream);

    for (size_t i = 0; i < client->can_count; i++) {
        const char *can = client->can[i];

        if (strcasecmp(can, codec) == 0 ||
            (is_common && strlen(can) == family && strncasecmp(can, codec, family) == 0))
            return true;
    }
    return false;
}

/* Browsers show the lines of both times at once. */
static bool shows_combs(const struct choice_client *client, const Stream *stream)
{
    for (size_t i = 0; i < client->can_count; i++)
        if (strcasecmp(client->can[i], "interlaced") == 0)
            return false;
    return stream->is_interlaced;
}

bool choice_plays(const struct choice_client *client, const Stream *stream)
{
    if (stream->codec_string[0] == '\0' || shows_combs(client, stream))
        return false;
    if (client->can_count > 0)
        return is_listed(client, stream);
    /* What every browser has played for ten years. More channels than two are left to who asks. */
    return is_common_h264(stream) ||
           (strcmp(stream->codec_string, "mp4a.40.2") == 0 && stream->channels <= 2);
}

Sharestream__Transcode__Way choice_way(const Media *media, const struct choice_client *client,
                                       bool has_keyframe_plan, const char **why)
{
    const Stream *video = choice_stream(media, media->video);
    const Stream *audio = choice_stream(media, media->audio);
    bool is_mp4 = strstr(media->container, "mp4") != NULL;

    *why = "";
    if (video == NULL && audio == NULL) {
        *why = "there is neither picture nor sound in it";
        return SHARESTREAM__TRANSCODE__WAY__UNPLAYABLE;
    }
    if (video != NULL && !choice_plays(client, video)) {
        *why = shows_combs(client, video)
                   ? "the picture is interlaced, which the client would show with combs"
                   : "the picture is in a format that the client does not play";
        return SHARESTREAM__TRANSCODE__WAY__FULL;
    }
    if (video != NULL && !media->is_closed) {
        *why = "its pictures cannot be cut at keyframes (open GOP)";
        return SHARESTREAM__TRANSCODE__WAY__FULL;
    }
    if (audio != NULL && !choice_plays(client, audio)) {
        *why = "the sound is in a format that the client does not play";
        return video == NULL || has_keyframe_plan ? SHARESTREAM__TRANSCODE__WAY__SOUND
                                                  : SHARESTREAM__TRANSCODE__WAY__FULL;
    }
    if (is_mp4)
        return SHARESTREAM__TRANSCODE__WAY__DIRECT;
    *why = "the client may not open this container, but plays what is in it";
    if (video != NULL && !has_keyframe_plan) {
        *why = "it has no index of keyframes to cut at";
        return SHARESTREAM__TRANSCODE__WAY__FULL;
    }
    return SHARESTREAM__TRANSCODE__WAY__REMUX;
}

static bool is_sound(const Stream *stream)
{
    return stream != NULL && stream->kind == SHARESTREAM__WORKER__KIND__AUDIO &&
           stream->channels > 0;
}

size_t choice_sounds(const Media *media, uint32_t *out, size_t max)
{
    size_t count = 0;

    if (max > 0 && is_sound(choice_stream(media, media->audio)))
        out[count++] = (uint32_t)media->audio;
    for (size_t i = 0; i < media->n_streams && count < max; i++)
        if (is_sound(media->streams[i]) && (int64_t)media->streams[i]->index != media->audio)
            out[count++] = media->streams[i]->index;
    return count;
}

bool choice_is_drawn(const Stream *stream)
{
    static const char *const codecs[] = {"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"};

    for (size_t i = 0; i < COUNT_OF(codecs); i++)
        if (strcmp(stream->codec, codecs[i]) == 0)
            return true;
    return false;
}
