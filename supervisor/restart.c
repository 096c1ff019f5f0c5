/* SPDX-License-Identifier: MIT */
#include "restart.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "svc/contract.h"

static enum restart_action spawn(struct restart *restart, const struct restart_policy *policy,
                                 uint64_t now_ms)
{
    restart->state = RESTART_STARTING;
    restart->was_ready = false;
    restart->was_killed = false;
    restart->reason = RESTART_REASON_NONE;
    restart->due_ms = now_ms + policy->start_deadline_ms;
    restart->starts++;
    return RESTART_DO_SPAWN;
}

static enum restart_action rest(struct restart *restart, enum restart_state state)
{
    restart->state = state;
    restart->due_ms = 0;
    return RESTART_DO_NOTHING;
}

static enum restart_action terminate(struct restart *restart, const struct restart_policy *policy,
                                     uint64_t now_ms)
{
    restart->state = RESTART_STOPPING;
    restart->reason = RESTART_REASON_ASKED;
    restart->due_ms = now_ms + policy->stop_grace_ms;
    return RESTART_DO_TERMINATE;
}

static enum restart_action kill_for(struct restart *restart, enum restart_reason reason,
                                    uint64_t now_ms)
{
    restart->state = RESTART_STOPPING;
    restart->reason = reason;
    restart->due_ms = now_ms + RESTART_KILL_AGAIN_MS;
    return RESTART_DO_KILL;
}

static void forgive(struct restart *restart)
{
    restart->delay_ms = 0;
    restart->streak = 0;
}

static unsigned deaths_since(const struct restart *restart, uint64_t since_ms)
{
    unsigned known = MIN(restart->death_count, (unsigned)RESTART_DEATHS_MAX), count = 0;

    for (unsigned i = 0; i < known; i++)
        count += restart->deaths[i] >= since_ms;
    return count;
}

static bool is_too_much(const struct restart *restart, const struct restart_policy *policy,
                        uint64_t now_ms)
{
    uint64_t since = now_ms > policy->window_ms ? now_ms - policy->window_ms : 0;

    return deaths_since(restart, since) > policy->deaths_max;
}

/* It ended, and not because somebody asked. */
static enum restart_action die(struct restart *restart, const struct restart_policy *policy,
                               struct restart_event event)
{
    restart->deaths[restart->death_count++ % RESTART_DEATHS_MAX] = event.now_ms;
    if (restart->was_ready && event.now_ms - restart->ready_ms >= policy->healthy_ms)
        forgive(restart);
    restart->streak++;
    if (event.exit_code == EXIT_CONFIG) {
        restart->verdict = RESTART_VERDICT_CONFIG;
        return rest(restart, RESTART_FAILED);
    }
    if (event.exit_code == EXIT_STOPPED && policy->class == RESTART_TRANSIENT) {
        restart->verdict = RESTART_VERDICT_STAYS_STOPPED;
        restart->is_wanted = false;
        return rest(restart, RESTART_STOPPED);
    }
    if (is_too_much(restart, policy, event.now_ms)) {
        restart->verdict = RESTART_VERDICT_TOO_MANY;
        return rest(restart, RESTART_FAILED);
    }
    if (restart->was_ready && event.exit_code != EXIT_RETRY &&
        restart->streak <= MAX(policy->deaths_max / 2, 1)) {
        restart->verdict = RESTART_VERDICT_AT_ONCE;
        return spawn(restart, policy, event.now_ms);
    }
    restart->delay_ms = MIN(MAX(restart->delay_ms * 2, policy->delay_min_ms), policy->delay_max_ms);
    restart->verdict = RESTART_VERDICT_DELAYED;
    restart->state = RESTART_BACKOFF;
    restart->due_ms = event.now_ms + restart->delay_ms;
    return RESTART_DO_NOTHING;
}

static enum restart_action on_asked_start(struct restart *restart,
                                          const struct restart_policy *policy, uint64_t now_ms)
{
    restart->is_wanted = true;
    restart->death_count = 0;
    forgive(restart);
    switch (restart->state) {
    case RESTART_STOPPED:
    case RESTART_BACKOFF:
    case RESTART_FAILED:
        return spawn(restart, policy, now_ms);
    case RESTART_STARTING:
    case RESTART_READY:
        return terminate(restart, policy, now_ms);
    case RESTART_STOPPING:
        break;
    }
    return RESTART_DO_NOTHING;
}

static enum restart_action on_asked_replace(struct restart *restart,
                                            const struct restart_policy *policy, uint64_t now_ms)
{
    if (restart->state != RESTART_READY || !policy->can_be_replaced)
        return on_asked_start(restart, policy, now_ms);
    restart->is_wanted = true;
    restart->death_count = 0;
    forgive(restart);
    spawn(restart, policy, now_ms);
    restart->verdict = RESTART_VERDICT_AS_ASKED;
    return RESTART_DO_REPLACE;
}

static enum restart_action on_asked_stop(struct restart *restart,
                                         const struct restart_policy *policy, uint64_t now_ms)
{
    restart->is_wanted = false;
    switch (restart->state) {
    case RESTART_STARTING:
    case RESTART_READY:
        return terminate(restart, policy, now_ms);
    case RESTART_BACKOFF:
    case RESTART_FAILED:
        return rest(restart, RESTART_STOPPED);
    case RESTART_STOPPED:
    case RESTART_STOPPING:
        break;
    }
    return RESTART_DO_NOTHING;
}

static enum restart_action on_exited(struct restart *restart, const struct restart_policy *policy,
                                     struct restart_event event)
{
    must(restart_has_process(restart));
    if (restart->state == RESTART_STOPPING && !restart->is_wanted) {
        restart->verdict = RESTART_VERDICT_AS_ASKED;
        return rest(restart, RESTART_STOPPED);
    }
    if (restart->state == RESTART_STOPPING && restart->reason == RESTART_REASON_ASKED) {
        restart->verdict = RESTART_VERDICT_AS_ASKED;
        return spawn(restart, policy, event.now_ms);
    }
    return die(restart, policy, event);
}

static enum restart_action on_time_up(struct restart *restart, const struct restart_policy *policy,
                                      uint64_t now_ms)
{
    switch (restart->state) {
    case RESTART_STARTING:
        return kill_for(restart, RESTART_REASON_NEVER_READY, now_ms);
    case RESTART_STOPPING:
        restart->was_killed = true;
        return kill_for(restart, restart->reason, now_ms);
    case RESTART_BACKOFF:
        return spawn(restart, policy, now_ms);
    case RESTART_STOPPED:
    case RESTART_READY:
    case RESTART_FAILED:
        break;
    }
    return RESTART_DO_NOTHING;
}

enum restart_action restart_step(struct restart *restart, const struct restart_policy *policy,
                                 struct restart_event event)
{
    switch (event.kind) {
    case RESTART_ASKED_START:
        return on_asked_start(restart, policy, event.now_ms);
    case RESTART_ASKED_STOP:
        return on_asked_stop(restart, policy, event.now_ms);
    case RESTART_ASKED_REPLACE:
        return on_asked_replace(restart, policy, event.now_ms);
    case RESTART_BECAME_READY:
        if (restart->state != RESTART_STARTING)
            return RESTART_DO_NOTHING;
        restart->was_ready = true;
        restart->ready_ms = event.now_ms;
        return rest(restart, RESTART_READY);
    case RESTART_EXITED:
        return on_exited(restart, policy, event);
    case RESTART_SILENT:
        if (restart->state != RESTART_READY)
            return RESTART_DO_NOTHING;
        return kill_for(restart, RESTART_REASON_SILENT, event.now_ms);
    case RESTART_TIME_UP:
        return on_time_up(restart, policy, event.now_ms);
    }
    return RESTART_DO_NOTHING;
}

const char *restart_state_word(enum restart_state state)
{
    static const char *const words[] = {
#define X(name, word) word,
        RESTART_STATES(X)
#undef X
    };

    return words[state];
}

bool restart_has_process(const struct restart *restart)
{
    return restart->state == RESTART_STARTING || restart->state == RESTART_READY ||
           restart->state == RESTART_STOPPING;
}

char *restart_verdict_text(const struct restart *restart, const struct restart_policy *policy,
                           char *out)
{
    char duration[UNITS_TEXT];

    switch (restart->verdict) {
    case RESTART_VERDICT_NONE:
        out[0] = '\0';
        break;
    case RESTART_VERDICT_AS_ASKED:
        snprintf(out, RESTART_VERDICT_TEXT, "%s",
                 restart->is_wanted ? "started again as asked" : "stopped as asked");
        break;
    case RESTART_VERDICT_AT_ONCE:
        snprintf(out, RESTART_VERDICT_TEXT, "restarted at once");
        break;
    case RESTART_VERDICT_DELAYED:
        snprintf(out, RESTART_VERDICT_TEXT, "restart delayed by %s",
                 format_duration(restart->delay_ms, duration));
        break;
    case RESTART_VERDICT_TOO_MANY:
        snprintf(out, RESTART_VERDICT_TEXT, "gave up: more than %u deaths in %s",
                 policy->deaths_max, format_duration(policy->window_ms, duration));
        break;
    case RESTART_VERDICT_CONFIG:
        snprintf(out, RESTART_VERDICT_TEXT, "gave up: configuration must be corrected first");
        break;
    case RESTART_VERDICT_STAYS_STOPPED:
        snprintf(out, RESTART_VERDICT_TEXT, "not restarted: it had finished");
        break;
    }
    return out;
}
