/* SPDX-License-Identifier: MIT
 *
 * sharestream: the command line. Finds the verb, reads its arguments and the configuration, and
 * lets the verb do the rest. Keeps no state; everything it knows it asks of the services.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "help.h"
#include "verbs.h"

enum { TIMEOUT_MS = 10000, TIMEOUT_MAX_MS = 3600000 };

static enum cli_exit read_options(struct cli *cli, struct error *error)
{
    const char *run_dir = args_option(&cli->args, "--run-dir", 0);
    const char *timeout = args_option(&cli->args, "--timeout", 0);
    uint64_t timeout_ms = TIMEOUT_MS;

    cli->config_file = args_option(&cli->args, "--config", 0);
    if (timeout != NULL && (!parse_duration_ms(timeout, &timeout_ms) || timeout_ms == 0 ||
                            timeout_ms > TIMEOUT_MAX_MS)) {
        error_set(error, ERR_INVALID, "--timeout \"%.40s\" is not a time like 10s", timeout);
        return CLI_USAGE;
    }
    cli->timeout_ms = (uint32_t)timeout_ms;
    /* As an environment variable it beats the file, here and in what `up` starts. */
    if (run_dir != NULL)
        setenv("SHARESTREAM_COMMON_RUN_DIR", run_dir, 1);
    return CLI_OK;
}

static enum cli_exit run_verb(struct cli *cli, const struct verb *verb)
{
    struct error error;
    enum cli_exit how = read_options(cli, &error);

    if (how != CLI_OK)
        return cli_complain(cli, how, &error);
    if (verb->is_local)
        return verb->run(cli);
    if (config_load(cli->config_file, NULL, &cli->config, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    cli->bus = (struct bus_config){
        .self = "cli",
        .generation = (uint64_t)getpid(),
        .run_dir = cli->config.common.run_dir,
        .listen = "",
        .peers = cli->config.bus.peers,
        .secret = cli->config.bus.secret,
        .allows_plaintext = cli->config.bus.plaintext,
    };
    how = verb->run(cli);
    config_free(&cli->config);
    return how;
}

static enum cli_exit say_usage(const struct cli *cli, const struct verb *verb,
                               const struct error *error)
{
    cli_complain(cli, CLI_USAGE, error);
    if (!cli->wants_json)
        fprintf(stderr, "usage: sharestream %s\n", verb->pattern);
    return CLI_USAGE;
}

static enum cli_exit say_unknown(const struct cli *cli, const char *word)
{
    const char *near = verb_near(word);

    if (near != NULL && strcmp(near, word) == 0)
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                          "%s wants another word; see: sharestream help %s", near, near);
    if (near != NULL)
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                          "there is no verb \"%.80s\"; did you mean %s?", word, near);
    return cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                      "there is no verb \"%.80s\"; see: sharestream help", word);
}

static bool is_given(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct pattern global, pattern;
    struct error error;
    unsigned used;

    pattern_read(global_pattern, &global);
    int at = 1 + args_first_word(&global, argc - 1, argv + 1);

    if (is_given(argc, argv, "--version")) {
        printf("sharestream %s\n", SHARESTREAM_VERSION);
        return CLI_OK;
    }
    if (at >= argc) {
        bool is_asked = is_given(argc, argv, "--help") || is_given(argc, argv, "-h");

        help_all(is_asked ? stdout : stderr);
        return is_asked ? CLI_OK : CLI_USAGE;
    }
    const struct verb *verb = verb_find(argv + at, &used);

    if (verb == NULL)
        return say_unknown(cli, argv[at]);
    if (is_given(argc, argv, "--help") || is_given(argc, argv, "-h")) {
        help_verb(stdout, verb);
        return CLI_OK;
    }
    memmove(argv + at, argv + at + used, (size_t)(argc - at - (int)used) * sizeof(*argv));
    pattern_read(verb->pattern, &pattern);
    if (args_read(&pattern, &global, argc - 1 - (int)used, argv + 1, &cli->args, &error) !=
        ERR_NONE)
        return say_usage(cli, verb, &error);
    return run_verb(cli, verb);
}

int main(int argc, char **argv)
{
    struct cli cli = {.wants_json = is_given(argc, argv, "--json")};

    setlocale(LC_CTYPE, "C.UTF-8"); /* only for the width of characters */
    term_read(&cli.term);
    enum cli_exit how = run(&cli, argc, argv);

    args_fini(&cli.args);
    return (int)how;
}
