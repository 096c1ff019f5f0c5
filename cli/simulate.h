/* SPDX-License-Identifier: MIT
 *
 * simulate: many who watch in one room of a real server. Players, clocks and lines are models
 * (room_player.h), which follow the room as our page does (clock_client.h); connections and
 * messages are real. Shows how far apart they are.
 */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include <stddef.h>

#include "base/error.h"
#include "base/units.h"

enum { SIMULATE_VIEWERS_MAX = 1000, SIMULATE_SECONDS_MAX = 600, SIMULATE_CODE_TEXT = 65 };

struct simulation {
    struct endpoint server;
    const char *code; /* "new": makes a room, plays a film of an hour, and jumps half-way */
    const char *password;
    unsigned viewers, seconds;
    double latency_from_ms, latency_to_ms; /* one way; evenly spread */
    double jitter_ms;                      /* half of this on average; negative: of the latency */
    double drift_ppm;                      /* of clocks and sound cards: at most, either way */
    double stall_ms;                       /* the first viewer stalls half-way */
};

/* How far those who watch are from where the room is. */
struct spread {
    size_t samples;
    double within; /* part of them that is within 40 ms */
    double median_ms, p95_ms, p99_ms, most_ms;
};

struct simulated {
    char code[SIMULATE_CODE_TEXT];
    struct spread settled; /* from 5 s after any change of the clock on */
    struct spread always;
    double seeks;     /* of a viewer, on average */
    unsigned lost;    /* connections */
    unsigned changes; /* of the clock */
};

/* Ends early when interrupted. */
enum err simulate(const struct simulation *simulation, struct simulated *out, struct error *error);

#endif
