/* SPDX-License-Identifier: MIT */
#include "wire/font.h"

#include "base/must.h"

const char *font_type(struct bytes head)
{
    static const struct {
        const char *begin, *type;
    } known[] = {
        {"\0\1\0\0", "font/ttf"},    {"true", "font/ttf"},  {"OTTO", "font/otf"},
        {"ttcf", "font/collection"}, {"wOFF", "font/woff"}, {"wOF2", "font/woff2"},
    };

    for (size_t i = 0; i < COUNT_OF(known) && head.len >= FONT_HEAD_BYTES; i++)
        if (memcmp(head.data, known[i].begin, FONT_HEAD_BYTES) == 0)
            return known[i].type;
    return NULL;
}
