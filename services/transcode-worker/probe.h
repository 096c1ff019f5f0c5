/* SPDX-License-Identifier: MIT
 *
 * probe: does an encoder work here, in the sandbox, and set keyframes where it is told to?
 */
#ifndef WORKER_PROBE_H
#define WORKER_PROBE_H

#include "base/error.h"

/* Of the hardware that is open, else x264: makes a few pictures. */
enum err probe(struct error *error);

#endif
