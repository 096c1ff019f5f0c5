/* SPDX-License-Identifier: MIT
 *
 * up: everything in one command. Starts the supervisor unless one runs, waits until the services
 * are ready, adds or shares the source, says where it plays, and stays with it.
 *
 *     start -> ready -> address -> source -> metadata -> stream address -> progress until Ctrl-C
 */
#include <proto/control.pb-c.h>
#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "daemon.h"
#include "follow.h"
#include "human.h"
#include "play.h"
#include "source.h"
#include "verbs.h"
#include "words.h"

enum { READY_WAIT_MS = 60000, LOOK_EVERY_MS = 100, IDLE_ROUND_MS = 1000, RESTARTS_ENOUGH = 2 };

typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Control__StatusReply Status;

struct up {
    struct cli *cli;
    struct daemon daemon;
};

static bool has_ended(void *arg)
{
    struct up *up = arg;

    return up->daemon.pid != 0 && !daemon_is_alive(&up->daemon);
}

static bool goes_on(struct up *up)
{
    return !term_interrupted() && !has_ended(up);
}

static enum cli_exit tell_end(struct up *up)
{
    struct text end = {0};

    if (daemon_was_asked(&up->daemon)) {
        if (!up->cli->wants_json)
            puts("stopped by somebody else");
        return CLI_OK;
    }
    daemon_tell_end(&up->daemon, &end);
    if (up->cli->wants_json)
        cli_refuse(up->cli, CLI_ERROR, ERR_IO, "%.200s", text_str(&end));
    else
        fprintf(stderr, "sharestream: %s\n", text_str(&end));
    text_fini(&end);
    return CLI_ERROR;
}

/* Counts the wanted services that are not ready, and lists them in `line`. One that was given up,
 * or died again and again before it was ready, is named in `hopeless` (waiting longer helps
 * nobody). */
static unsigned count_unready(const Status *status, struct text *line, char hopeless[HUMAN_TEXT])
{
    unsigned unready = 0;

    for (size_t i = 0; i < status->n_services; i++) {
        const Sharestream__Control__StatusReply__Service *service = status->services[i];

        if (!service->is_wanted || strcmp(service->state, "ready") == 0)
            continue;
        text_addf(line, "%s%s %s", unready > 0 ? ", " : "starting: ", service->name,
                  service->state);
        if (service->last_death[0] != '\0')
            text_addf(line, " (%s)", service->last_death);
        if (strcmp(service->state, "failed") == 0 ||
            (strcmp(service->state, "backoff") == 0 && service->restarts >= RESTARTS_ENOUGH))
            snprintf(hopeless, HUMAN_TEXT, "%s", service->name);
        unready++;
    }
    return unready;
}

static enum cli_exit tell_hopeless(struct up *up, const char *service)
{
    struct text words = {0};

    words_of_service(up->cli, service, &words);
    enum cli_exit how = cli_refuse(up->cli, CLI_ERROR, ERR_CONFIG, "%s cannot start: %.200s",
                                   service, text_str(&words));

    text_fini(&words);
    return how;
}

/* True when all are ready; else `line` says what is missing. */
static bool look(struct up *up, struct text *line, char hopeless[HUMAN_TEXT])
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    struct error error;
    unsigned unready;
    void *reply;

    if (cli_try(up->cli, "supervisor", "Status", &request.base, &reply, &error) != CLI_OK) {
        text_add(line, "starting");
        return false;
    }
    unready = count_unready(reply, line, hopeless);
    reply_free(reply);
    return unready == 0;
}

static enum cli_exit wait_until_ready(struct up *up)
{
    struct live live = {.file = stderr, .is_quiet = up->cli->wants_json};
    uint64_t until_ms = clock_ms() + READY_WAIT_MS;
    char hopeless[HUMAN_TEXT] = "";
    bool is_ready = false;

    while (!is_ready && hopeless[0] == '\0' && clock_ms() < until_ms && goes_on(up)) {
        struct text line = {0};

        is_ready = look(up, &line, hopeless);
        if (!is_ready) {
            live_draw(&live, text_str(&line), false);
            term_nap(LOOK_EVERY_MS);
        }
        text_fini(&line);
    }
    live_erase(&live);
    if (is_ready || !goes_on(up))
        return CLI_OK;
    if (hopeless[0] != '\0')
        return tell_hopeless(up, hopeless);
    return cli_refuse(up->cli, CLI_ERROR, ERR_TIMEOUT, "not ready after a minute; see the log %s",
                      up->daemon.log);
}

static enum cli_exit start(struct up *up)
{
    struct cli *cli = up->cli;
    struct error error;

    if (!cli_is_there(cli, "supervisor") &&
        daemon_start(cli, args_has(&cli->args, "--log"), &up->daemon, &error) != ERR_NONE)
        return cli_complain(cli, CLI_ERROR, &error);
    return wait_until_ready(up);
}

static enum cli_exit print_front(struct up *up)
{
    Sharestream__Http__StatsRequest request = SHARESTREAM__HTTP__STATS_REQUEST__INIT;
    Sharestream__Http__StatsReply *stats = cli_ask(up->cli, "http", "Stats", &request.base);

    if (stats == NULL)
        return up->cli->exit;
    if (up->cli->wants_json) {
        cli_print_json(&stats->base);
    } else {
        printf("ShareStream %s %s\n", SHARESTREAM_VERSION,
               up->daemon.pid != 0 ? "is up" : "was up already");
        print_fact("open", "%s", stats->base_url);
        if (stats->needs_token)
            print_fact("token", "in %s/admin-token, unless http.admin_token sets one",
                       up->cli->config.common.data_dir);
        print_fact("log", "%s", up->daemon.log);
        fflush(stdout);
    }
    reply_free(stats);
    return CLI_OK;
}

/* Adds or shares; the info-hash into `out`. */
static bool take_source(struct up *up, const char *word, char out[INFOHASH_TEXT])
{
    struct cli *cli = up->cli;
    Sharestream__Torrent__AddReply *reply;
    enum source_kind kind;
    struct error error;

    if (source_classify(word, &kind, &error) != ERR_NONE) {
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
        return false;
    }
    if (kind == SOURCE_DATA)
        return source_seed(cli, word, false, out);
    if ((reply = source_add(cli, word, kind, false)) == NULL)
        return false;
    snprintf(out, INFOHASH_TEXT, "%s", reply->info_hash);
    reply_free(reply);
    return true;
}

/* The address of what plays; *file_out is whose. */
static enum cli_exit print_stream(struct up *up, Info *info, uint32_t *file_out)
{
    struct cli *cli = up->cli;
    char size[UNITS_TEXT];

    if (cli->wants_json)
        cli_print_json(&info->base);
    else
        print_fact("torrent", "%.8s  %s", info->info_hash, info->name);
    const Sharestream__Torrent__File *file = play_file(cli, info, NULL);
    Sharestream__Http__LinkReply *link = file != NULL ? play_link(cli, info, file) : NULL;

    if (link == NULL)
        return cli->exit;
    *file_out = file->id;
    if (cli->wants_json) {
        cli_print_json(&link->base);
    } else {
        print_fact("file", "%s, %s", file->path, format_size(file->size_bytes, size));
        print_fact("stream", "%s", link->url);
        puts("");
        fflush(stdout);
    }
    enum cli_exit how =
        args_has(&cli->args, "--open") && !play_open(cli, link->url) ? cli->exit : CLI_OK;

    reply_free(link);
    return how;
}

static enum cli_exit play(struct up *up, const char *word)
{
    char info_hash[INFOHASH_TEXT];
    struct follow follow = {
        .info_hash = info_hash, .live = {.file = stdout}, .is_over = has_ended, .arg = up};

    if (!take_source(up, word, info_hash))
        return term_interrupted() ? CLI_OK : up->cli->exit;
    Info *info = follow_metadata(up->cli, &follow);

    if (info == NULL)
        return term_interrupted() ? CLI_OK : up->cli->exit;
    print_stream(up, info, &follow.file); /* what has no video or audio is fetched all the same */
    reply_free(info);
    return follow_torrent(up->cli, &follow);
}

/* Without a source: all torrents together in one line. */
static enum cli_exit idle(struct up *up)
{
    Sharestream__Torrent__StatsRequest request = SHARESTREAM__TORRENT__STATS_REQUEST__INIT;
    struct live live = {.file = stdout, .is_quiet = up->cli->wants_json};

    if (!up->cli->term.is_tty)
        live.is_quiet = true; /* a log does not need to know every three seconds that all is well */
    while (goes_on(up)) {
        char down[HUMAN_TEXT], upload[HUMAN_TEXT], line[240];
        struct error error = {0};
        void *reply;

        if (cli_try(up->cli, "torrent", "Stats", &request.base, &reply, &error) == CLI_OK) {
            const Sharestream__Torrent__StatsReply *stats = reply;

            snprintf(line, sizeof(line), "%u torrents  %u peers  down %s  up %s  (Ctrl-C stops)",
                     stats->torrents, stats->peers, human_rate(stats->download_rate, down),
                     human_rate(stats->upload_rate, upload));
            reply_free(reply);
        } else {
            snprintf(line, sizeof(line), "waiting: %.200s", error.text);
        }
        live_draw(&live, line, false);
        term_nap(IDLE_ROUND_MS);
    }
    live_end(&live);
    return CLI_OK;
}

enum cli_exit do_up(struct cli *cli)
{
    const char *source = args_value(&cli->args, 0);
    struct up up = {.cli = cli};

    term_catch_interrupt();
    enum cli_exit how = start(&up);

    if (how == CLI_OK && goes_on(&up))
        how = print_front(&up);
    if (how == CLI_OK && goes_on(&up) && source != NULL)
        how = play(&up, source);
    else if (how == CLI_OK && goes_on(&up) && up.daemon.pid != 0)
        how = idle(&up);
    if (how == CLI_OK && has_ended(&up))
        how = tell_end(&up);
    if (up.daemon.pid != 0)
        daemon_stop(&up.daemon, cli->wants_json);
    else if (source != NULL && how == CLI_OK && !cli->wants_json)
        puts("it goes on in the background; see: sharestream list");
    return how;
}
