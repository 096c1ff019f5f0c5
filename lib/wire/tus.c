/* SPDX-License-Identifier: MIT */
#include "wire/tus.h"

#include <string.h>

#include "base/text.h"
#include "wire/engineio.h"

bool tus_number(struct bytes field, uint64_t *out)
{
    return field.len > 0 && bytes_decimal(field, out) == field.len && *out <= INT64_MAX;
}

/* The value of a key, still encoded; data is NULL when there is none. */
static struct bytes find(struct bytes metadata, const char *key)
{
    size_t len = strlen(key);

    while (metadata.len > 0) {
        const uint8_t *comma = memchr(metadata.data, ',', metadata.len);
        size_t part_len = comma != NULL ? (size_t)(comma - metadata.data) : metadata.len;
        struct bytes part = bytes_trim(bytes_of(metadata.data, part_len));

        if (part.len > len && memcmp(part.data, key, len) == 0 && part.data[len] == ' ')
            return bytes_trim(bytes_of(part.data + len, part.len - len));
        if (comma == NULL)
            break;
        metadata = bytes_of(comma + 1, metadata.len - part_len - 1);
    }
    return bytes_of(NULL, 0);
}

static struct bytes without_folders(struct bytes path)
{
    for (size_t at = path.len; at > 0; at--)
        if (path.data[at - 1] == '/' || path.data[at - 1] == '\\')
            return bytes_of(path.data + at, path.len - at);
    return path;
}

/* From its last dot on, if that looks like one. */
static struct bytes ending_of(struct bytes name)
{
    enum { ENDING_MAX = 16 };

    for (size_t len = 1; len <= ENDING_MAX && len < name.len; len++)
        if (name.data[name.len - len] == '.')
            return bytes_of(name.data + name.len - len, len);
    return bytes_of(NULL, 0);
}

bool tus_file_name(struct bytes metadata, char out[TUS_NAME_TEXT])
{
    uint8_t decoded[TUS_METADATA_MAX];
    struct bytes value = find(metadata, "filename"), name, ending;
    size_t len;

    if (value.data == NULL)
        value = find(metadata, "name");
    if (value.data == NULL || value.len > TUS_METADATA_MAX ||
        !engineio_base64(value, decoded, &len))
        return false;
    name = bytes_trim(without_folders(bytes_of(decoded, len)));
    if (name.len == 0 || !utf8_valid(name) || bytes_equal_text(name, ".") ||
        bytes_equal_text(name, ".."))
        return false;
    ending = name.len < TUS_NAME_TEXT ? bytes_of(NULL, 0) : ending_of(name);
    if (!utf8_valid(ending))
        ending.len = 0;
    len = utf8_cut(bytes_of(name.data, name.len - ending.len), TUS_NAME_TEXT - 1 - ending.len);
    memcpy(out, name.data, len);
    if (ending.len > 0)
        memcpy(out + len, ending.data, ending.len);
    out[len + ending.len] = '\0';
    for (char *c = out; *c != '\0'; c++)
        if ((uint8_t)*c < 0x20 || *c == 0x7f)
            *c = '_';
    return true;
}
