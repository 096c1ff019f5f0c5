/* SPDX-License-Identifier: MIT
 *
 * How close to the room's clock are its viewers? 50 of them, on lines of 20 to 300 ms, with clocks
 * and sound cards that drift, watch a film together; somebody plays, seeks and pauses, and one
 * stalls. The same viewers in the same minutes follow our algorithm, Syncplay's and Jellyfin's:
 * those two as their sources were understood, in the few rules that place a player.
 *
 * Prints a table. Everything follows from the seed.
 *
 *     bench_room_sync [rounds, 5] [viewers, 50] [seed, 1]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "clock.h"
#include "clock_client.h"
#include "room_player.h"

enum {
    VIEWERS_MAX = 500,
    MESSAGES_MAX = 200000,
    END_MS = 170000,
    JUDGE_AFTER_MS = 10000, /* after a command */
    LOOK_MS = 100,
    SAMPLES_MAX = VIEWERS_MAX * (END_MS / LOOK_MS),
    WITHIN_MS = 40,
};

enum what { PLAY, PAUSE, SEEK };

/* What people do. A stall of somebody else falls in between. */
static const struct deed {
    double at_ms;
    enum what what;
    double to_ms;
} deeds[] = {
    {10000, PLAY, 0},      {30000, SEEK, 600000},   {50000, PAUSE, 0},  {65000, PLAY, 0},
    {85000, SEEK, 300000}, {105000, SEEK, 1200000}, {130000, PAUSE, 0}, {145000, PLAY, 0},
};
enum { DEEDS = COUNT_OF(deeds), STALL_AT_MS = 118000, STALL_FOR_MS = 5000 };

enum kind { ASK, ANSWER, COMMAND, STATE, REPORT, PING, READY, BUFFERING };

struct message {
    double at_ms;
    unsigned viewer;
    bool is_for_server;
    enum kind kind;
    double time[4]; /* as the kind wants */
    bool is_playing, is_seek;
    unsigned number, from;
    struct clock_state state;
};

struct viewer {
    struct player player;
    double again_ms;
    /* ours */
    struct clock_client client;
    struct clock_viewer seen;
    /* Syncplay */
    double rtt_ms, server_rtt_ms, server_average_ms, average_ms, next_ms;
    double told_ms, told_at_ms, heard_ms;
    unsigned number;
    bool is_slowed, is_ahead; /* the latter: of the server, by a command it has not answered */
    /* Jellyfin */
    struct clock_offset offset;
    unsigned asked;
    double asked_ms, ping_ms, when_ms, position_ms, enabled_ms, speed_until_ms, checked_ms;
    double moved_ms, moved_position_ms;
    bool wants_play, is_pending, is_ready, is_awaited, is_buffering;
};

struct world {
    const struct algorithm *algorithm;
    double now_ms;
    uint64_t random;
    unsigned count;
    struct viewer viewers[VIEWERS_MAX];
    struct message *messages;
    size_t message_count;
    /* the server */
    struct clock clock;
    double position_ms, position_at_ms, tick_ms;
    bool is_playing, is_waiting, resumes;
    unsigned number, setter;
};

/* What is at issue: how a command travels, and how a viewer gets to where the room is. */
struct algorithm {
    const char *name;
    void (*command)(struct world *world, unsigned viewer, enum what what, double to_ms);
    void (*server_hears)(struct world *world, struct message *message);
    void (*server_ticks)(struct world *world);
    void (*viewer_hears)(struct world *world, struct viewer *viewer, struct message *message);
    void (*viewer_ticks)(struct world *world, struct viewer *viewer);
    double (*room)(const struct world *world);
    enum clock_policy policy; /* ours: what the room does about somebody who stalls */
    bool corrects;            /* Jellyfin: its option for that */
};

/* ---- the network */

static void post(struct world *world, unsigned viewer, struct message message)
{
    struct player *player = &world->viewers[viewer].player;

    must(world->message_count < MESSAGES_MAX);
    message.viewer = viewer;
    message.at_ms = message.is_for_server ? player_sends_ms(player, world->now_ms)
                                          : player_hears_ms(player, world->now_ms);
    world->messages[world->message_count++] = message;
}

static void tell_all(struct world *world, struct message message)
{
    for (unsigned i = 0; i < world->count; i++)
        post(world, i, message);
}

static void deliver(struct world *world)
{
    static struct message due[MESSAGES_MAX];
    size_t kept = 0, due_count = 0;

    for (size_t i = 0; i < world->message_count; i++) {
        if (world->messages[i].at_ms <= world->now_ms)
            due[due_count++] = world->messages[i];
        else
            world->messages[kept++] = world->messages[i];
    }
    world->message_count = kept;
    for (size_t i = 0; i < due_count; i++) {
        if (due[i].is_for_server)
            world->algorithm->server_hears(world, &due[i]);
        else
            world->algorithm->viewer_hears(world, &world->viewers[due[i].viewer], &due[i]);
    }
}

static unsigned number_of(const struct world *world, const struct viewer *viewer)
{
    return (unsigned)(viewer - world->viewers);
}

/* ---- ours */

static void ours_command(struct world *world, unsigned viewer, enum what what, double to_ms)
{
    post(world, viewer,
         (struct message){.is_for_server = true, .kind = COMMAND, .number = what, .time = {to_ms}});
}

static void ours_tells(struct world *world, uint64_t epoch_before)
{
    if (world->clock.state.epoch != epoch_before)
        tell_all(world, (struct message){.kind = STATE, .state = world->clock.state});
}

static void ours_server_hears(struct world *world, struct message *message)
{
    struct clock_viewer *seen = &world->viewers[message->viewer].seen;
    int64_t now_ms = (int64_t)world->now_ms;
    uint64_t epoch = world->clock.state.epoch;

    if (message->kind == ASK) {
        clock_delay(seen, message->time[1]);
        post(world, message->viewer,
             (struct message){
                 .kind = ANSWER,
                 .time = {message->time[0], world->now_ms, world->now_ms},
             });
    } else if (message->kind == REPORT) {
        clock_report(&world->clock, seen,
                     &(struct clock_report){.epoch = message->state.epoch,
                                            .at_ms = message->state.at_ms,
                                            .position_ms = message->state.position_ms,
                                            .buffered_ms = (int64_t)message->time[0]},
                     now_ms);
    } else if (message->kind == COMMAND) {
        if (message->number == PLAY)
            clock_play(&world->clock, now_ms);
        else if (message->number == PAUSE)
            clock_pause(&world->clock, now_ms);
        else
            clock_seek(&world->clock, (int64_t)message->time[0], now_ms);
    }
    ours_tells(world, epoch);
}

static void ours_server_ticks(struct world *world)
{
    uint64_t epoch = world->clock.state.epoch;
    bool has_ended;

    if (world->now_ms < world->tick_ms)
        return;
    world->tick_ms = world->now_ms + CLOCK_TICK_MS;
    clock_tick(&world->clock, (int64_t)world->now_ms, &has_ended);
    ours_tells(world, epoch);
}

static void ours_viewer_hears(struct world *world, struct viewer *viewer, struct message *message)
{
    double local_ms = player_clock_ms(&viewer->player, world->now_ms);

    if (message->kind == ANSWER)
        clock_client_answer(&viewer->client, message->time[0], message->time[1], message->time[2],
                            local_ms);
    else
        clock_client_state(&viewer->client, &message->state);
    viewer->again_ms = -INFINITY;
}

static void ours_viewer_ticks(struct world *world, struct viewer *viewer)
{
    double local_ms = player_clock_ms(&viewer->player, world->now_ms);
    struct player *player = &viewer->player;
    unsigned number = number_of(world, viewer);
    struct clock_action action;
    struct clock_report report;

    if (local_ms < viewer->again_ms)
        return;
    struct clock_player now = {
        .position_ms = player_reads_ms(player),
        .is_playing = player->is_playing,
        .is_seeking = player->is_seeking,
    };
    clock_client_step(&viewer->client, &now, local_ms, &action);
    if (action.seeks)
        player_seek(player, action.seek_to_ms, world->now_ms);
    if (action.plays)
        player_play(player, world->now_ms);
    if (action.pauses)
        player_pause(player);
    player->rate = action.rate;
    viewer->again_ms = local_ms + fmax(action.again_ms, 1);
    if (clock_client_asks(&viewer->client, local_ms))
        post(world, number,
             (struct message){.is_for_server = true,
                              .kind = ASK,
                              .time = {local_ms, clock_offset_delay_ms(&viewer->client.offset)}});
    if (clock_client_reports(&viewer->client, &now,
                             world->now_ms < player->stall_until_ms ? 0 : 10000, local_ms, &report))
        post(world, number,
             (struct message){.is_for_server = true,
                              .kind = REPORT,
                              .state = {.epoch = report.epoch,
                                        .at_ms = report.at_ms,
                                        .position_ms = report.position_ms},
                              .time = {(double)report.buffered_ms}});
}

static double ours_room(const struct world *world)
{
    return (double)clock_now(&world->clock, (int64_t)world->now_ms);
}

/* ---- Syncplay: the slowest leads; own clock for nothing, half of a round trip for everything */

static double syncplay_room(const struct world *world)
{
    double least_ms = INFINITY;

    for (unsigned i = 0; i < world->count; i++) {
        const struct viewer *viewer = &world->viewers[i];
        double age_ms = world->is_playing ? world->now_ms - viewer->told_at_ms : 0;

        least_ms = fmin(least_ms, viewer->told_ms + age_ms);
    }
    return least_ms;
}

static void syncplay_command(struct world *world, unsigned number, enum what what, double to_ms)
{
    struct viewer *viewer = &world->viewers[number];

    if (what == PLAY)
        player_play(&viewer->player, world->now_ms);
    else if (what == PAUSE)
        player_pause(&viewer->player);
    else
        player_seek(&viewer->player, to_ms, world->now_ms);
    viewer->is_ahead = true;
    post(world, number,
         (struct message){
             .is_for_server = true,
             .kind = COMMAND,
             .is_playing = viewer->player.is_playing,
             .is_seek = what == SEEK,
             .time = {what == SEEK ? to_ms : player_reads_ms(&viewer->player)},
         });
}

static void syncplay_tells(struct world *world, unsigned number, bool is_seek)
{
    struct viewer *viewer = &world->viewers[number];
    /* The viewer's own time, later by as long as it lay here. */
    double echo_ms = viewer->asked_ms + world->now_ms - viewer->heard_ms;

    post(world, number,
         (struct message){
             .kind = STATE,
             .is_playing = world->is_playing,
             .is_seek = is_seek,
             .number = world->number,
             .from = world->setter,
             .time = {syncplay_room(world), world->now_ms, viewer->server_rtt_ms,
                      viewer->heard_ms != 0 ? echo_ms : 0},
         });
}

static double moving_average(double average_ms, double new_ms)
{
    return average_ms == 0 ? new_ms : average_ms * 0.85 + new_ms * 0.15;
}

static void syncplay_server_hears(struct world *world, struct message *message)
{
    struct viewer *viewer = &world->viewers[message->viewer];
    double forward_ms = viewer->server_average_ms / 2;

    if (message->kind == REPORT) {
        viewer->server_rtt_ms = world->now_ms - message->time[1];
        viewer->server_average_ms =
            moving_average(viewer->server_average_ms, viewer->server_rtt_ms);
        viewer->asked_ms = message->time[2];
        viewer->heard_ms = world->now_ms;
        if (message->number != world->number)
            return; /* from before the last command */
        viewer->told_ms = message->time[0] + (message->is_playing ? forward_ms : 0);
        viewer->told_at_ms = world->now_ms;
        return;
    }
    world->is_playing = message->is_playing;
    world->setter = message->viewer;
    world->number++;
    for (unsigned i = 0; i < world->count; i++) {
        world->viewers[i].told_ms = message->time[0] + (message->is_playing ? forward_ms : 0);
        world->viewers[i].told_at_ms = world->now_ms;
    }
    for (unsigned i = 0; i < world->count; i++)
        syncplay_tells(world, i, message->is_seek);
}

static void syncplay_server_ticks(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        if (world->now_ms < world->viewers[i].next_ms)
            continue;
        world->viewers[i].next_ms = world->now_ms + 1000;
        syncplay_tells(world, i, false);
    }
}

static void syncplay_viewer_hears(struct world *world, struct viewer *viewer,
                                  struct message *message)
{
    struct player *player = &viewer->player;
    double local_ms = player_clock_ms(player, world->now_ms);
    bool is_own = message->from == number_of(world, viewer);
    double age_ms, room_ms, ahead_ms;

    /* What the server said before it heard of one's own command is not obeyed. */
    if (viewer->is_ahead && message->number == viewer->number)
        return;
    viewer->is_ahead = false;
    if (message->time[3] != 0) {
        viewer->rtt_ms = local_ms - message->time[3];
        viewer->average_ms = moving_average(viewer->average_ms, viewer->rtt_ms);
    }
    age_ms = viewer->average_ms / 2;
    if (message->time[2] > 0 && message->time[2] < viewer->rtt_ms)
        age_ms += viewer->rtt_ms - message->time[2];
    room_ms = message->time[0] + (message->is_playing ? age_ms : 0);
    ahead_ms = player_reads_ms(player) - room_ms;
    viewer->number = message->number;
    if (message->is_seek && !is_own) {
        player_seek(player, room_ms, world->now_ms);
    } else if (!player->is_seeking) {
        if (ahead_ms > 4000 && !is_own)
            player_seek(player, room_ms, world->now_ms);
        else if (ahead_ms > 1500 && message->is_playing && !is_own)
            viewer->is_slowed = true;
        else if (ahead_ms < 100)
            viewer->is_slowed = false;
    }
    player->rate = viewer->is_slowed ? 0.95 : 1;
    if (!is_own && player->is_playing && !message->is_playing) {
        player_seek(player, room_ms, world->now_ms);
        player_pause(player);
    } else if (!is_own && !player->is_playing && message->is_playing) {
        player_play(player, world->now_ms);
    }
    post(world, number_of(world, viewer),
         (struct message){.is_for_server = true,
                          .kind = REPORT,
                          .is_playing = player->is_playing,
                          .number = viewer->number,
                          .time = {player_reads_ms(player), message->time[1], local_ms}});
}

static void syncplay_viewer_ticks(struct world *world, struct viewer *viewer)
{
    (void)world;
    (void)viewer;
}

/* ---- Jellyfin: commands with a time, all wait until all are ready; rates as an option */

static double jellyfin_room(const struct world *world)
{
    return world->position_ms +
           (world->is_playing ? fmax(world->now_ms - world->position_at_ms, 0) : 0);
}

static void jellyfin_tells(struct world *world, enum what what)
{
    tell_all(world, (struct message){.kind = STATE,
                                     .number = what,
                                     .time = {world->position_ms, world->position_at_ms}});
}

static void jellyfin_plays(struct world *world)
{
    double ping_ms = 0;

    for (unsigned i = 0; i < world->count; i++)
        ping_ms = fmax(ping_ms, world->viewers[i].ping_ms);
    world->is_waiting = false;
    world->is_playing = true;
    world->position_at_ms = world->now_ms + fmax(2 * ping_ms, 500);
    jellyfin_tells(world, PLAY);
}

static void jellyfin_stops(struct world *world, double at_ms)
{
    world->position_ms = at_ms;
    world->position_at_ms = world->now_ms;
    world->is_playing = false;
}

static void jellyfin_waits(struct world *world, bool resumes)
{
    world->is_waiting = true;
    world->resumes = resumes;
}

static void jellyfin_command(struct world *world, unsigned viewer, enum what what, double to_ms)
{
    ours_command(world, viewer, what, to_ms);
}

static void jellyfin_server_hears(struct world *world, struct message *message)
{
    struct viewer *viewer = &world->viewers[message->viewer];
    bool are_all_ready = true, was_playing = world->is_playing;

    if (message->kind == ASK) {
        viewer->ping_ms = message->time[1];
        post(world, message->viewer,
             (struct message){
                 .kind = ANSWER,
                 .time = {message->time[0], world->now_ms, world->now_ms},
             });
    } else if (message->kind == READY) {
        viewer->is_awaited = false;
        for (unsigned i = 0; i < world->count; i++)
            are_all_ready &= !world->viewers[i].is_awaited;
        if (world->is_waiting && are_all_ready && world->resumes)
            jellyfin_plays(world);
    } else if (message->kind == BUFFERING) {
        viewer->is_awaited = true;
        if (!was_playing)
            return;
        jellyfin_stops(world, jellyfin_room(world));
        jellyfin_waits(world, true);
        jellyfin_tells(world, PAUSE);
    } else if (message->number == PLAY) {
        jellyfin_plays(world);
    } else if (message->number == PAUSE) {
        jellyfin_stops(world, jellyfin_room(world));
        jellyfin_tells(world, PAUSE);
    } else {
        jellyfin_stops(world, message->time[0]);
        jellyfin_waits(world, was_playing);
        for (unsigned i = 0; i < world->count; i++)
            world->viewers[i].is_awaited = true;
        jellyfin_tells(world, SEEK);
    }
}

static void jellyfin_server_ticks(struct world *world)
{
    (void)world;
}

static double jellyfin_local_ms(const struct viewer *viewer, double server_ms)
{
    return server_ms - clock_offset_ms(&viewer->offset);
}

static void jellyfin_viewer_hears(struct world *world, struct viewer *viewer,
                                  struct message *message)
{
    struct player *player = &viewer->player;
    double local_ms = player_clock_ms(player, world->now_ms);

    if (message->kind == ANSWER) {
        clock_offset_add(&viewer->offset, message->time[0], message->time[1], message->time[2],
                         local_ms);
        return;
    }
    viewer->position_ms = message->time[0];
    viewer->when_ms = message->time[1];
    viewer->is_pending = message->number == PLAY;
    viewer->wants_play = message->number == PLAY;
    player->rate = 1;
    viewer->speed_until_ms = 0;
    if (message->number == PLAY)
        return;
    player_pause(player);
    if (message->number == SEEK || fabs(player_reads_ms(player) - viewer->position_ms) > 10)
        player_seek(player, viewer->position_ms, world->now_ms);
    viewer->is_ready = message->number == SEEK;
}

/* Nudges: the whole error within a second, whatever that sounds like. */
static void jellyfin_corrects(struct world *world, struct viewer *viewer, double local_ms)
{
    struct player *player = &viewer->player;
    double behind_ms;

    if (viewer->speed_until_ms != 0 && local_ms >= viewer->speed_until_ms) {
        player->rate = 1;
        viewer->speed_until_ms = 0;
    }
    if (local_ms < viewer->enabled_ms || local_ms - viewer->checked_ms < 1500 ||
        viewer->speed_until_ms != 0)
        return;
    viewer->checked_ms = local_ms;
    behind_ms = viewer->position_ms + (local_ms - jellyfin_local_ms(viewer, viewer->when_ms)) -
                player_reads_ms(player);
    if (fabs(behind_ms) >= 60 && fabs(behind_ms) < 3000) {
        double over_ms = behind_ms < -800 ? -behind_ms / 0.8 : 1000;

        player->rate = 1 + behind_ms / over_ms;
        viewer->speed_until_ms = local_ms + over_ms;
    } else if (fabs(behind_ms) >= 400) {
        player_seek(player, player_reads_ms(player) + behind_ms, world->now_ms);
    }
}

static void jellyfin_viewer_ticks(struct world *world, struct viewer *viewer)
{
    struct player *player = &viewer->player;
    double local_ms = player_clock_ms(player, world->now_ms);
    unsigned number = number_of(world, viewer);

    if (viewer->asked == 0 || local_ms - viewer->asked_ms >= (viewer->asked < 3 ? 1000 : 60000)) {
        viewer->asked++;
        viewer->asked_ms = local_ms;
        post(world, number,
             (struct message){.is_for_server = true,
                              .kind = ASK,
                              .time = {local_ms, clock_offset_delay_ms(&viewer->offset)}});
    }
    if (viewer->is_ready && !player->is_seeking) {
        viewer->is_ready = false;
        post(world, number, (struct message){.is_for_server = true, .kind = READY});
    }
    if (viewer->is_pending && local_ms >= jellyfin_local_ms(viewer, viewer->when_ms)) {
        viewer->is_pending = false;
        viewer->enabled_ms = local_ms + 1500;
        viewer->checked_ms = local_ms;
        viewer->moved_ms = local_ms;
        player_play(player, world->now_ms);
        if (local_ms - jellyfin_local_ms(viewer, viewer->when_ms) > 50)
            player_seek(player,
                        viewer->position_ms + local_ms - jellyfin_local_ms(viewer, viewer->when_ms),
                        world->now_ms);
    }
    if (player->position_ms != viewer->moved_position_ms) {
        viewer->moved_ms = local_ms;
        viewer->moved_position_ms = player->position_ms;
    }
    if (!viewer->is_buffering && player->is_playing && local_ms - viewer->moved_ms > 1000) {
        viewer->is_buffering = true;
        post(world, number, (struct message){.is_for_server = true, .kind = BUFFERING});
    } else if (viewer->is_buffering && world->now_ms >= player->stall_until_ms) {
        viewer->is_buffering = false;
        post(world, number, (struct message){.is_for_server = true, .kind = READY});
    }
    if (world->algorithm->corrects && player->is_playing && !player->is_seeking &&
        viewer->wants_play)
        jellyfin_corrects(world, viewer, local_ms);
}

/* ---- the evening */

#define OURS                                                                                       \
    .command = ours_command, .server_hears = ours_server_hears, .server_ticks = ours_server_ticks, \
    .viewer_hears = ours_viewer_hears, .viewer_ticks = ours_viewer_ticks, .room = ours_room
#define JELLYFIN                                                                                   \
    .command = jellyfin_command, .server_hears = jellyfin_server_hears,                            \
    .server_ticks = jellyfin_server_ticks, .viewer_hears = jellyfin_viewer_hears,                  \
    .viewer_ticks = jellyfin_viewer_ticks, .room = jellyfin_room

static const struct algorithm algorithms[] = {
    {.name = "ours", OURS, .policy = CLOCK_LET_GO},
    {.name = "ours, all wait", OURS, .policy = CLOCK_WAIT},
    {.name = "ours, all slow down", OURS, .policy = CLOCK_SLOW},
    {.name = "Syncplay",
     .command = syncplay_command,
     .server_hears = syncplay_server_hears,
     .server_ticks = syncplay_server_ticks,
     .viewer_hears = syncplay_viewer_hears,
     .viewer_ticks = syncplay_viewer_ticks,
     .room = syncplay_room},
    {.name = "Jellyfin, as it comes", JELLYFIN},
    {.name = "Jellyfin, correcting", JELLYFIN, .corrects = true},
};

struct figures {
    double *off_room, *off_middle; /* |ms| of each viewer at each look, judged */
    size_t count;
    double settle_ms[64]; /* of each command: until 95 % are and stay within WITHIN_MS */
    size_t settle_count;
    size_t seeks, viewers; /* of players, wanted or not */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(double *values, size_t count, double share)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), ascending);
    return values[(size_t)fmin((double)count * share, (double)count - 1)];
}

static void look(struct world *world, struct figures *figures, unsigned deed, double *settled_ms)
{
    double positions[VIEWERS_MAX], room_ms = world->algorithm->room(world), middle_ms;
    bool is_judged = world->now_ms >= deeds[deed].at_ms + JUDGE_AFTER_MS;
    unsigned within = 0;

    for (unsigned i = 0; i < world->count; i++)
        positions[i] = world->viewers[i].player.position_ms;
    middle_ms = quantile(positions, world->count, 0.5);
    for (unsigned i = 0; i < world->count; i++) {
        double off = fabs(world->viewers[i].player.position_ms - room_ms);

        within += off <= WITHIN_MS;
        if (!is_judged)
            continue;
        figures->off_room[figures->count] = off;
        figures->off_middle[figures->count++] =
            fabs(world->viewers[i].player.position_ms - middle_ms);
    }
    if (within < 0.95 * world->count)
        *settled_ms = NAN;
    else if (isnan(*settled_ms))
        *settled_ms = world->now_ms - deeds[deed].at_ms;
}

static void begin(struct world *world, const struct algorithm *algorithm, unsigned count,
                  uint64_t seed)
{
    struct message *messages = world->messages;

    memset(world, 0, sizeof(*world));
    world->messages = messages;
    world->algorithm = algorithm;
    world->count = count;
    world->random = seed * 7919 + 17;
    player_random(&world->random, 0, 1);
    clock_init(&world->clock, 1);
    world->clock.policy = algorithm->policy;
    for (unsigned i = 0; i < count; i++) {
        struct viewer *viewer = &world->viewers[i];

        player_init(&viewer->player, player_random(&world->random, 20, 300), 50, seed * 1000 + i);
        clock_client_init(&viewer->client);
        clock_enter(&world->clock, &viewer->seen, 1);
        viewer->again_ms = -INFINITY;
        viewer->next_ms = player_random(&world->random, 0, 1000);
    }
}

static void run(struct world *world, struct figures *figures)
{
    unsigned deed = 0, begun = 0;
    double settled_ms = NAN;

    for (unsigned ms = 1; ms <= END_MS; ms++) {
        world->now_ms = ms;
        for (unsigned i = 0; i < world->count; i++)
            player_advance(&world->viewers[i].player, ms, 1);
        if (begun < DEEDS && ms == deeds[begun].at_ms) {
            unsigned who = (unsigned)player_random(&world->random, 0, world->count);

            if (begun > 0)
                figures->settle_ms[figures->settle_count++] = settled_ms;
            settled_ms = NAN;
            deed = begun++;
            world->algorithm->command(world, who, deeds[deed].what, deeds[deed].to_ms);
        }
        if (ms == STALL_AT_MS)
            world->viewers[world->count / 2].player.stall_until_ms = ms + STALL_FOR_MS;
        deliver(world);
        world->algorithm->server_ticks(world);
        for (unsigned i = 0; i < world->count; i++)
            world->algorithm->viewer_ticks(world, &world->viewers[i]);
        if (begun > 0 && ms % LOOK_MS == 0)
            look(world, figures, deed, &settled_ms);
    }
    figures->settle_ms[figures->settle_count++] = settled_ms;
    figures->viewers += world->count;
    for (unsigned i = 0; i < world->count; i++)
        figures->seeks += world->viewers[i].player.seeks;
}

static void print_row(const char *name, struct figures *figures)
{
    size_t within = 0, settled = 0;
    double worst_ms = 0;

    for (size_t i = 0; i < figures->count; i++)
        within += figures->off_room[i] <= WITHIN_MS;
    for (size_t i = 0; i < figures->settle_count; i++) {
        settled += figures->settle_ms[i] <= JUDGE_AFTER_MS;
        worst_ms = fmax(worst_ms, isnan(figures->settle_ms[i]) ? INFINITY : figures->settle_ms[i]);
    }
    printf("| %s | %.1f %% | %.0f | %.0f | %.0f | %.0f | %zu of %zu |", name,
           100.0 * (double)within / (double)figures->count,
           quantile(figures->off_room, figures->count, 0.5),
           quantile(figures->off_room, figures->count, 0.95),
           quantile(figures->off_room, figures->count, 0.99),
           quantile(figures->off_middle, figures->count, 0.95), settled, figures->settle_count);
    if (isinf(worst_ms))
        printf(" never |");
    else
        printf(" %.1f |", worst_ms / 1000);
    printf(" %.1f |\n", (double)figures->seeks / (double)figures->viewers);
}

static unsigned argument(int argc, char **argv, int index, unsigned otherwise, unsigned most)
{
    unsigned value = argc > index ? (unsigned)strtoul(argv[index], NULL, 10) : otherwise;

    return value == 0 ? otherwise : MIN(value, most);
}

int main(int argc, char **argv)
{
    unsigned rounds = argument(argc, argv, 1, 5, 8);
    unsigned viewers = argument(argc, argv, 2, 50, VIEWERS_MAX);
    unsigned seed = argument(argc, argv, 3, 1, 1000000);
    static struct world world;
    struct figures figures = {
        .off_room = xcalloc((size_t)rounds * SAMPLES_MAX, sizeof(double)),
        .off_middle = xcalloc((size_t)rounds * SAMPLES_MAX, sizeof(double)),
    };

    world.messages = xcalloc(MESSAGES_MAX, sizeof(struct message));
    printf(
        "| | within %d ms | median ms | 95 %% | 99 %% | 95 %% off each other | commands followed "
        "in %d s | the slowest, s | seeks of a player |\n|---|---|---|---|---|---|---|---|---|\n",
        WITHIN_MS, JUDGE_AFTER_MS / 1000);
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        figures.count = figures.settle_count = figures.seeks = figures.viewers = 0;
        for (unsigned round = 0; round < rounds; round++) {
            begin(&world, &algorithms[i], viewers, seed + round);
            run(&world, &figures);
        }
        print_row(algorithms[i].name, &figures);
    }
    free(figures.off_room);
    free(figures.off_middle);
    free(world.messages);
    return 0;
}
