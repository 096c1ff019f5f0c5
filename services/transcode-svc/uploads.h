/* SPDX-License-Identifier: MIT
 *
 * uploads: subtitles that people gave us, as they gave them, on disk until they are removed. A file
 * has its name only when it is whole and written, and the name says everything else; so there is
 * nothing to repair after a crash.
 *
 *   <folder>/tmp.<id>
 *   <folder>/<info-hash>.<file>.<id>.<codec>.<language>.<name in base64url>
 */
#ifndef TRANSCODE_UPLOADS_H
#define TRANSCODE_UPLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "label.h"
#include "wire/infohash.h"

enum {
    UPLOAD_BYTES_MAX = 4 << 20,
    UPLOAD_NAME_MAX = 80,
    UPLOAD_CODEC = 16,
    UPLOADS_OF_FILM_MAX = 32,
};

struct upload {
    struct infohash hash;
    uint32_t file;
    uint32_t id; /* never used again */
    char codec[UPLOAD_CODEC];
    char language[LABEL_TAG];
    char name[UPLOAD_NAME_MAX + 1]; /* may be empty */
    uint64_t size;
    struct upload *next;
};

struct uploads;

/* Makes the folder and reads what is there. */
enum err uploads_new(const char *folder, struct uploads **out, struct error *error);
void uploads_free(struct uploads **uploads); /* the files stay */

/* Writes the bytes under the id, which it chooses; they are no upload yet. ERR_TOO_LARGE,
 * ERR_BUSY when there are too many, ERR_IO. Of `upload`, all but id and codec must be filled. */
enum err uploads_write(struct uploads *uploads, struct upload *upload, struct bytes data,
                       struct error *error);
/* They are one now, also after a crash. */
enum err uploads_keep(struct uploads *uploads, const struct upload *upload, struct error *error);
/* They turned out to be no subtitles. */
void uploads_drop(struct uploads *uploads, uint32_t id);

/* All of them, in no order; borrowed until the next change. */
const struct upload *uploads_first(const struct uploads *uploads);
/* NULL when there is none. */
const struct upload *uploads_find(const struct uploads *uploads, const struct infohash *hash,
                                  uint32_t file, uint32_t id);
/* A descriptor to read it; -1 when it is not there. `upload` NULL: what uploads_write() wrote. */
int uploads_open(struct uploads *uploads, uint32_t id, const struct upload *upload);
/* False: there is none. */
bool uploads_remove(struct uploads *uploads, const struct infohash *hash, uint32_t file,
                    uint32_t id);

#endif
