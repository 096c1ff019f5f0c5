/* SPDX-License-Identifier: MIT
 *
 * Input: the number of a segment, and its packets. What goes out is packets.
 */
#include "wire/ts_joint.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_joint *joint = ts_joint_new(size > 0 ? data[0] : 0);
    struct text out = {0};

    for (size_t at = 1; at + TS_PACKET <= size; at += TS_PACKET)
        if (!ts_joint_put(joint, data + at, &out))
            break;
    ts_joint_end(joint, &out);
    ts_joint_free(&joint);
    must(out.len % TS_PACKET == 0);
    for (size_t at = 0; at < out.len; at += TS_PACKET)
        must(out.data[at] == 'G');
    text_fini(&out);
    return 0;
}
