/* SPDX-License-Identifier: MIT
 *
 * upload_file: writes the body of a request into the file of an upload, in turns, so that streams
 * go on meanwhile. From opening to the end of the exchange nobody else can write there: a lock
 * (flock) that goes with us, however we end. Whether it is an upload at all, and where its next
 * byte goes, is for torrent-svc to say in between.
 */
#ifndef HTTP_UPLOAD_FILE_H
#define HTTP_UPLOAD_FILE_H

#include "exchange.h"

struct upload_file;

/* ERR_NOT_FOUND: there is no such torrent; ERR_EXISTS: another request is writing. */
enum err upload_file_open(struct exchange *x, const struct infohash *hash, struct upload_file **out,
                          struct error *error);
/* The first `len` bytes of the body, to that place. `then` gets NULL, or why it failed. */
void upload_file_write(struct upload_file *file, uint64_t position, size_t len,
                       void (*then)(void *arg, const struct error *error), void *arg);
/* Others may write from now on, although the answer is still on its way. */
void upload_file_unlock(struct upload_file *file);

#endif
