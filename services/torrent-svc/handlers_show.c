/* SPDX-License-Identifier: MIT */
#include "handlers_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "diagnosis.h"

enum { PEERS_SHOWN_MAX = 200, TRACKERS_SHOWN_MAX = 64 };

static void add_peer(Sharestream__Torrent__PeersReply *reply, const struct lt_peer *peer)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{LT_PEER_SEED, "seed"},
                 {LT_PEER_UTP, "utp"},
                 {LT_PEER_ENCRYPTED, "encrypted"},
                 {LT_PEER_INCOMING, "incoming"},
                 {LT_PEER_WEB_SEED, "web_seed"},
                 {LT_PEER_CHOKED_BY, "choked"},
                 {LT_PEER_CONNECTING, "connecting"},
                 {LT_PEER_BROWSER, "webrtc"}};
    Sharestream__Torrent__PeersReply__Peer *out = xcalloc(1, sizeof(*out));

    sharestream__torrent__peers_reply__peer__init(out);
    out->address = xstrdup(peer->address);
    out->client = xstrdup(utf8_valid(bytes_of_text(peer->client)) ? peer->client : "?");
    out->flags = xcalloc(COUNT_OF(words), sizeof(*out->flags));
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (peer->flags & words[i].flag)
            out->flags[out->n_flags++] = xstrdup(words[i].word);
    out->download_rate = peer->download_rate;
    out->upload_rate = peer->upload_rate;
    out->downloaded_bytes = peer->downloaded;
    out->uploaded_bytes = peer->uploaded;
    out->pieces = peer->pieces;
    reply->peers[reply->n_peers++] = out;
}

static void add_tracker(Sharestream__Torrent__PeersReply *reply, const struct lt_tracker *tracker)
{
    Sharestream__Torrent__PeersReply__Tracker *out = xcalloc(1, sizeof(*out));

    sharestream__torrent__peers_reply__tracker__init(out);
    out->url = xstrdup(tracker->url);
    out->message = xstrdup(utf8_valid(bytes_of_text(tracker->message)) ? tracker->message : "?");
    out->is_working = tracker->is_working;
    out->fails = tracker->fails;
    out->seeds = tracker->seeds;
    out->peers = tracker->peers;
    reply->trackers[reply->n_trackers++] = out;
}

void handlers_peers(struct service *service, const struct torrent *torrent,
                    Sharestream__Torrent__PeersReply_Closure closure, void *data)
{
    size_t peer_count = 0, tracker_count = 0;
    struct lt_peer *peers = xcalloc(PEERS_SHOWN_MAX, sizeof(*peers));
    struct lt_tracker *trackers = xcalloc(TRACKERS_SHOWN_MAX, sizeof(*trackers));
    Sharestream__Torrent__PeersReply *reply = xcalloc(1, sizeof(*reply));
    sharestream__torrent__peers_reply__init(reply);
    lt_peers(service->lt, torrent->id, peers, PEERS_SHOWN_MAX, &peer_count);
    lt_trackers(service->lt, torrent->id, trackers, TRACKERS_SHOWN_MAX, &tracker_count);
    reply->peer_count = (uint32_t)peer_count;
    reply->peers = xcalloc(PEERS_SHOWN_MAX, sizeof(void *));
    reply->trackers = xcalloc(TRACKERS_SHOWN_MAX, sizeof(void *));
    for (size_t i = 0; i < MIN(peer_count, (size_t)PEERS_SHOWN_MAX); i++)
        add_peer(reply, &peers[i]);
    for (size_t i = 0; i < MIN(tracker_count, (size_t)TRACKERS_SHOWN_MAX); i++)
        add_tracker(reply, &trackers[i]);
    closure(reply, data);
    sharestream__torrent__peers_reply__free_unpacked(reply, NULL);
    free(peers);
    free(trackers);
}

static void mark_pieces(const struct torrent *torrent, const struct pieces_facts *facts,
                        const bool *is_coming)
{
    struct sched_view views[SCHED_READERS_MAX];
    size_t count = sched_readers(torrent->sched, views, COUNT_OF(views));

    memset(facts->states, PIECE_SKIPPED, facts->count);
    for (uint32_t id = 0; id < torrent->file_count; id++) {
        const struct ready_file *file = &torrent->files[id];

        if (torrent->is_wanted[id] && !torrent->row.is_seed)
            pieces_mark(facts, file->offset, file->offset + file->size, PIECE_MISSING);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ready_file *file = &torrent->files[views[i].file];

        pieces_mark_reader(facts, &views[i], file->offset, file->size);
    }
    for (uint32_t piece = 0; piece < facts->count; piece++)
        if (is_coming[piece])
            facts->states[piece] = PIECE_COMING;
}

static void add_readers(const struct torrent *torrent, Sharestream__Torrent__PiecesReply *reply)
{
    struct sched_view views[SCHED_READERS_MAX];
    size_t count = sched_readers(torrent->sched, views, COUNT_OF(views));

    reply->readers = xcalloc(count, sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        Sharestream__Torrent__PiecesReply__Reader *out = xcalloc(1, sizeof(*out));

        sharestream__torrent__pieces_reply__reader__init(out);
        out->file = views[i].file;
        out->position = views[i].position;
        out->piece = views[i].head_piece;
        out->buffered_bytes = views[i].buffered_bytes;
        out->bytes_per_s = views[i].bytes_per_s;
        out->is_waiting = views[i].is_waiting;
        reply->readers[reply->n_readers++] = out;
    }
}

static void draw_pieces(struct service *service, const struct torrent *torrent, uint32_t cells,
                        Sharestream__Torrent__PiecesReply *reply)
{
    uint32_t count = torrent->info->piece_count, per_cell = pieces_per_cell(count, cells);
    size_t cell_count = count / per_cell + (count % per_cell != 0);
    uint8_t *peers = xcalloc(count, 1), *states = xcalloc(count, 1);
    bool *is_coming = xcalloc(count, sizeof(*is_coming));
    struct pieces_facts facts = {.count = count,
                                 .piece_bytes = torrent->info->piece_bytes,
                                 .have = ready_map_pieces(torrent->map),
                                 .peers = peers,
                                 .states = states};

    lt_swarm_pieces(service->lt, torrent->id, peers, is_coming, count);
    mark_pieces(torrent, &facts, is_coming);
    reply->piece_count = count;
    reply->piece_bytes = torrent->info->piece_bytes;
    reply->cell_pieces = per_cell;
    reply->ready = (ProtobufCBinaryData){cell_count, xcalloc(cell_count, 1)};
    reply->state = (ProtobufCBinaryData){cell_count, xcalloc(cell_count, 1)};
    reply->peers = (ProtobufCBinaryData){cell_count, xcalloc(cell_count, 1)};
    pieces_draw(&facts, per_cell, reply->ready.data, reply->state.data, reply->peers.data);
    add_readers(torrent, reply);
    free(is_coming);
    free(states);
    free(peers);
}

void handlers_pieces(struct service *service, const struct torrent *torrent, uint32_t cells,
                     Sharestream__Torrent__PiecesReply_Closure closure, void *data)
{
    Sharestream__Torrent__PiecesReply *reply = xcalloc(1, sizeof(*reply));

    sharestream__torrent__pieces_reply__init(reply);
    if (torrent->info != NULL)
        draw_pieces(service, torrent, cells, reply);
    closure(reply, data);
    sharestream__torrent__pieces_reply__free_unpacked(reply, NULL);
}

void handlers_metainfo(struct service *service, const struct torrent *torrent,
                       Sharestream__Torrent__MetainfoReply_Closure closure, void *data)
{
    Sharestream__Torrent__MetainfoReply reply = SHARESTREAM__TORRENT__METAINFO_REPLY__INIT;
    uint8_t *metainfo = NULL;
    size_t len = 0;
    char *magnet = NULL;

    if (torrent->info != NULL &&
        lt_metainfo(service->lt, torrent->id, &metainfo, &len) == ERR_NONE) {
        reply.metainfo.data = metainfo;
        reply.metainfo.len = len;
    }
    if (lt_magnet(service->lt, torrent->id, &magnet) == ERR_NONE)
        reply.magnet = magnet;
    closure(&reply, data);
    free(metainfo);
    free(magnet);
}

static uint64_t lower_limit(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 ? a : MIN(a, b);
}

static uint64_t reader_rate(const struct torrent *torrent, uint32_t file)
{
    struct sched_view views[SCHED_READERS_MAX];
    size_t count = sched_readers(torrent->sched, views, COUNT_OF(views));
    uint64_t rate = 0;

    for (size_t i = 0; i < count; i++)
        if (views[i].file == file)
            rate = MAX(rate, views[i].bytes_per_s);
    return rate;
}

static struct facts gather(struct service *service, const struct torrent *torrent, uint32_t file,
                           uint64_t position)
{
    const struct lt_status *status = &torrent->status;
    struct facts facts = {
        .state = torrent->row.is_paused ? LT_STATE_PAUSED : status->state,
        .has_problem = torrent->problem_code != ERR_NONE,
        .is_disk_full = torrent->problem_code == ERR_NO_SPACE,
        .problem = torrent->problem_code != ERR_NONE ? torrent->problem : status->error,
        .has_metadata = torrent->info != NULL,
        .is_upload = torrent->upload != NULL,
        .download_rate = status->download_rate,
        .download_limit = lower_limit(service->download_limit, torrent->row.download_limit),
        .peers = status->peers,
        .seeds = status->seeds,
        .known_peers = status->known_peers,
        .has_dht = service->settings->dht,
        .check_progress = (double)status->checking_progress};

    if (torrent->info == NULL)
        return facts;
    uint64_t size = torrent->files[file].size;
    facts.piece_bytes = torrent->info->piece_bytes;
    facts.buffered_bytes = ready_map_run(torrent->map, file, position, size - position);
    facts.is_head_ready = facts.buffered_bytes > 0 || position >= size;
    facts.is_file_ready = facts.buffered_bytes == size - position;
    facts.needed_bytes_per_s = reader_rate(torrent, file);
    lt_piece_peers(service->lt, torrent->id, ready_map_piece_at(torrent->map, file, position),
                   &facts.head_peers);
    return facts;
}

static void add_trackers(struct service *service, const struct torrent *torrent,
                         struct facts *facts, Sharestream__Torrent__Diagnosis *reply)
{
    struct lt_tracker trackers[TRACKERS_SHOWN_MAX];
    size_t count = 0;

    lt_trackers(service->lt, torrent->id, trackers, COUNT_OF(trackers), &count);
    count = MIN(count, COUNT_OF(trackers));
    reply->trackers = xcalloc(count, sizeof(void *));
    facts->trackers = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const char *said =
            utf8_valid(bytes_of_text(trackers[i].message)) ? trackers[i].message : "?";

        facts->working_trackers += trackers[i].is_working;
        reply->trackers[reply->n_trackers++] =
            xasprintf("%s: %s", trackers[i].url,
                      said[0]                  ? said
                      : trackers[i].is_working ? "works"
                                               : "no answer yet");
    }
}

void handlers_diagnose(struct service *service, const struct torrent *torrent,
                       const Sharestream__Torrent__DiagnoseRequest *request,
                       Sharestream__Torrent__Diagnosis_Closure closure, void *data)
{
    Sharestream__Torrent__Diagnosis reply = SHARESTREAM__TORRENT__DIAGNOSIS__INIT;
    struct diagnosis diagnosis;
    struct facts facts = gather(service, torrent, request->file, request->position);
    add_trackers(service, torrent, &facts, &reply);
    diagnose(&facts, &diagnosis);
    reply.code = (char *)(uintptr_t)diagnosis.code;
    reply.summary = diagnosis.summary;
    reply.advice = diagnosis.advice;
    reply.state = torrent->state;
    reply.peers = facts.peers;
    reply.seeds = facts.seeds;
    reply.download_rate = facts.download_rate;
    reply.is_head_ready = facts.is_head_ready;
    reply.head_peers = facts.head_peers;
    reply.buffered_bytes = facts.buffered_bytes;
    reply.needed_bytes_per_s = facts.needed_bytes_per_s;
    reply.estimate_ms = diagnosis.estimate_ms;
    if (torrent->info != NULL)
        reply.head_piece = ready_map_piece_at(torrent->map, request->file, request->position);
    closure(&reply, data);
    for (size_t i = 0; i < reply.n_trackers; i++)
        free(reply.trackers[i]);
    free(reply.trackers);
}

void handlers_stats(struct service *service, Sharestream__Torrent__StatsReply_Closure closure,
                    void *data)
{
    Sharestream__Torrent__StatsReply reply = SHARESTREAM__TORRENT__STATS_REPLY__INIT;
    struct torrent *torrent, *next;
    struct lt_session_stats stats;

    lt_session_stats(service->lt, &stats);
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        reply.download_rate += torrent->status.download_rate;
        reply.upload_rate += torrent->status.upload_rate;
        reply.readers += torrent_reader_count(torrent);
    }
    reply.downloaded_bytes = stats.downloaded;
    reply.uploaded_bytes = stats.uploaded;
    reply.peers = stats.peers;
    reply.dht_nodes = stats.dht_nodes;
    reply.torrents = HASH_COUNT(service->torrents);
    reply.disk_used_bytes = space_used(service);
    reply.disk_quota_bytes = service->settings->disk_quota;
    reply.disk_free_bytes = space_free(service);
    reply.disk_floor_bytes = service->settings->disk_floor;
    reply.listen_port = service->listen_port;
    reply.has_incoming = stats.has_incoming;
    closure(&reply, data);
}
