/* SPDX-License-Identifier: MIT */
#include "glib_loop.h"

#include <glib-unix.h>
#include <glib.h>

#include "base/clock.h"
#include "base/must.h"
#include "svc/svc.h"

enum { END_MS = 2000, LOOK_MS = 10 };

struct loop {
    struct svc *svc;
    bool is_over;
};

struct loop_timer {
    guint source;
    loop_timer_fn *on_time;
    void *arg;
};

void loop_turn(bool waits)
{
    g_main_context_iteration(NULL, waits);
}

static gboolean on_guest(gint fd, GIOCondition condition, gpointer arg)
{
    struct loop *loop = arg;

    (void)fd;
    (void)condition;
    loop->is_over = !svc_turn(loop->svc, 0);
    return G_SOURCE_CONTINUE;
}

static gboolean on_look(gpointer arg)
{
    (void)arg;
    return G_SOURCE_CONTINUE;
}

void loop_run(struct svc *svc, bool (*on_turn)(void *arg), bool (*is_done)(void *arg), void *arg)
{
    struct loop loop = {.svc = svc};
    guint guest = g_unix_fd_add(svc_loop_fd(svc), G_IO_IN, on_guest, &loop);
    bool has_more = false;
    uint64_t end_ms;

    while (!loop.is_over) {
        loop_turn(!has_more);
        has_more = on_turn(arg);
    }
    g_source_remove(guest);
    guest = g_timeout_add(LOOK_MS, on_look, NULL);
    end_ms = clock_ms() + END_MS;
    while (!is_done(arg) && clock_ms() < end_ms) {
        loop_turn(true);
        on_turn(arg);
    }
    g_source_remove(guest);
}

static gboolean on_timeout(gpointer arg)
{
    struct loop_timer *timer = arg;

    timer->on_time(timer->arg);
    return G_SOURCE_CONTINUE;
}

struct loop_timer *loop_every(uint32_t every_ms, loop_timer_fn *on_time, void *arg)
{
    struct loop_timer *timer = xcalloc(1, sizeof(*timer));

    *timer = (struct loop_timer){.on_time = on_time, .arg = arg};
    timer->source = g_timeout_add(every_ms, on_timeout, timer);
    return timer;
}

void loop_stop(struct loop_timer **timer)
{
    if (*timer == NULL)
        return;
    g_source_remove((*timer)->source);
    free(*timer);
    *timer = NULL;
}
