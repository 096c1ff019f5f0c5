/* SPDX-License-Identifier: MIT
 *
 * media_type: what a file name says about its content. HTML and scripts are unknown on purpose: a
 * stranger's page must not run as ours. SVG can hold scripts too; who serves it, forbids them.
 */
#ifndef WIRE_MEDIA_TYPE_H
#define WIRE_MEDIA_TYPE_H

#include <stdbool.h>
#include <stdint.h>

enum media_kind {
    MEDIA_OTHER,
    MEDIA_VIDEO,
    MEDIA_AUDIO,
    MEDIA_SUBTITLE,
    MEDIA_IMAGE,
    MEDIA_DOCUMENT
};

/* By extension, any case; "application/octet-stream" when unknown. Never NULL. */
const char *media_type(const char *path);
enum media_kind media_kind(const char *path);
const char *media_kind_word(enum media_kind kind);
/* Of two files of a torrent, is it rather the first that is meant when nobody says which is to be
 * played? Pictures before sound before all else, and then the larger one. */
bool media_is_rather(const char *path, uint64_t bytes, const char *than, uint64_t than_bytes);

#endif
