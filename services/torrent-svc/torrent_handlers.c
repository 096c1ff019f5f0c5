/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/torrent.proto: check bounds, ask the core, answer. Adding has its
 * own file, handlers_add.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "diagnosis.h"
#include "handlers_add.h"
#include "service.h"

typedef Sharestream__Torrent__Torrent_Service Rpc;

enum { PEERS_SHOWN_MAX = 200, TRACKERS_SHOWN_MAX = 64 };

/* Answers the call itself when there is no such torrent. */
static struct torrent *named(const char *info_hash, void *data)
{
    struct service *service = bus_state(data);
    struct infohash hash;
    struct torrent *torrent;

    if (!infohash_parse(bytes_of_text(info_hash), &hash)) {
        bus_fail(data, ERR_INVALID, "'%.80s' is not an info-hash: 40 hex digits are one",
                 info_hash);
        return NULL;
    }
    if ((torrent = torrent_find(service, &hash)) == NULL)
        bus_fail(data, ERR_NOT_FOUND, "there is no torrent %.80s here; add it first", info_hash);
    return torrent;
}

static void answer_empty(Sharestream__Torrent__Empty_Closure closure, void *data)
{
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    closure(&reply, data);
}

/* ---- looking
 * ---------------------------------------------------------------------------------------------------------
 */

static void answer_info(struct service *service, const struct torrent *torrent,
                        Sharestream__Torrent__TorrentInfo_Closure closure, void *data)
{
    Info info;

    info_fill(service, torrent, true, &info);
    closure(&info, data);
    info_clear(&info);
}

static void answer_get(struct waiter *waiter, struct service *service, struct torrent *torrent)
{
    answer_info(service, torrent, (Sharestream__Torrent__TorrentInfo_Closure)waiter->closure,
                waiter->data);
}

static void on_add(Rpc *rpc, const Sharestream__Torrent__AddRequest *request,
                   Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    (void)rpc;
    handlers_add(bus_state(data), request, bytes_of(request->metainfo.data, request->metainfo.len),
                 closure, data);
}

static void on_get(Rpc *rpc, const Sharestream__Torrent__GetRequest *request,
                   Sharestream__Torrent__TorrentInfo_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info != NULL || request->wait_ms == 0)
        answer_info(service, torrent, closure, data);
    else
        handlers_wait(service, torrent, request->wait_ms, answer_get, (ProtobufCClosure)closure,
                      data);
}

static void on_list(Rpc *rpc, const Sharestream__Torrent__ListRequest *request,
                    Sharestream__Torrent__ListReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    Sharestream__Torrent__ListReply reply = SHARESTREAM__TORRENT__LIST_REPLY__INIT;
    unsigned count = HASH_COUNT(service->torrents);
    Info *infos = xcalloc(count, sizeof(*infos));
    struct torrent *torrent, *next;

    (void)rpc;
    (void)request;
    reply.torrents = xcalloc(count, sizeof(*reply.torrents));
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        info_fill(service, torrent, false, &infos[reply.n_torrents]);
        reply.torrents[reply.n_torrents] = &infos[reply.n_torrents];
        reply.n_torrents++;
    }
    closure(&reply, data);
    for (size_t i = 0; i < reply.n_torrents; i++)
        info_clear(&infos[i]);
    free(reply.torrents);
    free(infos);
}

/* ---- changing
 * --------------------------------------------------------------------------------------------------------
 */

static void on_remove(Rpc *rpc, const Sharestream__Torrent__RemoveRequest *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    torrent_remove(bus_state(data), torrent, !request->keeps_data);
    answer_empty(closure, data);
}

static void set_paused(const char *info_hash, bool is_paused,
                       Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct torrent *torrent = named(info_hash, data);

    if (torrent == NULL)
        return;
    torrent_set_paused(bus_state(data), torrent, is_paused);
    answer_empty(closure, data);
}

static void on_pause(Rpc *rpc, const Sharestream__Torrent__Name *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    (void)rpc;
    set_paused(request->info_hash, true, closure, data);
}

static void on_resume(Rpc *rpc, const Sharestream__Torrent__Name *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct infohash hash;
    struct torrent *torrent;
    struct error error;

    (void)rpc;
    /* What was stopped for want of space must fit now, or it would only fill the disk again. */
    if (infohash_parse(bytes_of_text(request->info_hash), &hash) &&
        (torrent = torrent_find(service, &hash)) != NULL && torrent->problem_code == ERR_NO_SPACE &&
        torrent->info != NULL &&
        space_reserve(service, torrent, torrent->info->total_bytes, &error) != ERR_NONE) {
        bus_fail_error(data, &error);
        return;
    }
    set_paused(request->info_hash, false, closure, data);
}

static void on_recheck(Rpc *rpc, const Sharestream__Torrent__Name *request,
                       Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->info == NULL) {
        bus_fail(data, ERR_UNAVAILABLE, "its metadata is not known yet, there is nothing to check");
        return;
    }
    lt_recheck(service->lt, torrent->id);
    answer_empty(closure, data);
}

static void on_seed(Rpc *rpc, const Sharestream__Torrent__SeedRequest *request,
                    Sharestream__Torrent__SeedReply_Closure closure, void *data)
{
    struct error error;

    (void)rpc;
    if (job_hash(bus_state(data), request, closure, data, &error) != ERR_NONE)
        bus_fail_error(data, &error);
}

static bool make_selection(const Sharestream__Torrent__SelectRequest *request,
                           const struct torrent *torrent, char **out, void *data)
{
    struct text text = {0};

    *out = NULL;
    for (size_t i = 0; i < request->n_files; i++) {
        if (request->files[i] >= torrent->file_count) {
            bus_fail(data, ERR_NOT_FOUND, "there is no file %u: the torrent has 0 to %u",
                     request->files[i], torrent->file_count - 1);
            text_fini(&text);
            return false;
        }
        text_addf(&text, "%s%u", i ? "," : "", request->files[i]);
    }
    if (request->n_files > 0)
        *out = text_take(&text);
    return true;
}

static void on_select(Rpc *rpc, const Sharestream__Torrent__SelectRequest *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    char *selected;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->sched == NULL) {
        bus_fail(data, ERR_UNAVAILABLE,
                 "its metadata is not known yet, there are no files to choose from");
        return;
    }
    if (!make_selection(request, torrent, &selected, data))
        return;
    free(torrent->row.selected);
    torrent->row.selected = selected;
    torrent->row.has_background = !request->no_background;
    for (uint32_t id = 0; id < torrent->file_count; id++)
        sched_set_wanted(torrent->sched, id, torrent_is_selected(torrent, id));
    sched_set_background(torrent->sched, torrent->row.has_background);
    torrent_replan(service, torrent, clock_ms());
    torrent_save(service, torrent);
    answer_empty(closure, data);
}

static void session_limits(struct service *service, const Sharestream__Torrent__Limits *limits)
{
    if (limits == NULL)
        return;
    service->download_limit = limits->download;
    service->upload_limit = limits->upload;
    if (limits->max_connections > 0)
        service->max_connections = limits->max_connections;
    service_apply_limits(service);
}

static void torrent_limits(struct service *service, struct torrent *torrent,
                           const Sharestream__Torrent__Limits *limits)
{
    if (limits == NULL)
        return;
    torrent->row.download_limit = limits->download;
    torrent->row.upload_limit = limits->upload;
    torrent->row.max_connections = limits->max_connections;
    lt_limits(service->lt, torrent->id, limits->download, limits->upload,
              limits->max_connections ? limits->max_connections
                                      : (uint32_t)service->settings->torrent_connections);
    torrent_save(service, torrent);
}

static void on_set_limits(Rpc *rpc, const Sharestream__Torrent__LimitsRequest *request,
                          Sharestream__Torrent__Limits_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    Sharestream__Torrent__Limits reply = SHARESTREAM__TORRENT__LIMITS__INIT;

    (void)rpc;
    if (request->info_hash[0] == '\0') {
        session_limits(service, request->limits);
        reply.download = service->download_limit;
        reply.upload = service->upload_limit;
        reply.max_connections = service->max_connections;
    } else {
        struct torrent *torrent = named(request->info_hash, data);

        if (torrent == NULL)
            return;
        torrent_limits(service, torrent, request->limits);
        reply.download = torrent->row.download_limit;
        reply.upload = torrent->row.upload_limit;
        reply.max_connections = torrent->row.max_connections;
    }
    closure(&reply, data);
}

/* ---- reading
 * ---------------------------------------------------------------------------------------------------------
 */

static void on_read(Rpc *rpc, const Sharestream__Torrent__ReadRequest *request,
                    Sharestream__Torrent__ReadReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__ReadReply reply = SHARESTREAM__TORRENT__READ_REPLY__INIT;
    struct sched_reader reader = {.id = request->reader,
                                  .file = request->file,
                                  .position = request->position,
                                  .end = request->end,
                                  .bytes_per_s = request->bytes_per_s,
                                  .is_waiting = request->is_waiting};

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->sched == NULL) {
        bus_fail(data, ERR_UNAVAILABLE, "its metadata is not known yet");
        return;
    }
    if (torrent->problem_code != ERR_NONE) {
        bus_fail(data, torrent->problem_code, "%s", torrent->problem);
        return;
    }
    if (request->file >= torrent->file_count ||
        request->position > torrent->files[request->file].size) {
        bus_fail(data, ERR_INVALID, "there is no byte %lu in file %u",
                 (unsigned long)request->position, request->file);
        return;
    }
    torrent_used(service, torrent);
    if (!sched_read(torrent->sched, &reader, clock_ms())) {
        bus_fail(data, ERR_BUSY, "%d streams of this torrent are open, that is the limit",
                 SCHED_READERS_MAX);
        return;
    }
    torrent_replan(service, torrent, clock_ms());
    reply.lease_ms = SCHED_LEASE_MS;
    reply.ready_bytes = sched_buffered(torrent->sched, request->file, request->position);
    closure(&reply, data);
}

static void on_close(Rpc *rpc, const Sharestream__Torrent__CloseRequest *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->sched != NULL) {
        sched_close(torrent->sched, request->reader);
        torrent_replan(service, torrent, clock_ms());
    }
    answer_empty(closure, data);
}

/* ---- for people
 * ------------------------------------------------------------------------------------------------------
 */

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
                 {LT_PEER_CONNECTING, "connecting"}};
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

static void on_peers(Rpc *rpc, const Sharestream__Torrent__PeersRequest *request,
                     Sharestream__Torrent__PeersReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    size_t peer_count = 0, tracker_count = 0;

    (void)rpc;
    if (torrent == NULL)
        return;
    struct lt_peer *peers = xcalloc(PEERS_SHOWN_MAX, sizeof(*peers));
    struct lt_tracker *trackers = xcalloc(TRACKERS_SHOWN_MAX, sizeof(*trackers));
    Sharestream__Torrent__PeersReply *reply = xcalloc(1, sizeof(*reply));
    sharestream__torrent__peers_reply__init(reply);
    lt_peers(service->lt, torrent->id, peers, PEERS_SHOWN_MAX, &peer_count);
    lt_trackers(service->lt, torrent->id, trackers, TRACKERS_SHOWN_MAX, &tracker_count);
    reply->peer_count = (uint32_t)peer_count;
    reply->peers = xcalloc(PEERS_SHOWN_MAX, sizeof(*reply->peers));
    reply->trackers = xcalloc(TRACKERS_SHOWN_MAX, sizeof(*reply->trackers));
    for (size_t i = 0; i < MIN(peer_count, (size_t)PEERS_SHOWN_MAX); i++)
        add_peer(reply, &peers[i]);
    for (size_t i = 0; i < MIN(tracker_count, (size_t)TRACKERS_SHOWN_MAX); i++)
        add_tracker(reply, &trackers[i]);
    closure(reply, data);
    sharestream__torrent__peers_reply__free_unpacked(reply, NULL);
    free(peers);
    free(trackers);
}

static void on_metainfo(Rpc *rpc, const Sharestream__Torrent__Name *request,
                        Sharestream__Torrent__MetainfoReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__MetainfoReply reply = SHARESTREAM__TORRENT__METAINFO_REPLY__INIT;
    uint8_t *metainfo = NULL;
    size_t len = 0;
    char *magnet = NULL;

    (void)rpc;
    if (torrent == NULL)
        return;
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
        .state = status->state,
        .has_problem = torrent->problem_code != ERR_NONE,
        .is_disk_full = torrent->problem_code == ERR_NO_SPACE,
        .problem = torrent->problem_code != ERR_NONE ? torrent->problem : status->error,
        .has_metadata = torrent->map != NULL,
        .download_rate = status->download_rate,
        .download_limit = lower_limit(service->download_limit, torrent->row.download_limit),
        .peers = status->peers,
        .seeds = status->seeds,
        .known_peers = status->known_peers,
        .has_dht = service->settings->dht,
        .check_progress = (double)status->checking_progress};

    if (torrent->map == NULL)
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
    reply->trackers = xcalloc(count, sizeof(*reply->trackers));
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

static void on_diagnose(Rpc *rpc, const Sharestream__Torrent__DiagnoseRequest *request,
                        Sharestream__Torrent__Diagnosis_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    struct torrent *torrent = named(request->info_hash, data);
    Sharestream__Torrent__Diagnosis reply = SHARESTREAM__TORRENT__DIAGNOSIS__INIT;
    struct diagnosis diagnosis;

    (void)rpc;
    if (torrent == NULL)
        return;
    if (torrent->map != NULL && (request->file >= torrent->file_count ||
                                 request->position > torrent->files[request->file].size)) {
        bus_fail(data, ERR_NOT_FOUND, "there is no such file or position");
        return;
    }
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
    if (torrent->map != NULL)
        reply.head_piece = ready_map_piece_at(torrent->map, request->file, request->position);
    closure(&reply, data);
    for (size_t i = 0; i < reply.n_trackers; i++)
        free(reply.trackers[i]);
    free(reply.trackers);
}

static void on_stats(Rpc *rpc, const Sharestream__Torrent__StatsRequest *request,
                     Sharestream__Torrent__StatsReply_Closure closure, void *data)
{
    struct service *service = bus_state(data);
    Sharestream__Torrent__StatsReply reply = SHARESTREAM__TORRENT__STATS_REPLY__INIT;
    struct torrent *torrent, *next;
    struct lt_session_stats stats;

    (void)rpc;
    (void)request;
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
    reply.listen_port = service->listen_port;
    closure(&reply, data);
}

Sharestream__Torrent__Torrent_Service torrent_handlers = SHARESTREAM__TORRENT__TORRENT__INIT(on_);
