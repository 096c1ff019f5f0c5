/* SPDX-License-Identifier: MIT
 *
 * A map file that somebody else wrote: opened or refused, never a crash, and whatever opens holds
 * its own promises. Boot id and hash are put in place, so that the fuzzer gets past them.
 */
#include "stream/ready_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "stream/ready_map_format.h"

static const struct infohash hash = {{0xaa}};
static char dir[64], path[160];

static void remove_all(void)
{
    char folder[128];

    unlink(path);
    snprintf(folder, sizeof(folder), "%s/torrents", dir);
    rmdir(folder);
    rmdir(dir);
}

static void make_dir(void)
{
    char folder[128], hex[INFOHASH_TEXT];

    snprintf(dir, sizeof(dir), "/tmp/ready_map_fuzz.XXXXXX");
    must(mkdtemp(dir) != NULL);
    snprintf(folder, sizeof(folder), "%s/torrents", dir);
    must(mkdir(folder, 0700) == 0);
    snprintf(path, sizeof(path), "%s/%s.map", folder, infohash_text(&hash, hex));
    atexit(remove_all);
}

static void put_in_place(uint8_t *data, size_t size)
{
    if (size < sizeof(struct map_head))
        return;
    must(clock_boot((char *)data + offsetof(struct map_head, boot)));
    memcpy(data + offsetof(struct map_head, hash), &hash, sizeof(hash));
}

static void use(const struct ready_map *map)
{
    const struct ready_layout *layout = ready_map_layout(map);
    uint64_t ready = ready_map_count(map);

    must(ready <= layout->piece_count && strlen(layout->name) < MAP_STRING_MAX);
    for (uint32_t i = 0; i <= layout->file_count; i++) {
        uint64_t size = i < layout->file_count ? layout->files[i].size : 0;

        if (i < layout->file_count)
            must(layout->files[i].disk_path[0] == '/' &&
                 strlen(layout->files[i].path) < MAP_STRING_MAX &&
                 layout->files[i].offset + size <= layout->total_bytes);
        must(ready_map_file_bytes(map, i) <= size);
        for (uint64_t position = 0; position <= size; position += size / 3 + 1) {
            uint64_t run = ready_map_run(map, i, position, UINT64_MAX);

            must(run <= size - position && run <= ready_map_file_bytes(map, i));
            must((run > 0) ==
                 (position < size && ready_map_has(map, ready_map_piece_at(map, i, position))));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ready_map *map;
    uint8_t *copy = xcalloc(size, 1);

    if (dir[0] == '\0')
        make_dir();
    memcpy(copy, data, size);
    put_in_place(copy, size);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(write(fd, copy, size) == (ssize_t)size);
    close(fd);
    free(copy);
    if (ready_map_open(dir, &hash, &map, NULL) == ERR_NONE)
        use(map);
    ready_map_close(&map);
    return 0;
}
