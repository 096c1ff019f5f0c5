/* SPDX-License-Identifier: MIT
 *
 * Input: the target of a request. What stands in its query is found wherever it stands, and is
 * decoded or refused.
 */
#include "wire/query.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char name[] = "a";
    struct bytes path, query = query_split(bytes_of(data, size), &path), raw;
    char value[64];

    must(path.len + (query.data != NULL) + query.len == size);
    must(path.len == 0 || memchr(path.data, '?', path.len) == NULL);
    raw = query_raw(query, name);
    must(raw.data == NULL || (raw.data > query.data && raw.data + raw.len <= data + size));
    must(raw.len == 0 || memchr(raw.data, '&', raw.len) == NULL);
    memset(value, 'x', sizeof(value));
    if (!query_get(query, name, value, sizeof(value)))
        return 0;
    must(raw.data != NULL && strnlen(value, sizeof(value)) <= raw.len);
    must(strnlen(value, sizeof(value)) < sizeof(value));
    return 0;
}
