/* SPDX-License-Identifier: MIT
 *
 * mkv_cluster: where a cluster of Matroska (RFC 9559) begins, in bytes from the middle of a file.
 * Each has a number of four bytes in front, which hardly ever occurs elsewhere, and then its time.
 * Pure.
 */
#ifndef WIRE_MKV_CLUSTER_H
#define WIRE_MKV_CLUSTER_H

#include <stdbool.h>

#include "base/bytes.h"

enum { MKV_CLUSTER_BYTES = 28 }; /* of the beginning of a cluster, at most */

/* The first one whose beginning is whole. *at_out: where in `data`; *ticks_out: its time, in the
 * ticks of the file. */
bool mkv_cluster_find(struct bytes data, size_t *at_out, uint64_t *ticks_out);

#endif
