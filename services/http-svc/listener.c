/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "svc/sockets.h"
#include "tls.h"

enum { ACCEPTS_PER_ROUND = 16, BACKLOG = 1024, KEEPALIVE_S = 30, UNSENT_BYTES = 1 << 20 };

/* ---- binding, on the main thread */

static enum err resolve(const struct endpoint *endpoint, const char *setting, struct addrinfo **out,
                        struct error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char port[8];
    int rc;

    snprintf(port, sizeof(port), "%u", endpoint->port);
    rc = getaddrinfo(endpoint->host[0] != '\0' ? endpoint->host : NULL, port, &hints, out);
    if (rc != 0)
        return error_set(error, ERR_CONFIG, "%s: '%s' is no address of this machine: %s", setting,
                         endpoint->host, gai_strerror(rc));
    return ERR_NONE;
}

static int bind_one(const struct sockaddr *address, socklen_t len, bool shares)
{
    static const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shares)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static enum err bind_error(const struct endpoint *endpoint, const char *setting,
                           struct error *error)
{
    switch (errno) {
    case EADDRINUSE:
        return error_set(error, ERR_BUSY, "port %u is taken by another program; stop it or set %s",
                         endpoint->port, setting);
    case EACCES:
    case EADDRNOTAVAIL:
        return error_set_errno(error, ERR_CONFIG, "%s: cannot use %s:%u", setting, endpoint->host,
                               endpoint->port);
    default:
        return error_set_errno(error, ERR_IO, "cannot listen on %s:%u", endpoint->host,
                               endpoint->port);
    }
}

/* IPv4 and IPv6 have the port at the same place. */
_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "one struct does for both");

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr_storage storage;
        struct sockaddr any;
        struct sockaddr_in in;
    } address = {.in = {.sin_port = 0}};
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.in.sin_port);
}

/* Is it what the setting says? Port 0 is any. */
static bool is_at(int fd, const struct addrinfo *wanted)
{
    union {
        struct sockaddr_storage storage;
        struct sockaddr any;
    } address = {.storage = {0}};
    struct sockaddr_storage expected = {0};
    struct sockaddr_in *port = (struct sockaddr_in *)&expected;
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) != 0 || len != wanted->ai_addrlen)
        return false;
    memcpy(&expected, wanted->ai_addr, len);
    if (port->sin_port == 0)
        port->sin_port = ((struct sockaddr_in *)&address)->sin_port;
    return memcmp(&address, &expected, len) == 0;
}

/* Each loop has one of its own; all that there are must be listened to, for clients wait in each.
 */
static void share_out(struct listener_sockets *sockets, size_t wanted)
{
    for (size_t given = sockets->count; sockets->count < wanted; sockets->count++) {
        int fd = fcntl(sockets->fds[sockets->count % given], F_DUPFD_CLOEXEC, 3);

        if (fd < 0)
            return;
        sockets->fds[sockets->count] = fd;
    }
}

static bool take_handed(struct svc *svc, const struct addrinfo *wanted, const char *setting,
                        struct listener_sockets *out)
{
    size_t count = sockets_take(svc, setting, out->fds, COUNT_OF(out->fds));

    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_at(out->fds[i], wanted)) {
            out->fds[out->count++] = out->fds[i];
            continue;
        }
        log_info("a socket that was handed over has another address", "setting=%s", setting);
        close(out->fds[i]);
    }
    if (out->count == 0 && count > 0)
        sockets_drop(svc, setting);
    return out->count > 0;
}

static enum err bind_new(const struct endpoint *endpoint, const char *setting,
                         const struct addrinfo *found, size_t count, struct listener_sockets *out,
                         struct error *error)
{
    struct sockaddr_storage address = {0};
    socklen_t len = found->ai_addrlen;
    int probe;

    memcpy(&address, found->ai_addr, len);
    /* Sockets that share a port would also share it with another http-svc, without a word: first
     * try to have it alone. */
    probe = bind_one((struct sockaddr *)&address, len, false);
    if (probe < 0)
        return bind_error(endpoint, setting, error);
    ((struct sockaddr_in *)&address)->sin_port = htons(port_of(probe));
    close(probe);
    for (out->count = 0; out->count < count; out->count++) {
        out->fds[out->count] = bind_one((struct sockaddr *)&address, len, true);
        if (out->fds[out->count] >= 0)
            continue;
        bind_error(endpoint, setting, error);
        while (out->count > 0)
            close(out->fds[--out->count]);
        return error->code;
    }
    return ERR_NONE;
}

enum err listener_open(struct svc *svc, const struct endpoint *endpoint, const char *setting,
                       size_t wanted, struct listener_sockets *out, struct error *error)
{
    struct addrinfo *found;
    enum err err = resolve(endpoint, setting, &found, error);

    if (err != ERR_NONE)
        return err;
    if (take_handed(svc, found, setting, out)) {
        share_out(out, wanted);
    } else {
        err = bind_new(endpoint, setting, found, wanted, out, error);
        if (err == ERR_NONE)
            sockets_keep(svc, setting, out->fds, out->count);
    }
    freeaddrinfo(found);
    if (err == ERR_NONE)
        out->port = port_of(out->fds[0]);
    return err;
}

/* ---- accepting, on the loop's thread */

static void on_client_closed(void *data)
{
    struct client *client = data;
    struct http *http = client->loop->http;

    limits_end(http, &client->counted);
    if (client->is_refused)
        client->loop->refused--;
    http->metrics.connections--;
    h2o_linklist_unlink(&client->link);
    tls_give_back(client->tls);
    free(client);
}

static void take_client(const struct listener *listener, int fd, const struct sockaddr *from)
{
    struct loop *loop = listener->loop;
    struct http *http = loop->http;
    struct client *client = xcalloc(1, sizeof(*client));

    client->loop = loop;
    client->door = listener->door;
    client->peer = ip_of(from);
    client->counted.address = address_of_ip(&client->peer);
    client->is_proxy = trusted_has(http->trusted, &client->peer);
    if (!client->is_proxy && !limits_begin(http, &client->counted)) {
        http->metrics.connections_refused_total++;
        if (loop->refused >= LOOP_REFUSED_MAX) {
            free(client);
            close(fd);
            return;
        }
        client->is_refused = true;
        loop->refused++;
    }
    http->metrics.connections_total++;
    http->metrics.connections++;
    client->sock =
        h2o_evloop_socket_create(loop->evloop, fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    client->sock->on_close.cb = on_client_closed;
    client->sock->on_close.data = client;
    h2o_linklist_insert(&loop->clients, &client->link);
    if (!listener->is_tls) {
        h2o_accept(&loop->accept, client->sock);
        return;
    }
    /* h2o looks at it now, and again when the first bytes come. */
    client->tls = tls_take(http->tls);
    loop->accept_tls.ssl_ctx = client->tls;
    h2o_accept(&loop->accept_tls, client->sock);
}

static bool has_room(const struct loop *loop)
{
    return loop->http->metrics.connections < loop->http->settings->max_clients;
}

static void on_connection(h2o_socket_t *sock, const char *err);

static void set_accepting(struct listener *listener, bool accepts)
{
    if (listener->is_accepting == accepts)
        return;
    listener->is_accepting = accepts;
    if (accepts) {
        h2o_socket_read_start(listener->sock, on_connection);
    } else {
        /* The listener stays readable: watching it on would be a busy loop. */
        h2o_socket_read_stop(listener->sock);
        listener->loop->http->metrics.accept_pauses_total++;
    }
}

static void on_connection(h2o_socket_t *sock, const char *err)
{
    struct listener *listener = sock->data;

    (void)err;
    for (unsigned i = 0; i < ACCEPTS_PER_ROUND; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd;

        if (!has_room(listener->loop)) {
            set_accepting(listener, false);
            return;
        }
        fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_client(listener, fd, (struct sockaddr *)&from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            set_accepting(listener, false);
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* Linux hands them on to what is accepted: once here, instead of seven calls for each client. */
static void set_options(const struct http *http, int fd)
{
    static const int on = 1, idle_s = KEEPALIVE_S, between_s = 10, probes = 3,
                     unsent = UNSENT_BYTES;
    const unsigned timeout_ms = (unsigned)http->settings->send_timeout;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof(between_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    /* A reader that stalls holds no more than this in the kernel. */
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

void listeners_start(struct loop *loop)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        struct listener *listener = &loop->listeners[i];

        set_options(loop->http, listener->fd);
        listener->sock =
            h2o_evloop_socket_create(loop->evloop, listener->fd, H2O_SOCKET_FLAG_DONT_READ);
        listener->sock->data = listener;
        set_accepting(listener, true);
    }
}

void listeners_stop(struct loop *loop)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        struct listener *listener = &loop->listeners[i];

        if (listener->sock == NULL)
            continue;
        h2o_socket_close(listener->sock);
        listener->sock = NULL;
        listener->is_accepting = false;
    }
}

void listeners_tick(struct loop *loop)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        struct listener *listener = &loop->listeners[i];

        if (listener->sock != NULL && !listener->is_accepting && has_room(loop))
            set_accepting(listener, true);
    }
}
