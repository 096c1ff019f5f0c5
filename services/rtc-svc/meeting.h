/* SPDX-License-Identifier: MIT
 *
 * meeting: how a torrent meets browsers at one WebSocket tracker: when it is announced, with which
 * event, with how many offers; and how long to leave a tracker alone that is not there. Pure.
 *
 * Browsers offer themselves with each of their announces, and to answer is cheap. An offer of ours
 * keeps ports until somebody takes it, so none is made before the tracker has told of somebody
 * whom we have not met.
 */
#ifndef RTC_MEETING_H
#define RTC_MEETING_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/tracker_http.h"

enum {
    MEETING_OFFERS = 2, /* waiting at once for one torrent at one tracker */
    MEETING_ENOUGH = 8, /* browsers met there: no more are looked for */
    MEETING_SOON_MS = 2000,
    MEETING_INTERVAL_MS = 120000, /* until the tracker tells its own */
    MEETING_INTERVAL_MIN_MS = 30000,
    MEETING_INTERVAL_MAX_MS = 1800000,
    MEETING_BACKOFF_MS = 10000,
    MEETING_BACKOFF_MAX_MS = 1800000,
};

/* Zeroed: not announced. */
struct meeting {
    bool is_started;  /* announced, on this connection */
    bool is_complete; /* as the tracker knows it */
    bool is_answered; /* on this connection */
    uint32_t others;  /* who may want what we have, or have what we want; as last told */
    uint32_t interval_ms;
    uint64_t next_ms; /* of the next announce */
};

/* How things are with us. */
struct meeting_state {
    bool is_seed;
    unsigned met;     /* browsers that this tracker has brought */
    unsigned waiting; /* offers that nobody has taken */
};

struct meeting_step {
    bool is_due;
    enum announce_event event;
    unsigned offers;
};
/* What to announce now; it counts as done. */
struct meeting_step meeting_next(struct meeting *meeting, const struct meeting_state *state,
                                 uint64_t now_ms);
/* The tracker has answered. `interval_s` 0: it told none. */
void meeting_answered(struct meeting *meeting, bool is_seed, uint32_t complete, uint32_t incomplete,
                      uint32_t interval_s, uint64_t now_ms);
/* The connection is gone, and what the tracker knows of us with it. */
void meeting_lost(struct meeting *meeting);

/* After so many failures (1: the first) in a row. `random` spreads those who failed together. */
uint64_t meeting_backoff_ms(unsigned failures, uint32_t random);

#endif
