/* SPDX-License-Identifier: MIT
 *
 * Verbs that look inside one process, and the one that sends anything to anybody.
 */
#include <proto/svc.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "bus/pb_json_names.h"
#include "human.h"
#include "services.h"
#include "verbs.h"

enum { TRACE_MS = 60000, TRACE_MAX_MS = 3600000, INPUT_MAX = 32 << 20 };

static void print_settings(const Sharestream__Svc__ConfigReply *reply, const struct term *term)
{
    static const struct column columns[] = {{"SETTING", false, false},
                                            {"VALUE", false, false},
                                            {"FROM", false, false},
                                            {"MEANING", false, true}};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < reply->n_settings; i++) {
        const Sharestream__Svc__ConfigReply__Setting *setting = reply->settings[i];
        bool is_default = strcmp(setting->origin, "default") == 0;

        table_cell(&table, "%s", setting->name);
        table_cell_in(&table, is_default ? COLOUR_NONE : COLOUR_BUSY, "%s", setting->value);
        table_cell_in(&table, is_default ? COLOUR_FAINT : COLOUR_BUSY, "%s",
                      setting->place[0] != '\0' ? setting->place : setting->origin);
        table_cell_in(&table, COLOUR_FAINT, "%s", setting->help);
    }
    print_table(term, &table);
}

static enum cli_exit config_of(struct cli *cli, const char *service)
{
    Sharestream__Svc__ConfigRequest request = SHARESTREAM__SVC__CONFIG_REQUEST__INIT;
    Sharestream__Svc__ConfigReply *reply = cli_ask(cli, service, "Config", &request.base);

    if (reply == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&reply->base);
    else
        print_settings(reply, &cli->term);
    reply_free(reply);
    return CLI_OK;
}

enum cli_exit do_config(struct cli *cli)
{
    const char *service = args_value(&cli->args, 0);
    enum cli_exit how = CLI_OK;
    unsigned found = 0;

    if (service != NULL)
        return config_of(cli, service);
    for (size_t i = 0; i < service_count; i++) {
        if (!cli_is_there(cli, services[i].name))
            continue;
        if (!cli->wants_json)
            printf("%s%s\n\n", found > 0 ? "\n" : "", services[i].name);
        found++;
        enum cli_exit one = config_of(cli, services[i].name);

        how = one != CLI_OK ? one : how;
    }
    return found > 0 ? how : config_of(cli, "supervisor"); /* which says that nothing runs */
}

enum cli_exit do_logs_level(struct cli *cli)
{
    Sharestream__Svc__LogLevel request = SHARESTREAM__SVC__LOG_LEVEL__INIT, *before;
    const char *service = args_value(&cli->args, 0);

    request.level = (char *)(uintptr_t)args_value(&cli->args, 1);
    if ((before = cli_ask(cli, service, "SetLogLevel", &request.base)) == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&before->base);
    else
        printf("%s logs at %s now, %s before\n", service, request.level, before->level);
    reply_free(before);
    return CLI_OK;
}

enum cli_exit do_metrics(struct cli *cli)
{
    Sharestream__Svc__MetricsRequest request = SHARESTREAM__SVC__METRICS_REQUEST__INIT;
    Sharestream__Svc__MetricsReply *reply =
        cli_ask(cli, args_value(&cli->args, 0), "Metrics", &request.base);

    if (reply == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&reply->base);
    else
        fputs(reply->text, stdout);
    reply_free(reply);
    return CLI_OK;
}

static bool on_trace_line(void *arg, struct bytes payload)
{
    const struct cli *cli = arg;
    char *raw = xstrndup((const char *)payload.data, payload.len);
    struct text clean = {0};

    human_clean(&clean, raw);
    if (cli->wants_json) {
        json_t *json = json_pack("{s:s}", "line", text_str(&clean));

        json_dumpf(json, stdout, JSON_COMPACT);
        json_decref(json);
        puts("");
    } else {
        puts(text_str(&clean));
    }
    fflush(stdout);
    text_fini(&clean);
    free(raw);
    return !term_interrupted();
}

enum cli_exit do_trace(struct cli *cli)
{
    Sharestream__Svc__TraceRequest request = SHARESTREAM__SVC__TRACE_REQUEST__INIT;
    const char *service = args_value(&cli->args, 0);
    const char *time = args_option(&cli->args, "--for", 0);
    uint64_t ms = TRACE_MS;
    struct error error = {0};
    void *reply;

    if (time != NULL && (!parse_duration_ms(time, &ms) || ms < 1000 || ms > TRACE_MAX_MS))
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                          "--for \"%.40s\" is not a time from 1s to 1h", time);
    request.peer = (char *)(uintptr_t)args_value(&cli->args, 1);
    request.seconds = (uint32_t)((ms + 999) / 1000);
    if ((reply = cli_ask(cli, service, "Trace", &request.base)) == NULL)
        return cli->exit;
    reply_free(reply);
    term_catch_interrupt();
    if (!cli->wants_json)
        fprintf(stderr, "messages between %s and %s; Ctrl-C ends\n", service, request.peer);
    enum err err = cli_listen(cli, service, "trace", (uint32_t)ms, on_trace_line, cli, &error);

    request.seconds = 0; /* off at once; it would end by itself too */
    term_clear_interrupt();
    if (cli_try(cli, service, "Trace", &request.base, &reply, NULL) == CLI_OK)
        reply_free(reply);
    return err == ERR_NONE ? CLI_OK : cli_complain(cli, CLI_ERROR, &error);
}

static const char *type_word(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return "true or false";
    case PROTOBUF_C_TYPE_ENUM:
        return "word";
    case PROTOBUF_C_TYPE_STRING:
        return "text";
    case PROTOBUF_C_TYPE_BYTES:
        return "base64url";
    case PROTOBUF_C_TYPE_MESSAGE:
        return "object";
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    return "number";
}

static void print_methods(const ProtobufCServiceDescriptor *descriptor)
{
    for (unsigned m = 0; m < descriptor->n_methods; m++) {
        const ProtobufCMessageDescriptor *input = descriptor->methods[m].input;

        printf("  %s\n", descriptor->methods[m].name);
        for (unsigned f = 0; f < input->n_fields; f++) {
            char name[PB_JSON_NAME];

            printf("      %-14s  %s%s\n", pb_json_camel(input->fields[f].name, name),
                   input->fields[f].label == PROTOBUF_C_LABEL_REPEATED ? "list of " : "",
                   type_word(&input->fields[f]));
        }
    }
}

/* Text of the request; NULL after a complaint. */
static char *read_input(struct cli *cli, const char *word)
{
    struct text text = {0};
    char part[65536];
    size_t len;

    if (word == NULL)
        return xstrdup("{}");
    if (strcmp(word, "-") != 0)
        return xstrdup(word);
    while ((len = fread(part, 1, sizeof(part), stdin)) > 0 && text.len < INPUT_MAX)
        text_add_bytes(&text, bytes_of(part, len));
    if (text.len >= INPUT_MAX) {
        cli->exit = cli_refuse(cli, CLI_ERROR, ERR_TOO_LARGE, "the request is too large");
        text_fini(&text);
        return NULL;
    }
    return text_take(&text);
}

/* NULL after a complaint. */
static ProtobufCMessage *read_request(struct cli *cli, const ProtobufCMethodDescriptor *method,
                                      const char *word)
{
    char *input = read_input(cli, word);
    ProtobufCMessage *request = NULL;
    struct error error;
    json_error_t where;

    if (input == NULL)
        return NULL;
    json_t *json = json_loads(input, JSON_REJECT_DUPLICATES, &where);

    if (json == NULL)
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID, "the request is not JSON: %s, line %d",
                               where.text, where.line);
    else if (pb_from_json(method->input, json, &request, &error) != ERR_NONE)
        cli->exit = cli_complain(cli, CLI_USAGE, &error);
    json_decref(json);
    free(input);
    return request;
}

enum cli_exit do_call(struct cli *cli)
{
    const char *name = args_value(&cli->args, 0), *word = args_value(&cli->args, 1);
    const ProtobufCServiceDescriptor *descriptor;
    const ProtobufCMethodDescriptor *method;
    const struct service *service;
    struct error error;
    unsigned instance;

    if (service_find(name, &service, &instance, &error) != ERR_NONE)
        return cli_complain(cli, CLI_USAGE, &error);
    if (word == NULL) {
        printf("%s answers:\n", service->name);
        print_methods(service->own);
        printf("and, like every service:\n");
        print_methods(&sharestream__svc__svc__descriptor);
        return CLI_OK;
    }
    if (service_method(service, word, &descriptor, &method, &error) != ERR_NONE)
        return cli_complain(cli, CLI_USAGE, &error);
    ProtobufCMessage *request = read_request(cli, method, args_value(&cli->args, 2));
    ProtobufCMessage *reply = request != NULL ? cli_ask(cli, name, method->name, request) : NULL;

    if (reply != NULL && cli->wants_json) {
        cli_print_json(reply);
    } else if (reply != NULL) {
        json_t *json = pb_to_json(reply);

        json_dumpf(json, stdout, JSON_INDENT(2));
        puts("");
        json_decref(json);
    }
    reply_free(request);
    enum cli_exit how = reply != NULL ? CLI_OK : cli->exit;

    reply_free(reply);
    return how;
}
