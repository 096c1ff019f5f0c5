/* SPDX-License-Identifier: MIT
 *
 * flags: a command line as Go's package flag reads it, for programs that take the place of one
 * written in Go: -x v, -x=v, --x v and --x=v are the same, and a switch may be given as -x=false.
 */
#ifndef BASE_FLAGS_H
#define BASE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct flag {
    const char *name;  /* "data-dir" */
    const char *value; /* what it takes, for people: "DIR"; NULL: a switch */
    const char *help;  /* one sentence */
    const char **text; /* what was given, of the last one; untouched when it was not */
    bool *is_on;       /* instead, of a switch */
};

/* Anything but these flags is an error that says what to do. */
enum err flags_read(int argc, char **argv, const struct flag *flags, size_t count,
                    struct error *error);

struct flags_program {
    const char *name, *about, *version;
    const struct flag *flags;
    size_t count;
};
enum { FLAGS_EXIT_USAGE = 2 }; /* as Go's programs */
/* Takes -help and -version as well. -1: go on; else everything is said, and this the exit code. */
int flags_begin(const struct flags_program *program, int argc, char **argv);

#endif
