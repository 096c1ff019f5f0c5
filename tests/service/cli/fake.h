/* SPDX-License-Identifier: MIT
 *
 * fake: torrent-svc, transcode-svc and http-svc without torrents, films and HTTP, for the command
 * line to talk to under the real supervisor. The test program itself plays them when it is started
 * under their names.
 */
#ifndef CLI_FAKE_H
#define CLI_FAKE_H

#include <stdbool.h>

/* The torrents that are there at first, in the order of `list`. */
#define FAKE_FILM                                                                                  \
    "08ada5a7a6183aae1e09d831df6748d566095a10"               /* Sintel: video, subtitles, poster   \
                                                              */
#define FAKE_TRAP "08ffffffffffffffffffffffffffffffffffffff" /* its name is hostile; paused */
/* Becomes known two questions after it was added. */
#define FAKE_ADDED "da39a3ee5e6b4b0d3255bfef95601890afd80709"
/* What a seeded file becomes, 300 ms after it was asked for. */
#define FAKE_SEED "1111111111111111111111111111111111111111"

/* While a file of that name is in the current folder, http-svc cannot start. */
#define FAKE_PORT_TAKEN "port-taken"

/* True when argv[0] is one of the services; then *code_out is how it ended. */
bool fake_main(int argc, char **argv, int *code_out);

#endif
