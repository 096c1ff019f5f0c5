/* SPDX-License-Identifier: MIT */
#include "turns.h"

#include <stdlib.h>

#include "base/must.h"

enum rank { NEW, IN_TURN, WAITS, HAD_TURN };

static enum rank rank(const struct turn *turn, uint32_t now)
{
    if (!turn->was_served)
        return NEW;
    if (!turn->is_served)
        return WAITS;
    return now - turn->since < TURNS_LENGTH_S ? IN_TURN : HAD_TURN;
}

/* Who waits longest is next; where somebody new needs a place, who has had most of his turn goes.
 */
static int compare(const void *left, const void *right, void *now)
{
    const struct turn *a = *(struct turn *const *)left, *b = *(struct turn *const *)right;
    enum rank of_a = rank(a, *(uint32_t *)now), of_b = rank(b, *(uint32_t *)now);

    if (of_a != of_b)
        return of_a < of_b ? -1 : 1;
    if (a->since == b->since)
        return 0;
    return (a->since < b->since) == (of_a != IN_TURN) ? -1 : 1;
}

static size_t count_places(const struct turns *turns, struct turn **line, size_t count)
{
    size_t wanted = 0, served = 0;
    bool is_held = false;

    for (size_t i = 0; i < count; i++) {
        wanted += line[i]->is_wanted;
        served += line[i]->is_wanted && line[i]->is_served;
        is_held |= line[i]->is_served && line[i]->is_held;
    }
    if (is_held)
        return MAX(served / 2, TURNS_PLACES);
    return turns->places < wanted ? turns->places + (turns->places > 0) : 0;
}

void turns_second(struct turns *turns, struct turn **line, size_t count)
{
    size_t left;

    turns->now++;
    turns->places = count_places(turns, line, count);
    left = turns->places == 0 ? count : turns->places;
    if (count > 1) /* of none there is no line */
        qsort_r(line, count, sizeof(*line), compare, &turns->now);
    for (size_t i = 0; i < count; i++) {
        bool is_served = line[i]->is_wanted && left > 0;

        left -= is_served;
        if (line[i]->is_served != is_served)
            line[i]->since = turns->now;
        line[i]->is_served = is_served;
        line[i]->was_served |= is_served;
    }
}
