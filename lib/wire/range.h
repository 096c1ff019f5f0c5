/* SPDX-License-Identifier: MIT
 *
 * range: the Range header and its conditions by RFC 9110 sections 13 and 14. Pure.
 */
#ifndef WIRE_RANGE_H
#define WIRE_RANGE_H

#include "base/bytes.h"

enum {
    RANGE_MAX = 8
}; /* more ranges than this, or overlapping ones, are answered with the whole file */

struct range {
    uint64_t first, last; /* inclusive */
};

enum range_result {
    RANGE_WHOLE,         /* no, foreign or broken header, or one not worth honouring: answer 200 */
    RANGE_PARTIAL,       /* 206 with `count` ranges (1 = plain, more = multipart/byteranges) */
    RANGE_UNSATISFIABLE, /* 416 */
};

/* `header` is the field value. Ranges come out clamped, in the order asked; those that cannot be
 * satisfied are left out while another one can. */
enum range_result range_parse(struct bytes header, uint64_t size, struct range out[RANGE_MAX],
                              size_t *count_out);

/* If-None-Match / If-Match list (`*`, quoted tags, W/ prefixes) against our strong etag, which
 * includes its quotes. `weak` selects weak comparison (If-None-Match), strong otherwise (If-Match,
 * If-Range). */
bool etag_list_matches(struct bytes list, const char *etag, bool weak);
/* If-Range with an entity tag: true = the range may be honoured. Dates never match (we send no
 * Last-Modified). */
bool if_range_matches(struct bytes value, const char *etag);

#endif
