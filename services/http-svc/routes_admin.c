/* SPDX-License-Identifier: MIT
 *
 * routes_admin: /api/v1/services and /api/v1/logs, what the operator sees of the processes and does
 * with them. Each handler turns a request into one message for the supervisor, or for one service.
 *
 * This is all of the supervisor that can be reached from outside: what it did and logged, and a
 * restart. That everything is stopped can be had from the command line only (docs/decisions/0020).
 */
#include <proto/control.pb-c.h>
#include <proto/svc.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "routes.h"
#include "wire/query.h"

enum { ADMIN_CALL_MS = 3000, NAME_TEXT = 64 };

typedef Sharestream__Control__StatusReply Status;
typedef Sharestream__Control__StatusReply__Service Service;

/* ---- replies */

/* Who was started by hand, or by systemd, has no supervisor, and nothing is wrong with that. */
static void fail_supervisor(struct exchange *x)
{
    const struct error *error = exchange_call_error(x);

    if (error->code == ERR_UNAVAILABLE)
        exchange_fail(x, ERR_UNAVAILABLE,
                      "sharestreamd does not answer: it is away, or these services were started "
                      "without it, and whoever did looks after them");
    else
        exchange_fail_error(x, error);
}

static void on_supervisor_message(struct exchange *x, const void *message)
{
    if (message == NULL)
        fail_supervisor(x);
    else
        routes_answer_message(x, message);
}

#define DEFINE_ANSWER(name, type, answer)                                                          \
    static void name(const type *reply, void *arg)                                                 \
    {                                                                                              \
        answer(arg, reply);                                                                        \
    }
DEFINE_ANSWER(on_deaths_reply, Sharestream__Control__WhyReply, on_supervisor_message)
DEFINE_ANSWER(on_logs_reply, Sharestream__Control__LogsReply, on_supervisor_message)
DEFINE_ANSWER(on_config_reply, Sharestream__Svc__ConfigReply, routes_answer_message)
DEFINE_ANSWER(on_level_reply, Sharestream__Svc__LogLevel, routes_answer_message)

/* ---- all at a glance */

struct survey {
    struct exchange *x;
    size_t waiting;
    struct look {
        struct survey *survey;
        char name[NAME_TEXT];
        Service service;
    } looks[NEIGHBOUR_supervisor];
};

static void answer_status(struct exchange *x, const Status *status, bool has_supervisor)
{
    json_t *json = pb_to_json(&status->base);

    json_object_set_new(json, "hasSupervisor", json_boolean(has_supervisor));
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200, json);
}

static void finish_survey(struct survey *survey)
{
    Service *services[COUNT_OF(survey->looks)];
    Status status = SHARESTREAM__CONTROL__STATUS_REPLY__INIT;

    for (size_t i = 0; i < COUNT_OF(services); i++)
        services[i] = &survey->looks[i].service;
    status.services = services;
    status.n_services = COUNT_OF(services);
    answer_status(survey->x, &status, false);
}

static char *keep(struct exchange *x, const char *text)
{
    return strcpy(exchange_alloc(x, strlen(text) + 1), text);
}

static void on_pinged(const Sharestream__Svc__PingReply *reply, void *arg)
{
    struct look *look = arg;
    struct exchange *x = look->survey->x;

    if (reply != NULL) {
        look->service.state = (char *)(uintptr_t) "ready";
        look->service.is_wanted = true;
        look->service.uptime_ms = reply->uptime_ms;
        look->service.degraded_text = keep(x, reply->is_degraded ? reply->degraded_text : "");
        look->service.note = keep(x, reply->note);
        look->service.log_level = keep(x, reply->log_level);
    }
    if (--look->survey->waiting == 0)
        finish_survey(look->survey);
}

/* Without a supervisor: who answers. */
static void survey(struct exchange *x)
{
    static const Sharestream__Svc__PingRequest request = SHARESTREAM__SVC__PING_REQUEST__INIT;
    struct survey *survey = exchange_alloc(x, sizeof(*survey));

    survey->x = x;
    survey->waiting = COUNT_OF(survey->looks);
    for (enum neighbour i = 0; i < COUNT_OF(survey->looks); i++) {
        struct look *look = &survey->looks[i];

        look->survey = survey;
        snprintf(look->name, sizeof(look->name), "%s.0", neighbour_name(i));
        sharestream__control__status_reply__service__init(&look->service);
        look->service.name = look->name;
        look->service.state = (char *)(uintptr_t) "away";
        sharestream__svc__svc__ping(exchange_svc(x, i, ADMIN_CALL_MS), &request, on_pinged, look);
    }
}

static void on_status_reply(const Status *status, void *arg)
{
    struct exchange *x = arg;

    if (status != NULL)
        answer_status(x, status, true);
    else if (exchange_call_error(x)->code == ERR_UNAVAILABLE)
        survey(x);
    else
        exchange_fail_error(x, exchange_call_error(x));
}

void on_services(struct exchange *x)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;

    sharestream__control__control__status(exchange_control(x, ADMIN_CALL_MS), &request,
                                          on_status_reply, x);
}

/* ---- one of them */

/* The :service of the path, decoded; NULL: answered. */
static char *read_name(struct exchange *x)
{
    char *name = exchange_alloc(x, NAME_TEXT);

    if (percent_decode(exchange_route(x)->source, name, NAME_TEXT, false) && name[0] != '\0')
        return name;
    exchange_fail(x, ERR_NOT_FOUND, "that is no name of a service");
    return NULL;
}

/* Who is meant by "torrent" or "torrent.0"; NULL: answered. */
static ProtobufCService *read_service(struct exchange *x)
{
    const char *name = read_name(x);
    enum neighbour neighbour;
    unsigned instance;

    if (name == NULL)
        return NULL;
    if (neighbour_find(name, &neighbour, &instance) && instance < BUS_INSTANCES_MAX)
        return exchange_svc_instance(x, neighbour, instance, ADMIN_CALL_MS);
    exchange_fail(x, ERR_NOT_FOUND, "no service named %s", name);
    return NULL;
}

void on_service_deaths(struct exchange *x)
{
    Sharestream__Control__WhyRequest request = SHARESTREAM__CONTROL__WHY_REQUEST__INIT;

    request.name = read_name(x);
    if (request.name != NULL)
        sharestream__control__control__why(exchange_control(x, ADMIN_CALL_MS), &request,
                                           on_deaths_reply, x);
}

static void on_restart_reply(const Sharestream__Control__Empty *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        fail_supervisor(x);
    else
        exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

void on_service_restart(struct exchange *x)
{
    Sharestream__Control__ServiceName request = SHARESTREAM__CONTROL__SERVICE_NAME__INIT;

    request.name = read_name(x);
    if (request.name != NULL)
        sharestream__control__control__restart(exchange_control(x, ADMIN_CALL_MS), &request,
                                               on_restart_reply, x);
}

void on_service_settings(struct exchange *x)
{
    Sharestream__Svc__ConfigRequest request = SHARESTREAM__SVC__CONFIG_REQUEST__INIT;
    ProtobufCService *service = read_service(x);

    if (service != NULL)
        sharestream__svc__svc__config(service, &request, on_config_reply, x);
}

void on_service_log_level(struct exchange *x)
{
    Sharestream__Svc__LogLevel *request =
        (void *)routes_read_message(x, &sharestream__svc__log_level__descriptor);
    ProtobufCService *service = request != NULL ? read_service(x) : NULL;

    if (service != NULL)
        sharestream__svc__svc__set_log_level(service, request, on_level_reply, x);
    if (request != NULL)
        sharestream__svc__log_level__free_unpacked(request, NULL);
}

/* ---- the log */

/* ?name=, empty when it is absent or too long to mean anything. */
static char *read_word(struct exchange *x, const char *name)
{
    char *word = exchange_alloc(x, NAME_TEXT);

    if (!query_get(exchange_route(x)->query, name, word, NAME_TEXT))
        word[0] = '\0';
    return word;
}

void on_logs(struct exchange *x)
{
    Sharestream__Control__LogsRequest request = SHARESTREAM__CONTROL__LOGS_REQUEST__INIT;
    uint64_t limit;

    if (!routes_read_number(x, "after", &request.after) || !routes_read_number(x, "limit", &limit))
        return;
    request.limit = (uint32_t)MIN(limit, (uint64_t)UINT32_MAX);
    request.name = read_word(x, "service");
    request.level = read_word(x, "level");
    sharestream__control__control__logs(exchange_control(x, ADMIN_CALL_MS), &request, on_logs_reply,
                                        x);
}
