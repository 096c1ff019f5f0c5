/* SPDX-License-Identifier: MIT
 *
 * Verbs that look at one torrent.
 */
#include <proto/torrent.pb-c.h>
#include <stdio.h>

#include "base/must.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "follow.h"
#include "human.h"
#include "verbs.h"
#include "verbs_rtc.h"

typedef Sharestream__Torrent__TorrentInfo Info;

static void print_info(const Info *info)
{
    char a[HUMAN_TEXT], b[HUMAN_TEXT], c[HUMAN_TEXT];

    print_fact("name", "%s", info->name);
    print_fact("hash", "%s", info->info_hash);
    print_fact("hash v2", "%s", info->info_hash_v2);
    print_fact("state", "%s%s%s%s", human_state(info->state), info->error[0] != '\0' ? ": " : "",
               info->error, info->is_seed ? " (your own data)" : "");
    if (info->has_metadata) {
        print_fact("size", "%s in %u %s, %u pieces of %s", format_size(info->size_bytes, a),
                   info->file_count, info->file_count == 1 ? "file" : "files", info->piece_count,
                   format_size(info->piece_bytes, b));
        print_fact("done", "%s (%s, %u pieces)", human_percent(info->progress, a),
                   format_size(info->ready_bytes, b), info->pieces_ready);
    }
    print_fact("peers", "%u connected, %u of them complete, %u of them browsers, %u known",
               info->peers, info->seeds, info->browsers, info->known_peers);
    print_fact("down", "%s, %s so far", human_rate(info->download_rate, a),
               format_size(info->downloaded_bytes, b));
    print_fact("up", "%s, %s so far", human_rate(info->upload_rate, a),
               format_size(info->uploaded_bytes, b));
    if (info->eta_s > 0)
        print_fact("left", "%s", format_eta(info->eta_s, a));
    if (info->readers > 0)
        print_fact("playing", "%u %s, %s ahead", info->readers,
                   info->readers == 1 ? "reader" : "readers", format_size(info->buffered_bytes, a));
    if (info->limits != NULL &&
        (info->limits->download | info->limits->upload | info->limits->max_connections) != 0)
        print_fact("limits", "down %s, up %s, connections %s%.0u",
                   human_limit(info->limits->download, a), human_limit(info->limits->upload, b),
                   info->limits->max_connections ? "" : "default", info->limits->max_connections);
    print_fact("fetches", "%s", info->has_background ? "all wanted files" : "only what is played");
    print_fact("added", "%s", human_time(info->added_unix_ms, c));
    if (info->used_unix_ms > 0)
        print_fact("played", "%s", human_time(info->used_unix_ms, c));
    if (info->created_unix_s > 0)
        print_fact("made", "%s", human_time(info->created_unix_s * 1000, c));
    print_fact("made by", "%s", info->created_by);
    print_fact("comment", "%s", info->comment);
    print_fact("private", "%s", info->is_private ? "yes" : "");
}

enum cli_exit do_info(struct cli *cli)
{
    Info *info = torrent_named(cli);

    if (info == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&info->base);
    else
        print_info(info);
    reply_free(info);
    return CLI_OK;
}

static void files_table(const Info *info, const struct term *term)
{
    static const struct column columns[] = {
        {"#", true, false},    {"PATH", false, true},  {"SIZE", true, false},
        {"DONE", true, false}, {"KIND", false, false}, {"NOTE", false, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < info->n_files; i++) {
        const Sharestream__Torrent__File *file = info->files[i];
        char text[HUMAN_TEXT];

        table_cell(&table, "%u", file->id);
        table_cell(&table, "%s", file->path);
        table_cell(&table, "%s", format_size(file->size_bytes, text));
        table_cell_in(&table, file->progress >= 1 ? COLOUR_GOOD : COLOUR_NONE, "%s",
                      human_percent(file->progress, text));
        table_cell(&table, "%s", file->kind);
        table_cell_in(&table, COLOUR_FAINT, "%s", file->is_wanted ? "" : "only when played");
    }
    print_table(term, &table);
}

enum cli_exit do_files(struct cli *cli)
{
    Info *info = torrent_named(cli);

    if (info == NULL)
        return cli->exit;
    if (!torrent_all_files(cli, info)) {
        reply_free(info);
        return cli->exit;
    }
    if (cli->wants_json)
        cli_print_json(&info->base);
    else if (!info->has_metadata)
        puts("its files are not known yet: still looking for metadata");
    else
        files_table(info, &cli->term);
    reply_free(info);
    return CLI_OK;
}

static void peers_tables(const Sharestream__Torrent__PeersReply *reply, const struct term *term)
{
    static const struct column peer_columns[] = {
        {"PEER", false, false},  {"CLIENT", false, true}, {"DOWN", true, false},
        {"UP", true, false},     {"GOT", true, false},    {"GAVE", true, false},
        {"PIECES", true, false}, {"FLAGS", false, false},
    };
    static const struct column tracker_columns[] = {
        {"TRACKER", false, true}, {"WORKS", false, false}, {"SEEDS", true, false},
        {"PEERS", true, false},   {"FAILS", true, false},  {"MESSAGE", false, false},
    };
    struct table peers = {peer_columns, COUNT_OF(peer_columns), NULL, 0};
    struct table trackers = {tracker_columns, COUNT_OF(tracker_columns), NULL, 0};

    for (size_t i = 0; i < reply->n_peers; i++) {
        const Sharestream__Torrent__PeersReply__Peer *peer = reply->peers[i];
        struct text flags = {0};
        char text[HUMAN_TEXT];

        for (size_t f = 0; f < peer->n_flags; f++)
            text_addf(&flags, "%s%s", f > 0 ? " " : "", peer->flags[f]);
        table_cell(&peers, "%s", peer->address);
        table_cell(&peers, "%s", peer->client);
        table_cell(&peers, "%s", human_rate(peer->download_rate, text));
        table_cell(&peers, "%s", human_rate(peer->upload_rate, text));
        table_cell(&peers, "%s", format_size(peer->downloaded_bytes, text));
        table_cell(&peers, "%s", format_size(peer->uploaded_bytes, text));
        table_cell(&peers, "%u", peer->pieces);
        table_cell(&peers, "%s", text_str(&flags));
        text_fini(&flags);
    }
    for (size_t i = 0; i < reply->n_trackers; i++) {
        const Sharestream__Torrent__PeersReply__Tracker *tracker = reply->trackers[i];

        table_cell(&trackers, "%s", tracker->url);
        table_cell_in(&trackers, tracker->is_working ? COLOUR_GOOD : COLOUR_BAD, "%s",
                      tracker->is_working ? "yes" : "no");
        table_cell(&trackers, "%u", tracker->seeds);
        table_cell(&trackers, "%u", tracker->peers);
        table_cell(&trackers, "%u", tracker->fails);
        table_cell(&trackers, "%s", tracker->message);
    }
    if (reply->n_peers > 0)
        print_table(term, &peers);
    else
        puts("no peers are connected");
    if (reply->peer_count > reply->n_peers)
        printf("and %zu more peers\n", reply->peer_count - reply->n_peers);
    if (reply->n_trackers > 0) {
        puts("");
        print_table(term, &trackers);
    }
}

/* NULL: rtc-svc is not there, or knows of none. */
static Sharestream__Rtc__PeersReply *ask_for_browsers(struct cli *cli, char *info_hash)
{
    Sharestream__Rtc__PeersRequest request = SHARESTREAM__RTC__PEERS_REQUEST__INIT;
    void *reply = NULL;

    request.info_hash = info_hash;
    if (!cli_is_there(cli, "rtc") ||
        cli_try(cli, "rtc", "Peers", &request.base, &reply, NULL) != CLI_OK)
        return NULL;
    return reply;
}

static void print_peers_json(const Sharestream__Torrent__PeersReply *reply,
                             const Sharestream__Rtc__PeersReply *browsers)
{
    json_t *json = pb_to_json(&reply->base);

    if (browsers != NULL)
        json_object_set_new(json, "webrtc", pb_to_json(&browsers->base));
    json_dumpf(json, stdout, JSON_COMPACT);
    puts("");
    json_decref(json);
}

static enum cli_exit show_peers(struct cli *cli, char *info_hash)
{
    Sharestream__Torrent__PeersRequest request = SHARESTREAM__TORRENT__PEERS_REQUEST__INIT;
    Sharestream__Torrent__PeersReply *reply;
    Sharestream__Rtc__PeersReply *browsers;

    request.info_hash = info_hash;
    if ((reply = cli_ask(cli, "torrent", "Peers", &request.base)) == NULL)
        return cli->exit;
    browsers = ask_for_browsers(cli, info_hash);
    if (cli->wants_json)
        print_peers_json(reply, browsers);
    else
        peers_tables(reply, &cli->term);
    if (!cli->wants_json && browsers != NULL && browsers->n_peers > 0) {
        puts("");
        browsers_table(browsers, false, &cli->term);
    }
    reply_free(browsers);
    reply_free(reply);
    return CLI_OK;
}

enum cli_exit do_peers(struct cli *cli)
{
    const char *word = args_value(&cli->args, 0);
    bool is_of_browsers = args_has(&cli->args, "--webrtc");
    char info_hash[INFOHASH_TEXT];

    if (word == NULL && !is_of_browsers)
        return cli_refuse(cli, CLI_USAGE, ERR_INVALID, "peers needs a torrent, or --webrtc");
    if (word != NULL && !cli_torrent(cli, word, info_hash))
        return cli->exit;
    return is_of_browsers ? show_browsers(cli, word != NULL ? info_hash : NULL)
                          : show_peers(cli, info_hash);
}
