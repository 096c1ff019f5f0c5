/* SPDX-License-Identifier: MIT
 *
 * parts: what a body of file ranges consists of: either one range and nothing else, or RFC 9110
 * section 14.6 multipart/byteranges with a head before each range and a tail at the end. Pure: says
 * what comes next and how long all of it is; others send it.
 */
#ifndef HTTP_PARTS_H
#define HTTP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/range.h"

enum { PARTS_HEAD_TEXT = 256, PARTS_BOUNDARY_TEXT = 32, PARTS_TYPE_TEXT = 96 };

struct parts {
    struct range ranges[RANGE_MAX];
    size_t count;
    uint64_t size;                      /* of the file */
    char type[PARTS_TYPE_TEXT];         /* of the file */
    char boundary[PARTS_BOUNDARY_TEXT]; /* empty: one plain range */
};

/* `salt` makes the boundary differ between answers. */
void parts_init(struct parts *parts, const struct range *ranges, size_t count, uint64_t size,
                const char *type, uint64_t salt);
bool parts_is_multipart(const struct parts *parts);
/* Length of the whole body. */
uint64_t parts_length(const struct parts *parts);
/* What stands before range `index`, or after the last one when index == count; empty for a plain
 * range. Returns the length; `out` holds PARTS_HEAD_TEXT bytes. */
size_t parts_head(const struct parts *parts, size_t index, char *out);
/* Field value for the whole answer. */
void parts_content_type(const struct parts *parts, char out[PARTS_HEAD_TEXT]);

#endif
