/* SPDX-License-Identifier: MIT
 *
 * query: what stands behind the '?' of a URL.
 */
#ifndef WIRE_QUERY_H
#define WIRE_QUERY_H

#include "base/bytes.h"

/* What is behind the '?' of a request's target; data is NULL when there is none. `path_out`: what
 * is before it. */
struct bytes query_split(struct bytes target, struct bytes *path_out);
/* First value of `name` in a query string, decoded ('+' is a space). False when it is absent, does
 * not fit or is broken. */
bool query_get(struct bytes query, const char *name, char *out, size_t cap);
/* The same, still encoded; data is NULL when absent. */
struct bytes query_raw(struct bytes query, const char *name);

#endif
