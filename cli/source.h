/* SPDX-License-Identifier: MIT
 *
 * source: what a person pasted, dropped or named, turned into the right request.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <proto/torrent.pb-c.h>

#include "cli.h"

enum source_kind {
    SOURCE_LINK,     /* magnet link, URL, info-hash: the service reads it */
    SOURCE_METAINFO, /* a .torrent file here */
    SOURCE_DATA,     /* a file or folder of the user's own: to seed */
};

/* Looks at the word, and at the file of that name if there is one. ERR_NOT_FOUND with a sentence.
 */
enum err source_classify(const char *word, enum source_kind *out, struct error *error);

/* Adds a link or .torrent file. NULL after a complaint. */
Sharestream__Torrent__AddReply *source_add(struct cli *cli, const char *word, enum source_kind kind,
                                           bool is_paused);
/* Shares a path, with live progress on stderr until all of it is hashed. False after a complaint,
 * or when interrupted. */
bool source_seed(struct cli *cli, const char *path, bool is_hybrid, char out[INFOHASH_TEXT]);

#endif
