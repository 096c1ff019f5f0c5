/* SPDX-License-Identifier: MIT
 *
 * Input: a field value. What is read must be printed as something that reads the same.
 */
#include "wire/traceparent.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct traceparent parent, again;
    char text[TRACEPARENT_TEXT];

    if (!traceparent_parse(bytes_of(data, size), &parent))
        return 0;
    must(traceparent_parse(bytes_of_text(traceparent_text(&parent, text)), &again));
    must(parent.trace_high == again.trace_high && parent.trace == again.trace &&
         parent.span == again.span && parent.flags == again.flags);
    return 0;
}
