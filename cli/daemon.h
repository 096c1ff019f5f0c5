/* SPDX-License-Identifier: MIT
 *
 * daemon: sharestreamd as a child of `sharestream up`. It lives no longer than we do.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <sys/types.h>

#include "cli.h"

struct daemon {
    pid_t pid;       /* 0: none of ours */
    bool has_ended;  /* seen by daemon_is_alive() */
    int wait_status; /* then */
    char log[512];   /* its log; empty when it goes to our stderr */
};

/* Folders, log, process. It does not get our Ctrl-C; daemon_stop() does that in order. */
enum err daemon_start(const struct cli *cli, bool shows_log, struct daemon *out,
                      struct error *error);
bool daemon_is_alive(struct daemon *daemon);
/* Waits, with a word to the person, until all have stopped; a second Ctrl-C kills. */
void daemon_stop(struct daemon *daemon, bool is_quiet);
/* It has ended because somebody told it to: `sharestream stop`, a signal. */
bool daemon_was_asked(const struct daemon *daemon);
/* How it ended, and the last lines of its log, for a person. */
void daemon_tell_end(const struct daemon *daemon, struct text *out);

#endif
