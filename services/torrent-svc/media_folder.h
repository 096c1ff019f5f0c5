/* SPDX-License-Identifier: MIT
 *
 * media_folder: which films lie in a folder of this machine, and nothing that lies outside of it.
 */
#ifndef TORRENT_MEDIA_FOLDER_H
#define TORRENT_MEDIA_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { MEDIA_ENTRIES_MAX = 2000 };

struct media_entry {
    const char *name, *path; /* path is absolute, and without links */
    bool is_folder;
    uint64_t size;
};

/* Tells of folders first, then of what can be watched or heard, each by name; hidden ones are left
 * out, as is what leads out of `root` by links. `inside` is below it; "" is itself. ERR_NOT_FOUND:
 * there is no such folder in it. */
enum err media_folder_list(const char *root, const char *inside,
                           void (*on_entry)(void *arg, const struct media_entry *entry), void *arg,
                           bool *is_cut_out, struct error *error);

#endif
