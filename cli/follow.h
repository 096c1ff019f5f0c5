/* SPDX-License-Identifier: MIT
 *
 * follow: watching one torrent while it changes.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <proto/torrent.pb-c.h>

#include "cli.h"

struct follow {
    const char *info_hash;
    uint32_t file; /* whose playing is diagnosed while nothing moves */
    struct live live;
    /* Asked once a round; true ends it. May be NULL. */
    bool (*is_over)(void *arg);
    void *arg;
};

/* Until its metadata is there. The torrent, or NULL after a complaint or when
 * interrupted. */
Sharestream__Torrent__TorrentInfo *follow_metadata(struct cli *cli, struct follow *follow);
/* Until interrupted, or over, or the torrent is removed. A service that is away for a while is
 * waited for. With --json, a line per change instead of the live one. */
enum cli_exit follow_torrent(struct cli *cli, struct follow *follow);

/* One torrent; NULL after a complaint. */
Sharestream__Torrent__TorrentInfo *torrent_get(struct cli *cli, const char *info_hash);
/* Asks for the files that did not fit into the message. False after a complaint. */
bool torrent_all_files(struct cli *cli, Sharestream__Torrent__TorrentInfo *info);
/* The torrent that the first value of the command line means; NULL after a complaint. */
Sharestream__Torrent__TorrentInfo *torrent_named(struct cli *cli);

#endif
