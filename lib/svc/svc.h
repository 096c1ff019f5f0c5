/* SPDX-License-Identifier: MIT
 *
 * svc: the skeleton of every service. main() fills one struct svc_def and returns svc_main();
 * arguments, settings, log, bus, readiness, signals, health, metrics and shutdown are done here,
 * the same for all.
 *
 * Order of a life: settings -> log -> start() -> "ready" -> loop (tick() once a second) -> SIGTERM
 * or lifeline gone -> drain()
 * -> loop until is_drained() or the grace is over -> stop() -> exit.
 */
#ifndef SVC_SVC_H
#define SVC_SVC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "bus/bus.h"

struct svc;

struct svc_def {
    const char *name;  /* row of services.def */
    const char *about; /* one sentence for --help */
    const struct settings_table *settings;
    ProtobufCService
        *service; /* filled generated struct, NULL when the service answers nothing of its own */
    uint32_t grace_ms; /* longest time from drain() to stop(); 0 = the row in services.def, less a
                          second */
    bool starts_programs; /* else nothing can make it (confine.h) */
    size_t state_size;    /* bytes of the service's state, zeroed before start() */
    /* All take the state. start: ERR_CONFIG ends the process with EXIT_CONFIG, ERR_BUSY with
     * EXIT_RETRY, others EXIT_FAILED. */
    enum err (*start)(void *state, struct svc *svc, struct error *error);
    void (*tick)(void *state, uint64_t now_ms); /* about once a second; may be NULL, as all below */
    void (*reload)(void *state);                /* SIGHUP */
    void (*drain)(void *state);                 /* take no new work, finish what is in flight */
    bool (*is_drained)(void *state);            /* polled after drain; NULL = at once */
    /* For services that have sockets kept (svc/sockets.h) and can be replaced while they run:
     * polled after drain(). True: whatever goes by our name on the bus has ended or goes by
     * svc_retired_name(), so that the successor can begin; the rest may take its time. */
    bool (*may_hand_over)(void *state);
    void (*stop)(void *state); /* close everything; the last call */
    /* For a library with a main loop of its own: drives the process instead of the skeleton. It
     * watches svc_loop_fd() and calls svc_turn(svc, 0) whenever that is readable, until svc_turn()
     * says that it is over. */
    void (*run)(void *state, struct svc *svc);
    const struct metrics_table *metrics; /* with values at (char *)state + metrics_offset */
    size_t metrics_offset;
    void (*metrics_refresh)(void *state); /* before they are printed */
    void (*metrics_more)(void *state,
                         struct text *out); /* further lines, already in Prometheus text */
};

int svc_main(int argc, char **argv, const struct svc_def *def);

/* Settings that every process has: section `common`. */
#define COMMON_SETTINGS(X)                                                                         \
    X(TEXT, data_dir, "data", 0, 0, "folder for torrents, keys and databases")                     \
    X(TEXT, run_dir, "", 0, 0,                                                                     \
      "folder for sockets and ready maps; empty: /run/sharestream for root, else below "           \
      "$XDG_RUNTIME_DIR or /tmp")                                                                  \
    X(CHOICE, log_level, "info", 0, 0,                                                             \
      "least important lines that are logged (error|warn|info|debug)")                             \
    X(CHOICE, log_format, "logfmt", 0, 0, "shape of log lines (logfmt|json)")
SETTINGS_STRUCT(common_settings, COMMON_SETTINGS);
extern const struct settings_table common_settings_table;

#define BUS_SETTINGS(X)                                                                            \
    X(TEXT, listen, "", 0, 0,                                                                      \
      "tcp://address:port for requests (port + 1: events); empty: ipc in run_dir")                 \
    X(TEXT, node, "", 0, 0,                                                                        \
      "name of this machine among those of the bus, for good; empty: its host name, with tcp")     \
    X(LIST, peers, "", 0, 0,                                                                       \
      "where services on other machines are: torrent=tcp://host:port; every address of the name "  \
      "is an instance")                                                                            \
    X(TEXT, secret, "", 0, 0, "shared by all machines; makes the encryption keys of the bus")      \
    X(BOOL, plaintext, "false", 0, 0, "allow tcp without encryption")
SETTINGS_STRUCT(bus_settings, BUS_SETTINGS);
extern const struct settings_table bus_settings_table;

/* What a service may ask of its skeleton. Borrowed pointers, valid for the life of the process. */
const void *svc_settings(const struct svc *svc); /* the service's own struct */
const struct common_settings *
svc_common(const struct svc *svc); /* data_dir and run_dir are absolute and exist */
struct bus *svc_bus(const struct svc *svc);
/* Is it being drained because there is a successor? Then not even the grace is a limit. */
bool svc_is_retiring(const struct svc *svc);
/* What it is called on the bus from then on; free() it. */
char *svc_retired_name(const struct svc *svc);
/* For further buses of the process (one per thread): same names, keys and generation. */
const struct bus_config *svc_bus_config(const struct svc *svc);
const char *svc_name(const struct svc *svc); /* "http.0", with tcp "http.0@node" */
uint64_t svc_generation(const struct svc *svc);
/* What one process at a time may hold is held by this one from then on, by a clock that is the same
 * for all who may. Before it is served: callers learn of it at the greeting. */
void svc_holds(struct svc *svc, uint64_t since_ms);

/* Of what several processes share out, one part each: which this one holds, and of how many.
 * Callers learn of it at the greeting (bus_seats()). Before what is shared out is served. */
void svc_hold_seat(struct svc *svc, unsigned seat, unsigned seats);

/* Text behind "ready": what it chose, as key=value pairs ("port=8080"). Call in start(). */
__attribute__((format(printf, 2, 3))) void svc_ready_text(struct svc *svc, const char *format, ...);
/* Works, but something is missing; shown in status and /health/ready. NULL: all well. Copied. */
void svc_degraded(struct svc *svc, const char *why);
/* What it is doing, as key=value pairs ("torrents=3"); shown in status behind the ready text. Say
 * it again when it changes, not more than once a second. Cut to 159 bytes. */
__attribute__((format(printf, 2, 3))) void svc_note(struct svc *svc, const char *format, ...);
/* Ends the process as SIGTERM would. */
void svc_shutdown(struct svc *svc);
/* Ends the process at once, as a crash would: for who must not say another word. Whoever started it
 * starts it anew. */
_Noreturn void svc_give_up(const struct svc *svc, const char *why);

typedef void svc_fd_fn(void *arg);
void svc_watch_fd(struct svc *svc, int fd, svc_fd_fn *on_readable, void *arg);
void svc_unwatch_fd(struct svc *svc, int fd);
typedef void svc_timer_fn(void *arg);
/* Every `every_ms` until the process ends. */
void svc_every(struct svc *svc, uint32_t every_ms, svc_timer_fn *on_time, void *arg);

/* Readable when svc_turn() has work. */
int svc_loop_fd(const struct svc *svc);
/* One round of the loop; waits for at most `wait_ms` (-1: as long as it takes). False: the process
 * is to end. */
bool svc_turn(struct svc *svc, int wait_ms);

/* Prometheus text of this process, as Svc.Metrics gives it. */
void svc_metrics(struct svc *svc, struct text *out);

#endif
