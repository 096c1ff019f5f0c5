/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "dialect.h"
#include "wire/query.h"

/* Of one namespace, the one that takes the fewest events comes first. */
const struct dialect *const dialects[] = {&p2p_dialect,    &streamshare_dialect, &monkey_dialect,
                                          &signal_dialect, &page_dialect,        NULL};

const struct dialect *dialect_of(uint32_t id)
{
    for (size_t i = 0; dialects[i] != NULL; i++)
        if (dialects[i]->id == id)
            return dialects[i];
    return NULL;
}

const struct dialect *dialect_of_path(struct bytes target)
{
    struct bytes path;

    query_split(target, &path);
    for (size_t i = 0; dialects[i] != NULL; i++)
        if (dialects[i]->path != NULL && bytes_equal_text(path, dialects[i]->path))
            return dialects[i];
    return NULL;
}
