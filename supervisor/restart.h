/* SPDX-License-Identifier: MIT
 *
 * restart: when a service is started, stopped, given up. Pure: what happened and the time go in,
 * the next state and what to do come out. What *is* (state) and what somebody *wants* (is_wanted)
 * are two fields.
 *
 *               start               ready
 *     stopped --------> starting ----------> ready
 *        ^               ^  |  |               |
 *        |       time up |  |  | time up,      | stop, silent
 *        |               |  |  | stop          v
 *        |               |  |  +---------> stopping
 *        |               |  v                  |
 *        |            backoff <-- (death) <----+---> stopped, or starting if still wanted
 *        |                           |
 *        +---- stop ---- failed <----+  exit 78, or too many deaths
 *
 * A life that was ready and crashed is followed by the next one at once; after a life that never
 * was ready, and after more than half of deaths_max in a row, there is a delay, doubling up to a
 * ceiling. A life that was ready for healthy_ms makes all that forgotten.
 */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESTART_DEATHS_MAX = 64, /* deaths whose time is remembered; deaths_max stays below */
    RESTART_KILL_AGAIN_MS = 5000,
    RESTART_VERDICT_TEXT = 80,
};

#define RESTART_STATES(X)                                                                          \
    X(RESTART_STOPPED, "stopped")                                                                  \
    X(RESTART_STARTING, "starting") /* has a process that did not say ready yet */                 \
    X(RESTART_READY, "ready")                                                                      \
    X(RESTART_STOPPING, "stopping") /* has a process that was told to end, or killed */            \
    X(RESTART_BACKOFF, "backoff")   /* waits for its next start */                                 \
    X(RESTART_FAILED, "failed")     /* given up until somebody asks for a start */

enum restart_state {
#define X(name, word) name,
    RESTART_STATES(X)
#undef X
};

/* Column of services.def. */
enum restart_class {
    RESTART_PERMANENT, /* always restarted */
    RESTART_TRANSIENT, /* not after it ended by itself with EXIT_STOPPED */
};

enum restart_kind {
    RESTART_ASKED_START, /* start; when running: stop and start again; revives and forgives */
    RESTART_ASKED_STOP,
    RESTART_ASKED_REPLACE, /* when ready and it can: start the next life beside it; else as start */
    RESTART_BECAME_READY,
    RESTART_EXITED,
    RESTART_SILENT,  /* it does not answer any more */
    RESTART_TIME_UP, /* due_ms has passed */
};

struct restart_event {
    enum restart_kind kind;
    int exit_code; /* of EXITED; -1 = ended by a signal */
    uint64_t now_ms;
};

enum restart_action {
    RESTART_DO_NOTHING,
    RESTART_DO_SPAWN,
    RESTART_DO_REPLACE,   /* SIGUSR1 to the old process, which goes by itself, and spawn */
    RESTART_DO_TERMINATE, /* SIGTERM */
    RESTART_DO_KILL,      /* SIGKILL to the whole process group */
};

/* Why we ended a life ourselves. */
enum restart_reason {
    RESTART_REASON_NONE,
    RESTART_REASON_ASKED,
    RESTART_REASON_NEVER_READY,
    RESTART_REASON_SILENT,
};

/* What the last exit led to. */
enum restart_verdict {
    RESTART_VERDICT_NONE,
    RESTART_VERDICT_AS_ASKED, /* no death at all */
    RESTART_VERDICT_AT_ONCE,
    RESTART_VERDICT_DELAYED,
    RESTART_VERDICT_TOO_MANY,
    RESTART_VERDICT_CONFIG,
    RESTART_VERDICT_STAYS_STOPPED,
};

struct restart_policy {
    enum restart_class class;
    uint64_t delay_min_ms, delay_max_ms;
    uint64_t healthy_ms; /* ready for this long: earlier deaths are forgiven */
    unsigned deaths_max; /* more than this within window_ms: failed */
    uint64_t window_ms;
    uint64_t start_deadline_ms; /* to become ready */
    uint64_t stop_grace_ms;     /* from SIGTERM to SIGKILL */
    bool can_be_replaced;       /* its sockets are kept */
};

/* Zeroed = stopped and never started. */
struct restart {
    enum restart_state state;
    bool is_wanted;
    bool was_ready;             /* in this life, or the last one */
    bool was_killed;            /* the grace to stop was over */
    enum restart_reason reason; /* of this life, or the last one */
    enum restart_verdict verdict;
    uint64_t ready_ms;    /* when it became ready */
    uint64_t due_ms;      /* when to send TIME_UP; 0 = never */
    uint64_t delay_ms;    /* the last delay taken; 0 = none since it was healthy */
    unsigned streak;      /* deaths since it was healthy */
    unsigned starts;      /* lives so far */
    unsigned death_count; /* all; the last RESTART_DEATHS_MAX have their time in deaths[] */
    uint64_t deaths[RESTART_DEATHS_MAX];
};

/* The one place where states change. EXITED without a process is our own bug; what merely comes
 * late ("ready" from a process that is being stopped) changes nothing. */
enum restart_action restart_step(struct restart *restart, const struct restart_policy *policy,
                                 struct restart_event event);

const char *restart_state_word(enum restart_state state);
bool restart_has_process(const struct restart *restart);
/* What the last exit led to, for a person: "restart delayed by 4s". Returns `out`, which holds
 * RESTART_VERDICT_TEXT. */
char *restart_verdict_text(const struct restart *restart, const struct restart_policy *policy,
                           char *out);

#endif
