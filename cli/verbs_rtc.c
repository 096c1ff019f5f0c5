/* SPDX-License-Identifier: MIT
 *
 * Verbs about browsers that are peers, by WebRTC.
 */
#include <proto/rtc.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "human.h"
#include "verbs.h"
#include "verbs_rtc.h"

enum { PROBE_MS = 15000, SHORT_HASH = 8 };

typedef Sharestream__Rtc__PeersReply Peers;

/* ---- browsers */

/* "udp host" of "udp host 192.0.2.7:10000 <- prflx 192.0.2.9:40112". */
static void path_kind(const char *path, char out[HUMAN_TEXT])
{
    size_t way = strcspn(path, " "), kind = way + (path[way] == ' ');

    snprintf(out, HUMAN_TEXT, "%.*s", (int)(kind + strcspn(path + kind, " ")), path);
}

static const char *remote_of(const char *path)
{
    const char *from = strstr(path, "<- "), *address = from != NULL ? strchr(from + 3, ' ') : NULL;

    return address != NULL ? address + 1 : "";
}

void browsers_table(const Peers *reply, bool has_torrents, const struct term *term)
{
    static const struct column columns[] = {
        {"TORRENT", false, false}, {"BROWSER", false, true}, {"STATE", false, false},
        {"PATH", false, false},    {"RTT", true, false},     {"IN", true, false},
        {"OUT", true, false},      {"GAVE", true, false},    {"GOT", true, false},
        {"SINCE", true, false},    {"VIA", false, false},    {"KNOWN AS", false, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};
    char text[HUMAN_TEXT];

    for (size_t i = 0; i < reply->n_peers; i++) {
        const Sharestream__Rtc__PeersReply__Peer *peer = reply->peers[i];
        bool is_open = strcmp(peer->state, "open") == 0;

        table_cell(&table, "%.*s", has_torrents ? SHORT_HASH : 0, peer->info_hash);
        table_cell(&table, "%s", remote_of(peer->path));
        table_cell_in(&table, is_open ? COLOUR_GOOD : COLOUR_BUSY, "%s", peer->state);
        path_kind(peer->path, text);
        table_cell(&table, "%s", text);
        table_cell(&table, "%s", is_open ? human_span(peer->rtt_ms, text) : "");
        table_cell(&table, "%s", human_rate(peer->rate_in, text));
        table_cell(&table, "%s", human_rate(peer->rate_out, text));
        table_cell(&table, "%s", format_size(peer->bytes_in, text));
        table_cell(&table, "%s", format_size(peer->bytes_out, text));
        table_cell(&table, "%s", human_span((uint64_t)peer->age_s * 1000, text));
        table_cell(&table, "%s", peer->via);
        table_cell_in(&table, COLOUR_FAINT, "%s", peer->bridge);
    }
    print_table(term, &table);
    if (reply->peer_count > reply->n_peers)
        printf("and %zu more browsers\n", reply->peer_count - reply->n_peers);
}

static void trackers_table(const Peers *reply, const struct term *term)
{
    static const struct column columns[] = {{"TRACKER OF BROWSERS", false, true},
                                            {"STATE", false, false},
                                            {"TORRENTS", true, false},
                                            {"MESSAGE", false, false}};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    if (reply->n_trackers == 0)
        return;
    for (size_t i = 0; i < reply->n_trackers; i++) {
        const Sharestream__Rtc__PeersReply__Tracker *tracker = reply->trackers[i];
        bool is_up = strcmp(tracker->state, "connected") == 0;

        table_cell(&table, "%s", tracker->url);
        table_cell_in(&table, is_up ? COLOUR_GOOD : COLOUR_BUSY, "%s", tracker->state);
        table_cell(&table, "%u", tracker->torrents);
        table_cell(&table, "%s", tracker->message);
    }
    puts("");
    print_table(term, &table);
}

/* `info_hash` NULL: of all torrents. */
enum cli_exit show_browsers(struct cli *cli, char *info_hash)
{
    Sharestream__Rtc__PeersRequest request = SHARESTREAM__RTC__PEERS_REQUEST__INIT;
    Peers *reply;

    if (info_hash != NULL)
        request.info_hash = info_hash;
    if ((reply = cli_ask(cli, "rtc", "Peers", &request.base)) == NULL)
        return cli->exit;
    if (cli->wants_json) {
        cli_print_json(&reply->base);
    } else {
        if (reply->n_peers > 0)
            browsers_table(reply, info_hash == NULL, &cli->term);
        else
            puts("no browsers are connected");
        trackers_table(reply, &cli->term);
    }
    reply_free(reply);
    return CLI_OK;
}

/* ---- does it work? */

void print_steps(const Sharestream__Rtc__ProbeReply *reply, const struct term *term)
{
    static const struct column columns[] = {{"WHAT", false, false},
                                            {"WORKS", false, false},
                                            {"TOOK", true, false},
                                            {"FOUND", false, false}};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < reply->n_steps; i++) {
        const Sharestream__Rtc__ProbeReply__Step *step = reply->steps[i];
        char text[HUMAN_TEXT];

        table_cell(&table, "%s", step->name);
        table_cell_in(&table, step->is_good ? COLOUR_GOOD : COLOUR_BAD, "%s",
                      step->is_good ? "yes" : "no");
        table_cell(&table, "%s", human_span(step->took_ms, text));
        table_cell(&table, "%s", step->message);
    }
    print_table(term, &table);
}

enum cli_exit do_doctor_rtc(struct cli *cli)
{
    Sharestream__Rtc__ProbeRequest request = SHARESTREAM__RTC__PROBE_REQUEST__INIT;
    Sharestream__Rtc__ProbeReply *reply;
    enum cli_exit how = CLI_OK;

    cli->timeout_ms = MAX(cli->timeout_ms, (uint32_t)PROBE_MS);
    if ((reply = cli_ask(cli, "rtc", "Probe", &request.base)) == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&reply->base);
    else
        print_steps(reply, &cli->term);
    for (size_t i = 0; i < reply->n_steps; i++)
        how = reply->steps[i]->is_good ? how : CLI_ERROR;
    reply_free(reply);
    return how;
}
