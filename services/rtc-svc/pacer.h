/* SPDX-License-Identifier: MIT
 *
 * pacer: spreads datagrams over time. SCTP sends as acknowledgements come, and these come in
 * clumps: on a long path a whole window goes out at once, twice as large each time, until it is
 * more than the other's socket holds (some 90 datagrams as a rule), and is lost. Pure: no clock, no
 * timer.
 */
#ifndef RTC_PACER_H
#define RTC_PACER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"

enum {
    PACER_TICK_MS = 1,         /* how often pacer_next() wants to be asked while something waits */
    PACER_LATE_MS = 4,         /* so late a tick may come, and nothing is slower for it */
    PACER_BURST = 16 << 10,    /* bytes that may go at once, at least */
    PACER_QUEUE_MAX = 8 << 20, /* more than SCTP has under way; beyond it nothing waits */
};

/* Zero-initialise it, pacer_fini() it. */
struct pacer {
    struct text queue; /* each datagram behind its length */
    size_t at;
    uint64_t bytes_per_ms; /* 0: nothing waits */
    uint64_t credit;       /* bytes that may go now */
    uint64_t credited_us;  /* when it was reckoned */
};

void pacer_fini(struct pacer *pacer);
/* 0: as fast as it comes; what waits still goes by pacer_next(). */
void pacer_set(struct pacer *pacer, uint64_t bytes_per_s);
/* True: it is kept, and pacer_next() gives it back in its turn. False: it is to be sent now. */
bool pacer_keeps(struct pacer *pacer, struct bytes datagram, uint64_t now_us);
/* The next one whose time has come, valid until the next call; false: none. */
bool pacer_next(struct pacer *pacer, uint64_t now_us, struct bytes *out);
bool pacer_is_empty(const struct pacer *pacer);

#endif
