/* SPDX-License-Identifier: MIT
 *
 * load_ws: the WebSockets of the load generators: thousands of them in one thread, small frames,
 * and as little work as can be. Frames are masked with zeros, which costs the server the same and
 * us nothing. What goes wrong ends the run.
 */
#ifndef BENCH_LOAD_WS_H
#define BENCH_LOAD_WS_H

#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

enum {
    LOAD_WS_IN_MAX = 1 << 18,
    LOAD_WS_HEAD = 14, /* what a frame may have before its payload */
    LOAD_WS_CONTROL_MAX = 125,
    LOAD_WS_TEXT = 1,
    LOAD_WS_CLOSE = 8,
    LOAD_WS_PING = 9,
    LOAD_WS_PONG = 10,
};

struct load_ws {
    int fd;
    bool is_open; /* the server has agreed */
    uint32_t len;
    char *in; /* a frame that is not all here */
};

static inline void load_ws_fail(const char *what, const char *data, size_t len)
{
    fprintf(stderr, "%s: %.*s\n", what, (int)(len < 300 ? len : 300), data);
    exit(1);
}

static inline void load_ws_send_all(const struct load_ws *ws, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(ws->fd, data, len, MSG_NOSIGNAL);

        if (sent <= 0)
            load_die("cannot send");
        data += sent;
        len -= (size_t)sent;
    }
}

/* The payload is at frame + LOAD_WS_HEAD. */
static inline void load_ws_send(const struct load_ws *ws, char *frame, unsigned opcode, size_t len)
{
    char *head = frame + LOAD_WS_HEAD - 4;
    unsigned more = len < 126 ? 0 : len < 65536 ? 2 : 8;

    memset(head, 0, 4); /* mask */
    head -= 2 + more;
    head[0] = (char)(0x80 | opcode);
    head[1] = (char)(0x80 | (more == 0 ? len : more == 2 ? 126 : 127));
    for (unsigned i = 0; i < more; i++)
        head[2 + i] = (char)((uint64_t)len >> 8 * (more - 1 - i));
    load_ws_send_all(ws, head, (size_t)(frame + LOAD_WS_HEAD - head) + len);
}

/* Connects and asks for the WebSocket. From then on `loop` tells of `data` when there is something
 * for load_ws_read(). */
static inline void load_ws_connect(struct load_ws *ws, struct sockaddr_in from, unsigned port,
                                   const char *path, int loop, void *data)
{
    struct sockaddr_in to = load_server(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    char head[512];
    int on = 1;

    *ws = (struct load_ws){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(ws->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (ws->fd < 0 || bind(ws->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(ws->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("cannot connect");
    setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    load_ws_send_all(ws, head,
                     (size_t)snprintf(head, sizeof(head),
                                      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                                      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                      "Sec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                                      path, port));
    if (epoll_ctl(loop, EPOLL_CTL_ADD, ws->fd, &event) != 0)
        load_die("epoll_ctl");
}

/* Length of the frame at `in` with its head; 0: not all here. */
static inline size_t load_ws_frame(const char *in, size_t len, size_t *head)
{
    const uint8_t *at = (const uint8_t *)in;
    size_t payload;

    *head = 2;
    if (len < 2)
        return 0;
    payload = at[1] & 0x7f;
    if (payload == 126)
        *head = 4;
    else if (payload == 127)
        *head = 10;
    if (len < *head)
        return 0;
    if (payload >= 126) {
        payload = 0;
        for (size_t i = 2; i < *head; i++)
            payload = payload << 8 | at[i];
    }
    if (payload > LOAD_WS_IN_MAX - 16)
        load_ws_fail("a frame too large", "", 0);
    return len < *head + payload ? 0 : *head + payload;
}

/* Bytes of the answer to the upgrade. */
static inline size_t load_ws_answer(struct load_ws *ws, const char *in, size_t len)
{
    static const char good[] = "HTTP/1.1 101";
    const char *end = memmem(in, len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    if (memcmp(in, good, sizeof(good) - 1) != 0)
        load_ws_fail("not upgraded", in, len);
    ws->is_open = true;
    return (size_t)(end - in) + 4;
}

typedef void load_ws_text_fn(void *data, const char *text, size_t len);

/* What is no text: a ping is answered. */
static inline void load_ws_control(const struct load_ws *ws, unsigned opcode, const char *payload,
                                   size_t len)
{
    char frame[LOAD_WS_HEAD + LOAD_WS_CONTROL_MAX], what[32];

    if (opcode == LOAD_WS_CLOSE && len >= 2) {
        snprintf(what, sizeof(what), "closed with %u",
                 (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1]);
        load_ws_fail(what, payload + 2, len - 2);
    }
    if (opcode != LOAD_WS_PING || len > LOAD_WS_CONTROL_MAX)
        load_ws_fail("not a frame that we know", payload, len);
    memcpy(frame + LOAD_WS_HEAD, payload, len);
    load_ws_send(ws, frame, LOAD_WS_PONG, len);
}

/* Reads once, and tells of all texts that are whole. */
static inline void load_ws_read(struct load_ws *ws, load_ws_text_fn *on_text, void *data)
{
    static char scratch[LOAD_WS_IN_MAX];
    size_t at = 0, head, len, have = ws->len;
    ssize_t got;

    if (have > 0)
        memcpy(scratch, ws->in, have);
    got = recv(ws->fd, scratch + have, sizeof(scratch) - have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        load_ws_fail("broken off", "", 0);
    have += (size_t)got;
    if (!ws->is_open)
        at = load_ws_answer(ws, scratch, have);
    while (ws->is_open && (len = load_ws_frame(scratch + at, have - at, &head)) > 0) {
        unsigned opcode = scratch[at] & 15;

        if (opcode == LOAD_WS_TEXT)
            on_text(data, scratch + at + head, len - head);
        else
            load_ws_control(ws, opcode, scratch + at + head, len - head);
        at += len;
    }
    ws->len = (uint32_t)(have - at);
    if (ws->len == 0) {
        free(ws->in);
        ws->in = NULL;
        return;
    }
    ws->in = realloc(ws->in, ws->len);
    memcpy(ws->in, scratch + at, ws->len);
}

#endif
