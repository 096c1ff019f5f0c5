/* SPDX-License-Identifier: MIT
 *
 * cancel: requests that somebody works on for whom nobody waits any more: the caller said so, or
 * has begun a new life, or its deadline is over. Only those that want to hear of it are kept here;
 * a caller that died for good is noticed by its deadlines.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

/* Most have the same deadline as the one before, so the place is found from the end at once. */
static void insert_by_deadline(struct bus *bus, struct request *request)
{
    struct request *after = bus->soonest != NULL ? bus->soonest->soon_prev : NULL;

    while (after != NULL && after->deadline_ms > request->deadline_ms)
        after = after == bus->soonest ? NULL : after->soon_prev;
    if (after == NULL)
        DL_PREPEND2(bus->soonest, request, soon_prev, soon_next);
    else
        DL_APPEND_ELEM2(bus->soonest, after, request, soon_prev, soon_next);
}

static void add_to_caller(struct bus *bus, struct request *request)
{
    struct caller *caller;

    HASH_FIND_STR(bus->callers, request->from, caller);
    if (caller == NULL) {
        caller = xcalloc(1, sizeof(*caller));
        snprintf(caller->name, sizeof(caller->name), "%s", request->from);
        caller->generation = request->key.generation;
        HASH_ADD_STR(bus->callers, name, caller);
    } else if (caller->generation != request->key.generation) {
        return; /* its former life said this; it came late */
    }
    request->caller = caller;
    DL_APPEND2(caller->requests, request, of_prev, of_next);
}

void bus_on_cancel(void *closure_data, bus_cancelled_fn *fn, void *arg)
{
    struct request *request = closure_data;
    struct bus *bus = request->bus;

    must(!request->is_watched && !request->is_given_up);
    request->is_watched = true;
    request->on_cancel = fn;
    request->cancel_arg = arg;
    HASH_ADD(hh, bus->watched_requests, key, sizeof(request->key), request);
    insert_by_deadline(bus, request);
    if (!request->has_delimiter) /* command lines are called the same and live beside each other */
        add_to_caller(bus, request);
}

void cancel_unwatch(struct request *request)
{
    struct bus *bus = request->bus;
    struct caller *caller = request->caller;

    if (!request->is_watched)
        return;
    request->is_watched = false;
    HASH_DEL(bus->watched_requests, request);
    DL_DELETE2(bus->soonest, request, soon_prev, soon_next);
    if (caller == NULL)
        return;
    request->caller = NULL;
    DL_DELETE2(caller->requests, request, of_prev, of_next);
    if (caller->requests != NULL)
        return;
    HASH_DEL(bus->callers, caller);
    free(caller);
}

/* It is in no table any more when it is told: whoever is told may answer it, and others. */
static void tell(struct request *request)
{
    cancel_unwatch(request);
    request->is_given_up = true;
    bus_metrics()->requests_cancelled_total++;
    if (trace_is_on(request->from))
        trace_line(request->bus, "%s -> %s  %s id=%016llx given up", request->from,
                   request->bus->self, request->method->name,
                   (unsigned long long)request->key.call);
    log_set_trace(request->trace);
    request->on_cancel(request->cancel_arg);
    log_set_trace(0);
}

void cancel_request(struct bus *bus, const Envelope *envelope)
{
    const struct request_key key = {envelope->generation, envelope->call};
    struct request *request;

    HASH_FIND(hh, bus->watched_requests, &key, sizeof(key), request);
    if (request != NULL)
        tell(request);
}

void cancel_former_lives(struct bus *bus, const Envelope *envelope)
{
    struct caller *caller;

    for (;;) {
        HASH_FIND_STR(bus->callers, envelope->from, caller);
        if (caller == NULL || caller->generation >= envelope->generation)
            return;
        tell(caller->requests);
    }
}

void cancel_expired(struct bus *bus, uint64_t now_ms)
{
    while (bus->soonest != NULL && bus->soonest->deadline_ms <= now_ms)
        tell(bus->soonest);
}
