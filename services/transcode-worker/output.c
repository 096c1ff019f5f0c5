/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <unistd.h>

enum err output(int fd, const void *data, size_t len, uint64_t *bytes_out, struct error *error)
{
    for (size_t at = 0; at < len;) {
        ssize_t wrote = write(fd, (const char *)data + at, len - at);

        if (wrote > 0)
            at += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            return error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                                   "cannot write to the cache");
    }
    *bytes_out = len;
    return ERR_NONE;
}
