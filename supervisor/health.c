/* SPDX-License-Identifier: MIT
 *
 * health: asks every ready service "am I answered?" and reports those that fell silent. What counts
 * is questions without an answer, not time: when this process itself was stopped for a while,
 * nobody is blamed for it.
 */
#include <proto/svc.pb-c.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "supervisor.h"

void health_init(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        child->remote = bus_remote(svc_bus(supervisor->svc), child->spec->name,
                                   &sharestream__svc__svc__descriptor);
    }
}

static void on_answer(const Sharestream__Svc__PingReply *reply, void *arg)
{
    struct child *child = arg;

    child->is_ping_out = false;
    if (reply == NULL) {
        child->pings_missed++;
        return;
    }
    child->pings_missed = 0;
    child->has_answered = true;
    snprintf(child->degraded_text, sizeof(child->degraded_text), "%s",
             reply->is_degraded ? reply->degraded_text : "");
    snprintf(child->note, sizeof(child->note), "%s", reply->note);
    snprintf(child->log_level, sizeof(child->log_level), "%s", reply->log_level);
}

static void ping(struct supervisor *supervisor, struct child *child, uint64_t now_ms)
{
    const struct supervisor_settings *settings = supervisor->settings;
    Sharestream__Svc__PingRequest request = SHARESTREAM__SVC__PING_REQUEST__INIT;
    ProtobufCService *to = bus_to_instance(child->remote, child->instance,
                                           (uint32_t)settings->ping_interval, &child->ping_call);

    child->is_ping_out = true;
    child->next_ping_ms = now_ms + settings->ping_interval;
    sharestream__svc__svc__ping(to, &request, on_answer, child);
}

/* Instances other than the first are reachable only when bus.peers lists them; one that has never
 * been heard is not silent, we are deaf. */
static bool is_silent(const struct child *child, const struct supervisor_settings *settings)
{
    return settings->ping_timeout != 0 && (child->instance == 0 || child->has_answered) &&
           child->pings_missed * settings->ping_interval >= settings->ping_timeout;
}

void health_tick(struct supervisor *supervisor, uint64_t now_ms)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];

        if (child->restart.state != RESTART_READY)
            continue;
        if (is_silent(child, supervisor->settings)) {
            log_error("service stopped answering", "name=%s pid=%d pings_missed=%u", child->name,
                      (int)child->pid, child->pings_missed);
            supervisor->metrics.silent_total++;
            fleet_step(supervisor, child, RESTART_SILENT);
        } else if (!child->is_ping_out && now_ms >= child->next_ping_ms) {
            ping(supervisor, child, now_ms);
        }
    }
}

void health_forget(struct child *child)
{
    if (child->is_ping_out)
        bus_cancel(svc_bus(child->owner->svc), child->ping_call);
    child->is_ping_out = child->has_answered = false;
    child->pings_missed = 0;
    child->next_ping_ms = 0;
    child->degraded_text[0] = child->log_level[0] = '\0';
}
