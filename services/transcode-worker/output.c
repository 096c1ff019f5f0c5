/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <unistd.h>

int output_bytes(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t wrote = write(fd, data.data, data.len);

        if (wrote > 0)
            data = bytes_of(data.data + wrote, data.len - (size_t)wrote);
        else if (wrote == 0 || errno != EINTR)
            return wrote == 0 ? EIO : errno;
    }
    return 0;
}

enum err output(int fd, struct bytes data, uint64_t *bytes_out, struct error *error)
{
    errno = output_bytes(fd, data);
    if (errno != 0)
        return error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                               "cannot write to the cache");
    *bytes_out = data.len;
    return ERR_NONE;
}
