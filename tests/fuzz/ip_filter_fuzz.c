/* SPDX-License-Identifier: MIT
 *
 * Whatever a line of a block list holds, what is taken for a range is one that libtorrent reads.
 */
#include "ip_filter.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = xstrndup((const char *)data, size), *end = line + strlen(line);
    uint8_t first[16], last[16];
    struct lt_range range;

    if (ip_filter_line(line, &range)) {
        int family = strchr(range.first, ':') != NULL ? AF_INET6 : AF_INET;

        must(range.first >= line && range.first <= end && range.last >= line && range.last <= end);
        must(inet_pton(family, range.first, first) == 1);
        must(inet_pton(family, range.last, last) == 1);
        must(memcmp(first, last, family == AF_INET6 ? 16 : 4) <= 0);
    }
    free(line);
    return 0;
}
