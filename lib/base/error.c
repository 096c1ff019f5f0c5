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

enum err error_set(struct error *error, enum err code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list args;

    error->code = code;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

enum err error_set_errno(struct error *error, enum err code, const char *format, ...)
{
    int saved = errno;

    if (error == NULL)
        return code;
    va_list args;

    error->code = code;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof(error->text) - used, ": %s", strerror(saved));
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

enum err err_from_word(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (strcmp(codes[i].word, word) == 0)
            return (enum err)i;
    return ERR_INTERNAL;
}
