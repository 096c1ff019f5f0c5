/* SPDX-License-Identifier: MIT
 *
 * naming: how files are called towards the outside: in a Content-Disposition, in URLs, and in an
 * M3U playlist. Pure. File names come from strangers: nothing of them may break out of its place.
 */
#ifndef HTTP_NAMING_H
#define HTTP_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* RFC 6266 with the last part of `path` as file name: ASCII in filename=, all of it in filename*=.
 */
void naming_disposition(struct text *out, const char *path, bool is_attachment);

enum { NAMING_STREAM_PATH = 80 };
/* "/stream/<hash>/<file>": what a link is signed for. Returns `out`. */
char *naming_stream_path(const char *hash, uint32_t file, char out[NAMING_STREAM_PATH]);

/* "/torrents/<hash>": what a grant is signed for. Returns `out`. */
char *naming_torrent_path(const char *hash, char out[NAMING_STREAM_PATH]);

struct naming_link {
    const char *base; /* "http://host:port" */
    const char *hash;
    uint32_t file;
    const char *path;   /* of the file; its last part ends the URL, for players that guess */
    const uint8_t *key; /* NULL: unsigned */
    uint64_t expires_s; /* with a key */
};
void naming_url(struct text *out, const struct naming_link *link);

/* "exp=...&sig=...": the query of a link or grant for that path. */
void naming_signature(struct text *out, const uint8_t *key, const char *path, uint64_t expires_s);

void naming_m3u_begin(struct text *out);
/* One title and its URL. */
void naming_m3u_add(struct text *out, const char *title, const char *url);

/* "http://<host>", or https, when `host` looks like a Host header, else `fallback`. */
void naming_base(struct text *out, bool is_tls, struct bytes host, const char *fallback);

#endif
