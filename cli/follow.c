/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "human.h"

enum {
    ROUND_MS = 1000,
    METADATA_ROUND_MS = 1000, /* one question waits so long */
    JSON_EVERY_ROUNDS = 3,
    STUCK_ROUNDS = 3,       /* rounds without data before the reason is asked for */
    FILE_MESSAGES_MAX = 16, /* of 8 MiB: as http-svc does */
};

typedef Sharestream__Torrent__TorrentInfo Info;

static enum cli_exit try_get(struct cli *cli, const char *info_hash, uint32_t wait_ms,
                             uint32_t first_file, Info **out, struct error *error)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    void *reply;

    request.info_hash = (char *)(uintptr_t)info_hash;
    request.wait_ms = wait_ms;
    request.first_file = first_file;
    enum cli_exit how = cli_try(cli, "torrent", "Get", &request.base, &reply, error);

    *out = reply;
    return how;
}

Info *torrent_get(struct cli *cli, const char *info_hash)
{
    struct error error;
    Info *info;

    cli->exit = try_get(cli, info_hash, 0, 0, &info, &error);
    if (cli->exit != CLI_OK)
        cli_complain(cli, cli->exit, &error);
    return info;
}

Info *torrent_named(struct cli *cli)
{
    char info_hash[INFOHASH_TEXT];

    return cli_torrent(cli, args_value(&cli->args, 0), info_hash) ? torrent_get(cli, info_hash)
                                                                  : NULL;
}

/* Moves the files of `more`, which goes, behind those of `info`. */
static bool append_files(Info *info, Info *more)
{
    bool fits = more->n_files > 0 && more->files[0]->id == info->n_files;

    if (fits) {
        info->files = xrealloc(info->files, (info->n_files + more->n_files) * sizeof(*info->files));
        memcpy(info->files + info->n_files, more->files, more->n_files * sizeof(*more->files));
        info->n_files += more->n_files;
        more->n_files = 0;
    }
    reply_free(more);
    return fits;
}

bool torrent_all_files(struct cli *cli, Info *info)
{
    for (unsigned messages = 1; info->n_files < info->file_count; messages++) {
        struct error error;
        Info *more;

        if (messages == FILE_MESSAGES_MAX) {
            cli->exit =
                cli_refuse(cli, CLI_ERROR, ERR_TOO_LARGE,
                           "it has too many files: %u, and the names are long", info->file_count);
            return false;
        }
        cli->exit = try_get(cli, info->info_hash, 0, (uint32_t)info->n_files, &more, &error);
        if (cli->exit == CLI_OK && !append_files(info, more)) {
            error_set(&error, ERR_BUSY, "the torrent changed just now; try again");
            cli->exit = CLI_ERROR;
        }
        if (cli->exit != CLI_OK) {
            cli_complain(cli, cli->exit, &error);
            return false;
        }
    }
    return true;
}

static bool is_over(const struct follow *follow)
{
    return term_interrupted() || (follow->is_over != NULL && follow->is_over(follow->arg));
}

Info *follow_metadata(struct cli *cli, struct follow *follow)
{
    uint64_t began_ms = clock_ms();

    follow->live.is_quiet = cli->wants_json;
    while (!is_over(follow)) {
        struct text line = {0};
        struct error error = {0};
        char span[HUMAN_TEXT];
        Info *info;

        cli->exit = try_get(cli, follow->info_hash, METADATA_ROUND_MS, 0, &info, &error);
        if (cli->exit == CLI_ERROR || (info != NULL && info->has_metadata)) {
            live_erase(&follow->live);
            if (cli->exit == CLI_ERROR && !term_interrupted())
                cli_complain(cli, CLI_ERROR, &error);
            return info;
        }
        if (info == NULL)
            text_add(&line, error.text);
        else if (info->state == SHARESTREAM__TORRENT__STATE__FAILED ||
                 info->state == SHARESTREAM__TORRENT__STATE__PAUSED)
            human_progress(&line, info, NULL);
        else
            text_addf(&line, "looking for metadata: %u connected of %u known peers, %s",
                      info->peers, info->known_peers, human_span(clock_ms() - began_ms, span));
        live_draw(&follow->live, text_str(&line), false);
        text_fini(&line);
        reply_free(info);
        if (info == NULL)
            term_nap(ROUND_MS);
    }
    live_end(&follow->live);
    cli->exit = CLI_ERROR;
    return NULL;
}

static bool is_stuck(const Info *info)
{
    return info->download_rate == 0 && (info->state == SHARESTREAM__TORRENT__STATE__METADATA ||
                                        info->state == SHARESTREAM__TORRENT__STATE__DOWNLOADING);
}

/* The reason in a sentence, into `out` (with what to do); leaves it alone when there is no answer.
 */
static void diagnose(struct cli *cli, const struct follow *follow, char *out, size_t cap)
{
    Sharestream__Torrent__DiagnoseRequest request = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;
    struct error error;
    void *reply;

    request.info_hash = (char *)(uintptr_t)follow->info_hash;
    request.file = follow->file;
    if (cli_try(cli, "torrent", "Diagnose", &request.base, &reply, &error) != CLI_OK)
        return;
    const Sharestream__Torrent__Diagnosis *diagnosis = reply;

    /* It looks at the start of the file, which may be there while the rest is not. */
    if (strcmp(diagnosis->code, "ok") == 0)
        out[0] = '\0';
    else
        snprintf(out, cap, "%s%s%s", diagnosis->summary, diagnosis->advice[0] != '\0' ? "; " : "",
                 diagnosis->advice);
    reply_free(reply);
}

enum cli_exit follow_torrent(struct cli *cli, struct follow *follow)
{
    Sharestream__Torrent__State last = SHARESTREAM__TORRENT__STATE__UNKNOWN;
    unsigned stuck = 0;
    char note[400] = "";

    follow->live.is_quiet = cli->wants_json;
    for (unsigned round = 0; !is_over(follow); round++) {
        struct text line = {0};
        struct error error = {0};
        Info *info;
        enum cli_exit how = try_get(cli, follow->info_hash, 0, 0, &info, &error);

        if (how == CLI_ERROR && error.code == ERR_NOT_FOUND) {
            live_end(&follow->live);
            return cli_complain(cli, CLI_ERROR, &error);
        }
        if (info == NULL) {
            text_addf(&line, "waiting: %s", error.text);
        } else {
            stuck = is_stuck(info) ? stuck + 1 : 0;
            if (stuck == 0)
                note[0] = '\0';
            else if (stuck % STUCK_ROUNDS == 0)
                diagnose(cli, follow, note, sizeof(note));
            human_progress(&line, info, note);
            if (cli->wants_json && (round % JSON_EVERY_ROUNDS == 0 || info->state != last))
                cli_print_json(&info->base);
        }
        live_draw(&follow->live, text_str(&line), info != NULL && info->state != last);
        last = info != NULL ? info->state : last;
        reply_free(info);
        text_fini(&line);
        term_nap(ROUND_MS);
    }
    live_end(&follow->live);
    return CLI_OK;
}
