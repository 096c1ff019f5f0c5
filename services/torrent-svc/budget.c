/* SPDX-License-Identifier: MIT */
#include "budget.h"

#include "base/must.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct totals {
    uint64_t used, missing, freed;
    size_t count; /* that stay */
};

static struct totals total(const struct budget_item *items, size_t count)
{
    struct totals sum = {0};

    for (size_t i = 0; i < count; i++) {
        if (items[i].is_victim) {
            sum.freed = add(sum.freed, items[i].on_disk);
            continue;
        }
        sum.used = add(sum.used, items[i].on_disk);
        sum.missing = add(sum.missing, items[i].missing);
        sum.count++;
    }
    return sum;
}

uint64_t budget_used(const struct budget_item *items, size_t count)
{
    return total(items, count).used;
}

uint64_t budget_left(const struct budget *budget, const struct budget_item *items, size_t count)
{
    struct totals sum = total(items, count);
    uint64_t room = minus(add(budget->free_bytes, sum.freed), budget->floor);

    if (budget->quota > 0)
        room = MIN(room, minus(budget->quota, sum.used));
    return minus(room, sum.missing);
}

static bool mark_longest_unused(struct budget_item *items, size_t count)
{
    struct budget_item *oldest = NULL;

    for (size_t i = 0; i < count; i++)
        if (items[i].is_evictable && !items[i].is_victim &&
            (oldest == NULL || items[i].used_ms < oldest->used_ms))
            oldest = &items[i];
    if (oldest != NULL)
        oldest->is_victim = true;
    return oldest != NULL;
}

bool budget_fit(const struct budget *budget, struct budget_item *items, size_t count,
                uint64_t needed)
{
    while (needed > budget_left(budget, items, count)) {
        if (mark_longest_unused(items, count))
            continue;
        for (size_t i = 0; i < count; i++)
            items[i].is_victim = false;
        return false;
    }
    return true;
}

void budget_trim(const struct budget *budget, struct budget_item *items, size_t count,
                 size_t count_max)
{
    for (;;) {
        struct totals sum = total(items, count);
        bool is_over = sum.count > count_max || (budget->quota > 0 && sum.used > budget->quota) ||
                       add(budget->free_bytes, sum.freed) < budget->floor;

        if (!is_over || !mark_longest_unused(items, count))
            return;
    }
}
