/* SPDX-License-Identifier: MIT */
#include "neighbours.h"

#include <stdint.h>
#include <string.h>

#include "base/units.h"

static const struct {
    const char *name, *binary;
} rows[NEIGHBOURS] = {
#define X(id, program, class, order, grace, about) [NEIGHBOUR_##id] = {#id, program},
#include "svc/services.def"
#undef X
    [NEIGHBOUR_supervisor] = {"supervisor", "sharestreamd"},
};

const char *neighbour_name(enum neighbour neighbour)
{
    return rows[neighbour].name;
}

const char *neighbour_binary(enum neighbour neighbour)
{
    return rows[neighbour].binary;
}

bool neighbour_find(const char *name, enum neighbour *out, unsigned *instance_out)
{
    size_t len = strcspn(name, ".");
    uint64_t instance = 0;

    if (name[len] == '.' && (!parse_count(name + len + 1, &instance) || instance > INT32_MAX))
        return false;
    *instance_out = (unsigned)instance;
    for (*out = 0; *out < NEIGHBOURS; ++*out)
        if (strlen(rows[*out].name) == len && strncmp(rows[*out].name, name, len) == 0)
            return true;
    return false;
}

bool neighbour_is_needed(enum neighbour neighbour)
{
    return neighbour != NEIGHBOUR_http && neighbour != NEIGHBOUR_supervisor;
}

void neighbour_explain(enum neighbour neighbour, bool is_up, struct error *error)
{
    if (error->code == ERR_TIMEOUT && !is_up)
        error_set(error, ERR_UNAVAILABLE, "%s is away", neighbour_binary(neighbour));
}
