/* SPDX-License-Identifier: MIT
 *
 * Viewers on bad lines follow a clock: everything is simulated, and follows from a seed. How they
 * compare with others is bench/room_sync.c.
 */
#include "clock_client.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "room_player.h"

enum { VIEWERS = 10, LETTERS = 16, WITHIN_MS = 40 };

/* On its way to a viewer: a state, or the answer to a question. */
struct letter {
    double at_ms, sent_ms, heard_ms;
    bool is_state;
    struct clock_state state;
};

struct viewer {
    struct player player;
    struct clock_client client;
    struct clock_viewer seen;
    double again_ms;
    struct letter letters[LETTERS];
    unsigned first, count;
    unsigned reports;
};

static struct {
    double now_ms;
    struct clock clock;
    struct viewer viewers[VIEWERS];
    unsigned count;
} world;

static void post(struct viewer *viewer, struct letter letter)
{
    assert_true(viewer->count < LETTERS);
    viewer->letters[(viewer->first + viewer->count++) % LETTERS] = letter;
}

static void tell(struct viewer *viewer)
{
    post(viewer, (struct letter){.at_ms = player_hears_ms(&viewer->player, world.now_ms),
                                 .is_state = true,
                                 .state = world.clock.state});
}

static void joins(double latency_ms, uint64_t seed)
{
    struct viewer *viewer = &world.viewers[world.count++];

    memset(viewer, 0, sizeof(*viewer));
    player_init(&viewer->player, latency_ms, 50, seed);
    clock_client_init(&viewer->client);
    clock_enter(&world.clock, &viewer->seen, (int64_t)world.now_ms);
    clock_delay(&viewer->seen, 2 * latency_ms);
    viewer->again_ms = -INFINITY;
    tell(viewer);
}

static void begin(unsigned viewers, uint64_t seed)
{
    uint64_t random = seed;

    memset(&world, 0, sizeof(world));
    world.now_ms = 1000000;
    clock_init(&world.clock, (int64_t)world.now_ms);
    for (unsigned i = 0; i < viewers; i++)
        joins(player_random(&random, 20, 300), seed * 100 + i);
}

static void hears(struct viewer *viewer, double local_ms)
{
    while (viewer->count > 0 && viewer->letters[viewer->first].at_ms <= world.now_ms) {
        struct letter letter = viewer->letters[viewer->first];

        viewer->first = (viewer->first + 1) % LETTERS;
        viewer->count--;
        if (letter.is_state)
            clock_client_state(&viewer->client, &letter.state);
        else
            clock_client_answer(&viewer->client, letter.sent_ms, letter.heard_ms, letter.heard_ms,
                                local_ms);
        viewer->again_ms = -INFINITY;
    }
}

static void acts(struct viewer *viewer, double local_ms)
{
    struct player *player = &viewer->player;
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
    assert_false(action.plays && action.pauses);
    assert_true(action.again_ms > 0 && action.rate > 0.2 && action.rate < 4.3);
    if (action.seeks)
        player_seek(player, action.seek_to_ms, world.now_ms);
    if (action.plays)
        player_play(player, world.now_ms);
    if (action.pauses)
        player_pause(player);
    player->rate = action.rate;
    viewer->again_ms = local_ms + action.again_ms;
    if (clock_client_asks(&viewer->client, local_ms)) {
        double heard_ms = player_sends_ms(player, world.now_ms);

        post(viewer, (struct letter){.at_ms = player_hears_ms(player, heard_ms),
                                     .sent_ms = local_ms,
                                     .heard_ms = heard_ms});
    }
    viewer->reports += clock_client_reports(&viewer->client, &now, 5000, local_ms, &report);
}

static void passes(double ms)
{
    for (double end_ms = world.now_ms + ms; world.now_ms < end_ms;) {
        world.now_ms++;
        for (unsigned i = 0; i < world.count; i++) {
            struct viewer *viewer = &world.viewers[i];
            double local_ms = player_clock_ms(&viewer->player, world.now_ms);

            player_advance(&viewer->player, world.now_ms, 1);
            hears(viewer, local_ms);
            acts(viewer, local_ms);
        }
    }
}

static void all_hear(void)
{
    for (unsigned i = 0; i < world.count; i++)
        tell(&world.viewers[i]);
}

static double off_ms(const struct viewer *viewer)
{
    return fabs(viewer->player.position_ms -
                (double)clock_now(&world.clock, (int64_t)world.now_ms));
}

/* ---- all of it */

static unsigned count_in_place(double ms)
{
    unsigned in_place = 0;

    for (double end_ms = world.now_ms + ms; world.now_ms < end_ms;) {
        passes(100);
        for (unsigned i = 0; i < world.count; i++)
            in_place += off_ms(&world.viewers[i]) <= WITHIN_MS;
    }
    return in_place;
}

static void command(int number)
{
    int64_t now_ms = (int64_t)world.now_ms;

    switch (number) {
    case 0:
        clock_play(&world.clock, now_ms);
        break;
    case 1:
        clock_seek(&world.clock, 600000, now_ms);
        break;
    case 2:
        clock_set_rate(&world.clock, 1500, now_ms);
        break;
    case 3:
        clock_pause(&world.clock, now_ms);
        break;
    case 4:
        clock_play(&world.clock, now_ms);
        break;
    default:
        clock_seek(&world.clock, 590000, now_ms);
        break;
    }
    all_hear();
}

/* How far lines are from taking as long there as back is what nobody can measure, and what remains;
 * a rate of 1.5 makes it half as much again. */
static void viewers_are_in_place_within_seconds_of_any_command(void **state)
{
    enum { SEEDS = 20, COMMANDS = 6, LOOKS = 50 };
    unsigned in_place[COMMANDS] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(VIEWERS, seed);
        passes(3000);
        for (int i = 0; i < COMMANDS; i++) {
            command(i);
            passes(10000);
            in_place[i] += count_in_place(LOOKS * 100);
        }
        for (unsigned i = 0; i < world.count; i++)
            assert_in_range(world.viewers[i].reports, 60, 150); /* about one a second */
    }
    for (int i = 0; i < COMMANDS; i++)
        if (in_place[i] < 0.95 * LOOKS * VIEWERS * SEEDS)
            fail_msg("command %d: %u of %u in place", i, in_place[i], LOOKS * VIEWERS * SEEDS);
}

static void late_joiner_lands_on_the_right_frame(void **state)
{
    (void)state;
    begin(1, 5);
    command(0);
    passes(100000);
    for (unsigned i = 0; i < 4; i++) {
        joins(80 * (i + 1), 70 + i);
        passes(10000);
        assert_true(off_ms(&world.viewers[world.count - 1]) <= WITHIN_MS);
        /* Not by looking for the place again and again. */
        assert_in_range(world.viewers[world.count - 1].player.seeks, 1, 3);
    }
    command(3);
    passes(3000);
    joins(300, 99);
    passes(5000);
    assert_true(off_ms(&world.viewers[world.count - 1]) <= WITHIN_MS);
    assert_false(world.viewers[world.count - 1].player.is_playing);
}

static void who_stalled_is_back_by_one_jump(void **state)
{
    struct player *player = &world.viewers[0].player;
    unsigned seeks;

    (void)state;
    begin(1, 8);
    command(0);
    passes(20000);
    seeks = player->seeks;
    player->stall_until_ms = world.now_ms + 5000;
    passes(5000);
    assert_int_equal(player->seeks, seeks); /* a seek would begin the loading anew */
    passes(5000);
    assert_true(off_ms(&world.viewers[0]) <= WITHIN_MS);
    assert_in_range(player->seeks - seeks, 1, 2);
}

/* ---- by hand: the server's clock is this one, and the room plays at 0 since 0 */

static struct clock_client client;

static void stand_beside(double landed_ms)
{
    struct clock_action action;

    clock_client_init(&client);
    clock_client_answer(&client, 1000, 1000, 1000, 1000);
    clock_client_state(
        &client, &(struct clock_state){.epoch = 5, .rate_permille = 1000, .is_playing = true});
    /* In place once, so that it is no landing any more. */
    for (double ms = landed_ms - 1000; ms < landed_ms; ms += 100)
        clock_client_step(&client, &(struct clock_player){.position_ms = ms, .is_playing = true},
                          ms, &action);
}

static struct clock_action step(double now_ms, double off)
{
    struct clock_action action;

    clock_client_step(&client,
                      &(struct clock_player){.position_ms = now_ms + off, .is_playing = true},
                      now_ms, &action);
    return action;
}

static void error_is_played_away_gently(void **state)
{
    static const struct {
        double off_ms, least, most;
        bool seeks;
    } cases[] = {
        {0, 1, 1, false},           {20, 1, 1, false},         {-20, 1, 1, false},
        {30, 0.96, 0.98, false},    {-30, 1.02, 1.04, false},  {400, 0.95, 0.95, false},
        {-2900, 1.05, 1.05, false}, {2900, 0.95, 0.95, false}, {-3100, 1, 1, true},
        {3100, 1, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clock_action action;

        stand_beside(50000);
        action = step(50100, cases[i].off_ms);
        if (action.seeks != cases[i].seeks || action.rate < cases[i].least - 1e-9 ||
            action.rate > cases[i].most + 1e-9)
            fail_msg("%.0f ms off: rate %f%s", cases[i].off_ms, action.rate,
                     action.seeks ? ", seeks" : "");
    }
}

static void nudge_goes_on_until_little_is_left(void **state)
{
    (void)state;
    stand_beside(50000);
    assert_true(step(50100, 20).rate == 1);
    assert_true(step(50300, 30).rate < 1);
    assert_true(step(50500, 20).rate < 1);
    assert_true(step(50700, 8).rate < 1);
    assert_true(step(50900, 5).rate == 1);
    assert_true(step(51100, 20).rate == 1);
}

static void older_state_is_ignored(void **state)
{
    (void)state;
    stand_beside(50000);
    clock_client_state(&client, &(struct clock_state){.epoch = 4, .rate_permille = 1000});
    assert_true(client.state.is_playing);
    clock_client_state(&client, &(struct clock_state){.epoch = 5, .rate_permille = 1000});
    assert_true(client.state.is_playing);
    clock_client_state(&client, &(struct clock_state){.epoch = 6, .rate_permille = 1000});
    assert_false(client.state.is_playing);
}

static void nothing_is_done_before_the_time_is_known(void **state)
{
    struct clock_action action;

    (void)state;
    clock_client_init(&client);
    clock_client_state(
        &client, &(struct clock_state){.epoch = 5, .rate_permille = 2000, .is_playing = true});
    clock_client_step(&client, &(struct clock_player){.position_ms = 5}, 1000, &action);
    assert_false(action.seeks || action.plays || action.pauses);
    assert_true(action.rate == 1);
    assert_true(clock_client_asks(&client, 1000));
    assert_false(clock_client_asks(&client, 1001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(viewers_are_in_place_within_seconds_of_any_command),
        cmocka_unit_test(late_joiner_lands_on_the_right_frame),
        cmocka_unit_test(who_stalled_is_back_by_one_jump),
        cmocka_unit_test(error_is_played_away_gently),
        cmocka_unit_test(nudge_goes_on_until_little_is_left),
        cmocka_unit_test(older_state_is_ignored),
        cmocka_unit_test(nothing_is_done_before_the_time_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
