/* SPDX-License-Identifier: MIT
 *
 * fake_torrent: a torrent-svc without torrents, for tests of those who talk to it. It is called
 * "torrent" on the bus, makes files and ready maps as it is told by lines on standard input, and
 * answers each line with one line on standard output:
 *
 *     torrent HASH PIECE_BYTES SIZE[,SIZE...] [sparse]   files of a known pattern, or of zeros
 *     ready HASH FIRST LAST       pieces, with an event
 *     quiet HASH FIRST LAST       the same without the event
 *     progress HASH | gone HASH | truncate HASH FILE SIZE
 *     flood HASH COUNT            so many Progress events
 *     page HASH COUNT             so many files in one message
 *     later HASH mute|gone|ok     what becomes of questions for files that are not the first
 *     mute on|off                 do not answer requests at all
 *     counts                      {"reads":..,"closes":..,"open":..,"adds":..,"gets":..}
 *
 * A hash nobody told it about is added without metadata; waiting for that ends in a timeout, at
 * once. Byte i of a torrent's pattern is (i * 7 + i / 251 + i / 65536) mod 256.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <proto/torrent.pb-c.h>

#include "base/must.h"
#include "base/text.h"
#include "stream/ready_map.h"
#include "svc/svc.h"

/* protobuf-c has no const strings. */
#define TEXT(text) ((char *)(uintptr_t)(text))

/* With a key that is nobody's but the operator's. */
#define PRIVATE_TRACKER          "wss://t/passkey"
#define PRIVATE_TRACKER_BENCODED "15:" PRIVATE_TRACKER

enum { TORRENTS_MAX = 16, FILES_MAX = 64, READERS_MAX = 64 };

typedef Sharestream__Torrent__Torrent_Service Service;
typedef Sharestream__Torrent__TorrentInfo Info;

struct torrent {
    char hash[INFOHASH_TEXT];
    struct ready_layout layout;
    struct ready_file files[FILES_MAX];
    struct ready_map *map;
    uint64_t download_limit;
    uint32_t page; /* files in one message; 0 = all */
    char later;    /* 'm'ute, 'g'one or 'o'k; 0 = ok */
};

struct fake {
    struct svc *svc;
    struct torrent torrents[TORRENTS_MAX];
    size_t count;
    unsigned reads, closes, adds, gets;
    uint64_t readers[READERS_MAX];
    bool is_mute;
    char line[65536];
    size_t used;
};

static struct torrent *find(struct fake *fake, const char *hash)
{
    for (size_t i = 0; i < fake->count; i++)
        if (strcasecmp(fake->torrents[i].hash, hash) == 0)
            return &fake->torrents[i];
    return NULL;
}

/* ---- messages about a torrent */

struct made_info {
    Info info;
    Sharestream__Torrent__File files[FILES_MAX], *file_list[FILES_MAX];
    Sharestream__Torrent__Limits limits;
};

/* Files from `first_file` on. */
static void make_info(const struct torrent *torrent, uint32_t first_file, struct made_info *made)
{
    memset(made, 0, sizeof(*made));
    sharestream__torrent__torrent_info__init(&made->info);
    sharestream__torrent__limits__init(&made->limits);
    made->limits.download = torrent->download_limit;
    made->info.limits = &made->limits;
    made->info.info_hash = TEXT(torrent->hash);
    made->info.name = TEXT(torrent->layout.name);
    made->info.state = SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    made->info.has_metadata = true;
    made->info.size_bytes = torrent->layout.total_bytes;
    made->info.piece_count = torrent->layout.piece_count;
    made->info.piece_bytes = torrent->layout.piece_bytes;
    made->info.pieces_ready = torrent->map != NULL ? ready_map_count(torrent->map) : 0;
    made->info.peers = 5;
    made->info.seeds = 2;
    made->info.file_count = torrent->layout.file_count;
    made->info.files = made->file_list;
    for (uint32_t i = first_file; i < torrent->layout.file_count; i++) {
        if (torrent->page != 0 && made->info.n_files == torrent->page)
            break;
        Sharestream__Torrent__File *file = &made->files[made->info.n_files];

        sharestream__torrent__file__init(file);
        file->id = i;
        file->path = TEXT(torrent->files[i].path);
        file->size_bytes = torrent->files[i].size;
        file->is_wanted = true;
        file->media_type = TEXT("video/mp4");
        file->kind = TEXT("video");
        made->file_list[made->info.n_files++] = file;
    }
}

static void publish(struct fake *fake, Sharestream__Torrent__Event__KindCase kind, void *message)
{
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;

    event.kind_case = kind;
    event.ready = message; /* the members are one union of pointers */
    bus_publish(svc_bus(fake->svc), &event.base);
}

/* ---- commands */

static void write_pattern(int fd, uint64_t offset, uint64_t size)
{
    static uint8_t block[1 << 16];

    for (uint64_t done = 0; done < size;) {
        size_t len = (size_t)MIN(size - done, sizeof(block));

        for (size_t i = 0; i < len; i++) {
            uint64_t at = offset + done + i;

            block[i] = (uint8_t)(at * 7 + at / 251 + at / 65536);
        }
        must(write(fd, block, len) == (ssize_t)len);
        done += len;
    }
}

static void make_file(struct torrent *torrent, uint32_t i, const char *folder, bool is_sparse)
{
    struct ready_file *file = &torrent->files[i];

    /* Names with a folder, a space, quotes and what is not ASCII. */
    file->path = xasprintf("Fake torrent/file \"%u\" \xc3\xa9.mp4", i);
    file->disk_path = xasprintf("%s/%s-%u", folder, torrent->hash, i);
    int fd = open(file->disk_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0);
    if (is_sparse)
        must(ftruncate(fd, (off_t)file->size) == 0);
    else
        write_pattern(fd, file->offset, file->size);
    close(fd);
}

static const char *add_torrent(struct fake *fake, char **save)
{
    const char *hash = strtok_r(NULL, " ", save), *piece = strtok_r(NULL, " ", save);
    char *sizes = strtok_r(NULL, " ", save), *inner;
    bool is_sparse = strtok_r(NULL, " ", save) != NULL, has_pieces;
    struct torrent *torrent = &fake->torrents[fake->count];
    struct error error = {0};

    if (sizes == NULL || fake->count == TORRENTS_MAX)
        return "no";
    memset(torrent, 0, sizeof(*torrent));
    snprintf(torrent->hash, sizeof(torrent->hash), "%s", hash);
    torrent->layout.name = "Fake torrent";
    torrent->layout.piece_bytes = (uint32_t)strtoul(piece, NULL, 10);
    torrent->layout.files = torrent->files;
    must(infohash_parse(bytes_of_text(hash), &torrent->layout.hash));
    for (char *size = strtok_r(sizes, ",", &inner); size != NULL;
         size = strtok_r(NULL, ",", &inner)) {
        uint32_t i = torrent->layout.file_count++;

        must(i < FILES_MAX);
        torrent->files[i].offset = torrent->layout.total_bytes;
        torrent->files[i].size = strtoull(size, NULL, 10);
        torrent->layout.total_bytes += torrent->files[i].size;
        make_file(torrent, i, svc_common(fake->svc)->data_dir, is_sparse);
    }
    torrent->layout.piece_count =
        (uint32_t)((torrent->layout.total_bytes + torrent->layout.piece_bytes - 1) /
                   torrent->layout.piece_bytes);
    if (ready_map_create(svc_common(fake->svc)->run_dir, &torrent->layout, &torrent->map,
                         &has_pieces, &error) != ERR_NONE) {
        fprintf(stderr, "%s\n", error.text);
        return "no";
    }
    fake->count++;
    return "ok";
}

static const char *set_ready(struct fake *fake, struct torrent *torrent, char **save, bool says)
{
    const char *first = strtok_r(NULL, " ", save), *last = strtok_r(NULL, " ", save);
    Sharestream__Torrent__Ready ready = SHARESTREAM__TORRENT__READY__INIT;
    uint32_t from = first != NULL ? (uint32_t)strtoul(first, NULL, 10) : 0;
    uint32_t to = last != NULL ? (uint32_t)strtoul(last, NULL, 10) : from;

    to = MIN(to, torrent->layout.piece_count - 1);
    ready.info_hash = torrent->hash;
    ready.pieces = xcalloc(to - from + 1, sizeof(*ready.pieces));
    for (uint32_t piece = from; piece <= to; piece++) {
        ready_map_set(torrent->map, piece, true);
        ready.pieces[ready.n_pieces++] = piece;
    }
    if (says)
        publish(fake, SHARESTREAM__TORRENT__EVENT__KIND_READY, &ready);
    free(ready.pieces);
    return "ok";
}

static const char *say_progress(struct fake *fake, struct torrent *torrent, unsigned times)
{
    Sharestream__Torrent__Progress progress = SHARESTREAM__TORRENT__PROGRESS__INIT;
    struct made_info made;
    Info *list[1] = {&made.info};

    make_info(torrent, UINT32_MAX, &made);
    progress.n_torrents = 1;
    progress.torrents = list;
    for (unsigned i = 0; i < times; i++)
        publish(fake, SHARESTREAM__TORRENT__EVENT__KIND_PROGRESS, &progress);
    return "ok";
}

static const char *remove_torrent(struct fake *fake, struct torrent *torrent)
{
    Sharestream__Torrent__Changed changed = SHARESTREAM__TORRENT__CHANGED__INIT;

    changed.info_hash = torrent->hash;
    changed.is_gone = true;
    ready_map_remove(&torrent->map);
    publish(fake, SHARESTREAM__TORRENT__EVENT__KIND_CHANGED, &changed);
    torrent->hash[0] = '\0';
    return "ok";
}

static const char *truncate_file(struct torrent *torrent, char **save)
{
    const char *file = strtok_r(NULL, " ", save), *size = strtok_r(NULL, " ", save);

    must(size != NULL);
    must(truncate(torrent->files[strtoul(file, NULL, 10)].disk_path,
                  (off_t)strtoull(size, NULL, 10)) == 0);
    return "ok";
}

static const char *say_counts(const struct fake *fake)
{
    static char out[200];
    unsigned open = 0;

    for (size_t i = 0; i < READERS_MAX; i++)
        open += fake->readers[i] != 0;
    snprintf(out, sizeof(out), "{\"reads\":%u,\"closes\":%u,\"open\":%u,\"adds\":%u,\"gets\":%u}",
             fake->reads, fake->closes, open, fake->adds, fake->gets);
    return out;
}

static const char *obey(struct fake *fake, char *line)
{
    char *save, *word = strtok_r(line, " ", &save);
    struct torrent *torrent;

    if (word == NULL)
        return "no";
    if (strcmp(word, "torrent") == 0)
        return add_torrent(fake, &save);
    if (strcmp(word, "counts") == 0)
        return say_counts(fake);
    if (strcmp(word, "mute") == 0) {
        fake->is_mute = strcmp(save, "on") == 0;
        return "ok";
    }
    char *hash = strtok_r(NULL, " ", &save);
    if (hash == NULL || (torrent = find(fake, hash)) == NULL)
        return "no";
    if (strcmp(word, "ready") == 0)
        return set_ready(fake, torrent, &save, true);
    if (strcmp(word, "quiet") == 0)
        return set_ready(fake, torrent, &save, false);
    if (strcmp(word, "progress") == 0)
        return say_progress(fake, torrent, 1);
    if (strcmp(word, "flood") == 0)
        return say_progress(fake, torrent, (unsigned)strtoul(save, NULL, 10));
    if (strcmp(word, "truncate") == 0)
        return truncate_file(torrent, &save);
    if (strcmp(word, "later") == 0) {
        torrent->later = *save;
        return "ok";
    }
    if (strcmp(word, "page") == 0) {
        torrent->page = (uint32_t)strtoul(save, NULL, 10);
        return "ok";
    }
    return strcmp(word, "gone") == 0 ? remove_torrent(fake, torrent) : "no";
}

static void on_input(void *arg)
{
    struct fake *fake = arg;
    ssize_t got = read(STDIN_FILENO, fake->line + fake->used, sizeof(fake->line) - fake->used - 1);
    char *end;

    if (got <= 0) {
        svc_unwatch_fd(fake->svc, STDIN_FILENO);
        svc_shutdown(fake->svc);
        return;
    }
    fake->used += (size_t)got;
    fake->line[fake->used] = '\0';
    while ((end = strchr(fake->line, '\n')) != NULL) {
        *end = '\0';
        printf("%s\n", obey(fake, fake->line));
        fflush(stdout);
        fake->used -= (size_t)(end + 1 - fake->line);
        memmove(fake->line, end + 1, fake->used + 1);
    }
}

/* ---- the bus */

#define HANDLER(name, request_type, reply_type)                                                    \
    static void on_##name(Service *service, const Sharestream__Torrent__##request_type *request,   \
                          Sharestream__Torrent__##reply_type##_Closure closure, void *data)

/* The torrent of a request; NULL: answered, or not to be answered. */
static struct torrent *wanted(const char *hash, void *data)
{
    struct fake *fake = bus_state(data);
    struct torrent *torrent = find(fake, hash);

    if (fake->is_mute)
        return NULL;
    if (torrent == NULL)
        bus_fail(data, ERR_NOT_FOUND, "no torrent %.60s", hash);
    return torrent;
}

HANDLER(add, AddRequest, AddReply)
{
    struct fake *fake = bus_state(data);
    Sharestream__Torrent__AddReply reply = SHARESTREAM__TORRENT__ADD_REPLY__INIT;
    const char *at = strcasestr(request->source, "btih:");
    char hash[INFOHASH_TEXT];
    struct torrent *torrent;
    struct made_info made;

    (void)service;
    fake->adds++;
    if (fake->is_mute)
        return;
    snprintf(hash, sizeof(hash), "%s", at != NULL ? at + 5 : request->source);
    if (request->metainfo.len > 0)
        snprintf(hash, sizeof(hash), "%s", fake->torrents[0].hash);
    torrent = find(fake, hash);
    if (strstr(request->source, "full") != NULL) {
        bus_fail(data, ERR_NO_SPACE, "the disk is full");
    } else if (torrent != NULL) {
        make_info(torrent, 0, &made);
        reply.info_hash = torrent->hash;
        reply.is_new = request->metainfo.len > 0;
        reply.info = &made.info;
        closure(&reply, data);
    } else if (request->wait_ms > 0) {
        bus_fail(data, ERR_TIMEOUT, "no metadata in time");
    } else {
        bus_fail(data, ERR_INVALID, "not a source: %.60s", request->source);
    }
}

HANDLER(get, GetRequest, TorrentInfo)
{
    struct fake *fake = bus_state(data);
    struct torrent *torrent = wanted(request->info_hash, data);
    char *trackers[] = {TEXT(PRIVATE_TRACKER)};
    struct made_info made;

    (void)service;
    fake->gets++;
    if (torrent == NULL || (request->first_file > 0 && torrent->later == 'm'))
        return;
    if (request->first_file > 0 && torrent->later == 'g') {
        bus_fail(data, ERR_NOT_FOUND, "no torrent any more");
        return;
    }
    make_info(torrent, request->first_file, &made);
    made.info.ws_trackers = trackers;
    made.info.n_ws_trackers = COUNT_OF(trackers);
    closure(&made.info, data);
}

HANDLER(list, ListRequest, ListReply)
{
    struct fake *fake = bus_state(data);
    Sharestream__Torrent__ListReply reply = SHARESTREAM__TORRENT__LIST_REPLY__INIT;
    struct made_info made[TORRENTS_MAX];
    Info *list[TORRENTS_MAX];

    (void)service;
    (void)request;
    if (fake->is_mute)
        return;
    for (size_t i = 0; i < fake->count; i++) {
        if (fake->torrents[i].hash[0] == '\0')
            continue;
        make_info(&fake->torrents[i], UINT32_MAX, &made[reply.n_torrents]);
        list[reply.n_torrents] = &made[reply.n_torrents].info;
        reply.n_torrents++;
    }
    reply.torrents = list;
    closure(&reply, data);
}

#define DONE_HANDLER(name, type)                                                                   \
    HANDLER(name, type, Empty)                                                                     \
    {                                                                                              \
        Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;                     \
                                                                                                   \
        (void)service;                                                                             \
        if (wanted(request->info_hash, data) != NULL)                                              \
            closure(&reply, data);                                                                 \
    }
DONE_HANDLER(remove, RemoveRequest)
DONE_HANDLER(pause, Name)
DONE_HANDLER(resume, Name)
DONE_HANDLER(recheck, Name)
DONE_HANDLER(select, SelectRequest)

HANDLER(seed, SeedRequest, SeedReply)
{
    Sharestream__Torrent__SeedReply reply = SHARESTREAM__TORRENT__SEED_REPLY__INIT;

    (void)service;
    if (access(request->path, R_OK) != 0) {
        bus_fail(data, ERR_NOT_FOUND, "cannot read %.200s", request->path);
        return;
    }
    reply.job = 1;
    closure(&reply, data);
}

HANDLER(set_limits, LimitsRequest, Limits)
{
    struct fake *fake = bus_state(data);
    struct torrent *torrent =
        request->info_hash[0] != '\0' ? wanted(request->info_hash, data) : &fake->torrents[0];
    Sharestream__Torrent__Limits reply = SHARESTREAM__TORRENT__LIMITS__INIT;

    (void)service;
    if (torrent == NULL)
        return;
    if (request->limits != NULL)
        torrent->download_limit = request->limits->download;
    reply.download = torrent->download_limit;
    closure(&reply, data);
}

HANDLER(peers, PeersRequest, PeersReply)
{
    Sharestream__Torrent__PeersReply reply = SHARESTREAM__TORRENT__PEERS_REPLY__INIT;
    Sharestream__Torrent__PeersReply__Peer peer = SHARESTREAM__TORRENT__PEERS_REPLY__PEER__INIT;
    Sharestream__Torrent__PeersReply__Peer *list[1] = {&peer};

    (void)service;
    if (wanted(request->info_hash, data) == NULL)
        return;
    peer.address = TEXT("127.0.0.1:6881");
    peer.client = TEXT("fake \xff\xfe 1.0"); /* what strangers send is not always text */
    reply.n_peers = reply.peer_count = 1;
    reply.peers = list;
    closure(&reply, data);
}

/* One piece in a cell, whatever was asked for. */
HANDLER(pieces, PiecesRequest, PiecesReply)
{
    Sharestream__Torrent__PiecesReply reply = SHARESTREAM__TORRENT__PIECES_REPLY__INIT;
    Sharestream__Torrent__PiecesReply__Reader reader =
        SHARESTREAM__TORRENT__PIECES_REPLY__READER__INIT;
    Sharestream__Torrent__PiecesReply__Reader *readers[] = {&reader};
    struct torrent *torrent = wanted(request->info_hash, data);
    uint8_t cells[] = {UINT8_MAX, 0, 128};

    (void)service;
    if (torrent == NULL)
        return;
    reply.piece_count = COUNT_OF(cells);
    reply.piece_bytes = torrent->layout.piece_bytes;
    reply.cell_pieces = 1;
    reply.ready = reply.state = reply.peers = (ProtobufCBinaryData){COUNT_OF(cells), cells};
    reply.readers = readers;
    reply.n_readers = COUNT_OF(readers);
    closure(&reply, data);
}

HANDLER(metainfo, Name, MetainfoReply)
{
    static const char metainfo[] =
        "d8:announce" PRIVATE_TRACKER_BENCODED "4:infod6:lengthi1e4:name4:film"
        "12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee";
    Sharestream__Torrent__MetainfoReply reply = SHARESTREAM__TORRENT__METAINFO_REPLY__INIT;

    (void)service;
    if (wanted(request->info_hash, data) == NULL)
        return;
    reply.metainfo.data = (uint8_t *)(uintptr_t)metainfo;
    reply.metainfo.len = sizeof(metainfo) - 1;
    reply.magnet = TEXT("magnet:?xt=urn:btih:0000000000000000000000000000000000000000");
    closure(&reply, data);
}

HANDLER(read, ReadRequest, ReadReply)
{
    struct fake *fake = bus_state(data);
    Sharestream__Torrent__ReadReply reply = SHARESTREAM__TORRENT__READ_REPLY__INIT;
    size_t free_slot = READERS_MAX, slot = READERS_MAX;

    (void)service;
    fake->reads++;
    if (wanted(request->info_hash, data) == NULL)
        return;
    for (size_t i = READERS_MAX; i-- > 0;) {
        if (fake->readers[i] == 0)
            free_slot = i;
        else if (fake->readers[i] == request->reader)
            slot = i;
    }
    if (slot == READERS_MAX && free_slot < READERS_MAX)
        fake->readers[free_slot] = request->reader;
    reply.lease_ms = 10000;
    closure(&reply, data);
}

HANDLER(fetch, FetchRequest, FetchReply)
{
    (void)service;
    (void)request;
    (void)closure;
    bus_fail(data, ERR_INTERNAL, "the fake's files are on this machine");
}

HANDLER(describe, DescribeRequest, Empty)
{
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    (void)service;
    if (wanted(request->info_hash, data) != NULL)
        closure(&reply, data);
}

HANDLER(close, CloseRequest, Empty)
{
    struct fake *fake = bus_state(data);
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    (void)service;
    fake->closes++;
    for (size_t i = 0; i < READERS_MAX; i++)
        if (fake->readers[i] == request->reader)
            fake->readers[i] = 0;
    closure(&reply, data);
}

static void answer_upload(const char *info_hash, Sharestream__Torrent__Upload_Closure closure,
                          void *data)
{
    Sharestream__Torrent__Upload reply = SHARESTREAM__TORRENT__UPLOAD__INIT;

    reply.info_hash = TEXT(info_hash);
    reply.name = TEXT("film.mp4");
    reply.size_bytes = 1000;
    reply.piece_bytes = 65536;
    reply.expires_unix_ms = 4102444800000;
    closure(&reply, data);
}

HANDLER(begin_upload, BeginUploadRequest, Upload)
{
    (void)service;
    if (request->size_bytes > 1000)
        bus_fail(data, ERR_NO_SPACE, "it needs more than the disk budget has left");
    else
        answer_upload("2222222222222222222222222222222222222222", closure, data);
}

HANDLER(find_upload, Name, Upload)
{
    (void)service;
    if (wanted(request->info_hash, data) != NULL)
        answer_upload(request->info_hash, closure, data);
}

HANDLER(grow_upload, GrowUploadRequest, Upload)
{
    (void)service;
    if (wanted(request->info_hash, data) != NULL)
        answer_upload(request->info_hash, closure, data);
}

HANDLER(browse, BrowseRequest, BrowseReply)
{
    Sharestream__Torrent__BrowseReply reply = SHARESTREAM__TORRENT__BROWSE_REPLY__INIT;
    Sharestream__Torrent__BrowseReply__Entry entry =
        SHARESTREAM__TORRENT__BROWSE_REPLY__ENTRY__INIT;
    Sharestream__Torrent__BrowseReply__Entry *list[] = {&entry};

    (void)service;
    if (strcmp(request->path, "nowhere") == 0) {
        bus_fail(data, ERR_NOT_FOUND, "there is no such folder in the media folder");
        return;
    }
    entry.name = TEXT("film.mp4");
    entry.path = TEXT("/films/film.mp4");
    entry.size_bytes = 1000;
    reply.has_folder = true;
    reply.n_entries = 1;
    reply.entries = list;
    closure(&reply, data);
}

HANDLER(diagnose, DiagnoseRequest, Diagnosis)
{
    Sharestream__Torrent__Diagnosis reply = SHARESTREAM__TORRENT__DIAGNOSIS__INIT;
    char *trackers[] = {TEXT(PRIVATE_TRACKER)};

    (void)service;
    if (wanted(request->info_hash, data) == NULL)
        return;
    reply.code = TEXT("no_peers");
    reply.summary = TEXT("nobody has this torrent right now");
    reply.advice = TEXT("wait, or add trackers");
    reply.state = SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    reply.trackers = trackers;
    reply.n_trackers = COUNT_OF(trackers);
    closure(&reply, data);
}

HANDLER(stats, StatsRequest, StatsReply)
{
    struct fake *fake = bus_state(data);
    Sharestream__Torrent__StatsReply reply = SHARESTREAM__TORRENT__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    if (fake->is_mute)
        return;
    reply.torrents = (uint32_t)fake->count;
    closure(&reply, data);
}

static Service service = SHARESTREAM__TORRENT__TORRENT__INIT(on_);

static enum err start(void *state, struct svc *svc, struct error *error)
{
    struct fake *fake = state;

    (void)error;
    fake->svc = svc;
    svc_watch_fd(svc, STDIN_FILENO, on_input, fake);
    return ERR_NONE;
}

static void stop(void *state)
{
    struct fake *fake = state;

    for (size_t i = 0; i < fake->count; i++) {
        for (uint32_t k = 0; k < fake->torrents[i].layout.file_count; k++) {
            free(TEXT(fake->torrents[i].files[k].path));
            free(TEXT(fake->torrents[i].files[k].disk_path));
        }
        ready_map_close(&fake->torrents[i].map);
    }
}

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = "torrent",
        .about = "a torrent-svc for tests",
        .service = &service.base,
        .state_size = sizeof(struct fake),
        .start = start,
        .stop = stop,
    };

    return svc_main(argc, argv, &def);
}
