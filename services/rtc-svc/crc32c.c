/* SPDX-License-Identifier: MIT */
#include "crc32c.h"

#include <string.h>

#ifdef __x86_64__
bool crc32c_is_there(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t crc32c(struct bytes data)
{
    uint64_t sum = UINT32_MAX, eight;
    size_t at = 0;

    for (; data.len - at >= sizeof(eight); at += sizeof(eight)) {
        memcpy(&eight, data.data + at, sizeof(eight));
        sum = __builtin_ia32_crc32di(sum, eight);
    }
    for (; at < data.len; at++)
        sum = __builtin_ia32_crc32qi((uint32_t)sum, data.data[at]);
    return ~(uint32_t)sum;
}
#else
bool crc32c_is_there(void)
{
    return false;
}

uint32_t crc32c(struct bytes data)
{
    (void)data;
    return 0;
}
#endif
