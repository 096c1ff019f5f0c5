/* SPDX-License-Identifier: MIT
 *
 * clock_client: what a viewer's page does so that its player is where the room's clock is. Pure,
 * and written so that a page's script can follow it line by line: numbers are doubles, times are
 * milliseconds of the page's own clock (performance.now()) unless they say server.
 *
 * The page calls clock_client_step() when something happened, and no later than `again_ms`, and
 * does what it is told. A player that is not allowed to play (a browser wants a click first) is
 * not to be stepped. In between it asks the server for its time (clock_client_asks()), and
 * tells it where it is (clock_client_reports()).
 *
 * A player is put in place in three ways. It lands: after a command, or a stall, it seeks a little
 * ahead of the room, by as much as its seeks take, stands still there, and starts when the room
 * comes by. It is nudged: small errors are played away by a rate of 0.95 to 1.05 of the room's. It
 * jumps: only when it is seconds off in the middle of playing.
 */
#ifndef ROOM_CLOCK_CLIENT_H
#define ROOM_CLOCK_CLIENT_H

#include "clock.h"

/* As the page sees its player now. */
struct clock_player {
    double position_ms;
    bool is_playing; /* was told to play, and has not stopped by itself */
    bool is_seeking; /* a seek has not ended: its position means nothing yet */
};

struct clock_action {
    bool seeks, plays, pauses; /* in this order; at most one of plays and pauses */
    double seek_to_ms;
    double rate;     /* set it if it is another one than the player has */
    double again_ms; /* call again after so long, even if nothing happens */
};

struct clock_client {
    struct clock_offset offset;
    double asked_ms;
    unsigned asked; /* questions so far */

    struct clock_state state;
    bool has_state;
    double reported_ms;
    uint64_t reported_epoch;

    double rate;    /* the last one told to the player */
    double seek_ms; /* what a seek takes, and a start: measured, averaged */
    double start_ms;
    double seek_at_ms, start_at_ms; /* begun then; 0: none is under way */
    bool is_landing;                /* not yet in place since the last command, stall or jump */
    bool is_nudging;
    double moved_ms, moved_position_ms; /* when and where it was last seen to move */
};

void clock_client_init(struct clock_client *client);

/* ---- the server's time */

/* True when it is time to ask the server for its time: often at first, then every few seconds. */
bool clock_client_asks(struct clock_client *client, double now_ms);
/* The answer: asked at `sent_ms`, heard and answered at these times of the server. */
void clock_client_answer(struct clock_client *client, double sent_ms, double heard_server_ms,
                         double answered_server_ms, double now_ms);
double clock_client_server_ms(const struct clock_client *client, double now_ms);

/* ---- the room */

/* A state from the server; an older one than the last is ignored. */
void clock_client_state(struct clock_client *client, const struct clock_state *state);
void clock_client_step(struct clock_client *client, const struct clock_player *player,
                       double now_ms, struct clock_action *action_out);
/* True when it is time to tell the server where the player is, and then fills what to say.
 * `buffered_ms`: how much it could play from there; negative: not known. */
bool clock_client_reports(struct clock_client *client, const struct clock_player *player,
                          double buffered_ms, double now_ms, struct clock_report *report_out);

#endif
