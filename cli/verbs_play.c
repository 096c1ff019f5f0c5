/* SPDX-License-Identifier: MIT
 *
 * Verbs about playing a file.
 */
#include <proto/torrent.pb-c.h>
#include <stdio.h>

#include "base/units.h"
#include "follow.h"
#include "human.h"
#include "play.h"
#include "verbs.h"

typedef Sharestream__Torrent__TorrentInfo Info;

static void print_diagnosis(const Sharestream__Torrent__Diagnosis *diagnosis)
{
    char a[HUMAN_TEXT];

    print_fact("verdict", "%s", diagnosis->summary);
    print_fact("do", "%s", diagnosis->advice);
    print_fact("state", "%s", human_state(diagnosis->state));
    print_fact("peers", "%u connected, %u of them complete", diagnosis->peers, diagnosis->seeds);
    print_fact("down", "%s", human_rate(diagnosis->download_rate, a));
    if (diagnosis->needed_bytes_per_s > 0)
        print_fact("needs", "%s", human_rate(diagnosis->needed_bytes_per_s, a));
    if (diagnosis->is_head_ready)
        print_fact("next piece", "%u, here", diagnosis->head_piece);
    else
        print_fact("next piece", "%u, not here yet; %u connected peers have it",
                   diagnosis->head_piece, diagnosis->head_peers);
    print_fact("ahead", "%s", format_size(diagnosis->buffered_bytes, a));
    if (diagnosis->estimate_ms > 0)
        print_fact("plays in", "about %s", human_span(diagnosis->estimate_ms, a));
    for (size_t i = 0; i < diagnosis->n_trackers; i++)
        print_fact(i == 0 ? "trackers" : "", "%s", diagnosis->trackers[i]);
}

enum cli_exit do_doctor(struct cli *cli)
{
    Sharestream__Torrent__DiagnoseRequest request = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;
    const char *word = args_value(&cli->args, 1);
    Sharestream__Torrent__Diagnosis *diagnosis;
    Info *info;

    if (args_value(&cli->args, 0) == NULL)
        return do_doctor_all(cli);
    info = torrent_named(cli);

    if (info == NULL)
        return cli->exit;
    request.info_hash = info->info_hash;
    if (info->has_metadata) {
        const Sharestream__Torrent__File *file = play_file(cli, info, word);

        if (file == NULL) {
            reply_free(info);
            return cli->exit;
        }
        request.file = file->id;
    }
    diagnosis = cli_ask(cli, "torrent", "Diagnose", &request.base);
    reply_free(info);
    if (diagnosis == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&diagnosis->base);
    else
        print_diagnosis(diagnosis);
    reply_free(diagnosis);
    return CLI_OK;
}

enum cli_exit do_stream(struct cli *cli)
{
    Info *info = torrent_named(cli);
    const Sharestream__Torrent__File *file =
        info != NULL ? play_file(cli, info, args_value(&cli->args, 1)) : NULL;
    Sharestream__Http__LinkReply *link = file != NULL ? play_link(cli, info, file) : NULL;
    enum cli_exit how = link != NULL ? CLI_OK : cli->exit;

    if (link != NULL) {
        if (cli->wants_json)
            cli_print_json(&link->base);
        else
            puts(link->url);
        if (args_has(&cli->args, "--open") && !play_open(cli, link->url))
            how = cli->exit;
    }
    reply_free(link);
    reply_free(info);
    return how;
}
