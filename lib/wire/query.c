/* SPDX-License-Identifier: MIT */
#include "wire/query.h"

#include "base/text.h"

struct bytes query_split(struct bytes target, struct bytes *path_out)
{
    const uint8_t *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;

    *path_out = target;
    if (mark == NULL)
        return bytes_of(NULL, 0);
    path_out->len = (size_t)(mark - target.data);
    return bytes_of(mark + 1, target.len - path_out->len - 1);
}

struct bytes query_raw(struct bytes query, const char *name)
{
    size_t name_len = strlen(name);

    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end != NULL ? (size_t)(end - query.data) : query.len;

        if (len >= name_len && memcmp(query.data, name, name_len) == 0) {
            if (len == name_len)
                return bytes_of(query.data + len, 0);
            if (query.data[name_len] == '=')
                return bytes_of(query.data + name_len + 1, len - name_len - 1);
        }
        query.data += len;
        query.len -= len;
        if (query.len > 0) {
            query.data++;
            query.len--;
        }
    }
    return bytes_of(NULL, 0);
}

bool query_get(struct bytes query, const char *name, char *out, size_t cap)
{
    struct bytes raw = query_raw(query, name);

    return raw.data != NULL && percent_decode(raw, out, cap, true);
}
