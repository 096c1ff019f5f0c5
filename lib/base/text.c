/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

void text_fini(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->len = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

static void reserve(struct text *text, size_t more)
{
    if (text->len + more + 1 <= text->cap)
        return;
    text->cap = MAX(text->cap * 2, text->len + more + 1);
    text->data = xrealloc(text->data, text->cap);
}

uint8_t *text_grow(struct text *text, size_t len)
{
    uint8_t *room;

    reserve(text, len);
    room = (uint8_t *)text->data + text->len;
    text->len += len;
    text->data[text->len] = '\0';
    return room;
}

void text_add_bytes(struct text *text, struct bytes more)
{
    reserve(text, more.len);
    if (more.len > 0)
        memcpy(text->data + text->len, more.data, more.len);
    text->len += more.len;
    text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, bytes_of_text(more));
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    must(len >= 0);
    reserve(text, (size_t)len);
    vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
    va_end(again);
    text->len += (size_t)len;
}

void text_add_decimal(struct text *text, uint64_t number)
{
    char digits[20], *at = digits + sizeof(digits);

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add_bytes(text, bytes_of(at, (size_t)(digits + sizeof(digits) - at)));
}

void text_add_percent(struct text *text, struct bytes raw, const char *keep)
{
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.data[i];

        if (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL) ||
            (c != 0 && strchr(keep, c) != NULL))
            text_add_bytes(text, bytes_of(&c, 1));
        else
            text_addf(text, "%%%02X", c);
    }
}

const char *text_str(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

char *text_take(struct text *text)
{
    char *data = text->data != NULL ? text->data : xstrdup("");

    *text = (struct text){0};
    return data;
}

bool percent_decode(struct bytes in, char *out, size_t cap, bool plus_is_space)
{
    size_t used = 0;

    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];

        if (c == '%') {
            if (in.len - i < 3 || !hex_decode(bytes_of(in.data + i + 1, 2), &c, 1) || c == 0)
                return false;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == 0) {
            return false;
        }
        if (used + 1 >= cap)
            return false;
        out[used++] = (char)c;
    }
    if (cap == 0)
        return false;
    out[used] = '\0';
    return true;
}

unsigned text_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    unsigned row[LONGEST + 1];
    size_t len_a = strnlen(a, LONGEST), len_b = strnlen(b, LONGEST);

    for (size_t j = 0; j <= len_b; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= len_a; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= len_b; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            unsigned edited = MIN(row[j], row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = MIN(replaced, edited);
        }
    }
    return row[len_b];
}

size_t utf8_next(struct bytes in, uint32_t *code_out)
{
    static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
    uint8_t c = in.len > 0 ? in.data[0] : 0;
    size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    uint32_t code = more == 0 ? c : c & (0x3fu >> more);

    if ((c & 0xc0) == 0x80 || c >= 0xf8 || more >= in.len)
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((in.data[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (in.data[i] & 0x3fu);
    }
    /* overlong forms, surrogates, beyond Unicode */
    if (code < least[more] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    *code_out = code;
    return more + 1;
}

bool utf8_valid(struct bytes in)
{
    uint32_t code;

    for (size_t at = 0, len; at < in.len; at += len)
        if ((len = utf8_next(bytes_of(in.data + at, in.len - at), &code)) == 0)
            return false;
    return true;
}

size_t utf8_cut(struct bytes in, size_t max)
{
    size_t len = max;

    if (in.len <= max)
        return in.len;
    while (len > 0 && (in.data[len] & 0xc0) == 0x80)
        len--;
    return len;
}
