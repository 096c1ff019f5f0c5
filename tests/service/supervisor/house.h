/* SPDX-License-Identifier: MIT
 *
 * house: a real sharestreamd in a folder of its own, whose services are puppets. What fails here
 * fails the test at once, with the log of the supervisor.
 */
#ifndef SUPERVISOR_HOUSE_H
#define SUPERVISOR_HOUSE_H

#include <proto/control.pb-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bus/ask.h"

enum { HOUSE_DEADLINE_MS = 60000 }; /* longest wait for anything */

struct house {
    char folder[32];
    pid_t pid; /* of sharestreamd; 0 = does not run */
    struct bus_config bus;
    char run_dir[64];
};

/* Prepares a folder; `settings` are YAML lines for the section supervisor, each "  key: value\n".
 */
void house_init(struct house *house, const char *settings);
/* Starts sharestreamd and waits until it answers. */
void house_start(struct house *house);
/* SIGTERM, waits, returns the exit code. */
int house_stop(struct house *house);
/* Runs another sharestreamd to its end, with one more argument (may be NULL); its exit code. */
int house_run(const struct house *house, const char *argument);
/* kill -9 and reap. */
void house_kill(struct house *house);
void house_fini(struct house *house);

/* For cmocka; *state is the house. */
int house_teardown(void **state);

/* What a puppet is to do; see tests/support/puppet.c. NULL takes the command away. */
void house_command(const struct house *house, const char *name, const char *command);

/* One row of Status; the texts are copies. */
struct row {
    char state[16];
    bool is_wanted;
    pid_t pid;
    uint32_t restarts;
    uint64_t generation, resident_bytes, backoff_ms;
    char ready_text[64], degraded_text[64], last_death[256];
};
struct row house_status(const struct house *house, const char *name);
/* Waits until the service is in that state with a generation after `after`. */
struct row house_wait(const struct house *house, const char *name, const char *state,
                      uint64_t after);

/* Control rpcs. `method` is Restart, Stop (of `name`), Shutdown or Reload (name NULL). */
enum err house_order(const struct house *house, const char *method, const char *name);
/* Free with protobuf_c_message_free_unpacked(). */
Sharestream__Control__WhyReply *house_why(const struct house *house, const char *name);
/* What it remembers of the log, at most `limit` lines behind `after`. Free likewise. */
Sharestream__Control__LogsReply *house_logs(const struct house *house, const char *name,
                                            const char *level, uint64_t after, uint32_t limit);

/* Waits for the end of a process that was seen before: pidfd from house_watch(). */
int house_watch(pid_t pid);
bool house_is_gone(int pid_fd, uint64_t deadline_ms);

/* Byte offset in the supervisor's log of the first line that has all of `part`; -1 = none. */
long house_log_find(const struct house *house, const char *part);
void house_log_wait(const struct house *house, const char *part);

#endif
