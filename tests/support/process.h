/* SPDX-License-Identifier: MIT
 *
 * process: programs that a test runs: the one under test, and real clients, trackers and servers
 * beside it. They die with the test. What fails here fails the test at once, with the program's
 * log.
 */
#ifndef TEST_PROCESS_H
#define TEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_DEADLINE_MS = 60000 }; /* longest wait for anything */

struct process {
    pid_t pid; /* 0 = does not run */
    char name[32];
    char log[256];   /* stdout and stderr, added to what is there */
    char ready[256]; /* of a service: text behind "ready " */
    int ready_fd;    /* -1 = none */
};

/* argv[0] is a path or found in $PATH; argv ends in NULL. */
void process_start(struct process *process, const char *log, const char *const *argv);
/* Same for a service of ours from $BIN_DIR: waits for its ready line. False when it ended before;
 * *exit_out is its exit code then. */
bool process_start_service(struct process *process, const char *log, const char *name,
                           const char *config, int *exit_out);
/* Sends the signal (0: none) and waits for the end. Exit code, or minus the signal. */
int process_end(struct process *process, int signal);
/* True when the log holds the text. */
bool process_said(const struct process *process, const char *text);

/* Fails the test with the log. */
_Noreturn void process_fail(const struct process *process, const char *what);

/* One step of waiting for a condition: a short pause, or the end of the test at `until_ms`. */
void process_look_again(const struct process *process, uint64_t until_ms, const char *what);

/* A TCP and UDP port of 127.0.0.1 that nobody uses at the moment. */
uint16_t process_free_port(void);
/* Waits until somebody accepts on it. */
void process_wait_port(const struct process *process, uint16_t port);

#endif
