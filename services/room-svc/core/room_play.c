/* SPDX-License-Identifier: MIT
 *
 * Who may move the clock, and who hears of it. What it does then is clock.h.
 */
#include "room_private.h"

enum { ELSEWHERE_MS = 2000, ASK_CHECK_MS = 5000, LOOK_MS = 1000 };

void room_played(struct room *room, uint64_t epoch, enum room_cause cause,
                 const struct room_member *by, const char *key)
{
    if (room->clock.state.epoch == epoch)
        return;
    room_touch(room, ROOM_PART_STATE);
    room_emit(room,
              (struct room_event){.kind = ROOM_PLAYBACK, .member = by, .cause = cause, .key = key});
}

/* A client that plays or pauses somewhere else means that place. */
static void go_where_it_is(struct room *room, const struct room_member *by,
                           const struct room_command *command, bool is_new, int64_t now_ms)
{
    int64_t room_ms = clock_now(&room->clock, now_ms), at_ms = command->position_ms;
    int64_t near_ms = command->is_exact && is_new ? 0 : ELSEWHERE_MS;

    if (at_ms >= 0 && (at_ms > room_ms + near_ms || at_ms < room_ms - near_ms) &&
        room_may(room, by, ROOM_MAY_SEEK))
        clock_seek(&room->clock, at_ms, now_ms);
}

enum room_error room_command(struct room *room, struct room_member *by,
                             const struct room_command *command, int64_t now_ms)
{
    bool is_play = command->kind == ROOM_PLAY || command->kind == ROOM_PAUSE;
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_COMMAND, now_ms);
    enum room_cause cause = ROOM_CAUSE_SEEK;
    uint64_t epoch = room->clock.state.epoch;
    bool did_play = room->clock.wants_play;

    if (error == ROOM_OK && !room_may(room, by, is_play ? ROOM_MAY_PLAY : ROOM_MAY_SEEK))
        error = ROOM_NOT_ALLOWED;
    if (error == ROOM_OK && command->key != NULL && !room_fits(command->key, ROOM_ID_MAX))
        error = ROOM_TOO_LONG;
    if (error != ROOM_OK)
        return error;
    switch (command->kind) {
    case ROOM_PLAY:
        cause = ROOM_CAUSE_PLAY;
        go_where_it_is(room, by, command, !did_play, now_ms);
        clock_play(&room->clock, now_ms);
        break;
    case ROOM_PAUSE:
        cause = ROOM_CAUSE_PAUSE;
        clock_pause(&room->clock, now_ms);
        go_where_it_is(room, by, command, did_play, now_ms);
        break;
    case ROOM_SEEK:
        clock_seek(&room->clock, command->position_ms, now_ms);
        break;
    case ROOM_RATE:
        cause = ROOM_CAUSE_RATE;
        clock_set_rate(&room->clock, command->rate_permille, now_ms);
        break;
    case ROOM_UNDO_SEEK:
        if (!clock_undo_seek(&room->clock, now_ms))
            return ROOM_NOTHING_TO_UNDO;
        break;
    }
    room_played(room, epoch, cause, by, command->key);
    return ROOM_OK;
}

enum room_error room_report(struct room *room, struct room_member *by,
                            const struct clock_report *report, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    clock_report(&room->clock, &by->viewer, report, now_ms);
    if (by->viewer.film_ms > 0 && room->clock.duration_ms == 0 &&
        (room_may(room, by, ROOM_MAY_QUEUE) || clock_agrees(&room->clock, &by->viewer, now_ms)))
        room_learn_duration(room, by->viewer.film_ms, now_ms);
    return ROOM_OK;
}

enum room_error room_delay(struct room *room, struct room_member *by, double delay_ms,
                           int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error == ROOM_OK)
        clock_delay(&by->viewer, delay_ms);
    return error;
}

enum room_error room_check(struct room *room, struct room_member *by, int64_t position_ms,
                           bool says_playing, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (by == NULL)
        return ROOM_INVALID;
    if (error == ROOM_OK &&
        clock_check(&room->clock, &by->viewer, position_ms, says_playing, now_ms))
        room_emit(room, (struct room_event){.kind = ROOM_CORRECTION, .to = by, .member = by});
    return error;
}

static void ask_all(struct room *room, int64_t now_ms)
{
    room->sync_check_ms = now_ms;
    room_emit(room, (struct room_event){.kind = ROOM_SYNC_CHECK});
}

enum room_error room_ask_check(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);

    if (error == ROOM_OK && now_ms - room->sync_check_ms >= ASK_CHECK_MS)
        ask_all(room, now_ms);
    return error;
}

enum room_error room_set_ready(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);
    unsigned ready = 0;

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    by->is_ready = true;
    for (size_t i = 0; i < room->member_count; i++)
        ready += room->members[i]->is_ready;
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_READY,
                                        .member = by,
                                        .count = ready,
                                        .needed = room_count(room, ROOM_HERE)});
    return ROOM_OK;
}

enum room_error room_start(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_MODERATOR, ROOM_BUCKET_COMMAND, now_ms);
    uint64_t epoch = room->clock.state.epoch;

    if (error != ROOM_OK)
        return error;
    for (size_t i = 0; i < room->member_count; i++)
        room->members[i]->is_ready = false;
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_STARTED, .member = by});
    clock_play(&room->clock, now_ms);
    room_played(room, epoch, ROOM_CAUSE_PLAY, by, NULL);
    return ROOM_OK;
}

void room_tick_clock(struct room *room, int64_t now_ms)
{
    uint64_t epoch = room->clock.state.epoch;
    bool has_ended;

    if (now_ms - room->sync_check_ms >= room->rules.sync_check_ms &&
        room_count(room, ROOM_HERE) > 0)
        ask_all(room, now_ms);
    if (now_ms - room->looked_ms >= LOOK_MS) {
        room->looked_ms = now_ms;
        if (clock_look(&room->clock, now_ms))
            room_emit(room, (struct room_event){.kind = ROOM_PLACES});
    }
    clock_tick(&room->clock, now_ms, &has_ended);
    if (has_ended && room->queue_count > 1)
        room_advance(room, NULL, true, now_ms);
    else
        room_played(room, epoch, has_ended ? ROOM_CAUSE_END : ROOM_CAUSE_HOLD, NULL, NULL);
}

void room_renew(struct room *room, int64_t now_ms)
{
    uint64_t epoch = room->clock.state.epoch;

    clock_renew(&room->clock, now_ms);
    room_played(room, epoch, ROOM_CAUSE_HOLD, NULL, NULL);
}
