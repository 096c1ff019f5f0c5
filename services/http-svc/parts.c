/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

void parts_init(struct parts *parts, const struct range *ranges, size_t count, uint64_t size,
                const char *type, uint64_t salt)
{
    must(count <= RANGE_MAX);
    memset(parts, 0, sizeof(*parts));
    memcpy(parts->ranges, ranges, count * sizeof(*ranges));
    parts->count = count;
    parts->size = size;
    snprintf(parts->type, sizeof(parts->type), "%s", type);
    if (count > 1)
        snprintf(parts->boundary, sizeof(parts->boundary), "part%016" PRIx64,
                 bytes_hash(bytes_of(&salt, sizeof(salt)), size));
}

bool parts_is_multipart(const struct parts *parts)
{
    return parts->boundary[0] != '\0';
}

size_t parts_head(const struct parts *parts, size_t index, char *out)
{
    int len;

    out[0] = '\0';
    if (!parts_is_multipart(parts))
        return 0;
    if (index == parts->count)
        len = snprintf(out, PARTS_HEAD_TEXT, "\r\n--%s--\r\n", parts->boundary);
    else
        len = snprintf(out, PARTS_HEAD_TEXT,
                       "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64
                       "/%" PRIu64 "\r\n\r\n",
                       index > 0 ? "\r\n" : "", parts->boundary, parts->type,
                       parts->ranges[index].first, parts->ranges[index].last, parts->size);
    must(len > 0 && len < PARTS_HEAD_TEXT);
    return (size_t)len;
}

uint64_t parts_length(const struct parts *parts)
{
    char head[PARTS_HEAD_TEXT];
    uint64_t length = 0;

    for (size_t i = 0; i < parts->count; i++)
        length += parts_head(parts, i, head) + parts->ranges[i].last - parts->ranges[i].first + 1;
    return length + parts_head(parts, parts->count, head);
}

void parts_content_type(const struct parts *parts, char out[PARTS_HEAD_TEXT])
{
    if (parts_is_multipart(parts))
        snprintf(out, PARTS_HEAD_TEXT, "multipart/byteranges; boundary=%s", parts->boundary);
    else
        snprintf(out, PARTS_HEAD_TEXT, "%s", parts->type);
}
