/* SPDX-License-Identifier: MIT
 *
 * arrival: which bytes of a file are here that somebody sends from its front on, and perhaps its
 * end before its turn (where many films keep their index). Pure.
 */
#ifndef TORRENT_ARRIVAL_H
#define TORRENT_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct arrival {
    uint64_t size;
    uint32_t piece_bytes;
    uint64_t received; /* from the front */
    uint64_t tail_at;  /* what is behind this is here too; `size`: nothing */
};

struct arrival arrival_of(uint64_t size, uint32_t piece_bytes);
/* So many bytes have come for that place. ERR_EXISTS: it is not the next byte; ERR_TOO_LARGE: more
 * than there should be. Nothing has changed then. When the front meets the tail all is here. */
enum err arrival_grow(struct arrival *arrival, uint64_t position, uint64_t len,
                      struct error *error);
/* The end of the file, from there on. ERR_INVALID: it is not the end, or does not begin with a
 * piece; ERR_EXISTS: there is one. */
enum err arrival_add_tail(struct arrival *arrival, uint64_t position, uint64_t len,
                          struct error *error);
uint32_t arrival_pieces(const struct arrival *arrival);
uint32_t arrival_piece_len(const struct arrival *arrival, uint32_t piece);
/* All of that piece. */
bool arrival_has(const struct arrival *arrival, uint32_t piece);
bool arrival_is_whole(const struct arrival *arrival);

#endif
