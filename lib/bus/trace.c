/* SPDX-License-Identifier: MIT
 *
 * trace: a line per message of a running process, on its events socket, while somebody asked for
 * it. The switch is the process's; buses of other threads hand their lines to the serving one over
 * an inproc pipe.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/must.h"
#include "bus/bus_private.h"

#define TRACE_PIPE "inproc://bus-trace"

static struct {
    pthread_mutex_t lock;
    _Atomic uint64_t until_ms; /* 0 = off: the only thing looked at on the fast path */
    char peer[BUS_NAME_MAX];
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

void bus_trace(const char *peer, uint64_t until_ms)
{
    pthread_mutex_lock(&trace.lock);
    snprintf(trace.peer, sizeof(trace.peer), "%s", peer);
    pthread_mutex_unlock(&trace.lock);
    trace.until_ms = until_ms;
}

bool trace_is_on(const char *peer)
{
    if (trace.until_ms == 0)
        return false;
    if (clock_ms() > trace.until_ms) {
        trace.until_ms = 0;
        return false;
    }
    pthread_mutex_lock(&trace.lock);
    size_t len = strlen(trace.peer);
    bool matches =
        strncmp(peer, trace.peer, len) == 0 && (len == 0 || peer[len] == '\0' || peer[len] == '.');
    pthread_mutex_unlock(&trace.lock);
    return matches;
}

void trace_line(struct bus *bus, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len < 0)
        return;
    if (bus->pub != NULL) {
        zmq_send(bus->pub, "trace", 5, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(bus->pub, line, MIN((size_t)len, sizeof(line) - 1), ZMQ_DONTWAIT);
        return;
    }
    if (bus->trace_push == NULL) {
        bus->trace_push = bus_socket(bus, ZMQ_PUSH, false);
        zmq_connect(bus->trace_push, TRACE_PIPE);
    }
    zmq_send(bus->trace_push, line, MIN((size_t)len, sizeof(line) - 1), ZMQ_DONTWAIT);
}

/* Only one bus of a process serves; should a test serve with two, the first keeps the pipe. */
void trace_bind(struct bus *bus)
{
    bus->trace_pull = bus_socket(bus, ZMQ_PULL, false);
    if (zmq_bind(bus->trace_pull, TRACE_PIPE) != 0)
        bus_socket_close(bus, &bus->trace_pull);
    else
        bus_watch_socket(bus, bus->trace_pull, trace_forward, bus);
}

unsigned trace_forward(void *owner, unsigned budget)
{
    struct bus *bus = owner;
    unsigned used = 0;
    zmq_msg_t line;

    while (used < budget && bus_receive(bus->trace_pull, &line)) {
        zmq_send(bus->pub, "trace", 5, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(bus->pub, zmq_msg_data(&line), zmq_msg_size(&line), ZMQ_DONTWAIT);
        zmq_msg_close(&line);
        used++;
    }
    return used;
}
