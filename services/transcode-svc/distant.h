/* SPDX-License-Identifier: MIT
 *
 * distant: torrents whose files lie on another machine. What they consist of is asked for once,
 * then they are mirrored here (lib/stream/mirror.h) and are as others are.
 */
#ifndef TRANSCODE_DISTANT_H
#define TRANSCODE_DISTANT_H

#include "source.h"
#include "transcode.h"

struct distant;

/* As source_open(), wherever it is. ERR_UNAVAILABLE while a torrent is being looked for: whoever
 * asks again soon finds it. */
enum err distant_open(struct transcode *transcode, const struct file_id *id, struct source *out,
                      struct error *error);
enum err distant_start(struct transcode *transcode, struct error *error);
void distant_stop(struct transcode *transcode);

#endif
