/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <stdlib.h>

#include "base/must.h"

enum { LAST_GENERATION = (1 << SLOTS_GENERATION_BITS) - 1 };

void slots_fini(struct slots *slots)
{
    free(slots->rows);
    *slots = (struct slots){0};
}

static uint32_t take_row(struct slots *slots)
{
    uint32_t at = slots->first_free;

    if (at != 0) {
        slots->first_free = slots->rows[at - 1].next_free;
        return at - 1;
    }
    if (slots->count == slots->capacity) {
        slots->capacity = MAX(slots->capacity * 2, 64);
        slots->rows = xrealloc(slots->rows, slots->capacity * sizeof(*slots->rows));
    }
    slots->rows[slots->count] = (struct slot){0};
    return slots->count++;
}

uint64_t slots_add(struct slots *slots, void *what)
{
    uint32_t at;

    must(what != NULL);
    if (slots->first_free == 0 && slots->count == SLOTS_MAX)
        return 0;
    at = take_row(slots);
    slots->rows[at].what = what;
    slots->rows[at].generation++;
    return (uint64_t)slots->rows[at].generation << SLOTS_BITS | at;
}

static struct slot *row_of(const struct slots *slots, uint64_t number)
{
    uint64_t at = number & (SLOTS_MAX - 1);

    if (at >= slots->count || slots->rows[at].what == NULL ||
        slots->rows[at].generation != number >> SLOTS_BITS)
        return NULL;
    return &slots->rows[at];
}

void *slots_find(const struct slots *slots, uint64_t number)
{
    const struct slot *row = row_of(slots, number);

    return row != NULL ? row->what : NULL;
}

void slots_remove(struct slots *slots, uint64_t number)
{
    struct slot *row = row_of(slots, number);

    must(row != NULL);
    row->what = NULL;
    /* A row whose numbers are used up is never taken again. */
    if (row->generation == LAST_GENERATION)
        return;
    row->next_free = slots->first_free;
    slots->first_free = (uint32_t)(row - slots->rows) + 1;
}

void *slots_next(const struct slots *slots, uint32_t *at)
{
    while (*at < slots->count) {
        void *what = slots->rows[(*at)++].what;

        if (what != NULL)
            return what;
    }
    return NULL;
}
