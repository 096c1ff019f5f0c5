/* SPDX-License-Identifier: MIT
 *
 * Verbs about the processes: what the supervisor answers.
 */
#include <proto/control.pb-c.h>
#include <proto/svc.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/units.h"
#include "human.h"
#include "services.h"
#include "verbs.h"

enum { LOOK_EVERY_MS = 200, STOP_WAIT_MS = 60000 };
enum { LOGS_EVERY_MS = 500, LOGS_LINES = 200, LOGS_LINES_MAX = 1000 };

typedef Sharestream__Control__StatusReply Status;
typedef Sharestream__Control__StatusReply__Service Service;

static enum colour state_colour(const Service *service)
{
    static const struct {
        const char *state;
        enum colour colour;
    } rows[] = {{"ready", COLOUR_GOOD},  {"starting", COLOUR_BUSY}, {"stopping", COLOUR_BUSY},
                {"backoff", COLOUR_ODD}, {"failed", COLOUR_BAD},    {"stopped", COLOUR_FAINT}};

    if (service->degraded_text[0] != '\0')
        return COLOUR_ODD;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].state, service->state) == 0)
            return rows[i].colour;
    return COLOUR_NONE;
}

/* The most urgent thing to know about it. */
static void note_cell(struct table *table, const Service *service)
{
    char span[HUMAN_TEXT];

    if (strcmp(service->state, "backoff") == 0)
        table_cell_in(table, COLOUR_ODD, "%s (%s to go)", service->last_death,
                      human_span(service->backoff_ms, span));
    else if (strcmp(service->state, "failed") == 0)
        table_cell_in(table, COLOUR_BAD, "%s", service->last_death);
    else if (service->degraded_text[0] != '\0')
        table_cell_in(table, COLOUR_ODD, "%s", service->degraded_text);
    else
        table_cell(table, "%s%s%s", service->ready_text, service->note[0] != '\0' ? " " : "",
                   service->note);
}

static void print_status(const Status *status, const struct term *term)
{
    static const struct column columns[] = {
        {"SERVICE", false, false}, {"STATE", false, false}, {"UP", true, false},
        {"RESTARTS", true, false}, {"MEMORY", true, false}, {"CPU", true, false},
        {"PID", true, false},      {"NOTE", false, true},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};
    char text[HUMAN_TEXT];

    for (size_t i = 0; i < status->n_services; i++) {
        const Service *service = status->services[i];

        table_cell(&table, "%s", service->name);
        table_cell_in(&table, state_colour(service), "%s%s", service->state,
                      service->degraded_text[0] != '\0' ? ", degraded" : "");
        if (service->pid == 0) {
            table_cell(&table, "%s", "");
            table_cell(&table, "%u", service->restarts);
            for (int blank = 0; blank < 3; blank++)
                table_cell(&table, "%s", "");
        } else {
            table_cell(&table, "%s", human_span(service->uptime_ms, text));
            table_cell(&table, "%u", service->restarts);
            table_cell(&table, "%s", format_size(service->resident_bytes, text));
            table_cell(&table, "%s", human_span(service->cpu_ms, text));
            table_cell(&table, "%u", service->pid);
        }
        note_cell(&table, service);
    }
    printf("ShareStream %s, up %s, supervisor %u\n\n", status->version,
           human_span(status->uptime_ms, text), status->pid);
    print_table(term, &table);
}

/* Without a supervisor: what answers, started by hand or in containers. */
static enum cli_exit status_by_asking(struct cli *cli)
{
    Sharestream__Svc__PingRequest request = SHARESTREAM__SVC__PING_REQUEST__INIT;
    unsigned found = 0;

    for (size_t i = 0; i < service_count; i++) {
        struct error error;
        void *reply;

        if (cli_try(cli, services[i].name, "Ping", &request.base, &reply, &error) != CLI_OK)
            continue;
        const Sharestream__Svc__PingReply *ping = reply;
        char span[HUMAN_TEXT];

        found++;
        if (cli->wants_json)
            cli_print_json(&ping->base);
        else
            printf("%-12s  answers, up %s%s%s\n", services[i].name,
                   human_span(ping->uptime_ms, span), ping->is_degraded ? ", degraded: " : "",
                   ping->degraded_text);
        reply_free(reply);
    }
    if (found > 0 && !cli->wants_json)
        puts("\nno supervisor here: these were started one by one");
    return found > 0 ? CLI_OK : CLI_AWAY;
}

enum cli_exit do_status(struct cli *cli)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    struct error error;
    void *reply;
    enum cli_exit how = cli_try(cli, "supervisor", "Status", &request.base, &reply, &error);

    if (how == CLI_AWAY && status_by_asking(cli) == CLI_OK)
        return CLI_OK;
    if (how != CLI_OK)
        return cli_complain(cli, how, &error);
    const Status *status = reply;

    if (cli->wants_json)
        cli_print_json(&status->base);
    else
        print_status(status, &cli->term);
    reply_free(reply);
    return CLI_OK;
}

/* A wrong name is told here, with what was meant, before anybody is asked. */
static bool check_service(struct cli *cli, const char *word)
{
    const struct service *service;
    struct error error;
    unsigned instance;

    if (service_find(word, &service, &instance, &error) == ERR_NONE)
        return true;
    cli->exit = cli_complain(cli, CLI_USAGE, &error);
    return false;
}

static void print_death(const Sharestream__Control__WhyReply__Death *death)
{
    char when[HUMAN_TEXT], span[HUMAN_TEXT];

    printf("%s  %s (process %u) died: ", human_time(death->when_unix_ms, when), death->name,
           death->pid);
    printf("%s after %s%s\n", death->cause, human_span(death->uptime_ms, span),
           death->was_ready ? "" : ", before it was ready");
    print_fact("  then", "%s", death->action);
    for (size_t i = 0; i < death->n_last_lines; i++)
        print_fact(i == 0 ? "  it said" : "", "%s", death->last_lines[i]);
    puts("");
}

enum cli_exit do_why(struct cli *cli)
{
    Sharestream__Control__WhyRequest request = SHARESTREAM__CONTROL__WHY_REQUEST__INIT;
    Sharestream__Control__WhyReply *reply;

    request.name = (char *)(uintptr_t)args_value(&cli->args, 0);
    if (!check_service(cli, request.name) ||
        (reply = cli_ask(cli, "supervisor", "Why", &request.base)) == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&reply->base);
    else if (reply->n_deaths == 0)
        printf("%s has not died since the supervisor remembers\n", request.name);
    for (size_t i = 0; i < reply->n_deaths && !cli->wants_json; i++)
        print_death(reply->deaths[i]);
    reply_free(reply);
    return CLI_OK;
}

static bool is_meant(const char *name, const char *asked)
{
    size_t len = strlen(asked);

    return strncmp(name, asked, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

/* How many of the meant instances are not yet as wanted: another life and ready, or stopped.
 * `before` NULL: they are to be stopped. False when the supervisor does not answer. */
static bool count_unfinished(struct cli *cli, const char *asked, const Status *before,
                             unsigned *out, struct error *error)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    const Status *now;
    void *reply;

    if (cli_try(cli, "supervisor", "Status", &request.base, &reply, error) != CLI_OK)
        return false;
    now = reply;
    *out = 0;
    for (size_t i = 0; i < now->n_services; i++) {
        const Service *service = now->services[i];
        bool is_new = true;

        if (!is_meant(service->name, asked))
            continue;
        for (size_t b = 0; before != NULL && b < before->n_services; b++)
            if (strcmp(before->services[b]->name, service->name) == 0)
                is_new = before->services[b]->generation != service->generation;
        if (before != NULL ? !is_new || strcmp(service->state, "ready") != 0 : service->pid != 0)
            ++*out;
    }
    reply_free(reply);
    return true;
}

/* The supervisor answers when the order is taken; people want to see it done. */
static enum cli_exit order(struct cli *cli, const char *method, const char *name, const char *done)
{
    Sharestream__Control__StatusRequest status = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    Sharestream__Control__ServiceName request = SHARESTREAM__CONTROL__SERVICE_NAME__INIT;
    bool is_restart = strcmp(method, "Stop") != 0;
    uint64_t began_ms = clock_ms(), until_ms = began_ms + STOP_WAIT_MS;
    unsigned unfinished = 1;
    struct error error;
    Status *before;

    request.name = (char *)(uintptr_t)name;
    if (!check_service(cli, name) ||
        (before = cli_ask(cli, "supervisor", "Status", &status.base)) == NULL)
        return cli->exit;
    ProtobufCMessage *reply = cli_ask(cli, "supervisor", method, &request.base);

    if (reply == NULL) {
        reply_free(before);
        return cli->exit;
    }
    term_catch_interrupt();
    while (unfinished > 0 && clock_ms() < until_ms && !term_interrupted()) {
        term_nap(LOOK_EVERY_MS);
        if (!count_unfinished(cli, name, is_restart ? before : NULL, &unfinished, &error))
            break;
    }
    reply_free(before);
    if (unfinished > 0) {
        reply_free(reply);
        return cli_refuse(cli, CLI_ERROR, ERR_TIMEOUT, "%s is not %s yet; see: sharestream status",
                          name, is_restart ? "ready" : "stopped");
    }
    char span[HUMAN_TEXT];

    if (cli->wants_json)
        cli_print_json(reply);
    else
        printf("%s %s after %s\n", name, done, human_span(clock_ms() - began_ms, span));
    reply_free(reply);
    return CLI_OK;
}

enum cli_exit do_restart(struct cli *cli)
{
    return order(cli, "Restart", args_value(&cli->args, 0), "is ready again");
}

/* One after the other, in the order in which they are started: each finds the others there. */
enum cli_exit do_upgrade(struct cli *cli)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    const char *name = args_value(&cli->args, 0);
    enum cli_exit how = CLI_OK;
    Status *status;

    if (name != NULL)
        return order(cli, "Replace", name, "is replaced");
    if ((status = cli_ask(cli, "supervisor", "Status", &request.base)) == NULL)
        return cli->exit;
    for (size_t i = 0; i < status->n_services && how == CLI_OK; i++)
        if (status->services[i]->is_wanted)
            how = order(cli, "Replace", status->services[i]->name, "is replaced");
    reply_free(status);
    return how;
}

enum cli_exit do_stop(struct cli *cli)
{
    Sharestream__Control__Empty request = SHARESTREAM__CONTROL__EMPTY__INIT;
    uint64_t until_ms = clock_ms() + STOP_WAIT_MS;
    ProtobufCMessage *reply;

    if (args_value(&cli->args, 0) != NULL)
        return order(cli, "Stop", args_value(&cli->args, 0), "stopped");
    if ((reply = cli_ask(cli, "supervisor", "Shutdown", &request.base)) == NULL)
        return cli->exit;
    term_catch_interrupt();
    while (cli_is_there(cli, "supervisor") && clock_ms() < until_ms && !term_interrupted())
        term_nap(LOOK_EVERY_MS);
    if (cli_is_there(cli, "supervisor")) {
        reply_free(reply);
        return cli_refuse(cli, CLI_ERROR, ERR_TIMEOUT,
                          "it was told to stop, and has not stopped yet");
    }
    if (cli->wants_json)
        cli_print_json(reply);
    else
        puts("stopped");
    reply_free(reply);
    return CLI_OK;
}

static void print_log_line(const struct cli *cli, const Sharestream__Control__LogsReply__Line *line)
{
    struct text clean = {0};

    if (cli->wants_json) {
        cli_print_json(&line->base);
        return;
    }
    human_clean(&clean, line->text);
    /* Lines of our log say themselves whose they are. */
    if (line->level[0] != '\0')
        puts(text_str(&clean));
    else
        printf("%s: %s\n", line->name, text_str(&clean));
    text_fini(&clean);
}

enum cli_exit do_logs(struct cli *cli)
{
    Sharestream__Control__LogsRequest request = SHARESTREAM__CONTROL__LOGS_REQUEST__INIT;
    const char *name = args_value(&cli->args, 0), *level = args_option(&cli->args, "--level", 0);
    const char *lines = args_option(&cli->args, "--lines", 0);
    bool follows = args_has(&cli->args, "--follow");
    uint64_t count = LOGS_LINES;
    struct error error;
    void *answer;

    if (lines != NULL && (!parse_count(lines, &count) || count < 1 || count > LOGS_LINES_MAX))
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                          "--lines \"%.40s\" is no number from 1 to %d", lines, LOGS_LINES_MAX);
    if (name != NULL && !check_service(cli, name))
        return cli->exit;
    request.name = (char *)(uintptr_t)(name != NULL ? name : "");
    request.level = (char *)(uintptr_t)(level != NULL ? level : "");
    request.limit = (uint32_t)count;
    if (follows)
        term_catch_interrupt();
    do {
        enum cli_exit how = cli_try(cli, "supervisor", "Logs", &request.base, &answer, &error);

        /* Who follows waits for one that is away for a moment. */
        if (how == CLI_AWAY && request.after != 0)
            continue;
        if (how != CLI_OK)
            return cli_complain(cli, how, &error);
        const Sharestream__Control__LogsReply *reply = answer;

        if (reply->is_missed && !cli->wants_json)
            fputs("(some lines came too fast and are left out)\n", stderr);
        for (size_t i = 0; i < reply->n_lines; i++)
            print_log_line(cli, reply->lines[i]);
        fflush(stdout);
        request.after = reply->next;
        request.limit = LOGS_LINES_MAX;
        reply_free(answer);
    } while (follows && (term_nap(LOGS_EVERY_MS), !term_interrupted()));
    return CLI_OK;
}
