/* SPDX-License-Identifier: MIT */
#include "matroska.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "wire/mkv_cluster.h"

enum {
    CHUNK_BYTES = 64 << 10,
    TRIES = 24,
    TICKS_BITS = 40,           /* a time that takes more is none */
    NEAR_US = 8 * 1000 * 1000, /* so far before the wanted time is near enough */
    NEAR_BYTES = 1 << 20,      /* likewise */
};

struct place {
    int64_t position, us;
};

bool matroska_is(const struct film *film)
{
    return strstr(film->format->iformat->name, "matroska") != NULL;
}

/* The first cluster that begins at or behind `from` and before `until`. */
static bool find(struct film *film, int64_t from, int64_t until, struct place *out)
{
    AVIOContext *avio = film->input.avio;
    uint8_t *chunk = xcalloc(1, CHUNK_BYTES);
    size_t kept = 0, at;
    uint64_t ticks;
    bool is_found = false;
    int got = 1;

    if (avio_seek(avio, from, SEEK_SET) < 0)
        got = 0;
    while (got > 0 && from < until && !is_found) {
        got = avio_read(avio, chunk + kept, (int)(CHUNK_BYTES - kept));
        kept += (size_t)MAX(got, 0);
        is_found = mkv_cluster_find(bytes_of(chunk, kept), &at, &ticks);
        if (is_found) {
            *out = (struct place){from + (int64_t)at,
                                  film_us(film, film->format->streams[0],
                                          (int64_t)MIN(ticks, UINT64_C(1) << TICKS_BITS))};
        } else if (kept > MKV_CLUSTER_BYTES) {
            from += (int64_t)(kept - MKV_CLUSTER_BYTES);
            memmove(chunk, chunk + kept - MKV_CLUSTER_BYTES, MKV_CLUSTER_BYTES);
            kept = MKV_CLUSTER_BYTES;
        }
    }
    free(chunk);
    return is_found && out->position < until;
}

/* In the middle of a cluster the demuxer would take another for a mistake, and go back: a seek of
 * its own makes it forget where it is, whether or not it finds anything. */
static bool go(struct film *film, const struct place *place)
{
    av_seek_frame(film->format, MAX(film->video, 0), 0, AVSEEK_FLAG_BACKWARD);
    return av_seek_frame(film->format, -1, place->position, AVSEEK_FLAG_BYTE) >= 0;
}

bool matroska_go(struct film *film, int64_t position)
{
    struct place place;

    return find(film, position, INT64_MAX, &place) && go(film, &place);
}

/* Where it should be if all seconds took as many bytes; every other time in the middle, for they do
 * not. */
static int64_t guess(const struct place *low, const struct place *high, int64_t us, unsigned tries)
{
    double part = 0.5;

    if (tries % 2 == 0 && high->us > low->us)
        part = (double)(us - NEAR_US / 2 - low->us) / (double)(high->us - low->us);
    return low->position +
           (int64_t)(MIN(MAX(part, 0), 1) * (double)(high->position - low->position));
}

bool matroska_seek(struct film *film, int64_t us)
{
    struct place low = {0}, high = {(int64_t)film->input.size, film->duration_us}, found;

    for (unsigned i = 0;
         i < TRIES && us - low.us > NEAR_US && high.position - low.position > NEAR_BYTES; i++) {
        int64_t from = guess(&low, &high, us, i);

        found = high;
        if (find(film, from, high.position, &found) && found.us <= us)
            low = found;
        else if (film->input.failure != INPUT_FINE)
            return false;
        else
            high = (struct place){from, found.us};
    }
    return low.position > 0 && go(film, &low);
}
