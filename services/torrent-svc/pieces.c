/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include "base/must.h"

enum { SOON_S = 60, SOON_BYTES = 16 << 20 };

void pieces_mark(const struct pieces_facts *facts, uint64_t from, uint64_t until,
                 enum piece_state state)
{
    if (from >= until)
        return;
    uint64_t last = MIN((until - 1) / facts->piece_bytes, (uint64_t)facts->count - 1);

    for (uint64_t piece = from / facts->piece_bytes; piece <= last; piece++)
        facts->states[piece] = MAX(facts->states[piece], (uint8_t)state);
}

void pieces_mark_reader(const struct pieces_facts *facts, const struct sched_view *reader,
                        uint64_t file_offset, uint64_t file_size)
{
    uint64_t soon = reader->bytes_per_s > 0 ? reader->bytes_per_s * SOON_S : SOON_BYTES;
    uint64_t left = file_size - MIN(reader->position, file_size);
    uint64_t from = file_offset + reader->position;

    pieces_mark(facts, from, from + MIN(soon, left), PIECE_READ_SOON);
}

uint32_t pieces_per_cell(uint32_t count, uint32_t cells)
{
    uint32_t most = cells > 0 ? cells : PIECES_CELLS;

    return MAX(1U, count / most + (count % most != 0));
}

void pieces_draw(const struct pieces_facts *facts, uint32_t cell_pieces, uint8_t *ready_out,
                 uint8_t *states_out, uint8_t *peers_out)
{
    for (uint32_t first = 0, cell = 0; first < facts->count; first += cell_pieces, cell++) {
        uint32_t end = MIN(facts->count - first, cell_pieces) + first, here = 0;
        uint8_t state = PIECE_HERE, peers = UINT8_MAX;

        for (uint32_t piece = first; piece < end; piece++) {
            here += facts->have[piece] != 0;
            if (facts->have[piece] == 0)
                state = MAX(state, facts->states[piece]);
            peers = MIN(peers, facts->peers[piece]);
        }
        /* Rounded down: 255 is all of it. */
        ready_out[cell] = (uint8_t)((uint64_t)here * UINT8_MAX / (end - first));
        states_out[cell] = state;
        peers_out[cell] = peers;
    }
}
