/* SPDX-License-Identifier: MIT
 *
 * The private header of torrent-svc: all state of the process, and the functions of each file that
 * others call.
 */
#ifndef TORRENT_SERVICE_H
#define TORRENT_SERVICE_H

#include <proto/torrent.pb-c.h>
#include <uthash.h>

#include "base/metrics.h"
#include "base/settings.h"
#include "fetch.h"
#include "lt.h"
#include "sched.h"
#include "store.h"
#include "stream/ready_map.h"
#include "svc/svc.h"
#include "wire/infohash.h"

enum {
    WAITERS_MAX = 64,       /* calls that wait for the metadata of one torrent */
    REPLAN_MS = 250,        /* how often plans of torrents with readers are looked at */
    RESUME_SAVE_MS = 60000, /* how often changed resume data goes to the database */
    READY_BATCH_MAX = 4096, /* pieces in one Ready event */
    ANSWER_MARGIN_MS = 100, /* a late answer leaves this long before the caller gives up */
    JOBS_MAX = 16,          /* files being hashed or fetched at once */
};

#define TORRENT_SETTINGS(X)                                                                        \
    X(TEXT, listen, "0.0.0.0:6881,[::]:6881", 0, 0,                                                \
      "addresses for BitTorrent peers, comma-separated")                                           \
    X(TEXT, outgoing, "", 0, 0,                                                                    \
      "interface or address that outgoing connections leave by (VPN); empty: any")                 \
    X(DURATION, metadata_timeout, "30s", 1000, 3600000,                                            \
      "how long a request waits for a magnet's metadata")                                          \
    X(COUNT, max_connections, "100", 2, 100000, "peer connections of all torrents together")       \
    X(COUNT, torrent_connections, "60", 2, 100000, "peer connections of one torrent")              \
    X(SIZE, download_limit, "0", 0, 0, "bytes per second of all torrents together; 0: no limit")   \
    X(SIZE, upload_limit, "0", 0, 0, "bytes per second of all torrents together; 0: no limit")     \
    X(BOOL, limit_local_peers, "false", 0, 0,                                                      \
      "limits also hold for peers on this machine and in the local network")                       \
    X(COUNT, upload_slots, "8", 1, 1000, "peers served at the same time")                          \
    X(COUNT, max_torrents, "100", 1, 100000,                                                       \
      "torrents kept; above it the longest unused ones go with their data")                        \
    X(DURATION, cleanup_interval, "10m", 1000, 86400000,                                           \
      "how often unused torrents and disk space are looked at")                                    \
    X(SIZE, disk_quota, "0", 0, 0, "bytes that downloaded data may take; 0: all but disk_floor")   \
    X(SIZE, disk_floor, "1GiB", 0, 0, "bytes of the disk that always stay free")                   \
    X(BOOL, background, "true", 0, 0, "also fetch what nobody is reading")                         \
    X(LIST, trackers, "", 0, 0, "trackers added to links that bring none of their own")            \
    X(BOOL, dht, "true", 0, 0, "find peers by the distributed hash table")                         \
    X(TEXT, dht_bootstrap, "", 0, 0,                                                               \
      "host:port of nodes to start the hash table from; empty: the usual ones")                    \
    X(BOOL, pex, "true", 0, 0, "exchange peers with peers")                                        \
    X(BOOL, lsd, "true", 0, 0, "find peers in the local network")                                  \
    X(BOOL, upnp, "true", 0, 0, "open the port in the router by UPnP and NAT-PMP")                 \
    X(BOOL, utp_first, "false", 0, 0,                                                              \
      "try uTP before TCP; kinder to the network, seconds slower to start")                        \
    X(CHOICE, encryption, "allow", 0, 0, "protocol encryption (off|allow|require)")                \
    X(TEXT, proxy, "", 0, 0,                                                                       \
      "socks5://[user:password@]host:port or http://... for peers and trackers")                   \
    X(TEXT, ip_filter, "", 0, 0,                                                                   \
      "file with ranges of peer addresses to refuse, one 'first - last' a line")                   \
    X(BOOL, allow_private_urls, "false", 0, 0,                                                     \
      "allow web seeds, trackers and .torrent URLs on private addresses")                          \
    X(CHOICE, disk_io, "posix", 0, 0, "how libtorrent writes, see docs/decisions/0003 (posix|mmap)")

SETTINGS_STRUCT(torrent_settings, TORRENT_SETTINGS);
extern const struct settings_table torrent_settings_table;

#define TORRENT_METRICS(X)                                                                         \
    X(GAUGE, torrents, "torrents known")                                                           \
    X(GAUGE, readers, "streams open")                                                              \
    X(GAUGE, peers, "peers connected")                                                             \
    X(GAUGE, dht_nodes, "nodes of the distributed hash table known")                               \
    X(COUNTER, downloaded_bytes_total, "payload received from peers")                              \
    X(COUNTER, uploaded_bytes_total, "payload sent to peers")                                      \
    X(COUNTER, pieces_ready_total, "pieces verified and on disk")                                  \
    X(COUNTER, pieces_failed_total, "pieces that did not match their hash")                        \
    X(COUNTER, plans_total, "times the order of pieces was changed")                               \
    X(COUNTER, seeks_total, "plans that dropped what was asked before")                            \
    X(COUNTER, evicted_total, "torrents removed to make room")                                     \
    X(COUNTER, errors_total, "torrents that failed")                                               \
    X(GAUGE, disk_used_bytes, "downloaded data that may be evicted")                               \
    X(GAUGE, disk_free_bytes, "free space where the data lies")
METRICS_STRUCT(torrent_metrics, TORRENT_METRICS);
extern const struct metrics_table torrent_metrics_table;

typedef Sharestream__Torrent__TorrentInfo Info;

struct service;
struct torrent;

/* A call that is answered when the metadata is there, or at `deadline_ms` with what is known. */
struct waiter {
    void (*answer)(struct waiter *waiter, struct service *service, struct torrent *torrent);
    ProtobufCClosure closure; /* of the rpc; cast back by `answer` */
    void *data;
    bool is_new;
    uint64_t deadline_ms;
    struct waiter *prev, *next;
};

struct torrent {
    struct infohash hash;
    char hex[INFOHASH_TEXT];
    lt_id id;
    struct store_row row; /* what the database keeps; name, source, switches, times */
    struct lt_info *info; /* NULL until the metadata is there */
    struct lt_status status;
    Sharestream__Torrent__State state;
    struct ready_map *map; /* NULL until the metadata is there */
    struct sched *sched;
    uint32_t *file_of;        /* real file id -> index in info->files */
    struct ready_file *files; /* real files; paths owned by disk_paths */
    uint32_t file_count;
    bool is_checked;   /* pieces of the map are the truth of this life */
    char problem[256]; /* ours (disk, quota), beside libtorrent's status.error */
    enum err problem_code;
    uint64_t resume_saved_ms;
    bool is_resume_due;
    uint32_t *fresh; /* pieces that became ready in this round, for one event */
    uint32_t fresh_count;
    struct waiter *waiters;
    UT_hash_handle hh;    /* by hash */
    UT_hash_handle hh_id; /* by lt id */
};

/* A .torrent being fetched or a file being hashed, until it is a torrent. */
struct job {
    uint32_t number; /* of HashProgress events and of libtorrent's job; 0 for a fetch */
    char *what;      /* path or URL */
    bool is_hybrid;
    uint64_t done, total;
    /* The rpc that waits; data is NULL once it is answered. */
    Sharestream__Torrent__AddReply_Closure on_added;
    Sharestream__Torrent__SeedReply_Closure on_seeded;
    void *data;
    uint64_t deadline_ms; /* for the rpc, not for the job */
    struct service *service;
    Sharestream__Torrent__AddRequest *request; /* copy, of a fetch */
    struct job *prev, *next;
};

struct service {
    struct svc *svc;
    struct bus *bus;
    const struct torrent_settings *settings;
    const char *run_dir;
    char *data_dir; /* <common.data_dir>/torrents */
    struct lt_session *lt;
    struct store *store;
    struct fetcher *fetcher;
    struct torrent *torrents; /* by hash */
    struct torrent *by_id;
    struct job *jobs;
    uint64_t download_limit, upload_limit; /* of the session, as changed at run time */
    uint32_t max_connections;
    uint64_t cleaned_ms;
    uint16_t listen_port;
    bool is_draining;
    uint64_t drain_started_ms;
    unsigned resumes_due; /* asked for while draining */
    struct torrent_metrics metrics;
};

/* torrent.c: one torrent from added to removed */
struct torrent_add {
    struct lt_add lt;
    struct store_row row; /* taken over */
};
enum err torrent_add(struct service *service, struct torrent_add *add, struct torrent **out,
                     bool *is_new_out, struct error *error);
struct torrent *torrent_find(struct service *service, const struct infohash *hash);
struct torrent *torrent_of_id(struct service *service, lt_id id);
void torrent_on_metadata(struct service *service, struct torrent *torrent);
void torrent_on_checked(struct service *service, struct torrent *torrent);
void torrent_on_status(struct service *service, struct torrent *torrent,
                       const struct lt_status *status);
void torrent_on_piece(struct service *service, struct torrent *torrent, uint32_t piece,
                      bool is_ready);
void torrent_replan(struct service *service, struct torrent *torrent, uint64_t now_ms);
void torrent_flush_ready(struct service *service, struct torrent *torrent);
void torrent_remove(struct service *service, struct torrent *torrent, bool deletes_data);
void torrent_set_paused(struct service *service, struct torrent *torrent, bool is_paused);
/* Stops it with a sentence that people see; ERR_NONE clears. */
void torrent_problem(struct service *service, struct torrent *torrent, enum err code,
                     const char *text);
void torrent_used(struct service *service, struct torrent *torrent);
void torrent_save(struct service *service, struct torrent *torrent);
void torrent_wait(struct torrent *torrent, struct waiter *waiter);
void torrent_expire_waiters(struct service *service, struct torrent *torrent, uint64_t now_ms);
void torrent_free_all(struct service *service);
/* Whether the file is fetched when nobody reads it. */
bool torrent_is_selected(const struct torrent *torrent, uint32_t id);
uint32_t torrent_reader_count(const struct torrent *torrent);

/* restore.c: what the last life left behind */
enum err restore_all(struct service *service, struct error *error);

/* alerts.c: what libtorrent reports */
void alerts_drain(void *service);

/* jobs.c: sources that take time */
enum err job_fetch(struct service *service, const Sharestream__Torrent__AddRequest *request,
                   Sharestream__Torrent__AddReply_Closure closure, void *data, struct error *error);
enum err job_hash(struct service *service, const Sharestream__Torrent__SeedRequest *request,
                  Sharestream__Torrent__SeedReply_Closure closure, void *data, struct error *error);
void job_hash_progress(struct service *service, const struct lt_alert *alert);
void job_hash_done(struct service *service, const struct lt_alert *alert);
void job_hash_failed(struct service *service, const struct lt_alert *alert);
void jobs_tick(struct service *service, uint64_t now_ms);
void jobs_stop(struct service *service);

/* space.c: disk budget */
/* Makes room for `bytes` more by evicting unused torrents; ERR_NO_SPACE with a sentence when that
 * is not enough. */
enum err space_reserve(struct service *service, const struct torrent *for_whom, uint64_t bytes,
                       struct error *error);
void space_clean(struct service *service, uint64_t now_ms);
uint64_t space_free(const struct service *service);
uint64_t space_used(const struct service *service);

/* info.c: a torrent as the bus shows it */
/* Everything inside is owned by the torrent or by `*info` itself; free with info_free(). */
void info_fill(const struct service *service, const struct torrent *torrent, bool with_files,
               Info *info);
void info_clear(Info *info);

/* torrent_handlers.c */
extern Sharestream__Torrent__Torrent_Service torrent_handlers;

/* service_life.c */
void service_apply_limits(struct service *service);

/* torrent_events.c */
void events_changed(struct service *service, const struct torrent *torrent, bool is_gone);
void events_ready(struct service *service, const struct torrent *torrent);
void events_progress(struct service *service);
void events_hash(struct service *service, const struct job *job, const char *info_hash,
                 const char *failed);

#endif
