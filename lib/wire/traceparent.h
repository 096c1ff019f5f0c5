/* SPDX-License-Identifier: MIT
 *
 * traceparent: the header of W3C Trace Context by which a request says of which trace it is, and
 * what answers say in return. Pure.
 */
#ifndef WIRE_TRACEPARENT_H
#define WIRE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { TRACEPARENT_TEXT = 56 };

struct traceparent {
    uint64_t trace_high, trace; /* together the id of the trace, of 128 bits */
    uint64_t span;
    uint8_t flags; /* of which we only hand on what we know: 1 = sampled */
};

/* False: it is none, or one that must be ignored. Later versions are read as the first one. */
bool traceparent_parse(struct bytes value, struct traceparent *out);
/* Returns `out`, which holds TRACEPARENT_TEXT. */
char *traceparent_text(const struct traceparent *parent, char *out);

#endif
