/* SPDX-License-Identifier: MIT */
#include "svc/svc.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "svc/confine.h"
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

void svc_holds(struct svc *svc, uint64_t since_ms)
{
    svc->held_since_ms = since_ms;
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

void svc_hold_seat(struct svc *svc, unsigned seat, unsigned seats)
{
    svc->seat = seat;
    svc->seats = seats;
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

void svc_watch_fd(struct svc *svc, int fd, svc_fd_fn *on_readable, void *arg)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    *watch = (struct watch){.fd = fd, .on_readable = on_readable, .arg = arg};
    LL_PREPEND(svc->watches, watch);
    must(epoll_ctl(svc->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void svc_unwatch_fd(struct svc *svc, int fd)
{
    struct watch *watch;

    LL_SEARCH_SCALAR(svc->watches, watch, fd, fd);
    if (watch == NULL)
        return;
    epoll_ctl(svc->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    LL_DELETE(svc->watches, watch);
    /* The round that is under way may still hold it. */
    watch->on_readable = NULL;
    LL_PREPEND(svc->unwatched, watch);
}

void svc_every(struct svc *svc, uint32_t every_ms, svc_timer_fn *on_time, void *arg)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));

    *timer = (struct timer){
        .on_time = on_time, .arg = arg, .every_ms = every_ms, .due_ms = clock_ms() + every_ms};
    LL_PREPEND(svc->timers, timer);
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
    uint64_t until_ms = clock_ms() + grace_ms(svc->def);

    if (svc->is_draining) {
        svc->drain_until_ms = MIN(svc->drain_until_ms, until_ms);
        return;
    }
    log_info("stopping", "why=%s", why);
    svc->is_draining = true;
    svc->drain_until_ms = svc->is_retiring ? UINT64_MAX : until_ms;
    svc_notify("STOPPING=1");
    if (svc->def->drain != NULL)
        svc->def->drain(svc->state);
}

void svc_shutdown(struct svc *svc)
{
    begin_drain(svc, "asked");
}

static void begin_retiring(struct svc *svc)
{
    if (svc->is_draining)
        return;
    svc->is_retiring = svc->def->may_hand_over != NULL;
    begin_drain(svc, "replaced");
}

bool svc_is_retiring(const struct svc *svc)
{
    return svc->is_retiring;
}

char *svc_retired_name(const struct svc *svc)
{
    return xasprintf("%s-%lu", svc->name, svc->generation);
}

/* The successor waits for our lock, and then binds the addresses of the bus: they must be free. */
static void hand_over(struct svc *svc)
{
    if (svc->lock_fd < 0 || !svc->def->may_hand_over(svc->state))
        return;
    if (!svc->is_bus_retired) {
        char *name = svc_retired_name(svc);

        bus_retire(svc->bus, name);
        free(name);
        svc->is_bus_retired = true;
        log_info("handed over", "note=%s", "what was begun is finished here");
    }
    if (!bus_is_retired(svc->bus))
        return;
    close(svc->lock_fd);
    svc->lock_fd = -1;
}

void svc_give_up(const struct svc *svc, const char *why)
{
    log_error("gives up", "instance=%s why=%s", svc->name, why);
    _exit(EXIT_RETRY);
}

static bool is_over(struct svc *svc)
{
    if (svc->is_retiring)
        hand_over(svc);
    return svc->is_draining && (svc->def->is_drained == NULL || svc->def->is_drained(svc->state) ||
                                clock_ms() >= svc->drain_until_ms);
}

static void on_signal(void *arg)
{
    struct svc *svc = arg;
    struct signalfd_siginfo info;

    while (read(svc->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGUSR1)
            begin_retiring(svc);
        else if (info.ssi_signo != SIGHUP)
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

    if (svc->has_watchdog)
        svc_notify("WATCHDOG=1");
    if (svc->def->tick != NULL)
        svc->def->tick(svc->state, clock_ms());
}

static void on_bus_tick(void *arg)
{
    struct svc *svc = arg;

    bus_tick(svc->bus);
}

/* Those that are due; then the clock is set for the next one. */
static void on_clock(void *arg)
{
    struct svc *svc = arg;
    uint64_t now_ms = clock_ms(), next_ms = UINT64_MAX, rung;
    struct itimerspec when = {0};
    struct timer *timer;

    (void)!read(svc->clock_fd, &rung, sizeof(rung));
    LL_FOREACH(svc->timers, timer)
    {
        if (timer->due_ms <= now_ms) {
            /* One that was missed is not made up for. */
            timer->due_ms = MAX(timer->due_ms + timer->every_ms, now_ms + 1);
            timer->on_time(timer->arg);
        }
        next_ms = MIN(next_ms, timer->due_ms);
    }
    when.it_value.tv_sec = (time_t)(next_ms / 1000);
    when.it_value.tv_nsec = (long)(next_ms % 1000 * 1000000);
    must(timerfd_settime(svc->clock_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

int svc_loop_fd(const struct svc *svc)
{
    return svc->epoll_fd;
}

static void free_watches(struct watch **list)
{
    struct watch *watch, *next;

    LL_FOREACH_SAFE(*list, watch, next)
    free(watch);
    *list = NULL;
}

bool svc_turn(struct svc *svc, int wait_ms)
{
    struct epoll_event events[16];
    int count = epoll_wait(svc->epoll_fd, events, COUNT_OF(events), wait_ms);

    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;

        if (watch->on_readable != NULL)
            watch->on_readable(watch->arg);
    }
    free_watches(&svc->unwatched);
    return !is_over(svc);
}

static void run(struct svc *svc)
{
    /* All timers are there. */
    on_clock(svc);
    if (svc->def->run != NULL)
        svc->def->run(svc->state, svc);
    else
        while (svc_turn(svc, -1)) {
        }
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
    sigaddset(&set, SIGUSR1);
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
    svc->has_watchdog = svc_has_watchdog();
    /* Before there are threads, and before anybody can say anything. */
    if (confine(def->starts_programs, error) != ERR_NONE)
        log_warn("not confined", "error=%s", error->text);
    svc->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    svc->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (svc->epoll_fd < 0 || svc->clock_fd < 0)
        return error_set_errno(error, ERR_INTERNAL, "cannot make the loop");
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
    sockets_drop_rest(svc);
    svc_watch_fd(svc, svc->signal_fd, on_signal, svc);
    svc_watch_fd(svc, bus_fd(svc->bus), on_bus, svc);
    if (svc->lifeline_fd >= 0)
        svc_watch_fd(svc, svc->lifeline_fd, on_lifeline, svc);
    svc_watch_fd(svc, svc->clock_fd, on_clock, svc);
    svc_every(svc, TICK_MS, on_tick, svc);
    svc_every(svc, BUS_TICK_MS, on_bus_tick, svc);
    return ERR_NONE;
}

static void end(struct svc *svc)
{
    struct timer *timer, *next_timer;

    if (svc->state != NULL && svc->def->stop != NULL)
        svc->def->stop(svc->state);
    bus_free(&svc->bus);
    if (svc->epoll_fd >= 0)
        close(svc->epoll_fd);
    if (svc->clock_fd >= 0)
        close(svc->clock_fd);
    free_watches(&svc->watches);
    free_watches(&svc->unwatched);
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
    struct svc svc = {.def = def,
                      .ready_fd = -1,
                      .lifeline_fd = -1,
                      .keep_fd = -1,
                      .epoll_fd = -1,
                      .clock_fd = -1,
                      .started_ms = clock_ms()};
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
        config_load(file, def->settings, &svc.config, &error) != ERR_NONE ||
        !svc_add_node(&svc, &error)) {
        log_error("cannot start", "error=%s", error.text);
        return EXIT_CONFIG;
    }
    log_level_parse(svc.config.common.log_level, &level);
    log_init(svc.name, level, strcmp(svc.config.common.log_format, "json") == 0);
    err = begin(&svc, &error);
    if (err == ERR_NONE) {
        say_ready(&svc);
        run(&svc);
        log_info("stopped");
    } else {
        log_error("cannot start", "error=%s", error.text);
    }
    end(&svc);
    return err == ERR_NONE ? EXIT_STOPPED : exit_code(err);
}
