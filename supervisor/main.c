/* SPDX-License-Identifier: MIT
 *
 * sharestreamd: starts the services, keeps them running, remembers why they died.
 *
 * It carries no data: when it is killed, the services notice and go; when a service is killed, the
 * others do not notice it from here.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "supervisor.h"
#include "svc/config.h"
#include "svc/contract.h"

enum { TICK_MS = 100, LEFTOVERS_GRACE_MS = 5000 };

static const char about[] = "starts the services, keeps them running, remembers why they died";

static void on_child_signal(void *arg)
{
    struct supervisor *supervisor = arg;
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ; /* signals of one number melt into one; fleet_reap() looks for all that ended */
    fleet_reap(supervisor);
}

static void on_time(void *arg)
{
    struct supervisor *supervisor = arg;

    fleet_tick(supervisor);
    health_tick(supervisor, clock_ms());
}

static void on_own_line(void *arg, struct bytes line)
{
    struct supervisor *supervisor = arg;

    log_ring_add(&supervisor->log, svc_name(supervisor->svc), line, clock_unix_ms());
}

static enum err watch_children(struct supervisor *supervisor, struct error *error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return error_set_errno(error, ERR_INTERNAL, "cannot watch for SIGCHLD");
    svc_watch_fd(supervisor->svc, supervisor->signal_fd, on_child_signal, supervisor);
    return ERR_NONE;
}

static enum err supervisor_start(void *state, struct svc *svc, struct error *error)
{
    struct supervisor *supervisor = state;
    enum err err;

    supervisor->svc = svc;
    supervisor->settings = svc_settings(svc);
    supervisor->started_ms = clock_ms();
    supervisor->signal_fd = -1;
    log_also(on_own_line, supervisor);
    if ((err = fleet_init(supervisor, error)) != ERR_NONE ||
        (err = watch_children(supervisor, error)) != ERR_NONE)
        return err;
    char *path = xasprintf("%s/obituaries.log", svc_common(svc)->data_dir);
    obituaries_open(&supervisor->obituaries, path);
    free(path);
    leftovers_clear(svc_common(svc)->run_dir, supervisor->settings->stop_grace != 0
                                                  ? supervisor->settings->stop_grace
                                                  : LEFTOVERS_GRACE_MS);
    health_init(supervisor);
    svc_every(svc, TICK_MS, on_time, supervisor);
    fleet_start(supervisor);
    return ERR_NONE;
}

static void supervisor_reload(void *state)
{
    fleet_reload(state);
}

static void supervisor_drain(void *state)
{
    fleet_leave(state);
}

static bool supervisor_is_drained(void *state)
{
    return fleet_is_gone(state);
}

static void supervisor_stop(void *state)
{
    struct supervisor *supervisor = state;

    fleet_fini(supervisor);
    obituaries_close(&supervisor->obituaries);
    if (supervisor->signal_fd >= 0) {
        svc_unwatch_fd(supervisor->svc, supervisor->signal_fd);
        close(supervisor->signal_fd);
    }
    log_also(NULL, NULL);
    log_ring_fini(&supervisor->log);
}

static void refresh_metrics(void *state)
{
    struct supervisor *supervisor = state;
    struct child *child = NULL;

    supervisor->metrics.services_ready = supervisor->metrics.services_failed =
        supervisor->metrics.services_retired = 0;
    LL_FOREACH(supervisor->retired, child)
    supervisor->metrics.services_retired++;
    child = NULL;
    while ((child = fleet_next(supervisor, "", child)) != NULL) {
        supervisor->metrics.services_ready += child->restart.state == RESTART_READY;
        supervisor->metrics.services_failed += child->restart.state == RESTART_FAILED;
    }
}

/* Services look for their configuration in the environment; a relative path would do too, but not
 * in a log line. */
static void hand_on_config(const char *file)
{
    char *path = file != NULL ? realpath(file, NULL) : NULL;

    if (path != NULL)
        setenv(CONTRACT_CONFIG, path, 1);
    free(path);
}

int main(int argc, char **argv)
{
    static const struct svc_def def = {
        .grace_ms = 30000, /* over the sum of those of services.def */
        .name = "supervisor",
        .starts_programs = true,
        .about = about,
        .settings = &supervisor_settings_table,
        .service = &supervisor_service.base,
        .state_size = sizeof(struct supervisor),
        .start = supervisor_start,
        .reload = supervisor_reload,
        .drain = supervisor_drain,
        .is_drained = supervisor_is_drained,
        .stop = supervisor_stop,
        .metrics = &supervisor_metrics_table,
        .metrics_offset = offsetof(struct supervisor, metrics),
        .metrics_refresh = refresh_metrics,
    };
    const char *file;
    int code = config_arguments(argc, argv, "sharestreamd", about, def.settings, &file);

    for (int i = 1; i < argc; i++)
        if (code >= 0 && strcmp(argv[i], "--check") == 0)
            return MAX(code, check_services(file));
    if (code >= 0)
        return code;
    hand_on_config(file);
    return svc_main(argc, argv, &def);
}
