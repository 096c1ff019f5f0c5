/* SPDX-License-Identifier: MIT */
#include "shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

void shelf_put(struct shelf *shelf, AVPacket *packet)
{
    if (shelf->count == shelf->capacity) {
        shelf->capacity = MAX(shelf->capacity * 2, 256);
        shelf->packets = xrealloc(shelf->packets, shelf->capacity * sizeof(*shelf->packets));
    }
    shelf->packets[shelf->count] = av_packet_alloc();
    must(shelf->packets[shelf->count] != NULL);
    av_packet_move_ref(shelf->packets[shelf->count++], packet);
}

void shelf_drop(struct shelf *shelf, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        av_packet_free(&shelf->packets[i]);
    shelf->count -= count;
    memmove(shelf->packets, shelf->packets + count, shelf->count * sizeof(*shelf->packets));
}

void shelf_fini(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        av_packet_free(&shelf->packets[i]);
    free(shelf->packets);
    *shelf = (struct shelf){0};
}
