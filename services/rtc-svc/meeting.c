/* SPDX-License-Identifier: MIT */
#include "meeting.h"

#include "base/must.h"

/* Trackers count us too. */
static unsigned offers(const struct meeting *meeting, const struct meeting_state *state)
{
    if (state->met >= MEETING_ENOUGH || meeting->others <= state->met + state->waiting ||
        state->waiting >= MEETING_OFFERS)
        return 0;
    return MIN(MEETING_OFFERS - state->waiting, meeting->others - state->met - state->waiting);
}

struct meeting_step meeting_next(struct meeting *meeting, const struct meeting_state *state,
                                 uint64_t now_ms)
{
    struct meeting_step step = {0};

    if (!meeting->is_started) {
        step = (struct meeting_step){.is_due = true, .event = EVENT_STARTED};
        meeting->is_complete = state->is_seed;
    } else if (state->is_seed && !meeting->is_complete) {
        step = (struct meeting_step){.is_due = true, .event = EVENT_COMPLETED};
        meeting->is_complete = true;
    } else if (now_ms >= meeting->next_ms) {
        step = (struct meeting_step){.is_due = true, .offers = offers(meeting, state)};
    }
    meeting->is_started = true;
    if (step.is_due)
        meeting->next_ms =
            now_ms + (meeting->interval_ms > 0 ? meeting->interval_ms : MEETING_INTERVAL_MS);
    return step;
}

void meeting_answered(struct meeting *meeting, bool is_seed, uint32_t complete, uint32_t incomplete,
                      uint32_t interval_s, uint64_t now_ms)
{
    /* Seeds have nothing for each other. */
    uint64_t others = is_seed ? incomplete : (uint64_t)complete + incomplete;

    if (!is_seed && others > 0)
        others--; /* us */
    meeting->others = (uint32_t)MIN(others, UINT32_MAX);
    if (interval_s > 0)
        meeting->interval_ms = (uint32_t)MIN(
            MAX((uint64_t)interval_s * 1000, MEETING_INTERVAL_MIN_MS), MEETING_INTERVAL_MAX_MS);
    if (meeting->is_answered)
        return;
    meeting->is_answered = true;
    meeting->next_ms = now_ms + (meeting->others > 0        ? MEETING_SOON_MS
                                 : meeting->interval_ms > 0 ? meeting->interval_ms
                                                            : MEETING_INTERVAL_MS);
}

void meeting_lost(struct meeting *meeting)
{
    *meeting = (struct meeting){.interval_ms = meeting->interval_ms};
}

uint64_t meeting_backoff_ms(unsigned failures, uint32_t random)
{
    uint64_t wait_ms = MEETING_BACKOFF_MAX_MS;

    must(failures > 0);
    if (failures < 9)
        wait_ms = MIN(wait_ms, (uint64_t)MEETING_BACKOFF_MS << (failures - 1));
    /* Three quarters of it to all of it. */
    return wait_ms - (wait_ms / 4) * (random % 1024) / 1024;
}
