/* SPDX-License-Identifier: MIT
 *
 * turns: which browsers are served while the line is too slow for all of them at once.
 *
 * The pages of a room watch the same and ask for the same pieces in the same order. A server that
 * sends to all at once sends each piece once a page, and each page gets its share of the line; one
 * that serves two at a time sends it about once, and the pages have it from each other. So while
 * browsers wait for the rate limit few are served, in turns, and as many as want it again when
 * nobody waits. A page that reaches no other gets the same share as before, but in one piece.
 *
 * Pure: turns_second() is called once a second and says who is served.
 */
#ifndef TORRENT_TURNS_H
#define TORRENT_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TURNS_PLACES = 2, /* at least; a second one, for the first may be a page that is slow itself */
    TURNS_LENGTH_S = 10,
};

struct turn {
    bool is_wanted; /* in: it wants something of ours */
    bool is_held;   /* in: it is served, and the rate limit holds back what it asked for */
    bool is_served; /* out */
    bool was_served;
    uint32_t since; /* of is_served: seconds of struct turns */
};

/* Zero is one that serves all. */
struct turns {
    uint32_t now;
    size_t places; /* 0: enough for all */
};

/* Sorts `turns`. */
void turns_second(struct turns *turns, struct turn **line, size_t count);

#endif
