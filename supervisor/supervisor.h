/* SPDX-License-Identifier: MIT
 *
 * Private header of sharestreamd: all state of the process, and what its files offer each other.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <proto/control.pb-c.h>

#include "base/settings.h"
#include "child.h"
#include "log_ring.h"
#include "obituary.h"
#include "svc/svc.h"

#define SUPERVISOR_SETTINGS(X)                                                                     \
    X(LIST, services, "", 0, 0,                                                                    \
      "which services to run, http=2 for two instances; empty: one of each")                       \
    X(TEXT, bin_dir, "", 0, 0, "folder of the service programs; empty: where sharestreamd is")     \
    X(DURATION, start_deadline, "30s", 50, 3600000,                                                \
      "a service that is not ready by then is killed and started again")                           \
    X(DURATION, stop_grace, "0", 0, 600000,                                                        \
      "from SIGTERM to SIGKILL; 0: what each service asks for")                                    \
    X(DURATION, retire_grace, "1h", 0, 86400000,                                                   \
      "how long a service that was replaced (sharestream upgrade) may finish what it had begun, "  \
      "such as streams of films")                                                                  \
    X(DURATION, ping_interval, "2s", 20, 600000, "how often a ready service is asked for life")    \
    X(DURATION, ping_timeout, "10s", 0, 3600000,                                                   \
      "a service that has not answered for so long is killed and started again; 0: never")         \
    X(DURATION, restart_delay, "1s", 10, 600000,                                                   \
      "first delay before a service that never became ready is started again; doubles")            \
    X(DURATION, restart_delay_max, "30s", 10, 3600000, "where the doubling ends")                  \
    X(DURATION, healthy_after, "10s", 0, 3600000,                                                  \
      "a service that was ready for so long has its earlier deaths forgiven")                      \
    X(COUNT, deaths_max, "10", 1, 63, "more deaths than this within deaths_window: given up")      \
    X(DURATION, deaths_window, "60s", 1000, 86400000, "see deaths_max")
SETTINGS_STRUCT(supervisor_settings, SUPERVISOR_SETTINGS);
extern const struct settings_table supervisor_settings_table;

#define SUPERVISOR_METRICS(X)                                                                      \
    X(COUNTER, starts_total, "processes started")                                                  \
    X(COUNTER, deaths_total, "processes that ended without being asked to")                        \
    X(COUNTER, silent_total, "services killed because they stopped answering")                     \
    X(GAUGE, services_ready, "instances that are ready")                                           \
    X(GAUGE, services_failed, "instances that were given up")                                      \
    X(GAUGE, services_retired, "processes that were replaced and finish what they had begun")
METRICS_STRUCT(supervisor_metrics, SUPERVISOR_METRICS);
extern const struct metrics_table supervisor_metrics_table;

struct supervisor {
    struct svc *svc;
    const struct supervisor_settings *settings;
    struct child *children; /* in start order */
    size_t child_count;
    struct child *retired; /* list: replaced, and still finishing */
    uint64_t last_generation;
    uint64_t started_ms;
    int signal_fd;      /* SIGCHLD; -1 before start() */
    bool is_leaving;    /* stopping everything */
    uint64_t oom_kills; /* child_oom_kills(), and when it last grew */
    uint64_t scarce_ms;
    struct obituaries obituaries;
    struct log_ring log;
    struct supervisor_metrics metrics;
};

/* fleet.c: all children together: start order, stop order, and carrying out what restart.c says */
enum err fleet_init(struct supervisor *supervisor, struct error *error);
void fleet_start(struct supervisor *supervisor);
void fleet_fini(struct supervisor *supervisor);   /* kills what still runs */
void fleet_tick(struct supervisor *supervisor);   /* deadlines */
void fleet_reap(struct supervisor *supervisor);   /* after SIGCHLD */
void fleet_reload(struct supervisor *supervisor); /* SIGHUP to all */
void fleet_leave(struct supervisor *supervisor);  /* begins to stop them, last started first */
bool fleet_is_gone(const struct supervisor *supervisor);
/* One event for one child, with all its consequences. */
void fleet_step(struct supervisor *supervisor, struct child *child, enum restart_kind kind);
/* The next child meant by `name` ("torrent", "torrent.0" or "" = all) behind `after` (NULL begins);
 * NULL at the end. */
struct child *fleet_next(const struct supervisor *supervisor, const char *name,
                         const struct child *after);

/* health.c: are they alive */
void health_init(struct supervisor *supervisor);
void health_tick(struct supervisor *supervisor, uint64_t now_ms);
void health_forget(struct child *child); /* its process has ended */

/* leftovers.c: services of a supervisor that was killed. Waits for their end, at most `grace_ms`,
 * then kills them. Services that were started by hand are left alone. Needs our own lock, which
 * svc_main() took: so they are nobody else's. */
void leftovers_clear(const char *run_dir, uint64_t grace_ms);

/* check.c: `sharestreamd --check`: runs every chosen service with --check. Returns EXIT_STOPPED or
 * EXIT_CONFIG. */
int check_services(const char *config_file);

/* supervisor_handlers.c */
extern Sharestream__Control__Control_Service supervisor_service;

#endif
