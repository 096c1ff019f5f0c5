/* SPDX-License-Identifier: MIT
 *
 * svc_handlers: what every process answers (proto/svc.proto).
 */
#include <proto/svc.pb-c.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "svc/svc_private.h"

enum { TRACE_SECONDS_MAX = 3600 };

typedef Sharestream__Svc__Svc_Service Service;

static void on_ping(Service *service, const Sharestream__Svc__PingRequest *request,
                    Sharestream__Svc__PingReply_Closure closure, void *data)
{
    struct svc *svc = bus_state(data);
    Sharestream__Svc__PingReply reply = SHARESTREAM__SVC__PING_REPLY__INIT;

    (void)service;
    (void)request;
    reply.uptime_ms = clock_ms() - svc->started_ms;
    reply.is_degraded = svc->degraded[0] != '\0';
    reply.degraded_text = svc->degraded;
    reply.note = svc->note;
    reply.log_level = (char *)(uintptr_t)log_level_word(log_get_level());
    closure(&reply, data);
}

static void on_hello(Service *service, const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    struct svc *svc = bus_state(data);
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;

    (void)service;
    reply.name = svc->name;
    reply.generation = svc->generation;
    reply.fingerprint = bus_served_fingerprint(svc->bus, request->service);
    reply.seat = svc->seat;
    reply.seats = svc->seats;
    reply.held_since_ms = svc->held_since_ms;
    closure(&reply, data);
}

static void on_metrics(Service *service, const Sharestream__Svc__MetricsRequest *request,
                       Sharestream__Svc__MetricsReply_Closure closure, void *data)
{
    struct svc *svc = bus_state(data);
    Sharestream__Svc__MetricsReply reply = SHARESTREAM__SVC__METRICS_REPLY__INIT;
    struct text text = {0};

    (void)service;
    (void)request;
    svc_metrics(svc, &text);
    reply.text = (char *)(uintptr_t)text_str(&text);
    closure(&reply, data);
    text_fini(&text);
}

static void on_set_log_level(Service *service, const Sharestream__Svc__LogLevel *request,
                             Sharestream__Svc__LogLevel_Closure closure, void *data)
{
    Sharestream__Svc__LogLevel reply = SHARESTREAM__SVC__LOG_LEVEL__INIT;
    enum log_level level;

    (void)service;
    if (!log_level_parse(request->level, &level)) {
        bus_fail(data, ERR_INVALID, "'%s' is not one of error, warn, info, debug", request->level);
        return;
    }
    reply.level = (char *)(uintptr_t)log_level_word(log_get_level());
    log_set_level(level);
    closure(&reply, data);
}

static void on_trace(Service *service, const Sharestream__Svc__TraceRequest *request,
                     Sharestream__Svc__TraceReply_Closure closure, void *data)
{
    struct svc *svc = bus_state(data);
    Sharestream__Svc__TraceReply reply = SHARESTREAM__SVC__TRACE_REPLY__INIT;
    uint64_t seconds = MIN(request->seconds, (uint32_t)TRACE_SECONDS_MAX);

    (void)service;
    bus_trace(request->peer, seconds > 0 ? clock_ms() + seconds * 1000 : 0);
    reply.events = (char *)(uintptr_t)bus_events_endpoint(svc->bus);
    closure(&reply, data);
}

/* One Setting per row of the three tables; names and values are made for the reply. */
static void add_settings(Sharestream__Svc__ConfigReply *reply, const struct settings_table *table,
                         const void *values, const struct setting_place *places)
{
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        Sharestream__Svc__ConfigReply__Setting *setting = xcalloc(1, sizeof(*setting));

        sharestream__svc__config_reply__setting__init(setting);
        setting->name = xasprintf("%s.%s", table->section, table->rows[i].name);
        setting->value = setting_text(&table->rows[i], values, false);
        setting->origin = xstrdup(setting_origin_word(places[i].origin));
        setting->help = xstrdup(table->rows[i].help);
        setting->place = xstrdup(places[i].text);
        setting->fallback = xstrdup(table->rows[i].fallback);
        reply->settings[reply->n_settings++] = setting;
    }
}

static void on_config(Service *service, const Sharestream__Svc__ConfigRequest *request,
                      Sharestream__Svc__ConfigReply_Closure closure, void *data)
{
    const struct svc *svc = bus_state(data);
    const struct config *config = &svc->config;
    Sharestream__Svc__ConfigReply *reply = xcalloc(1, sizeof(*reply));
    size_t rows = common_settings_table.count + bus_settings_table.count +
                  (config->own_table != NULL ? config->own_table->count : 0);

    (void)service;
    (void)request;
    sharestream__svc__config_reply__init(reply);
    reply->settings = xcalloc(rows, sizeof(*reply->settings));
    add_settings(reply, config->own_table, config->own, config->places[2]);
    add_settings(reply, &common_settings_table, &config->common, config->places[0]);
    add_settings(reply, &bus_settings_table, &config->bus, config->places[1]);
    closure(reply, data);
    sharestream__svc__config_reply__free_unpacked(reply, NULL);
}

static Service builtin = SHARESTREAM__SVC__SVC__INIT(on_);

enum err svc_serve_builtin(struct svc *svc, struct error *error)
{
    return bus_serve(svc->bus, &builtin.base, svc, error);
}

void svc_metrics(struct svc *svc, struct text *out)
{
    const struct svc_def *def = svc->def;

    if (def->metrics != NULL) {
        if (def->metrics_refresh != NULL)
            def->metrics_refresh(svc->state);
        metrics_print(out, def->metrics, (const char *)svc->state + def->metrics_offset, NULL);
    }
    if (def->metrics_more != NULL)
        def->metrics_more(svc->state, out);
    char label[BUS_NAME_MAX + 16];

    snprintf(label, sizeof(label), "process=\"%s\"", svc->name);
    metrics_print(out, &bus_metrics_table, bus_metrics(), label);
}
