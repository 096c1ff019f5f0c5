/* SPDX-License-Identifier: MIT */
#include "upload_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/must.h"
#include "loop.h"

struct upload_file {
    struct later later;
    struct exchange *x;
    int fd;
    uint64_t position;
    size_t len, written;
    void (*then)(void *arg, const struct error *error);
    void *arg;
};

static void close_file(void *memory)
{
    struct upload_file *file = memory;

    later_remove(&file->later);
    if (file->x != NULL)
        close(file->fd);
}

static enum err open_locked(const char *path, int *fd_out, struct error *error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot write into the file of the upload");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return error_set(error, ERR_EXISTS, "another request is sending this file just now");
    }
    *fd_out = fd;
    return ERR_NONE;
}

enum err upload_file_open(struct exchange *x, const struct infohash *hash, struct upload_file **out,
                          struct error *error)
{
    struct map_entry *entry;
    struct ready_map *map = loop_map_take(x->loop, hash, &entry);
    enum err err;
    int fd = -1;

    if (map == NULL || ready_map_layout(map)->file_count != 1)
        err = error_set(error, ERR_NOT_FOUND, "there is no such upload");
    else if (lease_set_may_forget(x->loop->leases, hash)) /* what is here is a mirror */
        err = error_set(error, ERR_UNAVAILABLE,
                        "it is kept on another machine: send it to the http-svc there");
    else
        err = open_locked(ready_map_layout(map)->files[0].disk_path, &fd, error);
    loop_map_release(&entry);
    if (err != ERR_NONE)
        return err;
    struct upload_file *file = exchange_alloc_until(x, sizeof(*file), close_file);
    file->x = x;
    file->fd = fd;
    *out = file;
    return ERR_NONE;
}

static void write_on(void *arg)
{
    struct upload_file *file = arg;
    struct bytes body = exchange_body(file->x);
    size_t left = MIN(file->len - file->written, (size_t)LOOP_TURN_BYTES);
    ssize_t put = 0;
    struct error error;

    if (left > 0)
        put = pwrite(file->fd, body.data + file->written, left,
                     (off_t)(file->position + file->written));
    if (put < 0 && errno != EINTR) {
        error_set_errno(&error, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                        "cannot write into the file of the upload");
        file->then(file->arg, &error);
        return;
    }
    file->written += put > 0 ? (size_t)put : 0;
    file->x->loop->round_sent += put > 0 ? (size_t)put : 0;
    if (file->written == file->len)
        file->then(file->arg, NULL);
    else
        later_add(file->x->loop, &file->later);
}

void upload_file_write(struct upload_file *file, uint64_t position, size_t len,
                       void (*then)(void *arg, const struct error *error), void *arg)
{
    file->position = position;
    file->len = len;
    file->then = then;
    file->arg = arg;
    file->later.run = write_on;
    file->later.arg = file;
    later_add(file->x->loop, &file->later);
}

void upload_file_unlock(struct upload_file *file)
{
    flock(file->fd, LOCK_UN);
}
