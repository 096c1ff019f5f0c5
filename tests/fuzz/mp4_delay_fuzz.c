/* SPDX-License-Identifier: MIT
 *
 * Input: the number of a track, and what comes before the fragments of a file.
 */
#include "wire/mp4_delay.h"

#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned track = size > 0 ? data[0] : 0;
    struct bytes init = bytes_of(data + (size > 0), size - (size > 0));
    uint8_t *out = xcalloc(1, init.len + MP4_DELAY_BYTES);
    size_t len = mp4_delay(init, track, 512, out);

    must(len == 0 || len == init.len + MP4_DELAY_BYTES);
    if (len > 0) { /* once and not again */
        uint8_t *again = xcalloc(1, len + MP4_DELAY_BYTES);

        must(mp4_delay(bytes_of(out, len), track, 512, again) == 0);
        free(again);
    }
    free(out);
    return 0;
}
