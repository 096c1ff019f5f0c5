/* SPDX-License-Identifier: MIT
 *
 * supervise: sharestreamd, for programs that bring the services along: `sharestream up`, and the
 * drop-ins for earlier programs, which know neither a configuration file nor folders.
 */
#ifndef SVC_SUPERVISE_H
#define SVC_SUPERVISE_H

#include <sys/types.h>

#include "base/error.h"

/* Becomes sharestreamd: the one next to this program, else by PATH. Settings are in the
 * environment. Returns only if there is none. */
void supervise_become(void);
/* Starts it as a child in a session of its own, which lives no longer than the calling thread; what
 * it logs goes to `log`. -1: see `error`. */
pid_t supervise_start(int log, struct error *error);

/* For a program that is not to meet another ShareStream of this machine. Makes the folder
 * `data_dir` (a leading ~ is the home folder) and one below $XDG_RUNTIME_DIR or /tmp for sockets
 * that belongs to it, and puts both into the environment, with no configuration file but one that
 * was asked for. While another one works on that folder, whose process `owner` ("supervisor.0")
 * holds its lock then, a numbered one in it is taken. */
enum err supervise_place(const char *program, const char *owner, const char *data_dir,
                         struct error *error);

/* A setting, SHARESTREAM_`name`, that holds whatever was set before; or unless it was. */
void supervise_set(const char *name, const char *value);
void supervise_set_default(const char *name, const char *value);

#endif
