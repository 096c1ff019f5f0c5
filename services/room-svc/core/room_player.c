/* SPDX-License-Identifier: MIT */
#include "room_player.h"

#include <math.h>

double player_random(uint64_t *random, double low, double high)
{
    *random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
    return low + (high - low) * (double)(*random >> 11) / 9007199254740992.0;
}

void player_init(struct player *player, double latency_ms, double ppm, uint64_t seed)
{
    *player = (struct player){.random = seed * 2654435769ULL + 12345, .rate = 1};
    uint64_t *random = &player->random;

    for (int i = 0; i < 4; i++)
        player_random(random, 0, 1);
    player->seek_ms = player_random(random, 80, 500);
    player->start_ms = player_random(random, 20, 120);
    player->media_ppm = player_random(random, -ppm, ppm);
    player->clock_ppm = player_random(random, -ppm, ppm);
    player->clock_offset_ms = player_random(random, -1e7, 1e7);
    player->up_ms = latency_ms * player_random(random, 0.9, 1.1);
    player->down_ms = latency_ms * player_random(random, 0.9, 1.1);
    player->jitter_ms = 2 + latency_ms * 0.15;
}

void player_advance(struct player *player, double now_ms, double passed_ms)
{
    if (player->is_seeking && now_ms >= player->seek_until_ms) {
        player->is_seeking = false;
        player->position_ms = player->seek_to_ms;
    }
    player->is_moving = player->is_playing && !player->is_seeking &&
                        now_ms >= player->start_until_ms && now_ms >= player->stall_until_ms;
    if (player->is_moving)
        player->position_ms += passed_ms * player->rate * (1 + player->media_ppm / 1e6);
}

static double takes(struct player *player, double about_ms)
{
    return about_ms * player_random(&player->random, 0.75, 1.25);
}

void player_play(struct player *player, double now_ms)
{
    if (player->is_playing)
        return;
    player->is_playing = true;
    player->start_until_ms = now_ms + takes(player, player->start_ms);
}

void player_pause(struct player *player)
{
    player->is_playing = false;
}

void player_seek(struct player *player, double to_ms, double now_ms)
{
    player->seeks++;
    player->is_seeking = true;
    player->seek_to_ms = fmax(to_ms, 0);
    player->seek_until_ms = now_ms + takes(player, player->seek_ms);
    player->start_until_ms = player->seek_until_ms;
}

double player_reads_ms(struct player *player)
{
    double position_ms = player->is_seeking ? player->seek_to_ms : player->position_ms;

    if (!player->is_moving)
        return position_ms;
    return fmax(position_ms + player_random(&player->random, -5, 5), 0);
}

double player_clock_ms(const struct player *player, double now_ms)
{
    return now_ms * (1 + player->clock_ppm / 1e6) + player->clock_offset_ms;
}

/* Exponential, so that now and then one is much later. */
static double jitter(struct player *player)
{
    return -player->jitter_ms * log(1 - player_random(&player->random, 0, 1)) / 2;
}

double player_sends_ms(struct player *player, double now_ms)
{
    player->up_last_ms = fmax(now_ms + player->up_ms + jitter(player), player->up_last_ms);
    return player->up_last_ms;
}

double player_hears_ms(struct player *player, double now_ms)
{
    player->down_last_ms = fmax(now_ms + player->down_ms + jitter(player), player->down_last_ms);
    return player->down_last_ms;
}
