/* SPDX-License-Identifier: MIT
 *
 * stage: a folder of its own with the real supervisor, a real tracker-svc and room-svc, fakes of
 * the others, and the real `sharestream` in front of them.
 */
#ifndef CLI_STAGE_H
#define CLI_STAGE_H

#include <stdbool.h>
#include <sys/types.h>

/* Folders and environment for one test; nothing runs yet. */
void stage_open(void);
void stage_start(void); /* sharestreamd; returns when all services are ready */
void stage_close(void); /* stops it if it runs, removes the folder */

/* One run of `sharestream <arguments>`, through the shell. Texts live until the next run. */
struct result {
    int code;
    const char *out, *err;
};
struct result run(const char *arguments);
/* Runs it and expects this code, and these pieces (NULL-terminated) in what it printed on either
 * stream. */
void expect_run(const char *arguments, int code, const char *const *pieces);
#define EXPECT(arguments, code, ...)                                                               \
    expect_run(arguments, code, (const char *const[]){__VA_ARGS__, NULL})

/* The same in the background: start, wait for a piece in its output, interrupt, result. */
pid_t run_start(const char *arguments);
bool run_wait_for(const char *piece);
struct result run_end(pid_t pid, int signal_number);

#endif
