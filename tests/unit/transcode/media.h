/* SPDX-License-Identifier: MIT
 *
 * media: films as a worker would describe them, written down in a few lines.
 */
#ifndef TEST_TRANSCODE_MEDIA_H
#define TEST_TRANSCODE_MEDIA_H

#include <proto/worker.pb-c.h>
#include <stdint.h>

enum { MEDIA_STREAMS = 40 };

struct media {
    Sharestream__Worker__Media media;
    Sharestream__Worker__Stream streams[MEDIA_STREAMS], *list[MEDIA_STREAMS];
};

/* protobuf-c's fields are char *, and nothing here writes to them. */
static inline char *media_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline void media_init(struct media *film, const char *container)
{
    sharestream__worker__media__init(&film->media);
    film->media.container = media_text(container);
    film->media.streams = film->list;
    film->media.is_closed = true;
    film->media.video = film->media.audio = -1;
}

static inline Sharestream__Worker__Stream *media_add(struct media *film,
                                                     Sharestream__Worker__Kind kind,
                                                     const char *codec, const char *codec_string)
{
    Sharestream__Worker__Stream *stream = &film->streams[film->media.n_streams];

    sharestream__worker__stream__init(stream);
    film->list[film->media.n_streams] = stream;
    stream->index = (uint32_t)film->media.n_streams++;
    stream->kind = kind;
    stream->codec = media_text(codec);
    stream->codec_string = media_text(codec_string);
    return stream;
}

static inline Sharestream__Worker__Stream *media_add_video(struct media *film, const char *codec,
                                                           const char *codec_string)
{
    Sharestream__Worker__Stream *stream =
        media_add(film, SHARESTREAM__WORKER__KIND__VIDEO, codec, codec_string);

    stream->bit_depth = 8;
    film->media.video = (int32_t)stream->index;
    return stream;
}

/* The first one is the one to play. */
static inline Sharestream__Worker__Stream *
media_add_audio(struct media *film, const char *codec, const char *codec_string, uint32_t channels)
{
    Sharestream__Worker__Stream *stream =
        media_add(film, SHARESTREAM__WORKER__KIND__AUDIO, codec, codec_string);

    stream->channels = channels;
    if (film->media.audio < 0)
        film->media.audio = (int32_t)stream->index;
    return stream;
}

#endif
