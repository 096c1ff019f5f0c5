/* SPDX-License-Identifier: MIT */
#include "sio_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/must.h"
#include "wire/websocket.h"

enum { ANSWER_MAX = 4096, PATIENCE_S = 10, MESSAGE_MAX = 16 << 20, READ_BYTES = 65536 };

/* Packets of Engine.IO that we know, by their first character. */
enum { ENGINE_OPEN = '0', ENGINE_PING = '2', ENGINE_MESSAGE = '4' };

struct sio_client {
    int fd;
    struct websocket_reader reader;
    struct text in, out;
    char *nsp;
    sio_client_fn *on_packet;
    void *arg;
    bool is_over;
};

static void send_frame(struct sio_client *client, enum websocket_opcode opcode,
                       struct bytes payload)
{
    uint8_t mask[WEBSOCKET_MASK];

    must(getrandom(mask, sizeof(mask), 0) == (ssize_t)sizeof(mask));
    websocket_add_masked(&client->out, opcode, payload, mask);
}

static void send_packet(struct sio_client *client, const struct socketio_packet *packet)
{
    struct text text = {0};

    text_add(&text, "4");
    socketio_write(&text, packet);
    send_frame(client, WEBSOCKET_TEXT, bytes_of(text.data, text.len));
    text_fini(&text);
}

static void take_text(struct sio_client *client, struct bytes text)
{
    struct socketio_packet packet;

    if (text.len == 0)
        return;
    if (text.data[0] == ENGINE_PING) {
        send_frame(client, WEBSOCKET_TEXT, bytes_of("3", 1));
    } else if (text.data[0] == ENGINE_OPEN) {
        send_packet(client, &(struct socketio_packet){.type = SOCKETIO_CONNECT,
                                                      .nsp = bytes_of_text(client->nsp)});
    } else if (text.data[0] == ENGINE_MESSAGE) {
        if (socketio_parse(bytes_of(text.data + 1, text.len - 1), 0, &packet) &&
            packet.type != SOCKETIO_DISCONNECT)
            client->on_packet(client->arg, &packet);
        else
            client->is_over = true;
    }
}

static void take_message(struct sio_client *client, const struct websocket_message *message)
{
    if (message->opcode == WEBSOCKET_TEXT)
        take_text(client, message->payload);
    else if (message->opcode == WEBSOCKET_PING)
        send_frame(client, WEBSOCKET_PONG, message->payload);
    else if (message->opcode == WEBSOCKET_CLOSE)
        client->is_over = true;
}

/* ---- opening */

static int connect_to(const struct endpoint *server, struct error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int yes = 1;
    struct addrinfo *found;
    char port[8];
    int fd;

    snprintf(port, sizeof(port), "%u", server->port);
    if (getaddrinfo(server->host, port, &hints, &found) != 0) {
        error_set(error, ERR_NOT_FOUND, "there is no server %s", server->host);
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    }
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        error_set_errno(error, ERR_UNAVAILABLE, "cannot connect to %s:%s", server->host, port);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* Byte by byte, so that nothing of the WebSocket is read. What it answers is believed: it is no
 * browser's business to be protected here. */
static bool shake_hands(int fd, const struct endpoint *server, struct error *error)
{
    char *request = xasprintf("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                              "Host: %s:%u\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                              server->host, server->port);
    bool is_sent = send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request);
    char answer[ANSWER_MAX] = "";
    size_t len = 0;

    free(request);
    while (is_sent && len + 1 < sizeof(answer) && strstr(answer, "\r\n\r\n") == NULL &&
           recv(fd, answer + len, 1, 0) == 1)
        answer[++len] = '\0';
    if (strncmp(answer, "HTTP/1.1 101 ", 13) == 0)
        return true;
    answer[strcspn(answer, "\r\n")] = '\0';
    error_set(error, ERR_UNAVAILABLE, "the server opens no WebSocket: %.80s",
              answer[0] != '\0' ? answer : "no answer");
    return false;
}

struct sio_client *sio_client_open(const struct endpoint *server, const char *nsp,
                                   sio_client_fn *on_packet, void *arg, struct error *error)
{
    struct sio_client *client;
    int fd = connect_to(server, error);

    if (fd < 0)
        return NULL;
    if (!shake_hands(fd, server, error)) {
        close(fd);
        return NULL;
    }
    must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    client = xcalloc(1, sizeof(*client));
    *client = (struct sio_client){.fd = fd,
                                  .reader = {.max_message = MESSAGE_MAX, .is_client = true},
                                  .nsp = xstrdup(nsp),
                                  .on_packet = on_packet,
                                  .arg = arg};
    return client;
}

void sio_client_free(struct sio_client **client_p)
{
    struct sio_client *client = *client_p;

    if (client == NULL)
        return;
    websocket_reader_fini(&client->reader);
    text_fini(&client->in);
    text_fini(&client->out);
    close(client->fd);
    free(client->nsp);
    free(client);
    *client_p = NULL;
}

/* ---- talking */

int sio_client_fd(const struct sio_client *client)
{
    return client->fd;
}

bool sio_client_wants_write(const struct sio_client *client)
{
    return client->out.len > 0;
}

/* Takes so many bytes from the front. */
static void drop(struct text *text, size_t len)
{
    memmove(text->data, text->data + len, text->len - len);
    text->len -= len;
}

static void read_more(struct sio_client *client)
{
    enum websocket_read read = WEBSOCKET_READ;
    struct websocket_message message;
    char bytes[READ_BYTES];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        client->is_over = true;
    if (got <= 0)
        return;
    text_add_bytes(&client->in, bytes_of(bytes, (size_t)got));
    while (read == WEBSOCKET_READ && client->in.len > 0) {
        read =
            websocket_read(&client->reader, (uint8_t *)client->in.data, client->in.len, &message);
        if (read == WEBSOCKET_READ)
            take_message(client, &message);
        drop(&client->in, message.used);
    }
    if (read == WEBSOCKET_FAULT)
        client->is_over = true;
}

static void write_more(struct sio_client *client)
{
    ssize_t sent = send(client->fd, client->out.data, client->out.len, MSG_NOSIGNAL);

    if (sent > 0)
        drop(&client->out, (size_t)sent);
    else if (errno != EAGAIN && errno != EINTR)
        client->is_over = true;
}

bool sio_client_work(struct sio_client *client)
{
    read_more(client);
    if (client->out.len > 0 && !client->is_over)
        write_more(client);
    return !client->is_over;
}

void sio_client_emit(struct sio_client *client, const char *event, const char *args,
                     uint64_t ack_id)
{
    struct text data = {0};

    text_addf(&data, "[\"%s\",%s]", event, args);
    send_packet(client, &(struct socketio_packet){.type = SOCKETIO_EVENT,
                                                  .nsp = bytes_of_text(client->nsp),
                                                  .has_id = ack_id != 0,
                                                  .id = ack_id,
                                                  .data = bytes_of(data.data, data.len)});
    text_fini(&data);
}
