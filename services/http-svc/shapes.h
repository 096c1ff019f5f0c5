/* SPDX-License-Identifier: MIT
 *
 * shapes: answers that are not simply a message of the bus as JSON: errors in both dialects,
 * tod-p2m's torrent, readiness. Those of JSON return a new reference.
 */
#ifndef HTTP_SHAPES_H
#define HTTP_SHAPES_H

#include <jansson.h>
#include <proto/torrent.pb-c.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"
#include "neighbours.h"

/* {"error":{"code","message","advice"?}}; `advice` may be NULL. */
json_t *shape_error(const char *code, const char *message, const char *advice);
/* {"error": text} */
json_t *shape_p2m_error(const char *text);
/* What to do about an error of a neighbour, or NULL. */
const char *shape_advice(enum err code);

/* A message of torrent-svc as JSON. To others than the admin it names no trackers: addresses of
 * private ones have the operator's key in them. */
json_t *shape_torrent(const ProtobufCMessage *message, bool is_admin);
/* Likewise a .torrent file; nothing of one that is none. */
void shape_metainfo(struct text *out, struct bytes metainfo, bool is_admin);

/* {"infoHash","name","files":[{"id","name","size","progress"}],"seeders","leechers"} as text,
 * because the files may come in several messages: begin, the files of each, end. */
void shape_p2m_begin(struct text *out, const Sharestream__Torrent__TorrentInfo *info);
void shape_p2m_files(struct text *out, const Sharestream__Torrent__TorrentInfo *info);
void shape_p2m_end(struct text *out, const Sharestream__Torrent__TorrentInfo *info);

/* {"status":"ready"|"degraded"|"stopping","reasons":[...]} */
json_t *shape_ready(const bool is_away[NEIGHBOURS], bool is_draining);

/* A text that is shown as JSON must be UTF-8: anything else is shown byte by byte as Latin-1. */
json_t *shape_text(const char *text);

#endif
