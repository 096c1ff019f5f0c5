/* SPDX-License-Identifier: MIT
 *
 * room_player: a model of somebody who watches: a player that takes its time to seek and to start,
 * that can stall, and that knows its own position only so well; a clock that is off and drifts; and
 * a line to the server that delays. Times are true milliseconds since the beginning.
 */
#ifndef ROOM_ROOM_PLAYER_H
#define ROOM_ROOM_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

/* Uniform in [low, high). */
double player_random(uint64_t *random, double low, double high);

struct player {
    uint64_t random;
    double position_ms, rate;
    bool is_playing, is_seeking;
    bool is_moving; /* in truth */
    double seek_to_ms, seek_until_ms, start_until_ms, stall_until_ms;
    unsigned seeks;           /* so far */
    double seek_ms, start_ms; /* what they take, about */
    double media_ppm;         /* how wrong the pace of its sound card is */
    double clock_ppm, clock_offset_ms;
    double up_ms, down_ms,
        jitter_ms; /* one way each; it is added, exponential, half of this on average */
    double up_last_ms, down_last_ms; /* nothing overtakes on one connection */
};

/* Latency of the line, one way, about `latency_ms`; drift within +-`ppm`. */
void player_init(struct player *player, double latency_ms, double ppm, uint64_t seed);
void player_advance(struct player *player, double now_ms, double passed_ms);
void player_play(struct player *player, double now_ms);
void player_pause(struct player *player);
void player_seek(struct player *player, double to_ms, double now_ms);
/* As a page reads it: within some milliseconds, and the target while it seeks. */
double player_reads_ms(struct player *player);
/* What its own clock says. */
double player_clock_ms(const struct player *player, double now_ms);
/* When a message that is sent now arrives at the server, or at the player. */
double player_sends_ms(struct player *player, double now_ms);
double player_hears_ms(struct player *player, double now_ms);

#endif
