/* SPDX-License-Identifier: MIT */
#include "end.h"

#include <libavcodec/avcodec.h>

#include "base/must.h"
#include "matroska.h"

/* So far before the end. One packet of 4K may take the first, and demuxers go on at the next place
 * that they can begin at: in Matroska a cluster, which holds up to 5 s as a rule. */
static const uint64_t tails[] = {1 << 20, 8 << 20, 32 << 20};

enum { PACKET_MAX_US = 60 * 1000 * 1000 }; /* a longer one is a lie */

/* Demuxers of frames that begin anywhere find the next one; that of Matroska goes back. */
static bool go(struct film *film, int64_t position)
{
    return matroska_is(film) ? matroska_go(film, position)
                             : av_seek_frame(film->format, -1, position, AVSEEK_FLAG_BYTE) >= 0;
}

/* The latest that is shown or heard behind the present place; INT64_MIN: nothing is. */
static int64_t read_to_end(struct film *film)
{
    AVPacket *packet = av_packet_alloc();
    int64_t end_us = INT64_MIN;

    must(packet != NULL);
    while (av_read_frame(film->format, packet) >= 0) {
        const AVStream *stream = film->format->streams[packet->stream_index];
        int64_t us = film_shown_us(film, packet);
        int64_t lasts_us = av_rescale_q(packet->duration, stream->time_base, AV_TIME_BASE_Q);

        if (us != AV_NOPTS_VALUE && us < INT64_MAX - PACKET_MAX_US)
            end_us = MAX(end_us, us + MIN(MAX(lasts_us, 0), PACKET_MAX_US));
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return end_us;
}

enum err end_find(struct film *film, int64_t *end_us_out, struct error *error)
{
    uint64_t size = film->input.size;
    int64_t end_us = INT64_MIN;

    film_read_only(film, (film->video >= 0 ? film_bit((unsigned)film->video) : 0) |
                             (film->audio >= 0 ? film_bit((unsigned)film->audio) : 0));
    for (size_t i = 0; i < COUNT_OF(tails) && end_us == INT64_MIN; i++) {
        input_begin(&film->input, 2 * tails[i], size);
        if (go(film, (int64_t)(size - MIN(tails[i], size))))
            end_us = read_to_end(film);
        if (film->input.failure == INPUT_NO_DATA)
            return film_error(film, 0, "its length", error);
        if (tails[i] >= size)
            break;
    }
    *end_us_out = MAX(end_us, 0);
    return film_reopen(film, error);
}
