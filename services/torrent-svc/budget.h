/* SPDX-License-Identifier: MIT
 *
 * budget: who must go so that the disk never fills. Pure: figures in, victims out; space.c gathers
 * the one and does the other.
 *
 * What may still be written is the free space above the floor, or what the quota leaves if that is
 * less, without what running torrents have been promised already.
 */
#ifndef TORRENT_BUDGET_H
#define TORRENT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
    uint64_t free_bytes; /* of the disk; UINT64_MAX when unknown */
    uint64_t floor;      /* of it that always stay free */
    uint64_t quota;      /* of downloaded data, 0 = none */
};

struct budget_item {
    uint64_t on_disk, missing; /* bytes it has, and will still fetch */
    uint64_t used_ms;          /* last use; the smallest goes first */
    bool is_evictable;
    bool is_victim; /* out */
};

uint64_t budget_used(const struct budget_item *items, size_t count);
/* What may still be promised, once the victims are gone. */
uint64_t budget_left(const struct budget *budget, const struct budget_item *items, size_t count);
/* Marks victims until `needed` bytes are left. False, with none marked, when all of them together
 * would not be enough. */
bool budget_fit(const struct budget *budget, struct budget_item *items, size_t count,
                uint64_t needed);
/* Marks victims until no more than `count_max` items stay, the quota holds and the floor is free;
 * as far as there are any. */
void budget_trim(const struct budget *budget, struct budget_item *items, size_t count,
                 size_t count_max);

#endif
