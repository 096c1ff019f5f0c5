/* SPDX-License-Identifier: MIT */
#include "bus/bus.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/bus_private.h"

#define METRICS_TAG bus_metrics
METRICS_TABLE(bus_metrics_table, "bus", BUS_METRICS);

static struct bus_metrics metrics;

struct bus_metrics *bus_metrics(void)
{
    return &metrics;
}

static void *context;

/* libzmq's own limit is 1,023 sockets, of which each neighbour takes three in each thread that
 * calls it: http-svc would abort at the sixteenth machine. Each place takes 12 bytes. */
static void make_context(void)
{
    context = zmq_ctx_new();
    must(context != NULL);
    must(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, BUS_SOCKETS_MAX) == 0);
}

/* One ZeroMQ context per process, as inproc (trace, keys) needs it. Never ended: sockets linger 0,
 * the process just exits. */
void *bus_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_context);
    return context;
}

static void set_int(void *socket, int option, int value)
{
    must(zmq_setsockopt(socket, option, &value, sizeof(value)) == 0);
}

void *bus_socket(struct bus *bus, int type, bool is_server)
{
    void *socket = zmq_socket(bus_context(), type);
    int64_t largest = BUS_MESSAGE_MAX;

    must(socket != NULL);
    /* Not 0: libzmq 4.3.4 aborts the process when a socket without linger is closed over a backlog
     * of multi-frame messages (its issue 3442). Closing does not wait; the i/o thread lingers. */
    set_int(socket, ZMQ_LINGER, BUS_LINGER_MS);
    set_int(socket, ZMQ_SNDHWM, BUS_QUEUE_MAX);
    set_int(socket, ZMQ_RCVHWM, BUS_QUEUE_MAX);
    set_int(socket, ZMQ_RECONNECT_IVL, 5); /* doubling to the next */
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, 500);
    set_int(socket, ZMQ_IPV6, 1);
    must(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) == 0);
    curve_apply(bus, socket, is_server);
    return socket;
}

void bus_beat(void *socket)
{
    set_int(socket, ZMQ_HEARTBEAT_IVL, BUS_BEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, BUS_BEATLESS_MS);
    set_int(socket, ZMQ_HEARTBEAT_TTL, BUS_BEATLESS_MS); /* for the other side */
    set_int(socket, ZMQ_CONNECT_TIMEOUT, BUS_CONNECT_MS);
    set_int(socket, ZMQ_HANDSHAKE_IVL, BUS_BEATLESS_MS);
}

static int socket_fd(void *socket)
{
    int fd = -1;
    size_t len = sizeof(fd);

    must(zmq_getsockopt(socket, ZMQ_FD, &fd, &len) == 0);
    return fd;
}

static struct watched *find_watched(struct bus *bus, const void *socket)
{
    struct watched *watched;

    DL_SEARCH_SCALAR(bus->watched, watched, socket, socket);
    return watched;
}

void bus_watch_socket(struct bus *bus, void *socket, receive_fn *receive, void *owner)
{
    struct watched *watched = xcalloc(1, sizeof(*watched));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watched};

    /* Due at once: an edge may have passed before we watched. */
    *watched =
        (struct watched){.socket = socket, .receive = receive, .owner = owner, .is_due = true};
    DL_APPEND(bus->watched, watched);
    must(epoll_ctl(bus->epoll_fd, EPOLL_CTL_ADD, socket_fd(socket), &event) == 0);
    bus_kick(bus);
}

void bus_socket_close(struct bus *bus, void **socket)
{
    struct watched *watched = *socket != NULL ? find_watched(bus, *socket) : NULL;

    if (watched != NULL) {
        must(epoll_ctl(bus->epoll_fd, EPOLL_CTL_DEL, socket_fd(*socket), NULL) == 0);
        DL_DELETE(bus->watched, watched);
        free(watched);
    }
    if (*socket != NULL)
        zmq_close(*socket);
    *socket = NULL;
}

void bus_kick(struct bus *bus)
{
    if (bus->is_kicked)
        return;
    bus->is_kicked = true;
    must(eventfd_write(bus->kick_fd, 1) == 0);
}

void bus_check_after_send(struct bus *bus, void *socket)
{
    int events = 0;
    size_t len = sizeof(events);

    if (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN)) {
        find_watched(bus, socket)->is_due = true;
        bus_kick(bus);
    }
}

static enum err check_encryption(struct bus *bus, const char *secret, struct error *error)
{
    bool uses_tcp =
        strncmp(bus->listen, "tcp://", 6) == 0 || strstr(bus->peers_text, "tcp://") != NULL;

    if (!uses_tcp || bus->allows_plaintext)
        return ERR_NONE;
    if (secret == NULL || secret[0] == '\0')
        return error_set(
            error, ERR_CONFIG,
            "the bus uses tcp but bus.secret is empty: set the same secret on all machines, or "
            "bus.plaintext to go without encryption");
    return curve_make_keys(bus, secret, error);
}

static uint64_t read_clock_name(void)
{
    char boot[CLOCK_BOOT_TEXT];

    return clock_boot(boot) ? bytes_hash(bytes_of(boot, sizeof(boot)), 0) : 0;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

struct bus *bus_new(const struct bus_config *config, struct error *error)
{
    struct bus *bus = xcalloc(1, sizeof(*bus));
    struct epoll_event event = {.events = EPOLLIN};

    snprintf(bus->self, sizeof(bus->self), "%s", config->self);
    bus->generation = config->generation;
    bus->run_dir = xstrdup(or_empty(config->run_dir));
    bus->listen = xstrdup(or_empty(config->listen));
    bus->peers_text = xstrdup(or_empty(config->peers));
    bus->allows_plaintext = config->allows_plaintext;
    bus->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bus->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(bus->epoll_fd >= 0 && bus->kick_fd >= 0);
    must(epoll_ctl(bus->epoll_fd, EPOLL_CTL_ADD, bus->kick_fd, &event) == 0);
    /* Random start: ids of different processes and lives do not meet in a log. */
    must(getrandom(&bus->next_call, sizeof(bus->next_call), 0) == sizeof(bus->next_call));
    bus->clock = read_clock_name();
    if (check_encryption(bus, config->secret, error) != ERR_NONE)
        bus_free(&bus);
    return bus;
}

void bus_free(struct bus **bus_p)
{
    struct bus *bus = *bus_p;
    struct served *served;

    if (bus == NULL)
        return;
    call_cancel_all(bus);
    serve_drop_all(bus);
    while (bus->remotes != NULL) {
        struct bus_remote *remote = bus->remotes;

        bus->remotes = remote->next;
        remote_free(remote);
    }
    while ((served = bus->served) != NULL) {
        bus->served = served->next;
        free(served);
    }
    void **sockets[] = {&bus->router, &bus->pub, &bus->trace_pull, &bus->trace_push, &bus->zap};
    for (size_t i = 0; i < COUNT_OF(sockets); i++)
        bus_socket_close(bus, sockets[i]);
    close(bus->epoll_fd);
    close(bus->kick_fd);
    free(bus->run_dir);
    free(bus->listen);
    free(bus->peers_text);
    free(bus);
    *bus_p = NULL;
}

void bus_retire(struct bus *bus, const char *name)
{
    void **sockets[] = {&bus->router, &bus->pub, &bus->trace_pull};

    serve_give_up_all(bus);
    for (size_t i = 0; i < COUNT_OF(sockets); i++)
        bus_socket_close(bus, sockets[i]);
    snprintf(bus->self, sizeof(bus->self), "%s", name);
    bus->retired_ms = clock_ms();
}

/* ZeroMQ's own thread unbinds. The file of a socket in a folder stays where it is, for the
 * successor to replace. */
bool bus_is_retired(const struct bus *bus)
{
    return strncmp(bus->events_endpoint, "ipc://", 6) == 0 ||
           clock_ms() - bus->retired_ms >= BUS_UNBIND_MS;
}

int bus_fd(const struct bus *bus)
{
    return bus->epoll_fd;
}

/* Marks what has something to say. */
static void collect_due(struct bus *bus)
{
    enum { AT_ONCE = 16 };
    struct epoll_event events[AT_ONCE];
    int count = epoll_wait(bus->epoll_fd, events, AT_ONCE, 0);
    eventfd_t ignored;

    for (int i = 0; i < count; i++) {
        struct watched *watched = events[i].data.ptr;

        if (watched != NULL)
            watched->is_due = true;
        else
            eventfd_read(bus->kick_fd, &ignored);
    }
    if (count == AT_ONCE)
        bus_kick(bus); /* there may be more */
}

bool bus_dispatch(struct bus *bus)
{
    unsigned budget = BUS_ROUND_MAX;
    struct watched *watched;

    bus->is_kicked = false;
    collect_due(bus);
    call_finish_failed(bus);
    DL_FOREACH(bus->watched, watched)
    {
        if (!watched->is_due)
            continue;
        unsigned used = budget > 0 ? watched->receive(watched->owner, budget) : 0;

        watched->is_due = used == budget;
        budget -= used;
    }
    /* Out of budget: something was left. The edge is spent, so we must come back by ourselves. */
    if (budget == 0)
        bus_kick(bus);
    return bus->is_kicked;
}

void bus_tick(struct bus *bus)
{
    uint64_t now_ms = clock_ms();

    call_expire(bus, now_ms);
    cancel_expired(bus, now_ms);
    for (struct bus_remote *remote = bus->remotes; remote != NULL; remote = remote->next)
        remote_tick(remote, now_ms);
}

bool bus_send_message(void *socket, const ProtobufCMessage *message, int flags)
{
    zmq_msg_t frame;

    must(zmq_msg_init_size(&frame, protobuf_c_message_get_packed_size(message)) == 0);
    protobuf_c_message_pack(message, zmq_msg_data(&frame));
    if (zmq_msg_send(&frame, socket, flags | ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&frame);
        return false;
    }
    return true;
}

bool bus_send_bytes(void *socket, struct bytes payload)
{
    return zmq_send(socket, payload.data, payload.len, ZMQ_DONTWAIT) >= 0;
}

bool bus_receive(void *socket, zmq_msg_t *frame)
{
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(frame);
    return false;
}

bool bus_frame_has_more(const zmq_msg_t *frame)
{
    return zmq_msg_more(frame) != 0;
}

/* Leaves `frame` closed. */
void bus_drop_rest(void *socket, zmq_msg_t *frame)
{
    bool has_more = bus_frame_has_more(frame);

    zmq_msg_close(frame);
    while (has_more && bus_receive(socket, frame)) {
        has_more = bus_frame_has_more(frame);
        zmq_msg_close(frame);
    }
}

struct bytes bus_frame_bytes(zmq_msg_t *frame)
{
    return bytes_of(zmq_msg_data(frame), zmq_msg_size(frame));
}

Envelope *bus_read_envelope(zmq_msg_t *frame)
{
    struct bytes data = bus_frame_bytes(frame);

    if (data.len > 4096) /* ours have some hundred bytes */
        return NULL;
    return sharestream__bus__envelope__unpack(NULL, data.len, data.data);
}

Envelope bus_request_envelope(const struct bus *bus, uint64_t call, uint32_t deadline_ms,
                              uint64_t sent_ms)
{
    Envelope envelope = SHARESTREAM__BUS__ENVELOPE__INIT;

    envelope.call = call;
    envelope.deadline_ms = deadline_ms;
    envelope.clock = bus->clock;
    envelope.sent_ms = sent_ms;
    envelope.generation = bus->generation;
    envelope.from = (char *)(uintptr_t)bus->self;
    return envelope;
}

const char *bus_method_name(const char *full)
{
    const char *slash = strrchr(full, '/');

    return slash != NULL ? slash + 1 : full;
}
