/* SPDX-License-Identifier: MIT
 *
 * Input: a message of a peer about a data channel. What is taken is written the same, but for the
 * number that a reliable channel does not need.
 */
#include "wire/dcep.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { NUMBER_AT = 4, NUMBER_BYTES = 4 };
    struct dcep_open open;
    struct text out = {0};
    enum dcep_type type = dcep_parse(bytes_of(data, size), &open);

    if (type == DCEP_OPEN) {
        dcep_open_write(&out, &open);
        must(out.len == size && memcmp(out.data, data, NUMBER_AT) == 0);
        if (open.reliability_kind != DCEP_RELIABLE)
            must(memcmp(out.data + NUMBER_AT, data + NUMBER_AT, NUMBER_BYTES) == 0);
        must(memcmp(out.data + NUMBER_AT + NUMBER_BYTES, data + NUMBER_AT + NUMBER_BYTES,
                    size - NUMBER_AT - NUMBER_BYTES) == 0);
    } else if (type == DCEP_ACK) {
        dcep_ack_write(&out);
        must(bytes_equal(bytes_of(out.data, out.len), bytes_of(data, size)));
    }
    text_fini(&out);
    return 0;
}
