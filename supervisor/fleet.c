/* SPDX-License-Identifier: MIT
 *
 * fleet: all children together. Orders of start and stop, deadlines, and carrying out what
 * restart.c decides.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "supervisor.h"
#include "svc/contract.h"

enum { SCARCE_MS = 5000 }; /* who is killed for want of memory may take so long to end */

/* The kernel tells nobody whom it killed, only how often it did. */
static bool is_memory_scarce(struct supervisor *supervisor)
{
    uint64_t kills = child_oom_kills(), now_ms = clock_ms();

    if (kills > supervisor->oom_kills)
        supervisor->scarce_ms = now_ms;
    supervisor->oom_kills = kills;
    return supervisor->scarce_ms != 0 && now_ms - supervisor->scarce_ms < SCARCE_MS;
}

static void policy_init(struct restart_policy *policy, const struct spec *spec,
                        const struct supervisor_settings *settings)
{
    *policy = (struct restart_policy){
        .class = spec->class,
        .delay_min_ms = settings->restart_delay,
        .delay_max_ms = MAX(settings->restart_delay, settings->restart_delay_max),
        .healthy_ms = settings->healthy_after,
        .deaths_max = (unsigned)settings->deaths_max,
        .window_ms = settings->deaths_window,
        .start_deadline_ms = settings->start_deadline,
        .stop_grace_ms = settings->stop_grace != 0 ? settings->stop_grace : spec->stop_grace_ms,
    };
}

enum err fleet_init(struct supervisor *supervisor, struct error *error)
{
    struct spec_choice choices[SPEC_MAX];
    size_t count = 0, total = 0;
    char path[4096];
    enum err err = spec_choose(supervisor->settings->services, choices, &count, error);

    if (err != ERR_NONE)
        return err;
    for (size_t i = 0; i < count; i++)
        total += choices[i].instances;
    supervisor->children = xcalloc(total, sizeof(*supervisor->children));
    supervisor->oom_kills = child_oom_kills();
    for (size_t i = 0; i < count; i++) {
        const struct spec *spec = choices[i].spec;

        if (!spec_path(supervisor->settings->bin_dir, spec->binary, path, sizeof(path)))
            return error_set(error, ERR_CONFIG, "supervisor.bin_dir: the path is too long");
        for (unsigned instance = 0; instance < choices[i].instances; instance++) {
            struct child *child = &supervisor->children[supervisor->child_count++];

            child_init(child, supervisor, spec, instance);
            child->path = xstrdup(path);
            policy_init(&child->policy, spec, supervisor->settings);
        }
        svc_ready_text(supervisor->svc, "%s%s=%u", i > 0 ? " " : "", spec->name,
                       choices[i].instances);
    }
    return ERR_NONE;
}

struct child *fleet_next(const struct supervisor *supervisor, const char *name,
                         const struct child *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - supervisor->children) + 1;

    for (; i < supervisor->child_count; i++)
        if (*name == '\0' || obituary_name_matches(supervisor->children[i].name, name))
            return &supervisor->children[i];
    return NULL;
}

/* ---- one child
 * -------------------------------------------------------------------------------------------------------
 */

static void on_ready_readable(void *arg)
{
    struct child *child = arg;
    struct supervisor *supervisor = child->owner;
    bool is_ready = child_read_ready(child);

    /* One line, or end of file: either way there is nothing more to come. */
    svc_unwatch_fd(supervisor->svc, child->ready_fd);
    if (is_ready) {
        log_info("service ready", "name=%s pid=%d took_ms=%lu note=%s", child->name,
                 (int)child->pid, clock_ms() - child->started_ms, child->ready_text);
        fleet_step(supervisor, child, RESTART_BECAME_READY);
    }
}

static void on_stderr_readable(void *arg)
{
    struct child *child = arg;

    if (!child_read_stderr(child))
        svc_unwatch_fd(child->owner->svc, child->stderr_fd);
}

static void on_keep_readable(void *arg)
{
    struct child *child = arg;

    if (!kept_read(&child->kept, child->keep_fd))
        svc_unwatch_fd(child->owner->svc, child->keep_fd);
    child->policy.can_be_replaced = child->kept.count > 0;
}

static bool has_retired(const struct supervisor *supervisor, const struct child *child)
{
    const struct child *old;

    LL_FOREACH(supervisor->retired, old)
    if (strcmp(old->name, child->name) == 0)
        return true;
    return false;
}

/* False when the operating system has no process for us now. */
static bool spawn(struct supervisor *supervisor, struct child *child)
{
    struct error error;
    uint64_t generation = MAX(clock_unix_ms(), supervisor->last_generation + 1);

    supervisor->last_generation = generation;
    if (child_spawn(child, generation, has_retired(supervisor, child), &error) != ERR_NONE) {
        log_error("cannot start a process", "name=%s error=%s", child->name, error.text);
        tail_feed(&child->tail, bytes_of_text(error.text), NULL, NULL);
        tail_finish(&child->tail, NULL, NULL);
        return false;
    }
    supervisor->metrics.starts_total++;
    svc_watch_fd(supervisor->svc, child->ready_fd, on_ready_readable, child);
    svc_watch_fd(supervisor->svc, child->stderr_fd, on_stderr_readable, child);
    svc_watch_fd(supervisor->svc, child->keep_fd, on_keep_readable, child);
    log_info("service started", "name=%s pid=%d generation=%lu", child->name, (int)child->pid,
             child->generation);
    return true;
}

/* Keeps what is known of a death, after restart.c has decided what follows. */
static void bury(struct supervisor *supervisor, struct child *child, const struct restart *life,
                 pid_t pid, int wait_status)
{
    struct obituary obituary = {.when_unix_ms = clock_unix_ms(),
                                .pid = pid,
                                .generation = child->generation,
                                .uptime_ms = clock_ms() - child->started_ms,
                                .was_ready = life->was_ready};
    bool is_loud = child->restart.state == RESTART_FAILED;
    struct error error;

    snprintf(obituary.name, sizeof(obituary.name), "%s", child->name);
    obituary_cause(obituary.cause, sizeof(obituary.cause), life, wait_status,
                   is_memory_scarce(supervisor));
    restart_verdict_text(&child->restart, &child->policy, obituary.action);
    tail_take(&child->tail, &obituary);
    const char *last = obituary.line_count > 0 ? obituary.lines[obituary.line_count - 1] : "";
    log_line(is_loud ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "service died",
             " name=%s pid=%d generation=%lu uptime_ms=%lu cause=%s was_ready=%d action=%s last=%s",
             obituary.name, obituary.pid, obituary.generation, obituary.uptime_ms, obituary.cause,
             obituary.was_ready, obituary.action, last);
    snprintf(child->last_death, sizeof(child->last_death), "%s after %lu ms; %s", obituary.cause,
             obituary.uptime_ms, obituary.action);
    supervisor->metrics.deaths_total++;
    if (obituaries_add(&supervisor->obituaries, &obituary, &error) != ERR_NONE)
        log_warn("cannot keep the obituary on disk", "error=%s", error.text);
}

static struct restart_event event_of(enum restart_kind kind, int exit_code)
{
    return (struct restart_event){.kind = kind, .exit_code = exit_code, .now_ms = clock_ms()};
}

static void unwatch(const struct child *child)
{
    struct svc *svc = child->owner->svc;

    svc_unwatch_fd(svc, child->ready_fd);
    svc_unwatch_fd(svc, child->stderr_fd);
    svc_unwatch_fd(svc, child->keep_fd);
}

/* Its process goes on beside the next life, and is none of its business any more. */
static void retire(struct supervisor *supervisor, struct child *child)
{
    struct child *old = xcalloc(1, sizeof(*old));

    log_info("replacing service", "name=%s pid=%d", child->name, (int)child->pid);
    unwatch(child);
    health_forget(child);
    child_init(old, supervisor, child->spec, child->instance);
    old->policy = child->policy;
    child_split(child, old);
    old->restart.due_ms = clock_ms() + supervisor->settings->retire_grace;
    svc_watch_fd(supervisor->svc, old->stderr_fd, on_stderr_readable, old);
    LL_PREPEND(supervisor->retired, old);
    child_signal(old, SIGUSR1);
}

/* It has had its time, or is in the way. */
static void hurry(struct child *old)
{
    if (old->restart.state == RESTART_STOPPING) {
        child_kill(old);
        old->restart.due_ms = clock_ms() + RESTART_KILL_AGAIN_MS;
        return;
    }
    log_info("stopping replaced service", "name=%s pid=%d", old->name, (int)old->pid);
    old->restart.state = RESTART_STOPPING;
    old->restart.due_ms = clock_ms() + old->policy.stop_grace_ms;
    child_signal(old, SIGTERM);
}

static void hurry_all_of(struct supervisor *supervisor, const char *name)
{
    struct child *old;

    LL_FOREACH(supervisor->retired, old)
    if (old->restart.state != RESTART_STOPPING && (*name == '\0' || strcmp(old->name, name) == 0))
        hurry(old);
}

static void end_of_retired(struct supervisor *supervisor, struct child *old)
{
    pid_t pid = old->pid;
    int status;

    unwatch(old);
    status = child_reap(old);
    log_line(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "replaced service ended",
             " name=%s pid=%d status=%d", old->name, (int)pid, status);
    LL_DELETE(supervisor->retired, old);
    child_fini(old);
    free(old);
}

/* When there is to be no next life, whoever connects there would wait for nobody. */
static void drop_kept(struct child *child)
{
    if (child->restart.state == RESTART_STOPPED || child->restart.state == RESTART_FAILED)
        kept_clear(&child->kept);
}

/* A process has ended, or could not be made (pid 0). */
static void on_end(struct supervisor *supervisor, struct child *child, pid_t pid, int wait_status);

static void act(struct supervisor *supervisor, struct child *child, enum restart_action action)
{
    switch (action) {
    case RESTART_DO_NOTHING:
        break;
    case RESTART_DO_SPAWN:
        /* A start that failed is a death with EXIT_RETRY, which leads to a delay: no recursion. */
        if (!spawn(supervisor, child))
            on_end(supervisor, child, 0, W_EXITCODE(EXIT_RETRY, 0));
        break;
    case RESTART_DO_REPLACE:
        retire(supervisor, child);
        act(supervisor, child, RESTART_DO_SPAWN);
        break;
    case RESTART_DO_TERMINATE:
        log_info("stopping service", "name=%s pid=%d", child->name, (int)child->pid);
        child_signal(child, SIGTERM);
        break;
    case RESTART_DO_KILL:
        log_warn("killing service", "name=%s pid=%d state=%s", child->name, (int)child->pid,
                 restart_state_word(child->restart.state));
        child_kill(child);
        break;
    }
}

/* Asked to stop, and did. Crashing on the way out, or having to be killed, is a death. */
static bool went_as_asked(const struct restart *life, int wait_status)
{
    return life->state == RESTART_STOPPING && life->reason == RESTART_REASON_ASKED &&
           !life->was_killed &&
           (WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) == SIGTERM
                                     : WEXITSTATUS(wait_status) == EXIT_STOPPED);
}

static void on_end(struct supervisor *supervisor, struct child *child, pid_t pid, int wait_status)
{
    int exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    struct restart life = child->restart;

    /* No new life when everything is being stopped; nothing needs to be signalled any more. */
    if (supervisor->is_leaving)
        restart_step(&child->restart, &child->policy, event_of(RESTART_ASKED_STOP, 0));
    enum restart_action action =
        restart_step(&child->restart, &child->policy, event_of(RESTART_EXITED, exit_code));
    if (went_as_asked(&life, wait_status)) {
        log_info("service stopped", "name=%s pid=%d", child->name, (int)pid);
        tail_fini(&child->tail);
    } else {
        bury(supervisor, child, &life, pid, wait_status);
    }
    drop_kept(child);
    /* The life before does not let go of what the next one needs. */
    if (exit_code == EXIT_RETRY && !life.was_ready)
        hurry_all_of(supervisor, child->name);
    act(supervisor, child, action);
}

void fleet_step(struct supervisor *supervisor, struct child *child, enum restart_kind kind)
{
    struct restart_event event = event_of(kind, 0);

    act(supervisor, child, restart_step(&child->restart, &child->policy, event));
    drop_kept(child);
}

static void end_of(struct supervisor *supervisor, struct child *child)
{
    pid_t pid = child->pid;

    /* It may have said ready as its last word; that decides how soon the next life comes. */
    if (child->restart.state == RESTART_STARTING && child_read_ready(child))
        fleet_step(supervisor, child, RESTART_BECAME_READY);
    on_keep_readable(child);
    unwatch(child);
    health_forget(child);
    on_end(supervisor, child, pid, child_reap(child));
}

static struct child *retired_of(const struct supervisor *supervisor, pid_t pid)
{
    struct child *old;

    LL_SEARCH_SCALAR(supervisor->retired, old, pid, pid);
    return old;
}

static struct child *child_of(struct supervisor *supervisor, pid_t pid)
{
    for (size_t i = 0; i < supervisor->child_count; i++)
        if (supervisor->children[i].pid == pid)
            return &supervisor->children[i];
    return NULL;
}

/* ---- all of them
 * -----------------------------------------------------------------------------------------------------
 */

/* All at once, in listed order: nobody waits for a neighbour, because a neighbour that is away is a
 * state that every service has to live with anyway (docs/decisions/0004). */
void fleet_start(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->child_count; i++)
        fleet_step(supervisor, &supervisor->children[i], RESTART_ASKED_START);
}

/* Leaving: the highest order first, the next one when that is gone. */
static void stop_next(struct supervisor *supervisor)
{
    unsigned order = 0;

    for (size_t i = 0; i < supervisor->child_count; i++)
        if (restart_has_process(&supervisor->children[i].restart))
            order = MAX(order, supervisor->children[i].spec->order);
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];

        if (child->restart.is_wanted &&
            (child->spec->order == order || !restart_has_process(&child->restart)))
            fleet_step(supervisor, child, RESTART_ASKED_STOP);
    }
}

void fleet_tick(struct supervisor *supervisor)
{
    uint64_t now_ms = clock_ms();
    struct child *old;

    is_memory_scarce(supervisor);
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];

        if (child->restart.due_ms != 0 && now_ms >= child->restart.due_ms)
            fleet_step(supervisor, child, RESTART_TIME_UP);
    }
    LL_FOREACH(supervisor->retired, old)
    if (now_ms >= old->restart.due_ms)
        hurry(old);
    if (supervisor->is_leaving)
        stop_next(supervisor);
}

void fleet_reap(struct supervisor *supervisor)
{
    siginfo_t info = {0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        struct child *child = child_of(supervisor, info.si_pid);
        struct child *old = retired_of(supervisor, info.si_pid);

        if (child != NULL)
            end_of(supervisor, child);
        else if (old != NULL)
            end_of_retired(supervisor, old);
        else
            waitpid(info.si_pid, NULL, 0); /* as process 1 of a container we inherit orphans */
        info = (siginfo_t){0};
    }
    fleet_tick(supervisor);
}

void fleet_reload(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->child_count; i++)
        child_signal(&supervisor->children[i], SIGHUP);
}

void fleet_leave(struct supervisor *supervisor)
{
    supervisor->is_leaving = true;
    hurry_all_of(supervisor, "");
    stop_next(supervisor);
}

bool fleet_is_gone(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->child_count; i++)
        if (supervisor->children[i].pid != 0)
            return false;
    return supervisor->retired == NULL;
}

void fleet_fini(struct supervisor *supervisor)
{
    while (supervisor->retired != NULL) {
        child_kill(supervisor->retired);
        end_of_retired(supervisor, supervisor->retired);
    }
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];

        if (child->pid != 0) {
            log_warn("killing service", "name=%s pid=%d why=%s", child->name, (int)child->pid,
                     "no time left to stop");
            unwatch(child);
            child_kill(child);
            child_reap(child);
        }
        child_fini(child);
    }
    free(supervisor->children);
    supervisor->children = NULL;
    supervisor->child_count = 0;
}
