/* SPDX-License-Identifier: MIT
 *
 * engine: the life of sharestream-engine: sharestreamd as its child, the app at its standard input.
 * It ends when the app says so, when the app is gone, and when its services are.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "engine.h"
#include "svc/contract.h"
#include "svc/supervise.h"

enum { TICK_MS = 200, READY_MS = 20000, CALL_MS = 5000 };

/* ---- the app */

static void on_line(struct engine *engine, struct bytes line)
{
    struct engine_command command;
    struct error error;

    line = bytes_trim(line);
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return;
    if (engine_command_read(line, &command, &error) == ERR_NONE)
        want_command(engine, &command);
    else
        say_error(error.text);
}

static void on_too_long(struct engine *engine)
{
    if (!engine->is_skipping)
        say_error("invalid command: the line is longer than 64 KiB");
    engine->is_skipping = true;
    engine->input_len = 0;
}

static void take_lines(struct engine *engine)
{
    char *from = engine->input, *end = from + engine->input_len, *newline;

    while ((newline = memchr(from, '\n', (size_t)(end - from))) != NULL) {
        if (!engine->is_skipping)
            on_line(engine, bytes_of(from, (size_t)(newline - from)));
        engine->is_skipping = false;
        from = newline + 1;
    }
    engine->input_len = (size_t)(end - from);
    memmove(engine->input, from, engine->input_len);
    if (engine->input_len == ENGINE_LINE_MAX)
        on_too_long(engine);
}

static void on_input(void *arg)
{
    struct engine *engine = arg;
    ssize_t len =
        read(STDIN_FILENO, engine->input + engine->input_len, ENGINE_LINE_MAX - engine->input_len);

    if (len > 0) {
        engine->input_len += (size_t)len;
        take_lines(engine);
    } else if (len == 0 || (errno != EINTR && errno != EAGAIN)) {
        if (!engine->is_input_file)
            svc_unwatch_fd(engine->svc, STDIN_FILENO);
        log_info("the app is gone");
        svc_shutdown(engine->svc);
    }
}

/* A file is always readable, and so cannot be waited for. */
static bool can_be_watched(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool can = epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;

    if (epoll_fd >= 0)
        close(epoll_fd);
    return can;
}

/* ---- the services */

static _Noreturn void give_up(const char *sentence)
{
    say_error(sentence);
    log_error("cannot go on", "error=%s", sentence);
    exit(EXIT_FAILED); /* the services notice */
}

static void on_child(void *arg);

static void start_services(struct engine *engine)
{
    struct error error;

    engine->child = supervise_start(STDERR_FILENO, &error);
    if (engine->child < 0)
        give_up(error.text);
    engine->child_fd = pidfd_open(engine->child, 0);
    if (engine->child_fd < 0)
        give_up("this Linux has no pidfd_open()");
    svc_watch_fd(engine->svc, engine->child_fd, on_child, engine);
}

static void on_child(void *arg)
{
    struct engine *engine = arg;
    int status = 0;

    if (waitpid(engine->child, &status, WNOHANG) != engine->child)
        return;
    svc_unwatch_fd(engine->svc, engine->child_fd);
    close(engine->child_fd);
    engine->child_fd = -1;
    /* Those of an engine that was killed just now may still be on their way out: tried again. */
    bool is_too_early = engine->port == 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RETRY;

    if (!engine->is_ending && !is_too_early)
        give_up("the services have ended; why is on the standard error output");
}

/* ---- ready */

static void on_stats(const Sharestream__Http__StatsReply *reply, void *arg)
{
    struct engine *engine = arg;

    engine->is_asking = false;
    if (reply == NULL)
        return;
    if (reply->engine_port == 0)
        give_up("the HTTP port is taken by another program: stop that, or choose with -http-port");
    engine->port = (uint16_t)reply->engine_port;
    log_info("ready for the app", "took_ms=%lu", (unsigned long)(clock_ms() - engine->started_ms));
    say_ready(engine);
}

static void ask_for_port(struct engine *engine)
{
    Sharestream__Http__StatsRequest request = SHARESTREAM__HTTP__STATS_REQUEST__INIT;

    if (engine->port != 0 || engine->is_asking || !bus_is_up(engine->torrent) ||
        !bus_is_up(engine->http))
        return;
    engine->is_asking = true;
    sharestream__http__http__stats(bus_to(engine->http, CALL_MS, bytes_of(NULL, 0), NULL), &request,
                                   on_stats, engine);
}

static void on_up(void *arg, unsigned instance)
{
    (void)instance;
    ask_for_port(arg);
}

static void on_time(void *arg)
{
    struct engine *engine = arg;

    if (engine->is_ending)
        return;
    if (engine->is_input_file)
        on_input(engine);
    if (engine->child_fd < 0)
        start_services(engine);
    ask_for_port(engine);
    if (engine->port == 0 && clock_ms() - engine->started_ms > READY_MS)
        give_up("the services do not start; why is on the standard error output");
    want_tick(engine);
}

/* ---- the life */

enum err engine_start(void *state, struct svc *svc, struct error *error)
{
    struct engine *engine = state;
    const struct bus_watch watch = {.on_up = on_up, .arg = engine};

    (void)error;
    engine->svc = svc;
    engine->started_ms = clock_ms();
    engine->input = xcalloc(1, ENGINE_LINE_MAX);
    engine->torrent =
        bus_remote(svc_bus(svc), "torrent", &sharestream__torrent__torrent__descriptor);
    engine->http = bus_remote(svc_bus(svc), "http", &sharestream__http__http__descriptor);
    bus_watch(engine->torrent, &watch);
    bus_watch(engine->http, &watch);
    start_services(engine);
    engine->is_input_file = !can_be_watched(STDIN_FILENO);
    if (!engine->is_input_file)
        svc_watch_fd(svc, STDIN_FILENO, on_input, engine);
    svc_every(svc, TICK_MS, on_time, engine);
    return ERR_NONE;
}

void engine_drain(void *state)
{
    struct engine *engine = state;

    engine->is_ending = true;
    if (engine->child_fd >= 0)
        kill(engine->child, SIGTERM);
}

bool engine_is_drained(void *state)
{
    struct engine *engine = state;

    return engine->child_fd < 0;
}

void engine_stop(void *state)
{
    struct engine *engine = state;

    if (engine->has_quit)
        say("stopped");
    want_fini(engine);
    free(engine->input);
}
