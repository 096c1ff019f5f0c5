/* SPDX-License-Identifier: MIT */
#include "wire/traceparent.h"

#include <inttypes.h>
#include <stdio.h>

enum { VERSION_INVALID = 0xff, SAMPLED = 1 };

/* `digits` of lower-case hex, then '-' or the end. */
static bool take(struct bytes *in, size_t digits, uint64_t *out)
{
    *out = 0;
    if (in->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = in->data[i];

        if (c >= '0' && c <= '9')
            *out = *out << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *out = *out << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *in = bytes_of(in->data + digits, in->len - digits);
    return true;
}

static bool take_dash(struct bytes *in)
{
    if (in->len == 0 || in->data[0] != '-')
        return false;
    *in = bytes_of(in->data + 1, in->len - 1);
    return true;
}

bool traceparent_parse(struct bytes value, struct traceparent *out)
{
    uint64_t version, flags;

    if (!take(&value, 2, &version) || !take_dash(&value) || !take(&value, 16, &out->trace_high) ||
        !take(&value, 16, &out->trace) || !take_dash(&value) || !take(&value, 16, &out->span) ||
        !take_dash(&value) || !take(&value, 2, &flags))
        return false;
    if (version == VERSION_INVALID || (value.len > 0 && (version == 0 || value.data[0] != '-')))
        return false;
    out->flags = flags & SAMPLED;
    return (out->trace_high | out->trace) != 0 && out->span != 0;
}

char *traceparent_text(const struct traceparent *parent, char *out)
{
    snprintf(out, TRACEPARENT_TEXT, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-%02x",
             parent->trace_high, parent->trace, parent->span, parent->flags);
    return out;
}
