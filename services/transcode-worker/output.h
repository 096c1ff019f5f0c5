/* SPDX-License-Identifier: MIT
 *
 * output: what was made goes into the file of the cache.
 */
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* All of it, or ERR_NO_SPACE or ERR_IO. */
enum err output(int fd, const void *data, size_t len, uint64_t *bytes_out, struct error *error);

#endif
