/* SPDX-License-Identifier: MIT
 *
 * rendition: one stream of a film in one form, and its name in URLs and in the cache. Pure.
 *
 *   v       the picture as it is          v720    made anew, 720 lines high
 *                                         v720s4  with the subtitles of stream 4 drawn into it
 *                                         v720-vaapi  by hardware
 *   a2      sound of stream 2 as it is    a2t     made into AAC
 *   s3      subtitles of stream 3     x5  of file 5 of the torrent     u7  uploaded
 *   ts      picture and sound for tod-p2m's players: "playlist.m3u8", "0.ts"
 *
 *   thumbs  sheets of small pictures    poster    waveform    none of which is played: see thumbs.h
 */
#ifndef TRANSCODE_RENDITION_H
#define TRANSCODE_RENDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Of pictures made anew. What one makes can not follow what another made. */
enum encoder { ENCODER_SOFTWARE, ENCODER_VAAPI, ENCODER_NVENC, ENCODER_QSV, ENCODERS };

/* "software", "vaapi" */
const char *encoder_name(enum encoder encoder);

enum rendition_kind {
    RENDITION_VIDEO,
    RENDITION_AUDIO,
    RENDITION_TS,
    RENDITION_SUBTITLE,
    RENDITION_EXTERNAL, /* subtitles in a file beside the film */
    RENDITION_UPLOAD,   /* subtitles that somebody gave us */
    RENDITION_THUMBS,
    RENDITION_POSTER,
    RENDITION_WAVEFORM,
};

struct rendition {
    enum rendition_kind kind;
    bool is_made;    /* anew, not copied */
    uint32_t stream; /* of RENDITION_AUDIO and _SUBTITLE; the file or the upload of the others */
    uint32_t height; /* of a RENDITION_VIDEO that is made */
    bool has_burnt;  /* likewise */
    uint32_t burnt;  /* stream of subtitles */
    enum encoder encoder; /* of a RENDITION_VIDEO that is made, and has nothing burnt */
};

enum { RENDITION_NAME = 16 };
/* Name of its folder; returns `out`. */
char *rendition_name(const struct rendition *rendition, char out[RENDITION_NAME]);
/* Made of bytes that are here only, and after everything else. */
bool rendition_is_quiet(const struct rendition *rendition);

bool rendition_is_text(const struct rendition *rendition);

enum path_what {
    PATH_NONE,
    PATH_MASTER,
    PATH_PLAYLIST,
    PATH_INIT,
    PATH_SEGMENT, /* or whatever is a file of its own */
    PATH_CUES,
    PATH_PROGRESS,
    PATH_ALONE,  /* subtitles as one file */
    PATH_SCRIPT, /* the same as ASS */
    PATH_FONT,   /* attached to the film; its `rendition` names the stream */
};

struct path {
    enum path_what what;
    struct rendition rendition; /* of all but PATH_MASTER */
    uint32_t number;            /* of a segment or sheet, from 0 */
    int32_t delay_ms;           /* of subtitles; not part of the text */
};

/* What "master.m3u8", "v/index.m3u8", "a2t/init.mp4", "v/3.m4s", "s3/3.vtt", "s3/all.vtt",
 * "s3/all.ass", "font/5", "playlist.m3u8", "3.ts", "thumbs/0.jpg" or "poster.jpg" is. */
struct path path_parse(struct bytes text);

enum { PATH_NAME = 40 };
/* What it is called among files of the cache, and for people: "v.3", "a2t.init"; returns `out`. */
char *path_name(const struct path *path, char out[PATH_NAME]);

#endif
