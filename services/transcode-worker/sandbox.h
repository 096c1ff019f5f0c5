/* SPDX-License-Identifier: MIT
 *
 * sandbox: after it, the process can compute, read and write what it has open, and nothing else: no
 * file by name, no socket of its own, no other program.
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>

#include "base/error.h"

/* `has_device`: it may also talk to devices that are open. ERR_UNAVAILABLE where the kernel has no
 * seccomp. */
enum err sandbox_enter(bool has_device, struct error *error);

#endif
