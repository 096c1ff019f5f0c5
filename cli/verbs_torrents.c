/* SPDX-License-Identifier: MIT
 *
 * Verbs that change torrents.
 */
#include <proto/torrent.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/units.h"
#include "follow.h"
#include "human.h"
#include "source.h"
#include "verbs.h"

typedef Sharestream__Torrent__TorrentInfo Info;

static void print_named(const char *before, const char *info_hash, const char *name)
{
    struct text clean = {0};

    human_clean(&clean, name);
    printf("%s %.8s  %s\n", before, info_hash, text_str(&clean));
    fflush(stdout);
    text_fini(&clean);
}

/* NULL after a complaint or when interrupted. */
static Info *wait_for_metadata(struct cli *cli, const char *info_hash)
{
    struct follow follow = {.info_hash = info_hash, .live = {.file = stderr}};

    term_catch_interrupt();
    return follow_metadata(cli, &follow);
}

static enum cli_exit add_one(struct cli *cli, const char *word)
{
    enum source_kind kind;
    struct error error;

    if (source_classify(word, &kind, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    if (kind == SOURCE_DATA)
        return cli_refuse(cli, CLI_ERROR, ERR_INVALID,
                          "%.120s is not a .torrent file; to share it: sharestream seed", word);
    Sharestream__Torrent__AddReply *reply =
        source_add(cli, word, kind, args_has(&cli->args, "--paused"));

    if (reply == NULL)
        return cli->exit;
    enum cli_exit how = CLI_OK;

    if (!cli->wants_json)
        print_named(reply->is_new ? "added" : "already there", reply->info_hash,
                    reply->info != NULL ? reply->info->name : "");
    if (args_has(&cli->args, "--wait") && (reply->info == NULL || !reply->info->has_metadata)) {
        Info *info = wait_for_metadata(cli, reply->info_hash);

        if (info == NULL) {
            how = cli->exit;
        } else {
            if (reply->info != NULL)
                reply_free(reply->info);
            reply->info = info;
            if (!cli->wants_json)
                print_named("ready", info->info_hash, info->name);
        }
    }
    /* One source, one document, the last word on it. */
    if (cli->wants_json)
        cli_print_json(&reply->base);
    reply_free(reply);
    return how;
}

enum cli_exit do_add(struct cli *cli)
{
    enum cli_exit how = CLI_OK;

    for (unsigned i = 0; i < cli->args.value_count && how != CLI_AWAY && !term_interrupted(); i++) {
        enum cli_exit one = add_one(cli, cli->args.values[i]);

        how = one != CLI_OK ? one : how;
    }
    return how;
}

enum cli_exit do_seed(struct cli *cli)
{
    char info_hash[INFOHASH_TEXT];

    term_catch_interrupt();
    if (!source_seed(cli, args_value(&cli->args, 0), args_has(&cli->args, "--hybrid"), info_hash))
        return cli->exit;
    Info *info = torrent_get(cli, info_hash);

    if (info == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&info->base);
    else
        print_named("sharing", info_hash, info->name);
    reply_free(info);
    return CLI_OK;
}

/* Resolves all words before it changes anything: a word that means nothing stops it all, and
 * numbers of the list keep their meaning. */
static enum cli_exit for_each(struct cli *cli, const char *done,
                              void *(*act)(struct cli *cli, char *info_hash))
{
    unsigned count = cli->args.value_count, resolved = 0;
    char(*hashes)[INFOHASH_TEXT] = xcalloc(count, sizeof(*hashes));
    enum cli_exit how = CLI_OK;

    while (resolved < count && cli_torrent(cli, cli->args.values[resolved], hashes[resolved]))
        resolved++;
    if (resolved < count)
        how = cli->exit;
    for (unsigned i = 0; resolved == count && i < count && how != CLI_AWAY; i++) {
        ProtobufCMessage *reply = act(cli, hashes[i]);

        if (reply == NULL)
            how = cli->exit;
        else if (cli->wants_json)
            cli_print_json(reply);
        else
            printf("%s %.8s\n", done, hashes[i]);
        reply_free(reply);
    }
    free(hashes);
    return how;
}

static void *named(struct cli *cli, const char *method, char *info_hash)
{
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;

    name.info_hash = info_hash;
    return cli_ask(cli, "torrent", method, &name.base);
}

static void *act_remove(struct cli *cli, char *info_hash)
{
    Sharestream__Torrent__RemoveRequest request = SHARESTREAM__TORRENT__REMOVE_REQUEST__INIT;

    request.info_hash = info_hash;
    request.keeps_data = args_has(&cli->args, "--keep-data");
    return cli_ask(cli, "torrent", "Remove", &request.base);
}

static void *act_pause(struct cli *cli, char *info_hash)
{
    return named(cli, "Pause", info_hash);
}

static void *act_resume(struct cli *cli, char *info_hash)
{
    return named(cli, "Resume", info_hash);
}

static void *act_recheck(struct cli *cli, char *info_hash)
{
    return named(cli, "Recheck", info_hash);
}

enum cli_exit do_rm(struct cli *cli)
{
    return for_each(cli, "removed", act_remove);
}

enum cli_exit do_pause(struct cli *cli)
{
    return for_each(cli, "paused", act_pause);
}

enum cli_exit do_resume(struct cli *cli)
{
    return for_each(cli, "resumed", act_resume);
}

enum cli_exit do_recheck(struct cli *cli)
{
    return for_each(cli, "checking", act_recheck);
}

/* What is given replaces what held. False after a complaint. */
static bool read_limits(struct cli *cli, Sharestream__Torrent__Limits *limits, bool *is_any)
{
    const char *down = args_option(&cli->args, "--down", 0);
    const char *up = args_option(&cli->args, "--up", 0);
    const char *connections = args_option(&cli->args, "--connections", 0);
    uint64_t count = limits->max_connections;

    *is_any = down != NULL || up != NULL || connections != NULL;
    if (down != NULL && !human_parse_rate(down, &limits->download))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                               "--down \"%.40s\" is not a rate like 2MiB or none", down);
    else if (up != NULL && !human_parse_rate(up, &limits->upload))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                               "--up \"%.40s\" is not a rate like 500K or none", up);
    else if (connections != NULL && (!parse_count(connections, &count) || count > UINT32_MAX))
        cli->exit = cli_refuse(cli, CLI_USAGE, ERR_INVALID,
                               "--connections \"%.40s\" is not a number", connections);
    else {
        limits->max_connections = (uint32_t)count;
        return true;
    }
    return false;
}

static void print_limits(const Sharestream__Torrent__Limits *limits)
{
    char value[HUMAN_TEXT];

    printf("down         %s\n", human_limit(limits->download, value));
    printf("up           %s\n", human_limit(limits->upload, value));
    if (limits->max_connections > 0)
        printf("connections  %u\n", limits->max_connections);
    else
        printf("connections  default\n");
}

enum cli_exit do_limits(struct cli *cli)
{
    Sharestream__Torrent__LimitsRequest request = SHARESTREAM__TORRENT__LIMITS_REQUEST__INIT;
    const char *word = args_value(&cli->args, 0);
    Sharestream__Torrent__Limits *now, wanted = SHARESTREAM__TORRENT__LIMITS__INIT;
    char info_hash[INFOHASH_TEXT] = "";
    bool is_any;

    if (!read_limits(cli, &wanted, &is_any)) /* before anybody is asked */
        return cli->exit;
    if (word != NULL && !cli_torrent(cli, word, info_hash))
        return cli->exit;
    request.info_hash = info_hash;
    now = cli_ask(cli, "torrent", "SetLimits", &request.base);
    if (now != NULL && is_any) {
        wanted = *now;
        read_limits(cli, &wanted, &is_any);
        request.limits = &wanted;
        reply_free(now);
        now = cli_ask(cli, "torrent", "SetLimits", &request.base);
    }
    if (now == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&now->base);
    else
        print_limits(now);
    reply_free(now);
    return CLI_OK;
}
