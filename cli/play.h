/* SPDX-License-Identifier: MIT
 *
 * play: from a torrent to the address of the file that plays.
 */
#ifndef CLI_PLAY_H
#define CLI_PLAY_H

#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "cli.h"

/* The file that `word` means (NULL: the one to play), or NULL after a complaint. Asks for files
 * that `info` does not have yet. */
const Sharestream__Torrent__File *
play_file(struct cli *cli, Sharestream__Torrent__TorrentInfo *info, const char *word);
/* Its address, signed if need be. NULL after a complaint. */
Sharestream__Http__LinkReply *play_link(struct cli *cli,
                                        const Sharestream__Torrent__TorrentInfo *info,
                                        const Sharestream__Torrent__File *file);
/* Starts a player and does not wait for it. False after a complaint. */
bool play_open(struct cli *cli, const char *url);

#endif
