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

enum { LOOPS_MAX = 64, LOOPS_AUTO_MAX = 4 };

struct front {
    h2o_globalconf_t config;
    struct http *http;
    size_t count;
    uint16_t ports[ROUTE_DOORS];
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
    for (size_t i = 0; i < front->count; i++)
        for (size_t door = 0; door < ROUTE_DOORS; door++)
            if (front->loops[i].listeners[door].fd >= 0 && front->loops[i].evloop == NULL)
                close(front->loops[i].listeners[door].fd);
    free(front->loops);
    if (front->config.hosts != NULL)
        h2o_config_dispose(&front->config);
    free(front);
}

static enum err open_door(struct front *front, enum route_door door,
                          const struct endpoint *endpoint, const char *setting, struct error *error)
{
    int fds[LOOPS_MAX];
    enum err err = listener_bind(endpoint, setting, front->count, fds, &front->ports[door], error);

    for (size_t i = 0; err == ERR_NONE && i < front->count; i++)
        front->loops[i].listeners[door].fd = fds[i];
    return err;
}

/* A port that is taken there is no reason to do without all the rest. */
static enum err open_further(struct front *front, enum route_door door, const char *text,
                             const char *setting, struct error *error)
{
    struct endpoint endpoint;
    enum err err;

    if (text[0] == '\0')
        return ERR_NONE;
    if (!parse_endpoint(text, &endpoint))
        return error_set(error, ERR_CONFIG, "%s should be an address such as 127.0.0.1:6969",
                         setting);
    err = open_door(front, door, &endpoint, setting, error);
    if (err != ERR_BUSY)
        return err;
    log_warn("a port is taken", "setting=%s error=%s", setting, error->text);
    if (front->http->lacks[0] == '\0')
        snprintf(front->http->lacks, sizeof(front->http->lacks), "%s", error->text);
    *error = (struct error){0};
    return ERR_NONE;
}

static enum err open_doors(struct front *front, const struct http_settings *settings,
                           struct error *error)
{
    enum err err = open_door(front, DOOR_MAIN, &settings->listen, "http.listen", error);

    if (err == ERR_NONE)
        err = open_further(front, DOOR_TRACKER, settings->tracker_listen, "http.tracker_listen",
                           error);
    if (err == ERR_NONE)
        err =
            open_further(front, DOOR_SIGNAL, settings->signal_listen, "http.signal_listen", error);
    if (err == ERR_NONE)
        err =
            open_further(front, DOOR_MONKEY, settings->monkey_listen, "http.monkey_listen", error);
    if (err == ERR_NONE)
        err =
            open_further(front, DOOR_ENGINE, settings->engine_listen, "http.engine_listen", error);
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
    for (size_t i = 0; i < front->count; i++)
        for (size_t door = 0; door < ROUTE_DOORS; door++)
            front->loops[i].listeners[door] = (struct listener){
                .loop = &front->loops[i], .door = (enum route_door)door, .fd = -1};
    err = open_doors(front, http->settings, error);
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

uint16_t front_port(const struct front *front, enum route_door door)
{
    return front->ports[door];
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

void front_drain(struct front *front)
{
    for (size_t i = 0; i < front->count; i++)
        loop_want(&front->loops[i], LOOP_DRAIN);
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
