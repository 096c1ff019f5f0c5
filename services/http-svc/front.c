/* SPDX-License-Identifier: MIT */
#include "front.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop.h"

enum { LOOPS_MAX = LISTENER_SOCKETS_MAX, LOOPS_AUTO_MAX = 4 };

struct front {
    h2o_globalconf_t config;
    struct http *http;
    size_t count;
    uint16_t ports[FRONT_SOCKETS];
    struct loop *loops;
};

static size_t choose_threads(const struct http *http)
{
    cpu_set_t set;

    if (http->settings->threads != 0)
        return (size_t)http->settings->threads;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (size_t)MIN(MAX(CPU_COUNT(&set), 1), LOOPS_AUTO_MAX);
}

static void log_access(h2o_logger_t *logger, h2o_req_t *req)
{
    struct client *client = req->conn->callbacks->get_socket(req->conn)->on_close.data;
    struct access_log *log = client->loop->http->access_log;
    const struct ip *ip = client->current != NULL ? &client->current->ip : &client->peer;
    char address[IP_TEXT];
    ssize_t at;

    (void)logger;
    if (log == NULL)
        return;
    struct access_log_entry entry = {
        .address = ip_text(ip, address),
        .unix_ms = clock_unix_ms(),
        .method = bytes_of(req->input.method.base, req->input.method.len),
        .target = bytes_of(req->input.path.base, req->input.path.len),
        .version = (unsigned)req->version,
        .status = req->res.status,
        .sent_bytes = req->bytes_sent,
    };
    if ((at = h2o_find_header(&req->headers, H2O_TOKEN_REFERER, -1)) >= 0)
        entry.referer =
            bytes_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
    if ((at = h2o_find_header(&req->headers, H2O_TOKEN_USER_AGENT, -1)) >= 0)
        entry.agent =
            bytes_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
    int64_t took_ms =
        (int64_t)entry.unix_ms - ((int64_t)req->timestamps.request_begin_at.tv_sec * 1000 +
                                  req->timestamps.request_begin_at.tv_usec / 1000);
    entry.duration_ms = took_ms > 0 ? (uint64_t)took_ms : 0;
    access_log_write(log, &entry);
}

static void add_handler(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = exchange_begin;
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = log_access;
}

static void configure(struct front *front, const struct http_settings *settings)
{
    h2o_hostconf_t *host;

    h2o_config_init(&front->config);
    front->config.server_name = h2o_iovec_init(H2O_STRLIT(""));
    front->config.max_request_entity_size = (size_t)settings->max_body;
    front->config.http1.req_timeout = settings->request_timeout;
    /* Else the plain port speaks HTTP/2, whose Rapid Reset this version cannot bound. */
    front->config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&front->config, h2o_iovec_init(H2O_STRLIT("nobody")), 65535);
    add_handler(h2o_config_register_path(host, "/", 0));
    add_handler(&host->fallback_path); /* targets that do not begin with '/' */
}

static void free_loops(struct front *front)
{
    for (size_t i = 0; i < front->count; i++) {
        struct loop *loop = &front->loops[i];

        for (size_t j = 0; j < loop->listener_count && loop->evloop == NULL; j++)
            close(loop->listeners[j].fd);
        free(loop->listeners);
    }
    free(front->loops);
    if (front->config.hosts != NULL)
        h2o_config_dispose(&front->config);
    free(front);
}

/* By these settings. */
static const struct {
    const char *setting;
    size_t at; /* of its text; not of the first, which is an endpoint */
    enum route_door door;
} openings[FRONT_SOCKETS] = {
#define OPENING(name, door)                                                                        \
    {                                                                                              \
        "http." #name, offsetof(struct http_settings, name), door                                  \
    }
    [FRONT_MAIN] = OPENING(listen, DOOR_MAIN),
    [FRONT_TRACKER] = OPENING(tracker_listen, DOOR_TRACKER),
    [FRONT_SIGNAL] = OPENING(signal_listen, DOOR_SIGNAL),
    [FRONT_MONKEY] = OPENING(monkey_listen, DOOR_MONKEY),
    [FRONT_ENGINE] = OPENING(engine_listen, DOOR_ENGINE),
    [FRONT_TLS] = OPENING(tls_listen, DOOR_MAIN),
};

/* As the list http.tls_for has it. */
static const char *opening_name(enum front_socket socket)
{
    return openings[socket].setting + strlen("http.");
}

static const char *opening_text(const struct http_settings *settings, enum front_socket socket)
{
    return *(const char *const *)((const uint8_t *)settings + openings[socket].at);
}

bool front_is_wide(const struct http_settings *settings)
{
    struct endpoint endpoint = settings->listen;
    bool is_wide = !endpoint_is_loopback(&endpoint);

    for (enum front_socket i = FRONT_MAIN + 1; i < FRONT_SOCKETS; i++)
        is_wide = is_wide || (parse_endpoint(opening_text(settings, i), &endpoint) &&
                              !endpoint_is_loopback(&endpoint));
    return is_wide;
}

bool front_speaks_tls(const struct http_settings *settings, enum front_socket socket)
{
    const char *list = settings->tls_for;
    struct bytes item;

    while (settings_list_next(&list, &item))
        if (bytes_equal_text(item, opening_name(socket)))
            return true;
    return socket == FRONT_TLS;
}

enum err front_check_tls(const struct http_settings *settings, bool *needs_out, struct error *error)
{
    const char *list = settings->tls_for;
    struct bytes item;

    *needs_out = settings->tls_listen[0] != '\0';
    while (settings_list_next(&list, &item)) {
        bool is_known = false;

        for (enum front_socket i = FRONT_MAIN; i < FRONT_TLS; i++)
            is_known = is_known || bytes_equal_text(item, opening_name(i));
        if (!is_known)
            return error_set(error, ERR_CONFIG,
                             "http.tls_for: '%.*s' is none of listen, tracker_listen, "
                             "signal_listen, monkey_listen, engine_listen",
                             (int)item.len, (const char *)item.data);
        *needs_out = true;
    }
    if (*needs_out && (settings->tls_certificate[0] == '\0' || settings->tls_key[0] == '\0'))
        return error_set(error, ERR_CONFIG,
                         "TLS wants a certificate: set http.tls_certificate and http.tls_key");
    return ERR_NONE;
}

static void add_listener(struct loop *loop, enum front_socket socket, bool is_tls, int fd)
{
    loop->listeners =
        xrealloc(loop->listeners, (loop->listener_count + 1) * sizeof(*loop->listeners));
    loop->listeners[loop->listener_count++] =
        (struct listener){.loop = loop, .door = openings[socket].door, .is_tls = is_tls, .fd = fd};
}

static enum err open_socket(struct front *front, enum front_socket socket,
                            const struct endpoint *endpoint, struct error *error)
{
    bool is_tls = front_speaks_tls(front->http->settings, socket);
    struct listener_sockets sockets;
    enum err err = listener_open(front->http->svc, endpoint, openings[socket].setting, front->count,
                                 &sockets, error);

    if (err != ERR_NONE)
        return err;
    front->ports[socket] = sockets.port;
    for (size_t i = 0; i < sockets.count; i++)
        add_listener(&front->loops[i % front->count], socket, is_tls, sockets.fds[i]);
    return ERR_NONE;
}

/* A port that is taken there is no reason to do without all the rest. */
static enum err open_further(struct front *front, enum front_socket socket, struct error *error)
{
    const char *setting = openings[socket].setting;
    const char *text = opening_text(front->http->settings, socket);
    struct endpoint endpoint;
    enum err err;

    if (text[0] == '\0')
        return ERR_NONE;
    if (!parse_endpoint(text, &endpoint))
        return error_set(error, ERR_CONFIG, "%s should be an address such as 127.0.0.1:6969",
                         setting);
    err = open_socket(front, socket, &endpoint, error);
    if (err != ERR_BUSY)
        return err;
    log_warn("a port is taken", "setting=%s error=%s", setting, error->text);
    if (front->http->lacks[0] == '\0')
        snprintf(front->http->lacks, sizeof(front->http->lacks), "%s", error->text);
    *error = (struct error){0};
    return ERR_NONE;
}

static enum err open_sockets(struct front *front, struct error *error)
{
    enum err err = open_socket(front, FRONT_MAIN, &front->http->settings->listen, error);

    for (enum front_socket i = FRONT_MAIN + 1; i < FRONT_SOCKETS && err == ERR_NONE; i++)
        err = open_further(front, i, error);
    return err;
}

enum err front_start(struct http *http, struct front **out, struct error *error)
{
    struct front *front = xcalloc(1, sizeof(*front));
    enum err err;

    *out = NULL;
    front->http = http;
    front->count = choose_threads(http);
    front->loops = xcalloc(front->count, sizeof(*front->loops));
    err = open_sockets(front, error);
    if (err != ERR_NONE) {
        free_loops(front);
        return err;
    }
    configure(front, http->settings);
    /* All of them before the first thread: h2o's configuration is read-only from then on. */
    for (size_t i = 0; i < front->count && err == ERR_NONE; i++)
        err = loop_init(&front->loops[i], http, (unsigned)i, (unsigned)front->count, &front->config,
                        error);
    *out = front;
    return err;
}

enum err front_run(struct front *front, struct error *error)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < front->count && err == ERR_NONE; i++)
        err = loop_start(&front->loops[i], error);
    return err;
}

uint16_t front_port(const struct front *front, enum front_socket socket)
{
    return front->ports[socket];
}

void front_tell_ports(const struct front *front)
{
    for (enum front_socket i = FRONT_MAIN + 1; i < FRONT_SOCKETS; i++)
        if (front->ports[i] != 0)
            svc_ready_text(front->http->svc, " %.*sport=%u",
                           (int)(strlen(opening_name(i)) - strlen("listen")), opening_name(i),
                           front->ports[i]);
}

size_t front_threads(const struct front *front)
{
    return front->count;
}

void front_publish(struct front *front, struct feed_event *event)
{
    for (size_t i = 0; i < front->count; i++)
        loop_post(&front->loops[i], event);
}

void front_drain(struct front *front, bool retires)
{
    for (size_t i = 0; i < front->count; i++)
        loop_want(&front->loops[i], retires ? LOOP_RETIRE : LOOP_DRAIN);
}

bool front_has_left(struct front *front)
{
    for (size_t i = 0; i < front->count; i++)
        if (!atomic_load(&front->loops[i].has_left))
            return false;
    return true;
}

bool front_is_drained(struct front *front)
{
    unsigned busy = 0;

    for (size_t i = 0; i < front->count; i++)
        busy += atomic_load(&front->loops[i].busy);
    return busy == 0;
}

void front_stop(struct front **front_p)
{
    struct front *front = *front_p;

    if (front == NULL)
        return;
    for (size_t i = 0; i < front->count; i++)
        if (front->loops[i].is_running)
            loop_want(&front->loops[i], LOOP_STOP);
    for (size_t i = 0; i < front->count; i++)
        loop_join(&front->loops[i]);
    free_loops(front);
    *front_p = NULL;
}
