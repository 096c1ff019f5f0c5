/* SPDX-License-Identifier: MIT */
#include "bridge.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"

struct bridges {
    int epoll_fd;
    struct bridge *ended; /* freed while events of the same round may still name them */
};

struct bridge {
    struct bridges *bridges;
    struct channel *channel;
    const struct bridge_events *events;
    void *arg;
    int fd; /* -1: freed */
    uint32_t watched;
    bool is_connected, is_over;
    size_t said; /* bytes of TCP that the browser was told already */
    /* From TCP, waiting for the channel. */
    uint8_t *held;
    size_t held_len;
    /* From the channel, waiting for TCP. */
    struct text queue;
    size_t queue_at;
    struct bridge *next;
};

struct bridges *bridges_new(void)
{
    struct bridges *bridges = xcalloc(1, sizeof(*bridges));

    bridges->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(bridges->epoll_fd >= 0);
    return bridges;
}

int bridges_fd(const struct bridges *bridges)
{
    return bridges->epoll_fd;
}

static void free_ended(struct bridges *bridges)
{
    struct bridge *bridge, *next;

    LL_FOREACH_SAFE(bridges->ended, bridge, next)
    free(bridge);
    bridges->ended = NULL;
}

void bridges_free(struct bridges **bridges)
{
    if (*bridges == NULL)
        return;
    free_ended(*bridges);
    close((*bridges)->epoll_fd);
    free(*bridges);
    *bridges = NULL;
}

/* What is wanted of the socket, by what is there to be written and where there is room. */
static void watch(struct bridge *bridge)
{
    uint32_t wanted = (bridge->held_len == 0 ? EPOLLIN : 0) |
                      (!bridge->is_connected || bridge->queue.len > 0 ? EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.ptr = bridge};

    if (wanted == bridge->watched || bridge->is_over)
        return;
    bridge->watched = wanted;
    must(epoll_ctl(bridge->bridges->epoll_fd, EPOLL_CTL_MOD, bridge->fd, &event) == 0);
}

struct bridge *bridge_new(struct bridges *bridges, struct channel *channel,
                          const struct sockaddr *to, socklen_t to_len, uint32_t source,
                          const struct bridge_events *events, void *arg, struct error *error)
{
    const int on = 1, give_up_ms = BRIDGE_CONNECT_MS;
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
    struct bridge *bridge;
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        error_set_errno(error, ERR_BUSY, "no socket");
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof(give_up_ms));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if ((source != 0 && bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0) ||
        (connect(fd, to, to_len) != 0 && errno != EINPROGRESS)) {
        error_set_errno(error, ERR_UNAVAILABLE, "torrent-svc cannot be reached");
        close(fd);
        return NULL;
    }
    bridge = xcalloc(1, sizeof(*bridge));
    *bridge = (struct bridge){.bridges = bridges,
                              .channel = channel,
                              .events = events,
                              .arg = arg,
                              .fd = fd,
                              .watched = event.events};
    event.data.ptr = bridge;
    must(epoll_ctl(bridges->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
    return bridge;
}

void bridge_free(struct bridge **bridge_in)
{
    struct bridge *bridge = *bridge_in;

    if (bridge == NULL)
        return;
    close(bridge->fd);
    bridge->fd = -1;
    free(bridge->held);
    text_fini(&bridge->queue);
    LL_PREPEND(bridge->bridges->ended, bridge);
    *bridge_in = NULL;
}

/* ---- to the browser */

/* False: the end. */
static bool read_tcp(struct bridge *bridge)
{
    static uint8_t data[BRIDGE_READ];

    while (bridge->held_len == 0) {
        ssize_t len =
            recv(bridge->fd, data, MIN(sizeof(data), channel_message_max(bridge->channel)), 0);

        if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (len < 0)
            return true;
        size_t said = MIN((size_t)len, bridge->said);
        struct bytes rest = bytes_of(data + said, (size_t)len - said);

        bridge->said -= said;
        if (rest.len == 0 || channel_send(bridge->channel, rest, false))
            continue;
        bridge->held = xcalloc(1, rest.len);
        memcpy(bridge->held, rest.data, rest.len);
        bridge->held_len = rest.len;
    }
    return true;
}

void bridge_say_first(struct bridge *bridge, struct bytes words)
{
    if (channel_send(bridge->channel, words, false))
        bridge->said = words.len;
}

void bridge_writable(struct bridge *bridge)
{
    if (bridge->held_len > 0 &&
        channel_send(bridge->channel, bytes_of(bridge->held, bridge->held_len), false)) {
        free(bridge->held);
        bridge->held = NULL;
        bridge->held_len = 0;
        watch(bridge);
    }
}

/* ---- to torrent-svc */

/* As much as it takes; false: it is gone. */
static bool write_tcp(struct bridge *bridge, struct bytes data, size_t *sent_out)
{
    ssize_t len = send(bridge->fd, data.data, data.len, MSG_NOSIGNAL);

    *sent_out = len < 0 ? 0 : (size_t)len;
    return len >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool write_queue(struct bridge *bridge)
{
    size_t sent = 0;

    if (!write_tcp(
            bridge,
            bytes_of(bridge->queue.data + bridge->queue_at, bridge->queue.len - bridge->queue_at),
            &sent))
        return false;
    bridge->queue_at += sent;
    if (bridge->queue_at == bridge->queue.len) {
        text_fini(&bridge->queue);
        bridge->queue_at = 0;
        peer_pause(channel_peer(bridge->channel), false);
    }
    return true;
}

void bridge_received(struct bridge *bridge, struct bytes part)
{
    size_t sent = 0;

    /* An error shows again when the socket is read. */
    if (bridge->is_connected && bridge->queue.len == 0)
        write_tcp(bridge, part, &sent);
    if (sent == part.len)
        return;
    text_add_bytes(&bridge->queue, bytes_of(part.data + sent, part.len - sent));
    /* Of all that is kept, also what was written since: it goes when the queue is empty. */
    if (bridge->queue.len >= BRIDGE_QUEUE)
        peer_pause(channel_peer(bridge->channel), true);
    watch(bridge);
}

/* ---- the loop */

static void note_connected(struct bridge *bridge)
{
    const int never = 0;

    if (bridge->is_connected)
        return;
    bridge->is_connected = true;
    /* It would also end who does not read for so long, such as torrent-svc within its limits. */
    setsockopt(bridge->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &never, sizeof(never));
}

static bool work(struct bridge *bridge, uint32_t events)
{
    if (events & EPOLLOUT) {
        if (!(events & (EPOLLERR | EPOLLHUP)))
            note_connected(bridge);
        if (bridge->is_connected && bridge->queue.len > 0 && !write_queue(bridge))
            return false;
    }
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return true;
    /* The end, too, waits until what came before it has gone on. */
    return bridge->held_len > 0 ? !(events & (EPOLLERR | EPOLLHUP)) : read_tcp(bridge);
}

void bridges_dispatch(struct bridges *bridges)
{
    struct epoll_event events[64];
    int count = epoll_wait(bridges->epoll_fd, events, COUNT_OF(events), 0);

    for (int i = 0; i < count; i++) {
        struct bridge *bridge = events[i].data.ptr;

        if (bridge->fd < 0)
            continue;
        if (work(bridge, events[i].events)) {
            watch(bridge);
        } else {
            bool was_connected = bridge->is_connected;

            bridge->is_over = true;
            epoll_ctl(bridges->epoll_fd, EPOLL_CTL_DEL, bridge->fd, NULL);
            bridge->events->on_closed(bridge->arg, was_connected ? "torrent-svc closed it"
                                                                 : "torrent-svc does not answer");
        }
    }
    free_ended(bridges);
}
