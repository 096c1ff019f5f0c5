/* SPDX-License-Identifier: MIT
 *
 * rendition: one stream of a film in one form, and its name in URLs and in the cache. Pure.
 *
 *   v       the picture as it is          v720    made anew, 720 lines high
 *                                         v720s4  with the subtitles of stream 4 drawn into it
 *   a2      sound of stream 2 as it is    a2t     made into AAC
 *   ts      picture and sound for tod-p2m's players: "playlist.m3u8", "0.ts"
 *
 *   thumbs  sheets of small pictures    poster    waveform    none of which is played: see thumbs.h
 */
#ifndef TRANSCODE_RENDITION_H
#define TRANSCODE_RENDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum rendition_kind {
    RENDITION_VIDEO,
    RENDITION_AUDIO,
    RENDITION_TS,
    RENDITION_THUMBS,
    RENDITION_POSTER,
    RENDITION_WAVEFORM,
};

struct rendition {
    enum rendition_kind kind;
    bool is_made;    /* anew, not copied */
    uint32_t stream; /* of RENDITION_AUDIO */
    uint32_t height; /* of a RENDITION_VIDEO that is made */
    bool has_burnt;  /* likewise */
    uint32_t burnt;  /* stream of subtitles */
};

enum { RENDITION_NAME = 16 };
/* Name of its folder; returns `out`. */
char *rendition_name(const struct rendition *rendition, char out[RENDITION_NAME]);
/* Made of bytes that are here only, and after everything else. */
bool rendition_is_quiet(const struct rendition *rendition);

enum path_what {
    PATH_NONE,
    PATH_MASTER,
    PATH_PLAYLIST,
    PATH_INIT,
    PATH_SEGMENT, /* or whatever is a file of its own */
    PATH_CUES,
    PATH_PROGRESS,
};

struct path {
    enum path_what what;
    struct rendition rendition; /* of all but PATH_MASTER */
    uint32_t number;            /* of a segment or sheet, from 0 */
};

/* What "master.m3u8", "v/index.m3u8", "a2t/init.mp4", "v/3.m4s", "playlist.m3u8", "3.ts",
 * "thumbs/0.jpg" or "poster.jpg" is. */
struct path path_parse(struct bytes text);

#endif
