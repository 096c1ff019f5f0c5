/* SPDX-License-Identifier: MIT */
#include "spec.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/program.h"
#include "base/text.h"
#include "base/units.h"

const struct spec spec_table[] = {
#define X(id, program, restart_class, start_order, grace_ms, what)                                 \
    {.name = #id,                                                                                  \
     .binary = (program),                                                                          \
     .class = RESTART_##restart_class,                                                             \
     .order = (start_order),                                                                       \
     .stop_grace_ms = (grace_ms),                                                                  \
     .about = (what)},
#include "svc/services.def"
#undef X
};
const size_t spec_count = COUNT_OF(spec_table);
_Static_assert(COUNT_OF(spec_table) <= SPEC_MAX, "raise SPEC_MAX");

static const struct spec *find(const char *name)
{
    for (size_t i = 0; i < spec_count; i++)
        if (strcmp(spec_table[i].name, name) == 0)
            return &spec_table[i];
    return NULL;
}

static enum err refuse_name(const char *name, struct error *error)
{
    for (size_t i = 0; i < spec_count; i++)
        if (text_distance(spec_table[i].name, name) <= 2)
            return error_set(error, ERR_CONFIG,
                             "supervisor.services: no service named %s, did you mean %s", name,
                             spec_table[i].name);
    return error_set(error, ERR_CONFIG, "supervisor.services: no service named %s", name);
}

/* One item: "http" or "http=2". Changes `item`. */
static enum err choose_one(char *item, struct spec_choice *out, size_t count, struct error *error)
{
    char *number = strchr(item, '=');
    uint64_t instances = 1;

    if (number != NULL) {
        *number++ = '\0';
        if (!parse_count(number, &instances) || instances < 1 || instances > SPEC_INSTANCES_MAX)
            return error_set(error, ERR_CONFIG,
                             "supervisor.services: %s=%s is not a number of instances (1 to %d)",
                             item, number, SPEC_INSTANCES_MAX);
    }
    const struct spec *spec = find(item);
    if (spec == NULL)
        return refuse_name(item, error);
    for (size_t i = 0; i < count; i++)
        if (out[i].spec == spec)
            return error_set(error, ERR_CONFIG, "supervisor.services: %s stands there twice", item);
    out[count] = (struct spec_choice){spec, (unsigned)instances};
    return ERR_NONE;
}

static int by_order(const void *a, const void *b)
{
    const struct spec *left = ((const struct spec_choice *)a)->spec;
    const struct spec *right = ((const struct spec_choice *)b)->spec;

    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return left < right ? -1 : left > right;
}

enum err spec_choose(const char *services, struct spec_choice *out, size_t *count_out,
                     struct error *error)
{
    char *copy = xstrdup(services), *rest = NULL;
    enum err code = ERR_NONE;
    size_t count = 0;

    for (char *item = strtok_r(copy, ", \t", &rest); item != NULL && code == ERR_NONE;
         item = strtok_r(NULL, ", \t", &rest)) {
        code = choose_one(item, out, count, error);
        count += code == ERR_NONE;
    }
    free(copy);
    if (code != ERR_NONE)
        return code;
    if (count == 0)
        for (; count < spec_count; count++)
            out[count] = (struct spec_choice){&spec_table[count], 1};
    qsort(out, count, sizeof(*out), by_order);
    *count_out = count;
    return ERR_NONE;
}

bool spec_path(const char *bin_dir, const char *binary, char *out, size_t cap)
{
    if (*bin_dir == '\0')
        return program_beside(binary, out, cap);
    return snprintf(out, cap, "%s/%s", bin_dir, binary) < (int)cap;
}
