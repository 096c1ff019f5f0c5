/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <proto/torrent.pb-c.h>

#include "base/must.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "human.h"
#include "prefix.h"
#include "services.h"

enum { ENDPOINT_TEXT = 256 };

/* A socket file alone says nothing: it stays behind when its owner is killed. */
static bool has_listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there;

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, path, strlen(path));
    is_there = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_there;
}

static bool is_there(const struct cli *cli, const char *name, unsigned instance)
{
    char endpoint[ENDPOINT_TEXT];

    if (!bus_endpoint(cli->bus.run_dir, cli->bus.peers, name, instance, false, endpoint,
                      sizeof(endpoint)))
        return false;
    return strncmp(endpoint, "ipc://", 6) != 0 || has_listener(endpoint + 6);
}

bool cli_is_there(const struct cli *cli, const char *service)
{
    const struct service *found;
    unsigned instance;

    return service_find(service, &found, &instance, NULL) == ERR_NONE &&
           is_there(cli, found->name, instance);
}

static enum cli_exit say_away(const struct cli *cli, const char *service, struct error *error)
{
    if (cli_is_there(cli, "supervisor"))
        error_set(error, ERR_UNAVAILABLE, "%s is not running; see: sharestream why %s", service,
                  service);
    else
        error_set(error, ERR_UNAVAILABLE,
                  "nothing is running here (looked in %s); start it with: sharestream up",
                  cli->bus.run_dir);
    return CLI_AWAY;
}

/* Of several instances one may do the work of all, and the others stand by. */
static bool find_next(const struct cli *cli, const char *name, unsigned *instance)
{
    for (unsigned next = *instance + 1; next < BUS_INSTANCES_MAX; next++)
        if (is_there(cli, name, next)) {
            *instance = next;
            return true;
        }
    return false;
}

enum cli_exit cli_try(struct cli *cli, const char *service, const char *method,
                      const ProtobufCMessage *request, void **reply_out, struct error *error)
{
    const ProtobufCServiceDescriptor *descriptor;
    const ProtobufCMethodDescriptor *rpc;
    const struct service *found;
    ProtobufCMessage *reply;
    unsigned instance;

    *reply_out = NULL;
    if (service_find(service, &found, &instance, error) != ERR_NONE ||
        service_method(found, method, &descriptor, &rpc, error) != ERR_NONE)
        return CLI_USAGE;
    bool is_any = strchr(service, '.') == NULL;
    if (!is_there(cli, found->name, instance) &&
        !(is_any && find_next(cli, found->name, &instance)))
        return say_away(cli, service, error);
    enum err err;
    do {
        struct ask where = {&cli->bus, found->name, instance, cli->timeout_ms};

        err = ask(&where, descriptor, rpc->name, request, &reply, error);
    } while ((err == ERR_UNAVAILABLE || err == ERR_TIMEOUT) && is_any &&
             find_next(cli, found->name, &instance));

    if (err == ERR_NONE) {
        *reply_out = reply;
        return CLI_OK;
    }
    return err == ERR_TIMEOUT ? CLI_AWAY : CLI_ERROR;
}

void *cli_ask(struct cli *cli, const char *service, const char *method,
              const ProtobufCMessage *request)
{
    struct error error;
    void *reply;

    cli->exit = cli_try(cli, service, method, request, &reply, &error);
    if (cli->exit != CLI_OK)
        cli_complain(cli, cli->exit, &error);
    return reply;
}

void reply_free(void *reply)
{
    if (reply != NULL)
        protobuf_c_message_free_unpacked(reply, NULL);
}

enum err cli_listen(struct cli *cli, const char *service, const char *topic, uint32_t ms,
                    bool (*on_message)(void *arg, struct bytes payload), void *arg,
                    struct error *error)
{
    const struct service *found;
    unsigned instance;

    if (service_find(service, &found, &instance, error) != ERR_NONE)
        return error->code;
    struct ask where = {&cli->bus, found->name, instance, ms};

    return ask_listen(&where, topic, on_message, arg, error);
}

enum cli_exit cli_complain(const struct cli *cli, enum cli_exit how, const struct error *error)
{
    if (cli->wants_json) {
        json_t *json = json_pack("{s:s, s:s}", "error", err_word(error->code), "message",
                                 utf8_valid(bytes_of_text(error->text)) ? error->text : "?");

        json_dumpf(json, stderr, JSON_COMPACT);
        fputc('\n', stderr);
        json_decref(json);
    } else {
        struct text clean = {0};

        human_clean(&clean, error->text);
        fprintf(stderr, "sharestream: %s\n", text_str(&clean));
        text_fini(&clean);
    }
    return how;
}

void cli_print_json(const ProtobufCMessage *message)
{
    json_t *json = pb_to_json(message);

    json_dumpf(json, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(json);
}

enum cli_exit cli_refuse(const struct cli *cli, enum cli_exit how, enum err code,
                         const char *format, ...)
{
    struct error error = {.code = code};
    va_list args;

    va_start(args, format);
    vsnprintf(error.text, sizeof(error.text), format, args);
    va_end(args);
    return cli_complain(cli, how, &error);
}

bool cli_torrent(struct cli *cli, const char *word, char out[INFOHASH_TEXT])
{
    Sharestream__Torrent__ListRequest request = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    Sharestream__Torrent__ListReply *list;
    struct error error;
    size_t index;

    if (prefix_is_whole(word, out))
        return true;
    if ((list = cli_ask(cli, "torrent", "List", &request.base)) == NULL)
        return false;
    torrents_sort(list->torrents, list->n_torrents);
    enum err err = prefix_find(word, list->torrents, list->n_torrents, &index, &error);

    if (err == ERR_NONE)
        snprintf(out, INFOHASH_TEXT, "%s", list->torrents[index]->info_hash);
    else
        cli->exit = cli_complain(cli, err == ERR_NOT_FOUND ? CLI_ERROR : CLI_USAGE, &error);
    reply_free(list);
    return err == ERR_NONE;
}
