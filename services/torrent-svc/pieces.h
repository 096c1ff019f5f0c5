/* SPDX-License-Identifier: MIT
 *
 * pieces: what a torrent looks like from afar: its pieces as a row of cells that fits on a screen.
 * Pure.
 */
#ifndef TORRENT_PIECES_H
#define TORRENT_PIECES_H

#include <stdint.h>

#include "sched.h"

enum { PIECES_CELLS = 1024, PIECES_CELLS_MAX = 16384 };

/* Of a piece; a later one says more. The words of PiecesReply.Cell. */
enum piece_state { PIECE_HERE, PIECE_SKIPPED, PIECE_MISSING, PIECE_READ_SOON, PIECE_COMING };

/* One byte per piece each. */
struct pieces_facts {
    uint32_t count, piece_bytes;
    const uint8_t *have;  /* 0: missing */
    const uint8_t *peers; /* so many have it */
    uint8_t *states;      /* what is said of it if it is missing; see pieces_mark() */
};

/* Raises what is said of the pieces under these bytes of the torrent, `until` not among them. */
void pieces_mark(const struct pieces_facts *facts, uint64_t from, uint64_t until,
                 enum piece_state state);
/* What the reader will want soon: a minute of it, or some MiB while its bitrate is not known. The
 * file is that of the reader. */
void pieces_mark_reader(const struct pieces_facts *facts, const struct sched_view *reader,
                        uint64_t file_offset, uint64_t file_size);

/* How many pieces go into a cell, so that there are at most `cells`; 0: the usual number. */
uint32_t pieces_per_cell(uint32_t count, uint32_t cells);
/* Writes one byte per cell to each. */
void pieces_draw(const struct pieces_facts *facts, uint32_t cell_pieces, uint8_t *ready_out,
                 uint8_t *states_out, uint8_t *peers_out);

#endif
