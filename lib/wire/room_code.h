/* SPDX-License-Identifier: MIT
 *
 * room_code: the names by which rooms are found. Those made here are six letters: clients of
 * earlier systems drop digits while somebody types, and I and O are read as 1 and 0.
 */
#ifndef WIRE_ROOM_CODE_H
#define WIRE_ROOM_CODE_H

#include <stdbool.h>
#include <stddef.h>

enum { CODE_LETTERS = 6, CODE_MAX = 64, CODE_SEATS_MAX = 64 };

/* Fills `out` with `len` random bytes. */
typedef void code_random_fn(void *arg, void *out, size_t len);

void code_make(code_random_fn *random, void *arg, char out[CODE_MAX + 1]);
/* What somebody typed or asked for, as rooms are kept: without spaces around, in upper case. False
 * when it cannot be a code: empty, too long, or with what would break a link. */
bool code_read(const char *text, char out[CODE_MAX + 1]);
/* Which of so many seats has the room of that code, as code_read() wrote it: with one seat more 1/n
 * of the rooms are another one's. */
unsigned code_seat(const char *code, unsigned seats);

#endif
