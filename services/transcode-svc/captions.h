/* SPDX-License-Identifier: MIT
 *
 * captions: which subtitles a film has: tracks of its own, files that lie beside it in the torrent,
 * and what people uploaded for it; what they are called, and which is shown by itself. Pure.
 */
#ifndef TRANSCODE_CAPTIONS_H
#define TRANSCODE_CAPTIONS_H

#include <proto/worker.pb-c.h>
#include <stdbool.h>

#include "label.h"
#include "rendition.h"
#include "stream/ready_map.h"

enum {
    CAPTIONS_MAX = 128, /* of one film */
    CAPTION_TITLE = 104,
    CAPTION_CODEC = 24,
};

struct caption {
    struct rendition rendition;
    char codec[CAPTION_CODEC]; /* as FFmpeg calls it */
    char *name;                /* of captions_name() */
    char title[CAPTION_TITLE]; /* as it came; may be empty */
    char language[LABEL_TAG];  /* "en"; empty: not known */
    bool is_default, is_forced, is_impaired;
    bool is_image; /* there is no text in it */
    bool can_be_drawn;
};

struct captions {
    struct caption *list;
    size_t count;
};

/* Codec of subtitles in a file of that name, by its extension; NULL: it holds none that we read. */
const char *captions_codec(const char *path);

/* Subtitles of text, and not of pictures of it? */
bool captions_are_text(const Sharestream__Worker__Stream *stream);

/* Each adds to the list, until it is full. */
void captions_add_streams(struct captions *captions, const Sharestream__Worker__Media *media);
/* Those of the torrent's files that belong to file `film`: in its folder or one for subtitles in
 * there, and called as it is, unless it is the only film there is. */
void captions_add_files(struct captions *captions, const struct ready_file *files, size_t count,
                        uint32_t film);
void captions_add_upload(struct captions *captions, uint32_t id, const char *codec,
                         const char *name, const char *language);
/* Gives each a name, when all are there. */
void captions_name(struct captions *captions);
void captions_fini(struct captions *captions);

#endif
