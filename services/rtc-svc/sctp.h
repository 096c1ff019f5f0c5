/* SPDX-License-Identifier: MIT
 *
 * sctp: one SCTP association (RFC 9260, RFC 8831) over packets that somebody else carries. Knows
 * usrsctp; nobody else here does. usrsctp is of the whole process and driven by one thread, this
 * one.
 *
 * Nothing is told from inside of usrsctp: what happened to an association is told by
 * sctp_drain(), which is to be called after packets were given and time has passed.
 */
#ifndef RTC_SCTP_H
#define RTC_SCTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

enum {
    SCTP_STREAMS = 64, /* in each direction: usrsctp takes 104 bytes for each */
    SCTP_BUFFER_MIN =
        256 << 10,             /* bytes sent and not acknowledged; more once the path carries it */
    SCTP_BUFFER_MAX = 4 << 20, /* likewise, and received and not read */
    SCTP_PART_MAX = 64 << 10,  /* bytes of a message told at once */
    SCTP_TICK_MS = 10,         /* how often sctp_pass_time() wants to be called */
};

struct sctp;

/* on_closed is the last call, and comes at most once. */
struct sctp_events {
    void (*send)(void *arg, struct bytes packet); /* also from inside of every function below */
    void (*on_up)(void *arg);
    /* Messages come in parts; `is_end` is the last one of its message. */
    void (*on_received)(void *arg, uint16_t stream, uint32_t ppid, struct bytes part, bool is_end);
    void (*on_writable)(void *arg);               /* after SCTP_FULL */
    void (*on_reset)(void *arg, uint16_t stream); /* the other sends nothing more on it */
    /* After sctp_reset(): the other knows. */
    void (*on_reset_done)(void *arg, uint16_t stream);
    void (*on_closed)(void *arg, const char *why);
};

/* `mtu`: the largest packet that `send` is given. Once a process. */
void sctp_begin(uint16_t mtu);
/* All associations must be gone. */
void sctp_end(void);

/* Connects at once, as both sides do (RFC 8831, 6.1). `events` must outlive it. */
struct sctp *sctp_new(uint16_t port, uint16_t remote_port, const struct sctp_events *events,
                      void *arg, struct error *error);
/* Aborts the association, so that the other knows: `send` is called. Clears the pointer, accepts
 * NULL. Not from a callback. */
void sctp_free(struct sctp **sctp);

void sctp_receive(struct sctp *sctp, struct bytes packet);
enum sctp_sent {
    SCTP_SENT,
    SCTP_FULL, /* nothing was taken; on_writable comes */
    SCTP_GONE,
};
/* One message, ordered and reliable. */
enum sctp_sent sctp_send(struct sctp *sctp, uint16_t stream, uint32_t ppid, struct bytes message);
/* Nothing more is sent on this stream; the other is told once all was acknowledged. */
void sctp_reset(struct sctp *sctp, uint16_t stream);
/* While paused nothing is read, and the other stops once SCTP_BUFFER_MAX is full. */
void sctp_pause(struct sctp *sctp, bool is_paused);
/* Tells what happened since it was called last; returns true when more is to be told at once. */
bool sctp_drain(void);
void sctp_pass_time(uint32_t elapsed_ms);

struct sctp_stats {
    uint32_t rtt_ms, window_bytes, unacknowledged; /* the last in chunks */
};
void sctp_stats(const struct sctp *sctp, struct sctp_stats *out);
/* Of all associations since the start. */
struct sctp_totals {
    uint64_t retransmitted, timeouts; /* chunks; times nothing was acknowledged in time */
};
void sctp_totals(struct sctp_totals *out);

#endif
