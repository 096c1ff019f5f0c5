/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "supervisor.h"

enum { LOGS_USUALLY = 200 };

static const Sharestream__Control__Empty empty = SHARESTREAM__CONTROL__EMPTY__INIT;

/* proto structs hold char *, ours are const or arrays; nobody writes through them. */
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void describe(const struct child *child, uint64_t now_ms,
                     Sharestream__Control__StatusReply__Service *out)
{
    bool has_process = child->pid != 0;

    sharestream__control__status_reply__service__init(out);
    out->name = borrowed(child->name);
    out->state = borrowed(restart_state_word(child->restart.state));
    out->is_wanted = child->restart.is_wanted;
    out->pid = (uint32_t)child->pid;
    out->uptime_ms = has_process ? now_ms - child->started_ms : 0;
    out->restarts = child->restart.starts > 0 ? child->restart.starts - 1 : 0;
    out->generation = child->generation;
    child_usage(child, &out->resident_bytes, &out->cpu_ms);
    out->ready_text = borrowed(child->restart.state == RESTART_READY ? child->ready_text : "");
    out->degraded_text = borrowed(child->degraded_text);
    out->note = borrowed(child->restart.state == RESTART_READY ? child->note : "");
    out->last_death = borrowed(child->last_death);
    out->log_level = borrowed(child->log_level);
    if (child->restart.state == RESTART_BACKOFF && child->restart.due_ms > now_ms)
        out->backoff_ms = child->restart.due_ms - now_ms;
}

static void on_status(Sharestream__Control__Control_Service *service,
                      const Sharestream__Control__StatusRequest *request,
                      Sharestream__Control__StatusReply_Closure reply, void *closure_data)
{
    const struct supervisor *supervisor = bus_state(closure_data);
    size_t count = supervisor->child_count;
    Sharestream__Control__StatusReply__Service *items = xcalloc(MAX(count, 1), sizeof(*items));
    Sharestream__Control__StatusReply__Service **list =
        xcalloc(MAX(count, 1), sizeof(Sharestream__Control__StatusReply__Service *));
    Sharestream__Control__StatusReply out = SHARESTREAM__CONTROL__STATUS_REPLY__INIT;
    uint64_t now_ms = clock_ms();

    (void)service;
    (void)request;
    for (size_t i = 0; i < count; i++) {
        describe(&supervisor->children[i], now_ms, &items[i]);
        list[i] = &items[i];
    }
    out.version = borrowed(SHARESTREAM_VERSION);
    out.pid = (uint32_t)getpid();
    out.uptime_ms = now_ms - supervisor->started_ms;
    out.n_services = count;
    out.services = list;
    reply(&out, closure_data);
    free(list);
    free(items);
}

static void on_why(Sharestream__Control__Control_Service *service,
                   const Sharestream__Control__WhyRequest *request,
                   Sharestream__Control__WhyReply_Closure reply, void *closure_data)
{
    const struct supervisor *supervisor = bus_state(closure_data);
    Sharestream__Control__WhyReply__Death deaths[OBITUARY_KEPT], *list[OBITUARY_KEPT];
    Sharestream__Control__WhyReply out = SHARESTREAM__CONTROL__WHY_REPLY__INIT;
    const struct obituary *obituary;
    size_t at = 0;

    (void)service;
    /* Also of services that are switched off now: the dead do not mind. */
    while (out.n_deaths < OBITUARY_KEPT &&
           (obituary = obituaries_next(&supervisor->obituaries, request->name, &at)) != NULL) {
        Sharestream__Control__WhyReply__Death *death = &deaths[out.n_deaths];

        sharestream__control__why_reply__death__init(death);
        death->when_unix_ms = obituary->when_unix_ms;
        death->name = borrowed(obituary->name);
        death->pid = (uint32_t)obituary->pid;
        death->generation = obituary->generation;
        death->uptime_ms = obituary->uptime_ms;
        death->cause = borrowed(obituary->cause);
        death->was_ready = obituary->was_ready;
        death->action = borrowed(obituary->action);
        death->n_last_lines = obituary->line_count;
        death->last_lines = (char **)(uintptr_t)obituary->lines;
        list[out.n_deaths++] = death;
    }
    if (out.n_deaths == 0 && fleet_next(supervisor, request->name, NULL) == NULL) {
        bus_fail(closure_data, ERR_NOT_FOUND, "no service named %s", request->name);
        return;
    }
    out.deaths = list;
    reply(&out, closure_data);
}

/* Restart, Replace and Stop differ by one word. */
static void order(const Sharestream__Control__ServiceName *request, enum restart_kind kind,
                  Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    struct supervisor *supervisor = bus_state(closure_data);
    struct child *child = NULL;

    if (request->name[0] == '\0' || fleet_next(supervisor, request->name, NULL) == NULL) {
        bus_fail(closure_data, ERR_NOT_FOUND, "no service named %s", request->name);
        return;
    }
    if (supervisor->is_leaving) {
        bus_fail(closure_data, ERR_UNAVAILABLE, "everything is being stopped");
        return;
    }
    while ((child = fleet_next(supervisor, request->name, child)) != NULL)
        fleet_step(supervisor, child, kind);
    reply(&empty, closure_data);
}

static void on_restart(Sharestream__Control__Control_Service *service,
                       const Sharestream__Control__ServiceName *request,
                       Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    (void)service;
    log_info("restart asked", "name=%s", request->name);
    order(request, RESTART_ASKED_START, reply, closure_data);
}

static void on_replace(Sharestream__Control__Control_Service *service,
                       const Sharestream__Control__ServiceName *request,
                       Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    (void)service;
    log_info("replacement asked", "name=%s", request->name);
    order(request, RESTART_ASKED_REPLACE, reply, closure_data);
}

static void on_stop(Sharestream__Control__Control_Service *service,
                    const Sharestream__Control__ServiceName *request,
                    Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    (void)service;
    log_info("stop asked", "name=%s", request->name);
    order(request, RESTART_ASKED_STOP, reply, closure_data);
}

static void on_shutdown(Sharestream__Control__Control_Service *service,
                        const Sharestream__Control__Empty *request,
                        Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    struct supervisor *supervisor = bus_state(closure_data);

    (void)service;
    (void)request;
    reply(&empty, closure_data);
    svc_shutdown(supervisor->svc);
}

static void on_reload(Sharestream__Control__Control_Service *service,
                      const Sharestream__Control__Empty *request,
                      Sharestream__Control__Empty_Closure reply, void *closure_data)
{
    (void)service;
    (void)request;
    fleet_reload(bus_state(closure_data));
    reply(&empty, closure_data);
}

/* False: that is not the word of a level. */
static bool read_question(const Sharestream__Control__LogsRequest *request,
                          struct log_ring_question *out)
{
    *out = (struct log_ring_question){
        .after = request->after,
        .name = request->name,
        .level = LOG_LEVEL_DEBUG,
        .limit = MIN(request->limit, (uint32_t)LOG_RING_ASKED_MAX),
    };
    if (out->limit == 0)
        out->limit = LOGS_USUALLY;
    return request->level[0] == '\0' || log_level_parse(request->level, &out->level);
}

static void on_logs(Sharestream__Control__Control_Service *service,
                    const Sharestream__Control__LogsRequest *request,
                    Sharestream__Control__LogsReply_Closure reply, void *closure_data)
{
    const struct supervisor *supervisor = bus_state(closure_data);
    const struct log_ring_line *found[LOG_RING_ASKED_MAX];
    Sharestream__Control__LogsReply__Line lines[LOG_RING_ASKED_MAX], *list[LOG_RING_ASKED_MAX];
    Sharestream__Control__LogsReply out = SHARESTREAM__CONTROL__LOGS_REPLY__INIT;
    struct log_ring_question question;

    (void)service;
    if (!read_question(request, &question)) {
        bus_fail(closure_data, ERR_INVALID, "'%s' is not one of error, warn, info, debug",
                 request->level);
        return;
    }
    out.n_lines = log_ring_read(&supervisor->log, &question, found, &out.next);
    for (size_t i = 0; i < out.n_lines; i++) {
        sharestream__control__logs_reply__line__init(&lines[i]);
        lines[i].number = found[i]->number;
        lines[i].name = borrowed(found[i]->name);
        lines[i].level = borrowed(found[i]->has_level ? log_level_word(found[i]->level) : "");
        lines[i].text = found[i]->text;
        list[i] = &lines[i];
    }
    out.lines = list;
    out.is_missed = log_ring_missed(&supervisor->log, question.after);
    reply(&out, closure_data);
}

Sharestream__Control__Control_Service supervisor_service = SHARESTREAM__CONTROL__CONTROL__INIT(on_);
