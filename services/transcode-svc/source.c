/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

_Static_assert(sizeof(struct file_id) == sizeof(struct infohash) + sizeof(uint32_t), "padding");

enum err source_open(struct source *source, const char *run_dir, const struct file_id *id,
                     struct error *error)
{
    const struct ready_layout *layout;

    *source = (struct source){.id = *id, .fd = -1};
    if (ready_map_open(run_dir, &id->hash, &source->map, error) != ERR_NONE)
        return error->code;
    layout = ready_map_layout(source->map);
    if (id->file < layout->file_count && layout->files[id->file].size > 0) {
        source->size = layout->files[id->file].size;
        return ERR_NONE;
    }
    error_set(error, ERR_NOT_FOUND,
              id->file >= layout->file_count ? "there is no such file" : "the file is empty");
    source_close(source);
    return error->code;
}

void source_take(struct source *source, const struct file_id *id, int fd, uint64_t size)
{
    *source = (struct source){.id = *id, .fd = fd, .size = size};
}

void source_close(struct source *source)
{
    if (source->map == NULL && source->fd >= 0)
        close(source->fd);
    source->fd = -1;
    ready_map_close(&source->map);
}

const struct ready_file *source_file(const struct source *source)
{
    return &ready_map_layout(source->map)->files[source->id.file];
}

uint64_t source_run(const struct source *source, uint64_t position)
{
    uint64_t left = source->size - (position < source->size ? position : source->size);

    if (source->map == NULL || left == 0)
        return left;
    return ready_map_run(source->map, source->id.file, position, left);
}

int source_descriptor(const struct source *source, struct error *error)
{
    /* Workers read at positions: it is theirs as if nobody else had it. */
    int fd = source->map == NULL ? fcntl(source->fd, F_DUPFD_CLOEXEC, 0)
                                 : open(source_file(source)->disk_path,
                                        O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        error_set_errno(error, ERR_IO, "cannot open the file");
    return fd;
}

const char *source_name(const struct source *source)
{
    static char name[INFOHASH_TEXT + 16];
    char text[INFOHASH_TEXT];

    snprintf(name, sizeof(name), "%s/%u", infohash_text(&source->id.hash, text), source->id.file);
    return name;
}
