/* SPDX-License-Identifier: MIT
 *
 * cli: what every verb is given, and how it asks, complains and ends.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "bus/ask.h"
#include "pattern.h"
#include "svc/config.h"
#include "term.h"
#include "wire/infohash.h"

/* The exit codes; documented in `sharestream help` and sharestream(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1, /* it was asked and refused, or something went wrong here */
    CLI_USAGE = 2, /* the command line makes no sense */
    CLI_AWAY = 3,  /* nothing runs, or it does not answer */
};

struct cli {
    struct args args;
    struct config config;
    struct bus_config bus;
    struct term term;
    const char *config_file; /* --config, or NULL */
    bool wants_json;
    uint32_t timeout_ms;
    enum cli_exit exit; /* of the last question that failed */
};

/* A question to "torrent", "torrent.1" or "supervisor": finds the method in what its owner answers,
 * then in what every service answers. On CLI_OK *reply_out is unpacked; free it with reply_free().
 */
enum cli_exit cli_try(struct cli *cli, const char *service, const char *method,
                      const ProtobufCMessage *request, void **reply_out, struct error *error);
/* Same, but tells the person what is wrong, and returns NULL then; cli->exit says how to end. */
void *cli_ask(struct cli *cli, const char *service, const char *method,
              const ProtobufCMessage *request);
void reply_free(void *reply);
/* Listens to "event" or "trace" of a service for `ms`. */
enum err cli_listen(struct cli *cli, const char *service, const char *topic, uint32_t ms,
                    bool (*on_message)(void *arg, struct bytes payload), void *arg,
                    struct error *error);
/* Is somebody behind the address of this service? At once; over tcp it is believed. */
bool cli_is_there(const struct cli *cli, const char *service);

/* Says "sharestream: <sentence>" on stderr (an object with --json) and returns `how`. */
enum cli_exit cli_complain(const struct cli *cli, enum cli_exit how, const struct error *error);
__attribute__((format(printf, 4, 5))) enum cli_exit
cli_refuse(const struct cli *cli, enum cli_exit how, enum err code, const char *format, ...);
/* One line of JSON on stdout. */
void cli_print_json(const ProtobufCMessage *message);

/* The torrent that a word means: a hash, the start of one, or a number of the list. False after a
 * complaint. */
bool cli_torrent(struct cli *cli, const char *word, char out[INFOHASH_TEXT]);

#endif
