/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

static const struct {
    const char *word;
    int status;
} codes[] = {
#define X(name, word, status) [name] = {word, status},
    ERR_CODES(X)
#undef X
};

/* Cuts what vsnprintf() may have left of a character at the end of a full buffer. */
static void trim_utf8(char *text, size_t len)
{
    size_t tail = 0;

    while (tail < 3 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
        tail++;
    if (tail == len)
        return;
    unsigned char lead = (unsigned char)text[len - 1 - tail];
    size_t more = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0;

    if (tail < more)
        text[len - 1 - tail] = '\0';
}

/* The arguments may point into error->text: "%s: %s" of a place and what went wrong there. */
__attribute__((format(printf, 3, 0))) static void
fill(struct error *error, enum err code, const char *format, va_list args, const char *more)
{
    char text[sizeof(error->text)];
    int len = vsnprintf(text, sizeof(text), format, args);
    size_t used = MIN((size_t)MAX(len, 0), sizeof(text) - 1);

    if (more != NULL)
        len += snprintf(text + used, sizeof(text) - used, ": %s", more);
    if ((size_t)MAX(len, 0) >= sizeof(text))
        trim_utf8(text, sizeof(text) - 1);
    error->code = code;
    memcpy(error->text, text, sizeof(text));
}

enum err error_set(struct error *error, enum err code, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return code;
    va_start(args, format);
    fill(error, code, format, args, NULL);
    va_end(args);
    return code;
}

enum err error_set_errno(struct error *error, enum err code, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (error == NULL)
        return code;
    va_start(args, format);
    fill(error, code, format, args, strerror(saved));
    va_end(args);
    return code;
}

const char *err_word(enum err code)
{
    return (size_t)code < COUNT_OF(codes) ? codes[code].word : "internal";
}

int err_http_status(enum err code)
{
    return (size_t)code < COUNT_OF(codes) ? codes[code].status : 500;
}
