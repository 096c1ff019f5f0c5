/* SPDX-License-Identifier: MIT
 *
 * contract: everything that holds between the supervisor and a service. Nothing about it is
 * anywhere else.
 *
 * A service runs the same under the supervisor, in a container, under systemd or by hand: each
 * variable may be absent.
 */
#ifndef SVC_CONTRACT_H
#define SVC_CONTRACT_H

/* Which instance of its service this is, a number from 0. Default 0. */
#define CONTRACT_INSTANCE "SHARESTREAM_INSTANCE"
/* Which life this is, a decimal number that grows with each start. Default: made from the clock. */
#define CONTRACT_GENERATION "SHARESTREAM_GENERATION"
/* Inherited descriptor. The service writes one line, "ready <text>\n", when it works, and keeps it
 * open. Absent: just logs. */
#define CONTRACT_READY_FD "SHARESTREAM_READY_FD"
/* Inherited descriptor, the read end of a pipe that only the supervisor holds open for writing. End
 * of file: the supervisor is gone; the service drains and exits with EXIT_STOPPED. Absent: nobody
 * is watched. */
#define CONTRACT_LIFELINE_FD "SHARESTREAM_LIFELINE_FD"
/* Inherited descriptor, a SOCK_SEQPACKET to whoever keeps listening sockets for our next life:
 * "keep <name>" with the sockets (SCM_RIGHTS) in place of what it had under that name, "drop
 * <name>" when they are not needed any more. Absent: systemd is asked, if it is there. */
#define CONTRACT_KEEP_FD "SHARESTREAM_KEEP_FD"
/* Inherited listening sockets, as our last life left them: "http.listen=7 http.listen=8". Absent:
 * systemd's LISTEN_FDS. */
#define CONTRACT_SOCKETS "SHARESTREAM_SOCKETS"
/* "1": our last life still runs and is about to go; wait for its lock. */
#define CONTRACT_SUCCEEDS "SHARESTREAM_SUCCEEDS"
enum { KEPT_MAX = 128, KEPT_NAME = 32 }; /* sockets of one process; bytes of a name with its zero */
/* Path of the configuration file, same as --config. */
#define CONTRACT_CONFIG "SHARESTREAM_CONFIG"

/* Signals: SIGTERM and SIGINT = drain and stop; SIGHUP = reload what can be reloaded;
 * SIGUSR1 (to services that have sockets kept) = leave to a successor all that there can be only
 * one of, finish what is in flight however long that takes, and stop. stderr = the log; its last
 * lines become part of the obituary. stdin is /dev/null. A service leads a process group of its
 * own. */

enum contract_exit {
    EXIT_STOPPED = 0, /* asked to stop, did */
    EXIT_FAILED = 1,  /* something outside failed; a restart may help */
    EXIT_BUG = 70,    /* reserved: must() aborts with a signal instead */
    EXIT_RETRY = 75,  /* a resource is not there yet (port taken): restart with delay */
    EXIT_CONFIG = 78, /* configuration is wrong: do not restart */
};

#endif
