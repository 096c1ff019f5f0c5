/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/text.h"

char *selection_write(const bool *is_wanted, uint32_t count)
{
    struct text text = {0};
    bool is_all = true;

    for (uint32_t id = 0; id < count; id++) {
        uint32_t first = id;

        if (!is_wanted[id]) {
            is_all = false;
            continue;
        }
        while (id + 1 < count && is_wanted[id + 1])
            id++;
        text_addf(&text, "%s%u", text.len ? "," : "", first);
        if (id > first)
            text_addf(&text, "-%u", id);
    }
    if (!is_all)
        return text_take(&text);
    text_fini(&text);
    return NULL;
}

/* Cuts a number off the front; what is too large for a file becomes the largest. */
static bool read_number(struct bytes *text, uint32_t *out)
{
    uint64_t value;
    size_t digits = bytes_decimal(*text, &value);

    text->data += digits;
    text->len -= digits;
    *out = (uint32_t)MIN(value, (uint64_t)UINT32_MAX);
    return digits > 0;
}

static bool take(struct bytes *text, char c)
{
    if (text->len == 0 || text->data[0] != (uint8_t)c)
        return false;
    text->data++;
    text->len--;
    return true;
}

void selection_read(const char *text, bool *is_wanted_out, uint32_t count)
{
    struct bytes rest = bytes_of_text(text);
    uint32_t first, last;

    for (uint32_t id = 0; id < count; id++)
        is_wanted_out[id] = false;
    while (read_number(&rest, &first)) {
        last = first;
        if (take(&rest, '-') && !read_number(&rest, &last))
            return;
        for (uint32_t id = first; id < count && id <= last; id++)
            is_wanted_out[id] = true;
        if (!take(&rest, ','))
            return;
    }
}
