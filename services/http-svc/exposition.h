/* SPDX-License-Identifier: MIT
 *
 * exposition: the Prometheus texts of several processes as one. Each sample gets the label
 * service="...", and each metric stands together under one HELP and TYPE, as format 0.0.4 wants.
 * Pure.
 */
#ifndef HTTP_EXPOSITION_H
#define HTTP_EXPOSITION_H

#include <stddef.h>

#include "base/text.h"

struct exposition_part {
    const char *service; /* "torrent.0" */
    const char *text;    /* NULL: it did not answer */
};

/* Adds sharestream_up{service=...} 0 or 1 for each part as well. */
void exposition_merge(struct text *out, const struct exposition_part *parts, size_t count);

#endif
