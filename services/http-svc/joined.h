/* SPDX-License-Identifier: MIT
 *
 * joined: Transcode.Get, for all requests of one loop. The viewers of a room ask for the same at
 * nearly the same time: while a question is with transcode-svc, whoever asks the same waits for its
 * answer; and where a file lies that does not change is remembered for a second. The same is the
 * same message, byte by byte. Whether somebody may ask was decided before. Knows no h2o.
 */
#ifndef HTTP_JOINED_H
#define HTTP_JOINED_H

#include <proto/transcode.pb-c.h>

#include "bus/bus.h"
#include "http_settings.h"

struct joined;

/* NULL `reply`: `error` says why. Both are valid until it returns. */
typedef void joined_fn(void *arg, const Sharestream__Transcode__GetReply *reply,
                       const struct error *error);

/* Part of each request that may ask, zeroed at first; for the eyes of joined.c. */
struct joined_asker {
    struct joined_question *question; /* NULL: waits for none */
    joined_fn *on_got;
    void *arg;
    uint64_t deadline_ms;
    struct joined_asker *prev, *next;
};

struct joined *joined_new(struct bus *bus, struct bus_remote *transcode,
                          struct http_metrics *metrics);
/* Who still waits is not told. Before the bus. Clears the pointer, accepts NULL. */
void joined_free(struct joined **joined);
/* on_got comes once, maybe before this returns, unless the asker leaves. Each has a deadline of its
 * own, from now; `deadline_ms` is always the same. */
void joined_get(struct joined *joined, const Sharestream__Transcode__GetRequest *request,
                struct joined_asker *asker, uint32_t deadline_ms, joined_fn *on_got, void *arg);
/* Fine for one who does not wait. The last one gives the question up. */
void joined_leave(struct joined_asker *asker);
/* The file that was the answer is not there any more. */
void joined_forget(struct joined *joined, const Sharestream__Transcode__GetRequest *request);

#endif
