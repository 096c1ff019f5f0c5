/* SPDX-License-Identifier: MIT
 *
 * ip_filter: a file of address ranges that peers must not come from, as the usual block lists have
 * them: "first - last", "name:first-last" (p2p), "first - last , level , name" (dat; levels above
 * 127 are allowed), or a single address. A line that begins with '#' is a comment.
 */
#ifndef TORRENT_IP_FILTER_H
#define TORRENT_IP_FILTER_H

#include "base/error.h"
#include "lt.h"

/* Reads one line (changed in place). True when it holds a range; `range_out` points into it. Pure.
 */
bool ip_filter_line(char *line, struct lt_range *range_out);
/* Gives the whole file to the session; lines that make no sense are counted and skipped. */
enum err ip_filter_load(struct lt_session *session, const char *path, size_t *ranges_out,
                        struct error *error);

#endif
