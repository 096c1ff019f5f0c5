/* SPDX-License-Identifier: MIT */
#include "arrival.h"

#include "base/must.h"

struct arrival arrival_of(uint64_t size, uint32_t piece_bytes)
{
    must(size > 0 && piece_bytes > 0);
    return (struct arrival){.size = size, .piece_bytes = piece_bytes, .tail_at = size};
}

static enum err check_end(const struct arrival *arrival, uint64_t position, uint64_t len,
                          struct error *error)
{
    if (position <= arrival->size && len <= arrival->size - position)
        return ERR_NONE;
    return error_set(error, ERR_TOO_LARGE, "the file was announced with %lu bytes, this is more",
                     (unsigned long)arrival->size);
}

enum err arrival_grow(struct arrival *arrival, uint64_t position, uint64_t len, struct error *error)
{
    if (position != arrival->received)
        return error_set(error, ERR_EXISTS, "the next byte is %lu, not %lu",
                         (unsigned long)arrival->received, (unsigned long)position);
    enum err err = check_end(arrival, position, len, error);
    if (err != ERR_NONE)
        return err;
    arrival->received += len;
    if (arrival->received >= arrival->tail_at)
        arrival->received = arrival->size;
    return ERR_NONE;
}

enum err arrival_add_tail(struct arrival *arrival, uint64_t position, uint64_t len,
                          struct error *error)
{
    enum err err = check_end(arrival, position, len, error);

    if (err != ERR_NONE)
        return err;
    if (position + len != arrival->size || position % arrival->piece_bytes != 0 || len == 0)
        return error_set(error, ERR_INVALID,
                         "a tail begins at a multiple of %u and goes on to the end, byte %lu",
                         arrival->piece_bytes, (unsigned long)arrival->size);
    if (arrival->tail_at < arrival->size || position < arrival->received)
        return error_set(error, ERR_EXISTS, "this part of the file is here already");
    arrival->tail_at = position;
    if (arrival->received == position)
        arrival->received = arrival->size;
    return ERR_NONE;
}

uint32_t arrival_pieces(const struct arrival *arrival)
{
    return (uint32_t)((arrival->size + arrival->piece_bytes - 1) / arrival->piece_bytes);
}

uint32_t arrival_piece_len(const struct arrival *arrival, uint32_t piece)
{
    uint64_t from = (uint64_t)piece * arrival->piece_bytes;

    return (uint32_t)MIN((uint64_t)arrival->piece_bytes, arrival->size - from);
}

bool arrival_has(const struct arrival *arrival, uint32_t piece)
{
    uint64_t from = (uint64_t)piece * arrival->piece_bytes;

    return from >= arrival->tail_at ||
           from + arrival_piece_len(arrival, piece) <= arrival->received;
}

bool arrival_is_whole(const struct arrival *arrival)
{
    return arrival->received == arrival->size;
}
