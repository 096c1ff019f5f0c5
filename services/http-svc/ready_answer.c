/* SPDX-License-Identifier: MIT
 *
 * ready_answer: which bytes of a file are here, for those who draw them. Of a file with very many
 * gaps it is not told to the byte: nobody can see a thousandth of it.
 */
#include "loop.h"

#include "base/must.h"

enum { READY_STEPS = 1000 };

static json_t *ready_ranges(const struct ready_map *map, uint32_t file)
{
    const struct ready_layout *layout = ready_map_layout(map);
    const struct ready_file *info = &layout->files[file];
    json_t *ranges = json_array();
    uint64_t position = 0;

    while (position < info->size) {
        uint64_t run = ready_map_run(map, file, position, info->size - position);

        if (run > 0) {
            json_array_append_new(
                ranges, json_pack("[I, I]", (json_int_t)position, (json_int_t)(position + run)));
            position += run;
        } else {
            uint64_t piece = ready_map_piece_at(map, file, position);
            uint64_t next = (piece + 1) * layout->piece_bytes - info->offset;

            position = MAX(next, position + info->size / READY_STEPS);
        }
    }
    return ranges;
}

void ready_answer(struct exchange *x, const struct infohash *hash, uint32_t file)
{
    struct map_entry *entry;
    struct ready_map *map = loop_map_take(x->loop, hash, &entry);

    if (map == NULL || file >= ready_map_layout(map)->file_count)
        exchange_fail(x, ERR_NOT_FOUND, "there is no such file, or not yet");
    else
        exchange_reply_json(x, 200, json_pack("{s:o}", "ranges", ready_ranges(map, file)));
    loop_map_release(&entry);
}
