/* SPDX-License-Identifier: MIT */
#include "clock_client.h"

#include <math.h>

/* How a viewer behaves. What a page copies. */
#define ASK_FIRST    8 /* questions in a row, to have a good sample at once */
#define ASK_FIRST_MS 300
#define ASK_MS                                                                                     \
    5000 /* then: slow enough to cost nothing, often enough that clocks that                       \
            drift by 50 ppm are 2 ms apart at most */
#define REPORT_MS       1000
#define SEEK_GUESS_MS   300 /* until a seek has been measured */
#define START_GUESS_MS  50
#define LEARN           0.3 /* weight of the last one in the average */
#define ESTIMATE_MAX_MS 3000
#define IN_PLACE_MS     25 /* an error that is left alone; landed */
#define NUDGE_END_MS    6  /* a nudge goes on until it is this small */
#define NUDGE_MOST      0.05
#define NUDGE_OVER_MS   1000 /* an error is to be gone after so long, if NUDGE_MOST allows it */
#define LAND_MS         350  /* while landing, more is worth another seek */
#define JUMP_MS         3000 /* while playing, more is */
#define STILL_MS        40   /* paused and more off than this: seek, nobody sees it */
#define CUT_MS          500  /* a new state that is further from the old one is a seek */
#define STALL_MS        400  /* a player that did not move for so long has stalled */
#define STEP_MS         200
#define STEP_LANDING_MS 50

void clock_client_init(struct clock_client *client)
{
    *client =
        (struct clock_client){.seek_ms = SEEK_GUESS_MS, .start_ms = START_GUESS_MS, .rate = 1};
}

/* ---- the server's time */

bool clock_client_asks(struct clock_client *client, double now_ms)
{
    if (client->asked > 0 &&
        now_ms - client->asked_ms < (client->asked < ASK_FIRST ? ASK_FIRST_MS : ASK_MS))
        return false;
    client->asked_ms = now_ms;
    client->asked++;
    return true;
}

void clock_client_answer(struct clock_client *client, double sent_ms, double heard_server_ms,
                         double answered_server_ms, double now_ms)
{
    clock_offset_add(&client->offset, sent_ms, heard_server_ms, answered_server_ms, now_ms);
}

double clock_client_server_ms(const struct clock_client *client, double now_ms)
{
    return now_ms + clock_offset_ms(&client->offset);
}

/* ---- the room */

static double room_position(const struct clock_state *state, double server_ms)
{
    double passed_ms = fmax(server_ms - (double)state->at_ms, 0);

    return (double)state->position_ms +
           (state->is_playing ? passed_ms * state->rate_permille / 1000 : 0);
}

void clock_client_state(struct clock_client *client, const struct clock_state *state)
{
    if (client->has_state && state->epoch <= client->state.epoch)
        return;
    client->state = *state;
    client->has_state = true;
    client->is_landing = true;
    client->is_nudging = false;
}

static void learn(double *average_ms, double measured_ms)
{
    measured_ms = fmin(fmax(measured_ms, 0), ESTIMATE_MAX_MS);
    *average_ms += LEARN * (measured_ms - *average_ms);
}

/* Measures seeks and starts that have ended, and sees whether the player moves. Returns whether it
 * stands although it plays. */
static bool watch(struct clock_client *client, const struct clock_player *player, double now_ms)
{
    bool has_moved = player->position_ms != client->moved_position_ms;

    if (client->seek_at_ms != 0 && !player->is_seeking) {
        learn(&client->seek_ms, now_ms - client->seek_at_ms);
        client->seek_at_ms = 0;
        has_moved = true;
    }
    if (!player->is_playing || player->is_seeking)
        client->moved_ms = now_ms;
    if (has_moved) {
        client->moved_ms = now_ms;
        client->moved_position_ms = player->position_ms;
    }
    if (now_ms - client->moved_ms < STALL_MS)
        return false;
    client->is_landing = true;
    client->is_nudging = false;
    return true;
}

static void seek(struct clock_client *client, double to_ms, double now_ms,
                 struct clock_action *action)
{
    action->seeks = true;
    action->seek_to_ms = fmax(to_ms, 0);
    client->seek_at_ms = now_ms;
    client->is_nudging = false;
}

static void stand_at(struct clock_client *client, const struct clock_player *player,
                     double position_ms, double now_ms, struct clock_action *action)
{
    action->pauses = player->is_playing;
    if (!player->is_seeking && fabs(player->position_ms - position_ms) > STILL_MS)
        seek(client, position_ms, now_ms, action);
}

/* Ahead of the room by what a seek takes, so that there is time to stand and wait for it. */
static void land(struct clock_client *client, const struct clock_player *player, double room_ms,
                 double now_ms, struct clock_action *action)
{
    double rate = client->state.rate_permille / 1000.0;

    action->pauses = player->is_playing;
    seek(client, room_ms + (client->seek_ms * 1.3 + client->start_ms) * rate, now_ms, action);
}

/* The player stands, and the room plays. */
static void start(struct clock_client *client, const struct clock_player *player, double room_ms,
                  double now_ms, struct clock_action *action)
{
    double rate = client->state.rate_permille / 1000.0;
    double early_ms = (player->position_ms - room_ms) / rate - client->start_ms;

    if (early_ms < -LAND_MS) {
        land(client, player, room_ms, now_ms, action);
    } else if (early_ms > JUMP_MS) {
        seek(client, room_ms + client->start_ms * rate, now_ms, action);
    } else if (early_ms > 1) {
        action->again_ms = fmin(early_ms, STEP_MS);
    } else {
        action->plays = true;
        action->again_ms = STEP_LANDING_MS;
        client->start_at_ms = now_ms;
        client->moved_ms = now_ms;
    }
}

static double nudged(struct clock_client *client, double error_ms)
{
    double size = fabs(error_ms);

    if (size > IN_PLACE_MS)
        client->is_nudging = true;
    else if (size < NUDGE_END_MS)
        client->is_nudging = false;
    if (!client->is_nudging)
        return 1;
    return 1 - fmin(fmax(error_ms / NUDGE_OVER_MS, -NUDGE_MOST), NUDGE_MOST);
}

/* Both play. */
static void follow(struct clock_client *client, const struct clock_player *player, double room_ms,
                   double now_ms, struct clock_action *action)
{
    double rate = client->state.rate_permille / 1000.0;
    double error_ms = player->position_ms - room_ms;

    if (client->start_at_ms != 0 && client->moved_ms > client->start_at_ms) {
        /* It moves: what it lost at the start is what the next start begins earlier. */
        if (fabs(error_ms) <= LAND_MS)
            learn(&client->start_ms, client->start_ms - error_ms / rate);
        client->start_at_ms = 0;
    }
    if (fabs(error_ms) > (client->is_landing ? LAND_MS : JUMP_MS)) {
        land(client, player, room_ms, now_ms, action);
        return;
    }
    if (fabs(error_ms) <= IN_PLACE_MS)
        client->is_landing = false;
    action->rate *= nudged(client, error_ms);
}

/* The room's state begins soon. What is no seek goes on as it is until then. */
static void prepare(struct clock_client *client, const struct clock_player *player,
                    double server_ms, double now_ms, struct clock_action *action)
{
    const struct clock_state *state = &client->state;
    double left_ms = (double)state->at_ms - server_ms;
    double then_ms = player->position_ms + (player->is_playing ? left_ms * client->rate : 0);

    if (player->is_playing)
        action->rate = client->rate;
    action->again_ms = fmin(left_ms, STEP_MS);
    if (player->is_seeking)
        return;
    if (fabs(then_ms - (double)state->position_ms) > CUT_MS)
        stand_at(client, player, (double)state->position_ms, now_ms, action);
    else if (!player->is_playing && state->is_playing)
        start(client, player, (double)state->position_ms - left_ms * state->rate_permille / 1000,
              now_ms, action);
}

void clock_client_step(struct clock_client *client, const struct clock_player *player,
                       double now_ms, struct clock_action *action)
{
    const struct clock_state *state = &client->state;
    double server_ms = clock_client_server_ms(client, now_ms);
    double room_ms = room_position(state, server_ms);
    bool is_stalled = watch(client, player, now_ms);

    *action = (struct clock_action){
        .rate = state->rate_permille / 1000.0,
        .again_ms = client->is_landing ? STEP_LANDING_MS : STEP_MS,
    };
    if (!client->has_state || client->offset.count == 0) {
        action->rate = 1;
    } else if (server_ms < (double)state->at_ms) {
        prepare(client, player, server_ms, now_ms, action);
    } else if (!state->is_playing) {
        stand_at(client, player, room_ms, now_ms, action);
    } else if (player->is_seeking || is_stalled) {
        /* Wait for the player; another seek would only begin anew. */
    } else if (player->is_playing) {
        follow(client, player, room_ms, now_ms, action);
    } else {
        start(client, player, room_ms, now_ms, action);
    }
    client->rate = action->rate;
}

bool clock_client_reports(struct clock_client *client, const struct clock_player *player,
                          double buffered_ms, double now_ms, struct clock_report *report)
{
    double server_ms = clock_client_server_ms(client, now_ms);
    bool is_new = client->reported_epoch != client->state.epoch;

    if (!client->has_state || client->offset.count == 0 || server_ms < (double)client->state.at_ms)
        return false;
    /* A seek that has not ended says nothing, but a viewer must be heard of all the same. */
    if (now_ms - client->reported_ms < REPORT_MS && !(is_new && !player->is_seeking))
        return false;
    if (!player->is_seeking)
        client->reported_epoch = client->state.epoch;
    client->reported_ms = now_ms;
    *report = (struct clock_report){
        .epoch = client->state.epoch,
        .at_ms = (int64_t)server_ms,
        .position_ms = (int64_t)player->position_ms,
        .buffered_ms = player->is_seeking ? 0 : (int64_t)fmax(buffered_ms, -1),
    };
    return true;
}
