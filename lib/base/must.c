/* SPDX-License-Identifier: MIT */
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "bug: must(%s) failed at %s:%d\n", what, file, line);
    abort();
}

void *xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);

    must(memory != NULL);
    return memory;
}

void *xrealloc(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);

    must(memory != NULL);
    return memory;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);

    must(copy != NULL);
    return copy;
}

char *xstrndup(const char *text, size_t len)
{
    char *copy = strndup(text, len);

    must(copy != NULL);
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    must(len >= 0);
    return text;
}
