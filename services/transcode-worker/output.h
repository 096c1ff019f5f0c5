/* SPDX-License-Identifier: MIT
 *
 * output: what was made goes into the file of the cache.
 */
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* All of it; else errno. */
int output_bytes(int fd, struct bytes data);
/* All of it, or ERR_NO_SPACE or ERR_IO. */
enum err output(int fd, struct bytes data, uint64_t *bytes_out, struct error *error);

#endif
