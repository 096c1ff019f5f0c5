/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include <ctype.h>
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

static bool read_number(const char **at, uint32_t *out)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++)
        value = MIN(value * 10 + (uint64_t)(**at - '0'), (uint64_t)UINT32_MAX);
    *out = (uint32_t)value;
    return true;
}

void selection_read(const char *text, bool *is_wanted_out, uint32_t count)
{
    uint32_t first, last;

    for (uint32_t id = 0; id < count; id++)
        is_wanted_out[id] = false;
    while (read_number(&text, &first)) {
        last = first;
        if (*text == '-') {
            text++;
            if (!read_number(&text, &last))
                return;
        }
        for (uint32_t id = first; id < count && id <= last; id++)
            is_wanted_out[id] = true;
        if (*text++ != ',')
            return;
    }
}
