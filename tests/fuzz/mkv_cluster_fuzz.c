/* SPDX-License-Identifier: MIT
 *
 * Input: any part of a file of Matroska.
 */
#include "wire/mkv_cluster.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = SIZE_MAX, again;
    uint64_t ticks, same;

    if (!mkv_cluster_find(bytes_of(data, size), &at, &ticks))
        return 0;
    must(at < size);
    /* No more than so many bytes of it matter. */
    size = size - at > MKV_CLUSTER_BYTES ? MKV_CLUSTER_BYTES : size - at;
    must(mkv_cluster_find(bytes_of(data + at, size), &again, &same) && again == 0 && same == ticks);
    return 0;
}
