/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <math.h>
#include <string.h>

#include "base/must.h"

enum {
    LEAD_SPARE_MS = 50,
    DELAY_MAX_MS = 2000,
    FRESH_MS = 6000,       /* who said nothing for longer is not waited for */
    READY_WITHIN_MS = 500, /* of the place where all wait */
    READY_BUFFER_MS = 500, /* where a viewer says what it has */
    STALL_LOOK_MS = 300,   /* between two positions that tell whether it moves */
    STALL_LAG_MS = 500,    /* behind by less is what a page mends by itself */
    LAG_OVER_MS = 100,     /* has caught up */
    IN_STEP_MS = 30000,    /* of good conduct, and it is waited for again */
    REPORT_PAST_MS = 5000, /* a report cannot be older */
    CHARGE_MAX_MS = 1000,  /* one look at viewers costs them no more, however late it comes */
    CORRECT_EVERY_MS = 5000,
    SLOWED_PERMILLE = 970,
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* ---- time of others */

static const struct clock_sample *best_sample(const struct clock_offset *offset)
{
    const struct clock_sample *best = NULL;

    for (unsigned i = 0; i < offset->count; i++)
        if (best == NULL || offset->samples[i].delay_ms < best->delay_ms)
            best = &offset->samples[i];
    return best;
}

static bool can_both_be(const struct clock_sample *a, const struct clock_sample *b)
{
    return fabs(a->offset_ms - b->offset_ms) <= (a->delay_ms + b->delay_ms) / 2 + CLOCK_DRIFT_MS;
}

bool clock_offset_add(struct clock_offset *offset, double sent_ms, double heard_ms,
                      double answered_ms, double back_ms)
{
    struct clock_sample sample = {
        .offset_ms = ((heard_ms - sent_ms) + (answered_ms - back_ms)) / 2,
        .delay_ms = (back_ms - sent_ms) - (answered_ms - heard_ms),
    };
    const struct clock_sample *best = best_sample(offset);

    if (!isfinite(sample.delay_ms) || sample.delay_ms < 0 || answered_ms < heard_ms)
        return false;
    if (best != NULL && !can_both_be(best, &sample))
        *offset = (struct clock_offset){.count = 0};
    offset->samples[offset->next] = sample;
    offset->next = (offset->next + 1) % CLOCK_SAMPLES;
    if (offset->count < CLOCK_SAMPLES)
        offset->count++;
    return true;
}

double clock_offset_ms(const struct clock_offset *offset)
{
    const struct clock_sample *best = best_sample(offset);

    return best != NULL ? best->offset_ms : 0;
}

double clock_offset_delay_ms(const struct clock_offset *offset)
{
    const struct clock_sample *best = best_sample(offset);

    return best != NULL ? best->delay_ms : -1;
}

/* ---- the state */

static int64_t extrapolate(const struct clock_state *state, int64_t at_ms)
{
    /* Whatever a stored state says: no overflow. */
    int64_t passed = clamp(at_ms - state->at_ms, -CLOCK_POSITION_MAX_MS, CLOCK_POSITION_MAX_MS);

    if (!state->is_playing)
        return state->position_ms;
    return MAX(state->position_ms + passed * state->rate_permille / 1000, 0);
}

int64_t clock_position(const struct clock_state *state, int64_t now_ms)
{
    return extrapolate(state, MAX(now_ms, state->at_ms));
}

int64_t clock_position_on_arrival(const struct clock_state *state, int64_t now_ms, int64_t delay_ms)
{
    return extrapolate(state, now_ms + delay_ms);
}

static const struct clock_state *holds(const struct clock *clock, int64_t now_ms)
{
    return now_ms < clock->state.at_ms ? &clock->before : &clock->state;
}

static int64_t within_film(const struct clock *clock, int64_t position_ms)
{
    return clamp(position_ms, 0,
                 clock->duration_ms > 0 ? clock->duration_ms : CLOCK_POSITION_MAX_MS);
}

int64_t clock_now(const struct clock *clock, int64_t now_ms)
{
    return within_film(clock, clock_position(holds(clock, now_ms), now_ms));
}

bool clock_moves(const struct clock *clock, int64_t now_ms)
{
    return holds(clock, now_ms)->is_playing;
}

static bool is_waiting(const struct clock *clock)
{
    return clock->wait_until_ms != 0;
}

/* ---- viewers */

void clock_init(struct clock *clock, int64_t now_ms)
{
    *clock = (struct clock){
        .state = {.epoch = (uint64_t)now_ms, .at_ms = now_ms, .rate_permille = CLOCK_NORMAL_RATE},
        .rate_permille = CLOCK_NORMAL_RATE,
        .policy = CLOCK_LET_GO,
        .wait_ms = 8000,
        .budget_ms = CLOCK_BUDGET_MS,
        .budget_at_ms = now_ms,
    };
    clock->before = clock->state;
}

void clock_enter(struct clock *clock, struct clock_viewer *viewer, int64_t now_ms)
{
    viewer->patience_ms = CLOCK_PATIENCE_MS;
    viewer->patience_at_ms = now_ms;
    viewer->previous = NULL;
    viewer->next = clock->viewers;
    if (viewer->next != NULL)
        viewer->next->previous = viewer;
    clock->viewers = viewer;
}

void clock_exit(struct clock *clock, struct clock_viewer *viewer)
{
    if (viewer->previous != NULL)
        viewer->previous->next = viewer->next;
    else if (clock->viewers == viewer)
        clock->viewers = viewer->next;
    if (viewer->next != NULL)
        viewer->next->previous = viewer->previous;
    memset(viewer, 0, sizeof(*viewer));
}

void clock_delay(struct clock_viewer *viewer, double delay_ms)
{
    if (isfinite(delay_ms) && delay_ms >= 0)
        viewer->delay_ms = (uint32_t)fmin(fmax(delay_ms, 1), DELAY_MAX_MS);
}

static uint32_t delay_of(const struct clock_viewer *viewer)
{
    return viewer->delay_ms > 0 ? viewer->delay_ms : CLOCK_DELAY_GUESS_MS;
}

/* Somebody the room would wait for. */
static bool counts(const struct clock_viewer *viewer, int64_t now_ms)
{
    return viewer->has_reported && !viewer->is_let_go && now_ms - viewer->heard_ms <= FRESH_MS;
}

static bool is_ready(const struct clock *clock, const struct clock_viewer *viewer)
{
    const struct clock_state *state = &clock->state;
    int64_t away = viewer->reported_position_ms - state->position_ms;
    int64_t rest = clock->duration_ms > 0 ? clock->duration_ms - viewer->reported_position_ms
                                          : READY_BUFFER_MS;

    return viewer->reported_epoch == state->epoch && viewer->reported_ms >= state->at_ms &&
           away >= -READY_WITHIN_MS && away <= READY_WITHIN_MS &&
           (viewer->buffered_ms < 0 || viewer->buffered_ms >= MIN(rest, READY_BUFFER_MS));
}

/* Behind, as seen after the last change. */
static bool lags(const struct clock *clock, const struct clock_viewer *viewer)
{
    return viewer->reported_epoch == clock->state.epoch && viewer->lag_ms > STALL_LAG_MS;
}

/* Once all play slower for somebody they do until it has caught up: that they began to is a
 * change, too, after which nothing has been seen of it yet. */
static bool needs_slowness(const struct clock *clock, const struct clock_viewer *viewer)
{
    return clock->is_slowed ? viewer->lag_ms > LAG_OVER_MS : lags(clock, viewer);
}

/* Whether it costs the others something now. */
static bool costs(const struct clock *clock, const struct clock_viewer *viewer, int64_t now_ms)
{
    if (!counts(viewer, now_ms))
        return false;
    return is_waiting(clock) ? !is_ready(clock, viewer)
                             : clock->is_slowed && needs_slowness(clock, viewer);
}

bool clock_waits_for(const struct clock *clock, const struct clock_viewer *viewer, int64_t now_ms)
{
    return is_waiting(clock) && costs(clock, viewer, now_ms);
}

/* ---- changes */

/* When a command given now takes effect: everybody has heard of it by then. */
static int64_t effect_ms(const struct clock *clock, int64_t now_ms)
{
    int64_t lead_ms = CLOCK_LEAD_MIN_MS;

    for (const struct clock_viewer *v = clock->viewers; v != NULL; v = v->next)
        if (!v->is_let_go)
            lead_ms = MAX(lead_ms, (int64_t)delay_of(v) + LEAD_SPARE_MS);
    return clamp(clock->state.at_ms, now_ms + MIN(lead_ms, CLOCK_LEAD_MAX_MS),
                 now_ms + CLOCK_LEAD_MAX_MS);
}

/* Budget of waits: what was spent since the last call, or what has grown back. */
static void keep_accounts(struct clock *clock, int64_t now_ms)
{
    int64_t passed = MAX(now_ms - clock->budget_at_ms, 0);

    if (is_waiting(clock) || clock->is_slowed)
        clock->budget_ms = MAX(clock->budget_ms - passed, 0);
    else
        clock->budget_ms =
            MIN(clock->budget_ms + passed * CLOCK_BUDGET_EARN / 1000, CLOCK_BUDGET_MS);
    clock->budget_at_ms = now_ms;
}

static void stop_waiting(struct clock *clock, int64_t now_ms)
{
    keep_accounts(clock, now_ms);
    clock->wait_since_ms = clock->wait_until_ms = 0;
    clock->is_slowed = false;
}

static void change(struct clock *clock, int64_t at_ms, int64_t position_ms, int64_t now_ms)
{
    uint32_t rate = clock->rate_permille;

    clock->before = *holds(clock, now_ms);
    clock->state = (struct clock_state){
        .epoch = MAX(clock->state.epoch + 1, (uint64_t)now_ms),
        .at_ms = at_ms,
        .position_ms = within_film(clock, position_ms),
        .rate_permille = clock->is_slowed ? rate * SLOWED_PERMILLE / 1000 : rate,
        .is_playing = clock->wants_play && !is_waiting(clock),
    };
}

/* The same film goes on from where it will be then, in whatever way is wanted now. */
static void go_on(struct clock *clock, int64_t now_ms)
{
    int64_t at_ms = effect_ms(clock, now_ms);

    change(clock, at_ms, clock_position(&clock->state, at_ms), now_ms);
}

/* Nobody begins a wait that the budget does not pay for. */
static bool begin_waiting(struct clock *clock, int64_t now_ms)
{
    bool is_worth_it = false;

    keep_accounts(clock, now_ms);
    for (const struct clock_viewer *v = clock->viewers; v != NULL; v = v->next)
        is_worth_it |= counts(v, now_ms);
    if (!is_worth_it || clock->budget_ms == 0)
        return false;
    clock->is_slowed = false;
    clock->wait_since_ms = now_ms;
    clock->wait_until_ms = now_ms + MIN((int64_t)clock->wait_ms, clock->budget_ms);
    return true;
}

void clock_play(struct clock *clock, int64_t now_ms)
{
    int64_t at_ms;

    if (clock->wants_play)
        return;
    clock->wants_play = true;
    at_ms = effect_ms(clock, now_ms);
    /* At the end there is nothing left to play. */
    change(clock, at_ms,
           clock->duration_ms > 0 && clock->state.position_ms >= clock->duration_ms
               ? 0
               : clock_position(&clock->state, at_ms),
           now_ms);
}

void clock_pause(struct clock *clock, int64_t now_ms)
{
    if (!clock->wants_play)
        return;
    clock->wants_play = false;
    stop_waiting(clock, now_ms);
    go_on(clock, now_ms);
}

static void go_to(struct clock *clock, int64_t position_ms, int64_t now_ms)
{
    stop_waiting(clock, now_ms);
    if (clock->wants_play && clock->policy == CLOCK_WAIT)
        begin_waiting(clock, now_ms);
    change(clock, effect_ms(clock, now_ms), position_ms, now_ms);
}

void clock_seek(struct clock *clock, int64_t position_ms, int64_t now_ms)
{
    clock->undo_position_ms = clock_now(clock, now_ms);
    clock->undo_until_ms = now_ms + CLOCK_UNDO_MS;
    go_to(clock, position_ms, now_ms);
}

bool clock_undo_seek(struct clock *clock, int64_t now_ms)
{
    if (now_ms > clock->undo_until_ms)
        return false;
    clock_seek(clock, clock->undo_position_ms, now_ms);
    return true;
}

void clock_set_rate(struct clock *clock, uint32_t rate_permille, int64_t now_ms)
{
    rate_permille = (uint32_t)clamp(rate_permille, CLOCK_RATE_MIN, CLOCK_RATE_MAX);
    if (rate_permille == clock->rate_permille)
        return;
    clock->rate_permille = rate_permille;
    go_on(clock, now_ms);
}

void clock_load(struct clock *clock, int64_t duration_ms, bool plays, int64_t now_ms)
{
    clock->duration_ms = clamp(duration_ms, 0, CLOCK_POSITION_MAX_MS);
    clock->wants_play = plays;
    clock->undo_until_ms = 0;
    go_to(clock, 0, now_ms);
}

void clock_set_duration(struct clock *clock, int64_t duration_ms, int64_t now_ms)
{
    clock->duration_ms = clamp(duration_ms, 0, CLOCK_POSITION_MAX_MS);
    if (within_film(clock, clock->state.position_ms) != clock->state.position_ms)
        go_on(clock, now_ms);
}

void clock_set_policy(struct clock *clock, enum clock_policy policy, uint32_t wait_ms,
                      int64_t now_ms)
{
    bool was_held = is_waiting(clock) || clock->is_slowed;

    clock->policy = policy;
    clock->wait_ms = (uint32_t)clamp(wait_ms, CLOCK_WAIT_MIN_MS, CLOCK_WAIT_MAX_MS);
    stop_waiting(clock, now_ms);
    if (was_held)
        go_on(clock, now_ms);
}

void clock_renew(struct clock *clock, int64_t now_ms)
{
    go_on(clock, now_ms);
}

/* ---- who falls behind */

/* A position says something about a viewer when it was taken after the room's last change. */
static void judge(struct clock *clock, struct clock_viewer *viewer,
                  const struct clock_report *report, int64_t at_ms, int64_t now_ms)
{
    const struct clock_state *state = &clock->state;
    int64_t passed = at_ms - viewer->reported_ms;
    int64_t moved = report->position_ms - viewer->reported_position_ms;
    bool is_second = viewer->has_reported && viewer->reported_epoch == state->epoch &&
                     viewer->reported_ms >= state->at_ms;

    viewer->lag_ms = clock_position(state, at_ms) - report->position_ms;
    if (!state->is_playing)
        viewer->is_stalled = false;
    else if (is_second && passed >= STALL_LOOK_MS)
        viewer->is_stalled =
            viewer->lag_ms > STALL_LAG_MS && moved < passed * state->rate_permille / 2000;
    if (viewer->is_stalled || viewer->lag_ms > STALL_LAG_MS || viewer->lag_ms < -STALL_LAG_MS)
        viewer->in_step_ms = 0;
    else if (viewer->in_step_ms == 0)
        viewer->in_step_ms = now_ms;
}

void clock_report(struct clock *clock, struct clock_viewer *viewer,
                  const struct clock_report *report, int64_t now_ms)
{
    struct clock_report told = *report;
    int64_t at_ms = told.at_ms == 0 ? now_ms - delay_of(viewer) / 2 : told.at_ms;
    bool is_current = told.epoch == clock->state.epoch;

    at_ms = clamp(at_ms, now_ms - REPORT_PAST_MS, now_ms);
    told.position_ms = clamp(told.position_ms, 0, CLOCK_POSITION_MAX_MS);
    if (is_current && at_ms >= clock->state.at_ms) {
        /* So close to the last one that it would not tell whether it moves: the first stays. */
        bool is_close = viewer->has_reported && viewer->reported_epoch == told.epoch &&
                        viewer->reported_ms >= clock->state.at_ms && clock->state.is_playing &&
                        at_ms - viewer->reported_ms < STALL_LOOK_MS;

        judge(clock, viewer, &told, at_ms, now_ms);
        if (!is_close) {
            viewer->reported_ms = at_ms;
            viewer->reported_position_ms = told.position_ms;
        }
    }
    viewer->reported_epoch = is_current ? told.epoch : 0;
    viewer->buffered_ms = told.buffered_ms < 0 ? -1 : told.buffered_ms;
    viewer->has_reported = true;
    viewer->heard_ms = now_ms;
}

/* Who has cost the others too much is no longer waited for; good conduct is rewarded. */
static void charge(struct clock *clock, struct clock_viewer *viewer, int64_t now_ms)
{
    int64_t passed = clamp(now_ms - viewer->patience_at_ms, 0, CHARGE_MAX_MS);

    viewer->patience_at_ms = now_ms;
    if (costs(clock, viewer, now_ms))
        viewer->patience_ms = MAX(viewer->patience_ms - passed, 0);
    else
        viewer->patience_ms =
            MIN(viewer->patience_ms + passed * CLOCK_PATIENCE_EARN / 1000, CLOCK_PATIENCE_MS);
    if (viewer->patience_ms == 0)
        viewer->is_let_go = true;
    else if (viewer->in_step_ms != 0 && now_ms - viewer->in_step_ms >= IN_STEP_MS)
        viewer->is_let_go = false;
}

static void look_at_wait(struct clock *clock, int64_t now_ms)
{
    bool is_over = now_ms >= clock->wait_until_ms || clock->budget_ms == 0;
    bool are_all_ready = true;

    for (struct clock_viewer *v = clock->viewers; v != NULL; v = v->next) {
        if (!costs(clock, v, now_ms))
            continue;
        are_all_ready = false;
        if (is_over) {
            v->is_let_go = true;
            v->in_step_ms = 0;
        }
    }
    if (!is_over && !are_all_ready)
        return;
    stop_waiting(clock, now_ms);
    go_on(clock, now_ms);
}

/* Everything is as it should be: does somebody need the others? */
static void look_for_stragglers(struct clock *clock, int64_t now_ms)
{
    bool has_staller = false, has_straggler = false, was_slowed = clock->is_slowed;

    for (struct clock_viewer *v = clock->viewers; v != NULL; v = v->next) {
        if (!counts(v, now_ms))
            continue;
        has_staller |= v->is_stalled && lags(clock, v);
        has_straggler |= needs_slowness(clock, v);
    }
    if (clock->policy == CLOCK_WAIT && has_staller && begin_waiting(clock, now_ms)) {
        go_on(clock, now_ms);
    } else if (clock->policy == CLOCK_SLOW) {
        keep_accounts(clock, now_ms);
        clock->is_slowed = has_straggler && clock->budget_ms > 0;
        if (clock->is_slowed != was_slowed)
            go_on(clock, now_ms);
    }
}

void clock_tick(struct clock *clock, int64_t now_ms, bool *has_ended_out)
{
    *has_ended_out = false;
    keep_accounts(clock, now_ms);
    for (struct clock_viewer *v = clock->viewers; v != NULL; v = v->next)
        charge(clock, v, now_ms);
    if (now_ms < clock->state.at_ms)
        return;
    if (is_waiting(clock)) {
        look_at_wait(clock, now_ms);
    } else if (clock->state.is_playing) {
        if (clock->duration_ms > 0 && clock_now(clock, now_ms) >= clock->duration_ms) {
            *has_ended_out = true;
            clock_pause(clock, now_ms);
        } else {
            look_for_stragglers(clock, now_ms);
        }
    }
}

bool clock_check(struct clock *clock, struct clock_viewer *viewer, int64_t position_ms,
                 bool says_playing, int64_t now_ms)
{
    int64_t room_ms = clock_now(clock, now_ms - delay_of(viewer) / 2);
    int64_t drift_ms = room_ms - clamp(position_ms, 0, CLOCK_POSITION_MAX_MS);

    if (position_ms == 0 && says_playing)
        return false;
    if (drift_ms >= -CLOCK_LEGACY_DRIFT_MS && drift_ms <= CLOCK_LEGACY_DRIFT_MS)
        return false;
    if (viewer->corrected_ms != 0 && now_ms - viewer->corrected_ms < CORRECT_EVERY_MS)
        return false;
    viewer->corrected_ms = now_ms;
    return true;
}
