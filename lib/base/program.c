/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool program_beside(const char *name, char *out, size_t cap)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *slash = len > 0 ? memrchr(self, '/', (size_t)len) : NULL;

    return slash != NULL &&
           (size_t)snprintf(out, cap, "%.*s/%s", (int)(slash - self), self, name) < cap;
}
