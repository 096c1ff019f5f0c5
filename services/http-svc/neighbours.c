/* SPDX-License-Identifier: MIT */
#include "neighbours.h"

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

bool neighbour_is_needed(enum neighbour neighbour)
{
    return neighbour != NEIGHBOUR_http && neighbour != NEIGHBOUR_supervisor;
}

void neighbour_explain(enum neighbour neighbour, bool is_up, struct error *error)
{
    if (error->code == ERR_TIMEOUT && !is_up)
        error_set(error, ERR_UNAVAILABLE, "%s is away", neighbour_binary(neighbour));
}
