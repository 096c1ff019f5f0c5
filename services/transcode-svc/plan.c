/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <stdlib.h>

#include "base/must.h"

/* No film is longer. Times come from a process that strangers' files may have taken over. */
static const int64_t end_max_us = INT64_C(1000) * 3600 * 1000 * 1000;

static bool is_in_order(const int64_t *times_us, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (times_us[i] < -end_max_us || times_us[i] > end_max_us ||
            (i > 0 && times_us[i] <= times_us[i - 1]))
            return false;
    return true;
}

static bool finish(struct plan *plan, int64_t end_us, int64_t target_us)
{
    /* A sliver at the end, which may hold no picture at all, makes players stall. */
    if (plan->count > 1 && end_us - plan->starts[plan->count - 1] < target_us / 2)
        plan->count--;
    plan->starts[plan->count] = end_us;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->starts[i + 1] <= plan->starts[i] ||
            plan->starts[i + 1] - plan->starts[i] > PLAN_GAP_MAX_US + target_us) {
            plan_fini(plan);
            return false;
        }
    return true;
}

static bool is_long_enough(const struct plan *plan, int64_t until_us, int64_t target_us)
{
    return until_us - plan->starts[plan->count - 1] >=
           (plan->count == 1 ? MIN(target_us, PLAN_FIRST_US) : target_us);
}

bool plan_keyframes(struct plan *plan, const int64_t *keyframes_us, size_t count, int64_t end_us,
                    int64_t target_us)
{
    *plan = (struct plan){0};
    if (count < 2 || target_us <= 0 || end_us > end_max_us || !is_in_order(keyframes_us, count) ||
        end_us <= keyframes_us[0])
        return false;
    plan->starts = xcalloc(MIN(count, PLAN_SEGMENTS_MAX) + 1, sizeof(*plan->starts));
    for (size_t i = 0; i < count && keyframes_us[i] < end_us; i++) {
        if (plan->count > 0 && !is_long_enough(plan, keyframes_us[i], target_us))
            continue;
        if (plan->count == PLAN_SEGMENTS_MAX ||
            (i > 0 && keyframes_us[i] - keyframes_us[i - 1] > PLAN_GAP_MAX_US)) {
            plan_fini(plan);
            return false;
        }
        plan->starts[plan->count++] = keyframes_us[i];
    }
    return finish(plan, end_us, target_us);
}

bool plan_grid(struct plan *plan, int64_t end_us, int64_t target_us)
{
    *plan = (struct plan){0};
    if (target_us <= 0 || end_us <= 0 || end_us > end_max_us ||
        end_us / target_us >= PLAN_SEGMENTS_MAX)
        return false;
    plan->count = (size_t)((end_us + target_us - 1) / target_us);
    plan->starts = xcalloc(plan->count + 1, sizeof(*plan->starts));
    for (size_t i = 0; i < plan->count; i++)
        plan->starts[i] = (int64_t)i * target_us;
    return finish(plan, end_us, target_us);
}

static int64_t parts_of(const struct plan *plan, size_t i, int64_t target_us)
{
    int64_t length = plan->starts[i + 1] - plan->starts[i];

    return MAX((length + target_us / 2) / target_us, 1);
}

bool plan_refine(struct plan *plan, const struct plan *coarse, int64_t target_us)
{
    int64_t count = 0;

    *plan = (struct plan){0};
    for (size_t i = 0; i < coarse->count; i++)
        count += parts_of(coarse, i, target_us);
    if (count == 0 || count > PLAN_SEGMENTS_MAX)
        return false;
    plan->starts = xcalloc((size_t)count + 1, sizeof(*plan->starts));
    for (size_t i = 0; i < coarse->count; i++) {
        int64_t parts = parts_of(coarse, i, target_us), from = coarse->starts[i];

        for (int64_t part = 0; part < parts; part++)
            plan->starts[plan->count++] = from + (coarse->starts[i + 1] - from) * part / parts;
    }
    plan->starts[plan->count] = coarse->starts[coarse->count];
    return true;
}

void plan_fini(struct plan *plan)
{
    free(plan->starts);
    *plan = (struct plan){0};
}

unsigned plan_target_s(const struct plan *plan)
{
    int64_t longest = 0;

    for (size_t i = 0; i < plan->count; i++)
        longest = MAX(longest, plan->starts[i + 1] - plan->starts[i]);
    return (unsigned)((longest + 500000) / 1000000) + (longest < 500000);
}
