/* SPDX-License-Identifier: MIT
 *
 * program: where our programs are.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* The path of the program of that name in the folder of the one that runs. False: it does not fit
 * into `cap`, or cannot be learnt; nothing may be in `out` then. */
bool program_beside(const char *name, char *out, size_t cap);

#endif
