/* SPDX-License-Identifier: MIT
 *
 * clock: what a room plays, and when: one state from which everybody computes the position at any
 * server time. Pure: no clock of its own, `now_ms` is passed in everywhere. It is server time:
 * milliseconds of the Unix epoch that do not jump while a process lives.
 *
 * A command takes effect a little in the future, so that everybody can have heard of it; only one
 * is ahead at any time. Who falls behind is seen from reported positions. What happens then is the
 * room's choice (enum clock_policy); whatever it is, a wait has an end, waits together are limited
 * by a budget, and so is what one viewer may cost the others.
 *
 * The other half, what a viewer's page does with the state: clock_client.h.
 */
#ifndef ROOM_CLOCK_H
#define ROOM_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLOCK_SAMPLES = 8,
    CLOCK_DRIFT_MS = 20,     /* of two clocks, between two samples that are minutes apart */
    CLOCK_LEAD_MIN_MS = 100, /* from a command to its effect */
    CLOCK_LEAD_MAX_MS = 1000,
    CLOCK_DELAY_GUESS_MS = 200, /* there and back, of who has not been measured */
    CLOCK_NORMAL_RATE = 1000,   /* permille */
    CLOCK_RATE_MIN = 250,
    CLOCK_RATE_MAX = 4000,
    CLOCK_WAIT_MIN_MS = 1000, /* how long a room may choose to wait for stragglers */
    CLOCK_WAIT_MAX_MS = 30000,
    CLOCK_TICK_MS = 250,       /* clock_tick() wants to be called about so often while it plays */
    CLOCK_BUDGET_MS = 30000,   /* waits of a room, one after the other; it grows back */
    CLOCK_BUDGET_EARN = 200,   /* permille of time by which it does */
    CLOCK_PATIENCE_MS = 20000, /* the same for what one viewer makes the others wait */
    CLOCK_PATIENCE_EARN = 100,
    CLOCK_UNDO_MS = 60000,           /* a seek can be undone for so long */
    CLOCK_POSITION_MAX_MS = 1 << 30, /* twelve days: beyond any film */
    CLOCK_LEGACY_DRIFT_MS = 2000,
};

/* ---- time of others */

/* Offset between two clocks by samples as of NTP: the one with the least delay among the last few
 * counts, since delay is what makes an offset wrong, by half of it at most. Samples that cannot all
 * be right tell that the other clock was set, or is another server's: the older ones go. */
struct clock_offset {
    struct clock_sample {
        double offset_ms, delay_ms;
    } samples[CLOCK_SAMPLES];
    unsigned count, next;
};

/* Asked at `sent`, heard there at `heard`, answered there at `answered`, back at `back`: the outer
 * two by this clock, the inner two by the other one. False when that cannot have been. */
bool clock_offset_add(struct clock_offset *offset, double sent_ms, double heard_ms,
                      double answered_ms, double back_ms);
/* Other clock minus this one; 0 while there is no sample. */
double clock_offset_ms(const struct clock_offset *offset);
/* There and back, of the best sample; negative while there is none. */
double clock_offset_delay_ms(const struct clock_offset *offset);

/* ---- the state */

struct clock_state {
    uint64_t epoch;      /* grows with every change; whoever has a later one ignores this. No less
                            than the time of the change, so that it grows over a restart, too, that
                            forgot the last changes. Below 2^53 */
    int64_t at_ms;       /* server time from which on it holds: may be in the future */
    int64_t position_ms; /* in the film, at that time */
    uint32_t rate_permille;
    bool is_playing;
};

/* Position at that time; before at_ms the one at at_ms. */
int64_t clock_position(const struct clock_state *state, int64_t now_ms);
/* For a client that does what it is told when it hears it, `delay_ms` from now: the position that
 * makes it be right from at_ms on. */
int64_t clock_position_on_arrival(const struct clock_state *state, int64_t now_ms,
                                  int64_t delay_ms);

/* What the room does about somebody who stalls. */
enum clock_policy {
    CLOCK_LET_GO, /* nothing: who stalls catches up by itself */
    CLOCK_WAIT,   /* all stop until it is back, no longer than wait_ms */
    CLOCK_SLOW,   /* all play a little slower until it has caught up */
    CLOCK_POLICIES
};

/* ---- viewers */

/* What is known of one viewer. Belongs to the caller; zero it, then clock_enter(). Everything in
 * it is to be read only. */
struct clock_viewer {
    uint32_t delay_ms;  /* there and back, as measured; 0: not measured */
    bool is_let_go;     /* nobody waits for it until it has been in step for a while */
    int64_t in_step_ms; /* since when; 0: it is not */
    int64_t patience_ms, patience_at_ms;
    int64_t corrected_ms; /* last clock_check() that said it is wrong */
    int64_t lag_ms;       /* behind the room at its last report, negative: ahead */
    bool is_stalled;      /* its position stands still though it should not */
    bool has_reported;
    uint64_t reported_epoch;
    int64_t reported_ms, heard_ms, reported_position_ms, buffered_ms;
    struct clock_viewer *previous, *next; /* of the same room; both NULL for the only one */
};

struct clock {
    struct clock_state state;  /* the latest */
    struct clock_state before; /* holds until state.at_ms */
    int64_t duration_ms;       /* 0: not known */
    bool wants_play;           /* as somebody asked; state.is_playing is false during a wait */
    uint32_t rate_permille;    /* as somebody asked; state's is lower while all are slowed */
    enum clock_policy policy;
    uint32_t wait_ms;
    int64_t wait_since_ms, wait_until_ms; /* 0: nobody is waited for */
    bool is_slowed;                       /* for somebody who catches up */
    int64_t budget_ms, budget_at_ms;
    int64_t undo_position_ms, undo_until_ms;
    struct clock_viewer *viewers;
};

/* Paused at 0. */
void clock_init(struct clock *clock, int64_t now_ms);
void clock_enter(struct clock *clock, struct clock_viewer *viewer, int64_t now_ms);
void clock_exit(struct clock *clock, struct clock_viewer *viewer);
/* The viewer's delay as it was measured, there and back; what is absurd is cut. */
void clock_delay(struct clock_viewer *viewer, double delay_ms);

struct clock_report {
    uint64_t epoch; /* of the state that it follows */
    int64_t at_ms;  /* server time at which it was true, by its own reckoning; 0: now */
    int64_t position_ms;
    int64_t buffered_ms; /* playable from there on; negative: it does not say */
};
void clock_report(struct clock *clock, struct clock_viewer *viewer,
                  const struct clock_report *report, int64_t now_ms);

/* ---- commands: each makes a new state, which begins soon */

void clock_play(struct clock *clock, int64_t now_ms);
void clock_pause(struct clock *clock, int64_t now_ms);
/* Beyond the ends is cut. */
void clock_seek(struct clock *clock, int64_t position_ms, int64_t now_ms);
/* Outside CLOCK_RATE_MIN to _MAX is cut. */
void clock_set_rate(struct clock *clock, uint32_t rate_permille, int64_t now_ms);
/* Back to where the last seek began, if that was not long ago. Undoing that seeks again. False:
 * there is nothing to undo. */
bool clock_undo_seek(struct clock *clock, int64_t now_ms);
/* Another film, from its beginning. */
void clock_load(struct clock *clock, int64_t duration_ms, bool plays, int64_t now_ms);
/* How long the film is, as somebody found out later. */
void clock_set_duration(struct clock *clock, int64_t duration_ms, int64_t now_ms);
void clock_set_policy(struct clock *clock, enum clock_policy policy, uint32_t wait_ms,
                      int64_t now_ms);

/* The same again, with an epoch that is later than any that was told: for a clock that comes from
 * storage, and may be older than what viewers have heard. */
void clock_renew(struct clock *clock, int64_t now_ms);

/* Looks at everybody: ends waits and slowness, begins them. `has_ended_out`: the film is over, and
 * paused there. The epoch tells whether anything changed. */
void clock_tick(struct clock *clock, int64_t now_ms, bool *has_ended_out);

/* ---- looking */

/* Where the room is now. */
int64_t clock_now(const struct clock *clock, int64_t now_ms);
/* Whether it moves now: the state that holds, not the one to come. */
bool clock_moves(const struct clock *clock, int64_t now_ms);
/* Whether the room waits for this one. */
bool clock_waits_for(const struct clock *clock, const struct clock_viewer *viewer, int64_t now_ms);

/* For clients that know no epochs and only say where they are:
 * true when that is more than 2 s off and worth a correction. Such clients have been seen that
 * always say they play at 0; that is believed only at the beginning of a film. */
bool clock_check(struct clock *clock, struct clock_viewer *viewer, int64_t position_ms,
                 bool says_playing, int64_t now_ms);

#endif
