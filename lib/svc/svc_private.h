/* SPDX-License-Identifier: MIT
 *
 * What svc.c (the life of a process) and svc_handlers.c (what every process answers) share.
 */
#ifndef SVC_SVC_PRIVATE_H
#define SVC_SVC_PRIVATE_H

#include <utlist.h>

#include "svc/config.h"
#include "svc/contract.h"
#include "svc/svc.h"

struct watch {
    int fd;
    svc_fd_fn *on_readable; /* NULL: not watched any more */
    void *arg;
    struct watch *next;
};

struct timer {
    svc_timer_fn *on_time;
    void *arg;
    uint32_t every_ms;
    uint64_t due_ms;
    struct timer *next;
};

/* A listening socket of an earlier life; -1: taken, or closed. */
struct handed_socket {
    char name[KEPT_NAME];
    int fd;
};

struct msghdr;

struct svc {
    const struct svc_def *def;
    struct config config;
    struct bus_config bus_config;
    char name[BUS_NAME_MAX]; /* "torrent.0", with tcp "torrent.0@node" */
    unsigned instance;
    unsigned seat, seats;   /* svc_hold_seat() */
    uint64_t held_since_ms; /* svc_holds() */
    uint64_t generation, started_ms, drain_until_ms;
    int ready_fd, lifeline_fd, keep_fd, signal_fd, lock_fd;
    struct handed_socket handed[KEPT_MAX];
    size_t handed_count;
    bool is_draining, is_retiring, is_bus_retired, succeeds, has_watchdog;
    char ready_text[256], degraded[256], note[160];
    int epoll_fd, clock_fd; /* the loop: what is watched, and a timer among it */
    struct bus *bus;
    void *state;
    struct watch *watches, *unwatched; /* the latter: to be freed after this round */
    struct timer *timers;
};

/* svc_handlers.c */
enum err svc_serve_builtin(struct svc *svc, struct error *error);
/* svc_start.c: everything between main() and the loop */
bool svc_has_watchdog(void); /* systemd wants to hear "WATCHDOG=1" now and then */
bool svc_read_contract(struct svc *svc, struct error *error);
/* To its name, when it is on a bus with other machines. */
bool svc_add_node(struct svc *svc, struct error *error);
enum err svc_lock(struct svc *svc, struct error *error);
void svc_raise_limits(void);
void svc_notify(const char *state); /* sd_notify(3) */
/* The same with descriptors: those of `message`, whose text is replaced. */
void svc_notify_with(const char *state, struct msghdr *message);
/* sockets.c: before start() and after it */
void sockets_read(struct svc *svc);
void sockets_drop_rest(struct svc *svc);

#endif
