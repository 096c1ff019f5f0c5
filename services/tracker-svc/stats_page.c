/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/must.h"
#include "tracker.h"

/* Names of the programs behind the two letters of Azureus-style peer ids (BEP 20). */
static const struct {
    char letters[3];
    const char *name;
} programs[] = {
    {"A2", "aria2"},        {"AZ", "Vuze"},
    {"BT", "BitTorrent"},   {"DE", "Deluge"},
    {"FD", "FDM"},          {"KT", "KTorrent"},
    {"LT", "libtorrent"},   {"lt", "rTorrent"},
    {"PI", "PicoTorrent"},  {"SS", "ShareStream"},
    {"TR", "Transmission"}, {"TX", "Tixati"},
    {"UT", "uTorrent"},     {"WD", "WebTorrent Desktop"},
    {"WW", "WebTorrent"},   {"qB", "qBittorrent"},
};

enum { CLIENTS_SHOWN = 1024, SWARMS_SHOWN = 50 };

static const char *program_of(const char *client)
{
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        if (client[0] == '-' && memcmp(client + 1, programs[i].letters, 2) == 0)
            return programs[i].name;
    return NULL;
}

struct figures {
    struct swarms_stats stats;
    struct swarm_client clients[CLIENTS_SHOWN];
    size_t client_count;
    struct swarm_row rows[SWARMS_SHOWN];
    size_t row_count;
};

/* Freed by the caller. */
static struct figures *gather(struct tracker *tracker)
{
    struct figures *figures = xcalloc(1, sizeof(*figures));

    pthread_mutex_lock(&tracker->lock);
    swarms_stats(tracker->swarms, &figures->stats);
    figures->client_count = swarms_clients(tracker->swarms, figures->clients, CLIENTS_SHOWN);
    figures->row_count = swarms_list(tracker->swarms, figures->rows, SWARMS_SHOWN, tracker_now_s());
    pthread_mutex_unlock(&tracker->lock);
    return figures;
}

/* {"Transmission": {"2.94": 3}} */
static json_t *clients_json(const struct figures *figures)
{
    json_t *all = json_object();

    for (size_t i = 0; i < figures->client_count; i++) {
        const struct swarm_client *client = &figures->clients[i];
        const char *program = program_of(client->name);
        char version[8] = "", letters[3] = "";
        json_t *versions, *count;

        if (client->name[0] == '-') {
            memcpy(letters, client->name + 1, 2);
            memcpy(version, client->name + 3, 4);
        }
        if (program == NULL)
            program = letters[0] != '\0' ? letters : "unknown";
        versions = json_object_get(all, program);
        if (versions == NULL) {
            versions = json_object();
            json_object_set_new(all, program, versions);
        }
        count = json_object_get(versions, version);
        json_object_set_new(versions, version,
                            json_integer(client->peers + json_integer_value(count)));
    }
    return all;
}

void stats_page_json(struct tracker *tracker, struct text *out)
{
    struct figures *figures = gather(tracker);
    const struct swarms_stats *stats = &figures->stats;
    uint64_t all = stats->peers4 + stats->peers6 + stats->sockets;
    json_t *json = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "torrents", (json_int_t)stats->swarms,
        "activeTorrents", (json_int_t)stats->swarms_active, "peersAll", (json_int_t)all,
        "peersSeederOnly", (json_int_t)stats->seeders, "peersLeecherOnly",
        (json_int_t)(all - stats->seeders), "peersSeederAndLeecher", (json_int_t)0, "peersIPv4",
        (json_int_t)stats->peers4, "peersIPv6", (json_int_t)stats->peers6, "peersWebSocket",
        (json_int_t)stats->sockets, "clients", clients_json(figures));
    char *text = json_dumps(json, JSON_COMPACT);

    text_add(out, text);
    free(text);
    json_decref(json);
    free(figures);
}

static void add_row(struct text *out, const char *what, uint64_t value)
{
    text_addf(out, "<tr><th>%s<td>%" PRIu64 "\n", what, value);
}

/* Of torrents only their number and sizes: hashes are for those who have them. */
void stats_page_html(struct tracker *tracker, struct text *out)
{
    struct figures *figures = gather(tracker);
    const struct swarms_stats *stats = &figures->stats;
    const struct tracker_metrics *metrics = &tracker->metrics;

    text_add(out, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
                  "content='width=device-width'><meta http-equiv=refresh content=10>"
                  "<title>ShareStream tracker</title><style>body{font:16px/1.5 system-ui,"
                  "sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color-scheme:light "
                  "dark}table{border-collapse:collapse;width:100%;margin-bottom:2rem}th{text-align:"
                  "left;font-weight:400}td{text-align:right;font-variant-numeric:tabular-nums}th,td"
                  "{padding:.25rem .5rem;border-bottom:1px solid #8884}</style>"
                  "<h1>Tracker</h1><table>\n");
    add_row(out, "torrents", stats->swarms);
    add_row(out, "torrents with peers", stats->swarms_active);
    add_row(out, "seeders", stats->seeders);
    add_row(out, "leechers", stats->peers4 + stats->peers6 + stats->sockets - stats->seeders);
    add_row(out, "peers by IPv4", stats->peers4);
    add_row(out, "peers by IPv6", stats->peers6);
    add_row(out, "peers in browsers", stats->sockets);
    add_row(out, "peers on this server", server_peers_count(tracker->server_peers));
    add_row(out, "announces by UDP", metrics->announces_udp_total);
    add_row(out, "announces by HTTP", metrics->announces_http_total);
    add_row(out, "announces by WebSocket", metrics->announces_ws_total);
    text_add(out, "</table><h2>Largest torrents</h2><table><tr><th>seeders<td>leechers<td>"
                  "downloaded<td>in browsers\n");
    for (size_t i = 0; i < figures->row_count; i++) {
        const struct swarm_row *row = &figures->rows[i];

        text_addf(out, "<tr><th>%u<td>%u<td>%u<td>%u\n", row->counts.complete,
                  row->counts.incomplete, row->counts.downloaded, row->sockets);
    }
    text_add(out, "</table>\n");
    free(figures);
}
