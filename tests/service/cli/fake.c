/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <proto/transcode.pb-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "svc/svc.h"

enum { TORRENTS_MAX = 8, HASH_STEP_MS = 60, HASH_STEPS = 5, HASH_JOB = 7, FILES_IN_MESSAGE = 2 };

typedef Sharestream__Torrent__Torrent_Service Service;
typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Torrent__File File;

struct fake {
    struct svc *svc;
    size_t count;
    struct fake_torrent {
        char hash[41], name[64];
        Sharestream__Torrent__State state;
        unsigned unknown_for; /* questions until the metadata is there */
        bool is_seed;
    } torrents[TORRENTS_MAX];
    Sharestream__Torrent__Limits limits;
    unsigned hash_step; /* 0 = nothing is hashed */
};

static struct fake_torrent *find(struct fake *fake, const char *hash)
{
    for (size_t i = 0; i < fake->count; i++)
        if (strcmp(fake->torrents[i].hash, hash) == 0)
            return &fake->torrents[i];
    return NULL;
}

static struct fake_torrent *find_or_fail(const char *hash, void *data)
{
    struct fake_torrent *found = find(bus_state(data), hash);

    if (found == NULL)
        bus_fail(data, ERR_NOT_FOUND, "no torrent %s", hash);
    return found;
}

static struct fake_torrent *put(struct fake *fake, const char *hash, const char *name,
                                Sharestream__Torrent__State state)
{
    must(fake->count < TORRENTS_MAX);
    struct fake_torrent *torrent = &fake->torrents[fake->count++];

    *torrent = (struct fake_torrent){.state = state};
    snprintf(torrent->hash, sizeof(torrent->hash), "%s", hash);
    snprintf(torrent->name, sizeof(torrent->name), "%s", name);
    return torrent;
}

static File files[3], *file_list[3];
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void make_files(void)
{
    static const struct {
        const char *path, *kind;
        uint64_t size;
    } rows[] = {{"Sintel/Sintel.mp4", "video", 129241752},
                {"Sintel/Sintel.de.srt", "subtitle", 1652},
                {"Sintel/poster.jpg", "image", 46115}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        sharestream__torrent__file__init(&files[i]);
        files[i].id = (uint32_t)i;
        files[i].path = text_of(rows[i].path);
        files[i].kind = text_of(rows[i].kind);
        files[i].size_bytes = rows[i].size;
        files[i].is_wanted = i == 0;
        file_list[i] = &files[i];
    }
}

static void describe(const struct fake *fake, const struct fake_torrent *torrent, Info *info)
{
    sharestream__torrent__torrent_info__init(info);
    info->info_hash = text_of(torrent->hash);
    info->name = text_of(torrent->name);
    info->state = torrent->state;
    info->has_metadata = torrent->unknown_for == 0;
    info->peers = 12;
    info->added_unix_ms = 1000 + (uint64_t)(torrent - fake->torrents);
    info->is_seed = torrent->is_seed;
    if (!info->has_metadata)
        return;
    info->size_bytes = 129289519;
    info->file_count = COUNT_OF(files);
    info->progress = torrent->is_seed ? 1 : 0.421;
    info->download_rate = torrent->state == SHARESTREAM__TORRENT__STATE__DOWNLOADING ? 1 << 20 : 0;
}

static void on_get(Service *service, const Sharestream__Torrent__GetRequest *request,
                   Sharestream__Torrent__TorrentInfo_Closure closure, void *data)
{
    struct fake_torrent *torrent = find_or_fail(request->info_hash, data);
    Info info;

    (void)service;
    if (torrent == NULL)
        return;
    if (torrent->unknown_for > 0 && --torrent->unknown_for == 0)
        torrent->state = SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    describe(bus_state(data), torrent, &info);
    if (info.has_metadata && request->first_file < COUNT_OF(files)) {
        info.n_files = MIN(COUNT_OF(files) - request->first_file, (size_t)FILES_IN_MESSAGE);
        info.files = file_list + request->first_file;
    }
    closure(&info, data);
}

static void on_add(Service *service, const Sharestream__Torrent__AddRequest *request,
                   Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    Sharestream__Torrent__AddReply reply = SHARESTREAM__TORRENT__ADD_REPLY__INIT;
    struct fake *fake = bus_state(data);
    struct fake_torrent *torrent = find(fake, FAKE_ADDED);
    Info info;

    (void)service;
    if (strstr(request->source, "refuse") != NULL) {
        bus_fail(data, ERR_NO_SPACE, "the disk is full");
        return;
    }
    reply.is_new = torrent == NULL;
    if (torrent == NULL) {
        torrent =
            put(fake, FAKE_ADDED,
                request->n_trackers > 0 ? request->trackers[request->n_trackers - 1] : "added",
                request->is_paused ? SHARESTREAM__TORRENT__STATE__PAUSED
                                   : SHARESTREAM__TORRENT__STATE__METADATA);
        torrent->unknown_for = 2;
    }
    describe(fake, torrent, &info);
    reply.info_hash = torrent->hash;
    reply.info = &info;
    closure(&reply, data);
}

static void on_list(Service *service, const Sharestream__Torrent__ListRequest *request,
                    Sharestream__Torrent__ListReply_Closure closure, void *data)
{
    Sharestream__Torrent__ListReply reply = SHARESTREAM__TORRENT__LIST_REPLY__INIT;
    struct fake *fake = bus_state(data);
    Info infos[TORRENTS_MAX], *list[TORRENTS_MAX];

    (void)service;
    (void)request;
    for (size_t i = 0; i < fake->count; i++) {
        size_t turned = fake->count - 1 - i; /* the order of the reply does not count */

        describe(fake, &fake->torrents[turned], &infos[i]);
        list[i] = &infos[i];
    }
    reply.n_torrents = fake->count;
    reply.torrents = list;
    closure(&reply, data);
}

static void on_remove(Service *service, const Sharestream__Torrent__RemoveRequest *request,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct fake *fake = bus_state(data);
    struct fake_torrent *torrent = find_or_fail(request->info_hash, data);
    Sharestream__Torrent__Empty empty = SHARESTREAM__TORRENT__EMPTY__INIT;

    (void)service;
    if (torrent == NULL)
        return;
    *torrent = fake->torrents[--fake->count];
    closure(&empty, data);
}

static void set_state(const Sharestream__Torrent__Name *request, Sharestream__Torrent__State state,
                      Sharestream__Torrent__Empty_Closure closure, void *data)
{
    struct fake_torrent *torrent = find_or_fail(request->info_hash, data);
    Sharestream__Torrent__Empty empty = SHARESTREAM__TORRENT__EMPTY__INIT;

    if (torrent == NULL)
        return;
    torrent->state = state;
    closure(&empty, data);
}

#define STATE_HANDLER(name, state)                                                                 \
    static void on_##name(Service *service, const Sharestream__Torrent__Name *request,             \
                          Sharestream__Torrent__Empty_Closure closure, void *data)                 \
    {                                                                                              \
        (void)service;                                                                             \
        set_state(request, SHARESTREAM__TORRENT__STATE__##state, closure, data);                   \
    }
STATE_HANDLER(pause, PAUSED)
STATE_HANDLER(resume, DOWNLOADING)
STATE_HANDLER(recheck, CHECKING)

static void on_hash_time(void *arg)
{
    Sharestream__Torrent__HashProgress progress = SHARESTREAM__TORRENT__HASH_PROGRESS__INIT;
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    static char hash[] = FAKE_SEED;
    struct fake *fake = arg;

    if (fake->hash_step == 0 || fake->hash_step > HASH_STEPS)
        return;
    progress.job = HASH_JOB;
    progress.done = fake->hash_step++;
    progress.total = HASH_STEPS;
    if (progress.done == HASH_STEPS) {
        progress.info_hash = hash;
        put(fake, FAKE_SEED, "my film.mkv", SHARESTREAM__TORRENT__STATE__SEEDING)->is_seed = true;
    }
    event.kind_case = SHARESTREAM__TORRENT__EVENT__KIND_HASH;
    event.hash = &progress;
    bus_publish(svc_bus(fake->svc), &event.base);
}

static void on_seed(Service *service, const Sharestream__Torrent__SeedRequest *request,
                    Sharestream__Torrent__SeedReply_Closure closure, void *data)
{
    Sharestream__Torrent__SeedReply reply = SHARESTREAM__TORRENT__SEED_REPLY__INIT;
    struct fake *fake = bus_state(data);
    struct fake_torrent *torrent = find(fake, FAKE_SEED);

    (void)service;
    if (request->path[0] != '/') {
        bus_fail(data, ERR_INVALID, "the path must be absolute");
        return;
    }
    if (torrent != NULL)
        reply.info_hash = torrent->hash;
    else if (fake->hash_step == 0)
        fake->hash_step = 1;
    reply.job = HASH_JOB;
    closure(&reply, data);
}

static void on_set_limits(Service *service, const Sharestream__Torrent__LimitsRequest *request,
                          Sharestream__Torrent__Limits_Closure closure, void *data)
{
    struct fake *fake = bus_state(data);

    (void)service;
    if (request->limits != NULL) {
        fake->limits.download = request->limits->download;
        fake->limits.upload = request->limits->upload;
        fake->limits.max_connections = request->limits->max_connections;
    }
    closure(&fake->limits, data);
}

static void on_peers(Service *service, const Sharestream__Torrent__PeersRequest *request,
                     Sharestream__Torrent__PeersReply_Closure closure, void *data)
{
    Sharestream__Torrent__PeersReply reply = SHARESTREAM__TORRENT__PEERS_REPLY__INIT;
    Sharestream__Torrent__PeersReply__Peer peer = SHARESTREAM__TORRENT__PEERS_REPLY__PEER__INIT;
    Sharestream__Torrent__PeersReply__Tracker tracker =
        SHARESTREAM__TORRENT__PEERS_REPLY__TRACKER__INIT;
    Sharestream__Torrent__PeersReply__Peer *peers[] = {&peer};
    Sharestream__Torrent__PeersReply__Tracker *trackers[] = {&tracker};
    char *flags[] = {text_of("seed"), text_of("utp")};

    (void)service;
    if (find_or_fail(request->info_hash, data) == NULL)
        return;
    peer.address = text_of("192.0.2.1:6881");
    peer.client = text_of("libtorrent/2.0.8");
    peer.n_flags = COUNT_OF(flags);
    peer.flags = flags;
    tracker.url = text_of("udp://tracker.example:6969");
    tracker.is_working = true;
    reply.n_peers = reply.peer_count = 1;
    reply.peers = peers;
    reply.n_trackers = 1;
    reply.trackers = trackers;
    closure(&reply, data);
}

static void on_diagnose(Service *service, const Sharestream__Torrent__DiagnoseRequest *request,
                        Sharestream__Torrent__Diagnosis_Closure closure, void *data)
{
    Sharestream__Torrent__Diagnosis diagnosis = SHARESTREAM__TORRENT__DIAGNOSIS__INIT;

    (void)service;
    (void)request;
    diagnosis.summary = text_of("nobody who is connected has the next piece");
    diagnosis.advice = text_of("wait, or add a tracker");
    diagnosis.code = text_of("no_seeds");
    closure(&diagnosis, data);
}

static void on_stats(Service *service, const Sharestream__Torrent__StatsRequest *request,
                     Sharestream__Torrent__StatsReply_Closure closure, void *data)
{
    Sharestream__Torrent__StatsReply reply = SHARESTREAM__TORRENT__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    reply.torrents = (uint32_t)((struct fake *)bus_state(data))->count;
    closure(&reply, data);
}

/* What the command line does not ask. */
#define ABSENT_HANDLER(name, Request, Reply)                                                       \
    static void on_##name(Service *service, const Sharestream__Torrent__##Request *request,        \
                          Sharestream__Torrent__##Reply##_Closure closure, void *data)             \
    {                                                                                              \
        (void)service;                                                                             \
        (void)request;                                                                             \
        (void)closure;                                                                             \
        bus_fail(data, ERR_INTERNAL, "the fake does not know this");                               \
    }
ABSENT_HANDLER(select, SelectRequest, Empty)
ABSENT_HANDLER(metainfo, Name, MetainfoReply)
ABSENT_HANDLER(read, ReadRequest, ReadReply)
ABSENT_HANDLER(close, CloseRequest, Empty)
ABSENT_HANDLER(fetch, FetchRequest, FetchReply)
ABSENT_HANDLER(describe, DescribeRequest, Empty)
ABSENT_HANDLER(begin_upload, BeginUploadRequest, Upload)
ABSENT_HANDLER(find_upload, Name, Upload)
ABSENT_HANDLER(grow_upload, GrowUploadRequest, Upload)
ABSENT_HANDLER(browse, BrowseRequest, BrowseReply)
ABSENT_HANDLER(pieces, PiecesRequest, PiecesReply)

static Service torrent_service = SHARESTREAM__TORRENT__TORRENT__INIT(on_);

static enum err torrent_start(void *state, struct svc *svc, struct error *error)
{
    struct fake *fake = state;

    (void)error;
    fake->svc = svc;
    make_files();
    sharestream__torrent__limits__init(&fake->limits);
    put(fake, FAKE_FILM, "Sintel", SHARESTREAM__TORRENT__STATE__DOWNLOADING);
    put(fake, FAKE_TRAP, "\033[31m\xe6\xbc\xa2\xe5\xad\x97", SHARESTREAM__TORRENT__STATE__PAUSED);
    svc_every(svc, HASH_STEP_MS, on_hash_time, fake);
    svc_ready_text(svc, "port=6881");
    return ERR_NONE;
}

/* The first question for jobs finds two, the next none. */
static void transcode_jobs(Sharestream__Transcode__Transcode_Service *service,
                           const Sharestream__Transcode__JobsRequest *request,
                           Sharestream__Transcode__JobsReply_Closure closure, void *data)
{
    static unsigned asked;
    Sharestream__Transcode__JobsReply reply = SHARESTREAM__TRANSCODE__JOBS_REPLY__INIT;
    Sharestream__Transcode__JobsReply__Job jobs[2], *list[] = {&jobs[0], &jobs[1]};

    (void)service;
    (void)request;
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        sharestream__transcode__jobs_reply__job__init(&jobs[i]);
    jobs[0].info_hash = text_of(FAKE_FILM);
    jobs[0].what = text_of("v/3");
    jobs[0].state = text_of("working");
    jobs[0].waited_ms = 1500;
    jobs[0].clients = 2;
    jobs[0].pid = 4711;
    jobs[1].info_hash = text_of("2222222222222222222222222222222222222222"); /* of no torrent */
    jobs[1].file = 7;
    jobs[1].what = text_of("open");
    jobs[1].state = text_of("queued\033[2J");
    reply.jobs = list;
    reply.n_jobs = asked++ == 0 ? COUNT_OF(jobs) : 0;
    reply.cache_bytes = 1536 << 20;
    reply.cache_limit_bytes = UINT64_C(2048) << 20;
    reply.workers = 3;
    reply.encoder = text_of("vaapi");
    reply.no_encoder = text_of("nvenc: no such library");
    closure(&reply, data);
}

static void fill_media(Sharestream__Worker__Media *media)
{
    static Sharestream__Worker__Stream streams[3], *list[3];
    static Sharestream__Worker__Chapter chapter, *chapters[] = {&chapter};

    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        sharestream__worker__stream__init(&streams[i]);
        streams[i].index = (uint32_t)i;
        streams[i].kind = (Sharestream__Worker__Kind)(i + 1);
        list[i] = &streams[i];
    }
    streams[0].codec = text_of("h264");
    streams[0].codec_string = text_of("avc1.640028");
    streams[0].width = 1920;
    streams[0].height = 818;
    streams[0].frame_rate = 23.976;
    streams[1].codec = text_of("ac3");
    streams[1].channels = 6;
    streams[1].sample_rate = 44100;
    streams[1].language = text_of("ger");
    streams[1].title = text_of("\033[31mKommentar");
    streams[1].is_default = streams[1].is_impaired = true;
    streams[2].codec = text_of("subrip");
    sharestream__worker__chapter__init(&chapter);
    chapter.from_us = INT64_C(3723) * 1000000;
    chapter.title = text_of("The end");
    media->container = text_of("matroska,webm");
    media->duration_us = INT64_C(5400) * 1000000;
    media->n_streams = COUNT_OF(streams);
    media->streams = list;
    media->n_chapters = 1;
    media->chapters = chapters;
}

static void transcode_media(Sharestream__Transcode__Transcode_Service *service,
                            const Sharestream__Transcode__MediaRequest *request,
                            Sharestream__Transcode__MediaReply_Closure closure, void *data)
{
    Sharestream__Transcode__MediaReply reply = SHARESTREAM__TRANSCODE__MEDIA_REPLY__INIT;
    Sharestream__Worker__Media media = SHARESTREAM__WORKER__MEDIA__INIT;

    (void)service;
    if (request->file != 0) {
        bus_fail(data, ERR_INVALID, "it is no media file");
        return;
    }
    fill_media(&media);
    reply.media = &media;
    reply.way = SHARESTREAM__TRANSCODE__WAY__SOUND;
    reply.why = text_of("the sound is in a format that the client does not play");
    closure(&reply, data);
}

#define REFUSE(name, request_type, reply_type)                                                     \
    static void transcode_##name(Sharestream__Transcode__Transcode_Service *service,               \
                                 const Sharestream__Transcode__##request_type *request,            \
                                 Sharestream__Transcode__##reply_type##_Closure closure,           \
                                 void *data)                                                       \
    {                                                                                              \
        (void)service;                                                                             \
        (void)request;                                                                             \
        (void)closure;                                                                             \
        bus_fail(data, ERR_INTERNAL, "the fake does not know this");                               \
    }
REFUSE(subtitles, SubtitlesRequest, SubtitlesReply)
REFUSE(add_subtitle, AddSubtitleRequest, Subtitle)
REFUSE(remove_subtitle, RemoveSubtitleRequest, RemoveSubtitleReply)
REFUSE(get, GetRequest, GetReply)

static Sharestream__Transcode__Transcode_Service transcode_service =
    SHARESTREAM__TRANSCODE__TRANSCODE__INIT(transcode_);

static void http_link(Sharestream__Http__Http_Service *service,
                      const Sharestream__Http__LinkRequest *request,
                      Sharestream__Http__LinkReply_Closure closure, void *data)
{
    Sharestream__Http__LinkReply reply = SHARESTREAM__HTTP__LINK_REPLY__INIT;
    char url[300];

    (void)service;
    snprintf(url, sizeof(url), "http://127.0.0.1:8080/stream/%s/%u/%s", request->info_hash,
             request->file, request->name);
    reply.url = url;
    closure(&reply, data);
}

static void http_grant(Sharestream__Http__Http_Service *service,
                       const Sharestream__Http__GrantRequest *request,
                       Sharestream__Http__GrantReply_Closure closure, void *data)
{
    (void)service;
    (void)request;
    (void)closure;
    bus_fail(data, ERR_INTERNAL, "not asked by the command line");
}

static void http_stats(Sharestream__Http__Http_Service *service,
                       const Sharestream__Http__StatsRequest *request,
                       Sharestream__Http__StatsReply_Closure closure, void *data)
{
    Sharestream__Http__StatsReply reply = SHARESTREAM__HTTP__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    reply.base_url = text_of("http://127.0.0.1:8080");
    closure(&reply, data);
}

/* A file of that name in the current folder makes it fail as a taken port does. */
static enum err http_start(void *state, struct svc *svc, struct error *error)
{
    (void)state;
    (void)svc;
    if (access(FAKE_PORT_TAKEN, F_OK) == 0)
        return error_set(error, ERR_BUSY, "port 8080 is taken by another program");
    return ERR_NONE;
}

static Sharestream__Http__Http_Service http_service = SHARESTREAM__HTTP__HTTP__INIT(http_);

bool fake_main(int argc, char **argv, int *code_out)
{
    static const struct svc_def torrent = {.name = "torrent",
                                           .about = "a fake",
                                           .service = &torrent_service.base,
                                           .state_size = sizeof(struct fake),
                                           .start = torrent_start};
    static const struct svc_def transcode = {
        .name = "transcode", .about = "a fake", .service = &transcode_service.base};
    static const struct svc_def http = {
        .name = "http", .about = "a fake", .service = &http_service.base, .start = http_start};
    const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];

    if (strcmp(name, "torrent-svc") == 0)
        *code_out = svc_main(argc, argv, &torrent);
    else if (strcmp(name, "transcode-svc") == 0)
        *code_out = svc_main(argc, argv, &transcode);
    else if (strcmp(name, "http-svc") == 0)
        *code_out = svc_main(argc, argv, &http);
    else
        return false;
    return true;
}
