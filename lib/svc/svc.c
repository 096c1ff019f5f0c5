/* SPDX-License-Identifier: MIT */
#include "svc/svc.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "svc/contract.h"
#include "svc/svc_private.h"

enum { TICK_MS = 1000, GRACE_MARGIN_MS = 1000 };

const void *svc_settings(const struct svc *svc)
{
    return svc->config.own;
}

const struct common_settings *svc_common(const struct svc *svc)
{
    return &svc->config.common;
}

struct bus *svc_bus(const struct svc *svc)
{
    return svc->bus;
}

const struct bus_config *svc_bus_config(const struct svc *svc)
{
    return &svc->bus_config;
}

const char *svc_name(const struct svc *svc)
{
    return svc->name;
}

uint64_t svc_generation(const struct svc *svc)
{
    return svc->generation;
}

void svc_ready_text(struct svc *svc, const char *format, ...)
{
    size_t used = strlen(svc->ready_text);
    va_list args;

    va_start(args, format);
    vsnprintf(svc->ready_text + used, sizeof(svc->ready_text) - used, format, args);
    va_end(args);
}

void svc_note(struct svc *svc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(svc->note, sizeof(svc->note), format, args);
    va_end(args);
}

void svc_degraded(struct svc *svc, const char *why)
{
    const char *text = why != NULL ? why : "";

    if (strcmp(svc->degraded, text) == 0)
        return;
    if (why != NULL)
        log_warn("degraded", "why=%s", why);
    else
        log_info("well again", "was=%s", svc->degraded);
    snprintf(svc->degraded, sizeof(svc->degraded), "%s", text);
}

/* ---- watching
 * --------------------------------------------------------------------------------------------------------
 */

static int on_fd(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct watch *watch = arg;

    (void)loop;
    (void)item;
    watch->on_readable(watch->arg);
    return 0;
}

void svc_watch_fd(struct svc *svc, int fd, svc_fd_fn *on_readable, void *arg)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    zmq_pollitem_t item = {.fd = fd, .events = ZMQ_POLLIN};

    *watch = (struct watch){.fd = fd, .on_readable = on_readable, .arg = arg};
    LL_PREPEND(svc->watches, watch);
    must(zloop_poller(svc->loop, &item, on_fd, watch) == 0);
    zloop_poller_set_tolerant(svc->loop, &item); /* an error on the fd is its owner's business */
}

void svc_unwatch_fd(struct svc *svc, int fd)
{
    zmq_pollitem_t item = {.fd = fd};
    struct watch *watch;

    LL_SEARCH_SCALAR(svc->watches, watch, fd, fd);
    if (watch == NULL)
        return;
    zloop_poller_end(svc->loop, &item);
    LL_DELETE(svc->watches, watch);
    free(watch);
}

static int on_timer(zloop_t *loop, int id, void *arg)
{
    struct timer *timer = arg;

    (void)loop;
    (void)id;
    timer->on_time(timer->arg);
    return 0;
}

void svc_every(struct svc *svc, uint32_t every_ms, svc_timer_fn *on_time, void *arg)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));

    *timer = (struct timer){.on_time = on_time, .arg = arg};
    LL_PREPEND(svc->timers, timer);
    must(zloop_timer(svc->loop, every_ms, 0, on_timer, timer) >= 0);
}

/* ---- the end
 * ---------------------------------------------------------------------------------------------------------
 */

/* The supervisor kills after the row's grace; we end by ourselves before. */
static uint32_t grace_ms(const struct svc_def *def)
{
    static const struct {
        const char *name;
        uint32_t grace_ms;
    } rows[] = {
#define X(name, binary, class, order, grace, about) {#name, grace},
#include "svc/services.def"
#undef X
    };

    for (size_t i = 0; def->grace_ms == 0 && i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, def->name) == 0)
            return rows[i].grace_ms - GRACE_MARGIN_MS;
    return def->grace_ms;
}

static void begin_drain(struct svc *svc, const char *why)
{
    if (svc->is_draining)
        return;
    log_info("stopping", "why=%s", why);
    svc->is_draining = true;
    svc->drain_until_ms = clock_ms() + grace_ms(svc->def);
    svc_notify("STOPPING=1");
    if (svc->def->drain != NULL)
        svc->def->drain(svc->state);
}

void svc_shutdown(struct svc *svc)
{
    begin_drain(svc, "asked");
}

static bool is_over(struct svc *svc)
{
    return svc->is_draining && (svc->def->is_drained == NULL || svc->def->is_drained(svc->state) ||
                                clock_ms() >= svc->drain_until_ms);
}

static void on_signal(void *arg)
{
    struct svc *svc = arg;
    struct signalfd_siginfo info;

    while (read(svc->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGHUP)
            begin_drain(svc, info.ssi_signo == SIGINT ? "interrupt" : "SIGTERM");
        else if (svc->def->reload != NULL)
            svc->def->reload(svc->state);
    }
}

/* Only the supervisor holds the other end. */
static void on_lifeline(void *arg)
{
    struct svc *svc = arg;

    svc_unwatch_fd(svc, svc->lifeline_fd);
    begin_drain(svc, "the supervisor is gone");
}

/* ---- the loop
 * --------------------------------------------------------------------------------------------------------
 */

static void on_bus(void *arg)
{
    struct svc *svc = arg;

    bus_dispatch(svc->bus);
}

static void on_tick(void *arg)
{
    struct svc *svc = arg;

    if (svc->def->tick != NULL)
        svc->def->tick(svc->state, clock_ms());
}

/* Ends the loop, which is why it is a zloop timer of its own. */
static int on_bus_tick(zloop_t *loop, int id, void *arg)
{
    struct svc *svc = arg;

    (void)loop;
    (void)id;
    bus_tick(svc->bus);
    return is_over(svc) ? -1 : 0;
}

static void say_ready(struct svc *svc)
{
    log_info("ready", "took_ms=%lu note=%s", (unsigned long)(clock_ms() - svc->started_ms),
             svc->ready_text);
    svc_notify("READY=1");
    if (svc->ready_fd < 0)
        return;
    char line[300];
    int len = snprintf(line, sizeof(line), "ready %s\n", svc->ready_text);
    if (write(svc->ready_fd, line, (size_t)len) != len)
        log_warn("nobody reads the ready line");
}

static enum err open_signals(struct svc *svc, struct error *error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (svc->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return error_set_errno(error, ERR_INTERNAL, "cannot watch signals");
    return ERR_NONE;
}

static enum err begin(struct svc *svc, struct error *error)
{
    const struct svc_def *def = svc->def;
    enum err err;

    if ((err = config_make_dirs(&svc->config, error)) != ERR_NONE ||
        (err = svc_lock(svc, error)) != ERR_NONE || (err = open_signals(svc, error)) != ERR_NONE)
        return err;
    svc_raise_limits();
    zsys_handler_set(NULL); /* signals are ours */
    svc->loop = zloop_new();
    must(svc->loop != NULL);
    svc->bus_config = (struct bus_config){.self = svc->name,
                                          .generation = svc->generation,
                                          .run_dir = svc->config.common.run_dir,
                                          .listen = svc->config.bus.listen,
                                          .peers = svc->config.bus.peers,
                                          .secret = svc->config.bus.secret,
                                          .allows_plaintext = svc->config.bus.plaintext};
    if ((svc->bus = bus_new(&svc->bus_config, error)) == NULL)
        return error->code;
    svc->state = xcalloc(1, MAX(def->state_size, 1));
    /* start() first: who can be called must be able to answer. */
    if ((def->start != NULL && (err = def->start(svc->state, svc, error)) != ERR_NONE) ||
        (err = svc_serve_builtin(svc, error)) != ERR_NONE)
        return err;
    if (def->service != NULL &&
        (err = bus_serve(svc->bus, def->service, svc->state, error)) != ERR_NONE)
        return err;
    svc_watch_fd(svc, svc->signal_fd, on_signal, svc);
    svc_watch_fd(svc, bus_fd(svc->bus), on_bus, svc);
    if (svc->lifeline_fd >= 0)
        svc_watch_fd(svc, svc->lifeline_fd, on_lifeline, svc);
    svc_every(svc, TICK_MS, on_tick, svc);
    must(zloop_timer(svc->loop, BUS_TICK_MS, 0, on_bus_tick, svc) >= 0);
    return ERR_NONE;
}

static void end(struct svc *svc)
{
    struct watch *watch, *next_watch;
    struct timer *timer, *next_timer;

    if (svc->state != NULL && svc->def->stop != NULL)
        svc->def->stop(svc->state);
    bus_free(&svc->bus);
    if (svc->loop != NULL)
        zloop_destroy(&svc->loop);
    LL_FOREACH_SAFE(svc->watches, watch, next_watch)
    free(watch);
    LL_FOREACH_SAFE(svc->timers, timer, next_timer)
    free(timer);
    free(svc->state);
    config_free(&svc->config);
}

static int exit_code(enum err err)
{
    if (err == ERR_CONFIG || err == ERR_DENIED)
        return EXIT_CONFIG;
    return err == ERR_BUSY || err == ERR_UNAVAILABLE ? EXIT_RETRY : EXIT_FAILED;
}

int svc_main(int argc, char **argv, const struct svc_def *def)
{
    struct svc svc = {.def = def, .ready_fd = -1, .lifeline_fd = -1, .started_ms = clock_ms()};
    struct error error = {0};
    const char *file, *slash = strrchr(argv[0], '/'),
                      *program = slash != NULL ? slash + 1 : argv[0];
    enum log_level level = LOG_LEVEL_INFO;
    int code = config_arguments(argc, argv, program, def->about, def->settings, &file);
    enum err err;

    if (code >= 0)
        return code;
    log_init(def->name, level, false);
    prctl(PR_SET_NAME, program, 0, 0, 0);
    if (!svc_read_contract(&svc, &error) ||
        config_load(file, def->settings, &svc.config, &error) != ERR_NONE) {
        log_error("cannot start", "error=%s", error.text);
        return EXIT_CONFIG;
    }
    log_level_parse(svc.config.common.log_level, &level);
    log_init(svc.name, level, strcmp(svc.config.common.log_format, "json") == 0);
    err = begin(&svc, &error);
    if (err == ERR_NONE) {
        say_ready(&svc);
        zloop_start(svc.loop);
        log_info("stopped");
    } else {
        log_error("cannot start", "error=%s", error.text);
    }
    end(&svc);
    return err == ERR_NONE ? EXIT_STOPPED : exit_code(err);
}
