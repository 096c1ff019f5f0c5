/* SPDX-License-Identifier: MIT
 *
 * The private header of torrent-svc: all state of the process, and the functions of each file that
 * others call.
 */
#ifndef TORRENT_SERVICE_H
#define TORRENT_SERVICE_H

#include <proto/torrent.pb-c.h>
#include <uthash.h>

#include "arrival.h"
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
    EXPIRE_MS = 50,         /* how often waiting calls are looked at */
    ANSWER_MARGIN_MS = 150, /* a waiting call is answered this long before its caller gives up; more
                               than EXPIRE_MS and the way back */
    RESUME_SAVE_MS = 60000, /* how often changed resume data goes to the database */
    READY_BATCH_MAX = 4096, /* pieces in one Ready event */
    UPLOAD_RATE_S = 10,     /* over which the speed of an upload is measured */
    JOBS_MAX = 16,          /* files being hashed or fetched at once */
};

#define TORRENT_SETTINGS(X)                                                                        \
    X(TEXT, listen, "0.0.0.0:6881,[::]:6881", 0, 0,                                                \
      "addresses for BitTorrent peers, comma-separated")                                           \
    X(TEXT, outgoing, "", 0, 0,                                                                    \
      "interface or address that outgoing connections leave by (VPN); empty: any")                 \
    X(DURATION, metadata_timeout, "30s", 1000, 3600000,                                            \
      "how long a request waits for a magnet's metadata")                                          \
    X(COUNT, max_connections, "100", 2, 100000,                                                    \
      "peer connections of all torrents together, besides those with browsers")                    \
    X(COUNT, torrent_connections, "60", 2, 100000, "peer connections of one torrent, likewise")    \
    X(SIZE, download_limit, "0", 0, 0, "bytes per second of all torrents together; 0: no limit")   \
    X(SIZE, upload_limit, "0", 0, 0, "bytes per second of all torrents together; 0: no limit")     \
    X(BOOL, limit_local_peers, "false", 0, 0,                                                      \
      "limits also hold for peers on this machine and in the local network; for browsers "         \
      "(WebRTC) they always do")                                                                   \
    X(COUNT, upload_slots, "8", 1, 1000, "peers served at the same time, besides browsers")        \
    X(COUNT, max_torrents, "100", 1, 10000,                                                        \
      "torrents kept; above it the longest unused ones go with their data")                        \
    X(DURATION, cleanup_interval, "10m", 1000, 86400000,                                           \
      "how often unused torrents and disk space are looked at")                                    \
    X(SIZE, disk_quota, "0", 0, 0, "bytes that downloaded data may take; 0: all but disk_floor")   \
    X(SIZE, disk_floor, "1GiB", 0, 0, "bytes of the disk that always stay free")                   \
    X(BOOL, background, "true", 0, 0, "also fetch what nobody is reading")                         \
    X(LIST, trackers, "", 0, 0, "trackers added to links that bring none of their own")            \
    X(BOOL, own_tracker, "true", 0, 0,                                                             \
      "announce to our own tracker, and name it in torrents made here")                            \
    X(BOOL, dht, "true", 0, 0, "find peers by the distributed hash table")                         \
    X(TEXT, dht_bootstrap, "", 0, 0,                                                               \
      "host:port of nodes to start the hash table from; empty: the usual ones")                    \
    X(BOOL, pex, "true", 0, 0, "exchange peers with peers")                                        \
    X(BOOL, lsd, "true", 0, 0, "find peers in the local network")                                  \
    X(BOOL, upnp, "true", 0, 0, "open the port in the router by UPnP and NAT-PMP")                 \
    X(BOOL, utp_first, "false", 0, 0,                                                              \
      "try uTP before TCP; kinder to the network, seconds slower to start")                        \
    X(CHOICE, encryption, "allow", 0, 0,                                                           \
      "protocol encryption, except with browsers, who bring their own (off|allow|require)")        \
    X(TEXT, proxy, "", 0, 0,                                                                       \
      "socks5://[user:password@]host:port or http://... for peers and trackers")                   \
    X(TEXT, ip_filter, "", 0, 0,                                                                   \
      "file with ranges of peer addresses to refuse, one 'first - last' a line")                   \
    X(BOOL, allow_private_urls, "false", 0, 0,                                                     \
      "allow web seeds, trackers and .torrent URLs on private addresses")                          \
    X(SIZE, upload_max, "64GiB", 0, 0,                                                             \
      "largest file that may be sent to this server to be played and shared; 0: none")             \
    X(COUNT, max_uploads, "16", 1, 1000, "files being sent at the same time")                      \
    X(DURATION, upload_lifetime, "24h", 1000, 2592000000,                                          \
      "a file of which nothing came for so long is given up")                                      \
    X(TEXT, media_folder, "", 0, 0,                                                                \
      "folder of films on this machine that can be opened from the page; empty: none")             \
    X(CHOICE, disk_io, "direct", 0, 0,                                                             \
      "how libtorrent writes, see docs/decisions/0003 (direct|posix|mmap)")

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
    X(COUNTER, uploads_total, "files whose sending to this server was begun")                      \
    X(COUNTER, uploads_finished_total, "of these, became torrents")                                \
    X(COUNTER, received_bytes_total, "bytes of these files")                                       \
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
    void (*answer)(const struct waiter *waiter, struct service *service, struct torrent *torrent);
    ProtobufCClosure closure; /* of the rpc; cast back by `answer` */
    void *data;
    bool is_new;
    uint64_t deadline_ms;
    struct waiter *prev, *next;
};

/* A file that somebody sends. */
struct upload {
    struct arrival arrival;
    uint8_t *hashes;                 /* 20 bytes a piece, of those that are here */
    uint64_t grown_ms;               /* unix: when something came last */
    uint64_t counted[UPLOAD_RATE_S]; /* bytes in each of the last seconds, in a ring */
    unsigned second;                 /* place of the present one */
};

/* What an upload was known by, when it has become a torrent. */
struct alias {
    struct infohash hash, torrent;
    struct ready_map *map;
    UT_hash_handle hh;
};

struct torrent {
    struct infohash hash;
    char hex[INFOHASH_TEXT];
    lt_id id;              /* 0: libtorrent does not know it, it is an upload */
    struct upload *upload; /* NULL: none */
    struct store_row row;  /* what the database keeps of it; of an upload row_of() in upload.c */
    bool may_have_data;    /* on disk: what it still needs is known once it is checked */

    /* The metadata and what is made of it: all of these, or none while `info` is NULL. */
    struct lt_info *info;
    struct ready_map *map;
    struct sched *sched;
    uint32_t file_count;      /* real files; ids are indexes into the next three */
    struct ready_file *files; /* paths owned by disk_paths */
    uint32_t *file_of;        /* index into info->files */
    bool *is_wanted;          /* fetched when nobody reads it */
    bool *is_first;           /* and before the others of these */
    uint32_t *fresh;          /* pieces that became ready in this round, for one event */
    uint32_t fresh_count;

    struct lt_status status;
    Sharestream__Torrent__State state; /* as last published */
    enum err problem_code; /* ours, or a file error: why it is stopped; ERR_NONE while it is not */
    char problem[256];
    uint64_t resume_saved_ms;
    unsigned resumes_asked; /* of libtorrent, not answered yet */
    struct waiter *waiters;
    UT_hash_handle hh;    /* by hash */
    UT_hash_handle hh_id; /* by lt id */
};

/* A torrent on its way out: libtorrent is not done with it. */
struct leaving {
    lt_id id;
    struct infohash hash;
    char *folder; /* NULL: the data stays */
    struct leaving *next;
};

/* What is to become a torrent: a .torrent being fetched (`fetch`), a file being hashed (`number`),
 * or an Add that waits until the same torrent is gone (neither). */
struct job {
    uint32_t number; /* of HashProgress events and of libtorrent's job */
    char *what;      /* path or URL */
    bool is_hybrid;  /* what is to become of the path */
    uint64_t done, total;
    /* The rpc that waits; data is NULL once it is answered. */
    Sharestream__Torrent__AddReply_Closure on_added;
    Sharestream__Torrent__SeedReply_Closure on_seeded;
    void *data;
    uint64_t deadline_ms; /* for the rpc, not for the job */
    struct service *service;
    struct fetch *fetch;
    Sharestream__Torrent__AddRequest *request; /* copy; NULL when only metadata is fetched */
    struct infohash hash; /* of the magnet whose metadata is fetched, or of who is to be gone */
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
    struct alias *aliases; /* by hash */
    struct leaving *leaving;
    struct job *jobs;
    struct bus_remote *tracker; /* NULL: not announced to */
    uint64_t tracker_asked_ms;
    char *own_tracker_url; /* for us; NULL while it is not known */
    char **public_urls;    /* for everybody */
    size_t public_url_count;
    uint64_t download_limit, upload_limit; /* of the session, as changed at run time */
    uint32_t max_connections;
    uint64_t cleaned_ms;
    uint16_t listen_port; /* 0 = nobody can reach us */
    bool is_port_taken;
    bool is_draining;
    uint64_t drain_started_ms;
    struct torrent_metrics metrics;
};

/* own_tracker.c: our torrents and tracker-svc */
void own_tracker_start(struct service *service);
void own_tracker_tick(struct service *service, uint64_t now_ms);
void own_tracker_stop(struct service *service);
/* Unless it is private, or the tracker is not known yet. */
void own_tracker_add(struct service *service, const struct torrent *torrent);
/* What a torrent made here carries: what was asked for and our own. The array (not the texts) is
 * freed by the caller. */
char **own_tracker_urls(const struct service *service, char **asked, size_t asked_count,
                        size_t *count_out);

/* torrent.c: one torrent from added to removed */
struct torrent_add {
    struct lt_add lt;
    struct store_row row; /* taken over */
    bool may_have_data;   /* see struct torrent */
};
enum err torrent_add(struct service *service, struct torrent_add *add, struct torrent **out,
                     bool *is_new_out, struct error *error);
/* A new one in the tables; takes the row. */
struct torrent *torrent_enter(struct service *service, const struct infohash *hash, lt_id id,
                              struct store_row *row);
/* Out of the tables, and free. */
void torrent_release(struct service *service, struct torrent *torrent);
/* Also by what it was known as an upload. */
struct torrent *torrent_find(struct service *service, const struct infohash *hash);
struct torrent *torrent_of_id(struct service *service, lt_id id);
/* Data is only deleted when it is ours, never that of a seed. */
void torrent_remove(struct service *service, struct torrent *torrent, bool deletes_data);
bool torrent_is_leaving(const struct service *service, const struct infohash *hash);
/* libtorrent is done with a removed torrent; `code` ERR_NONE: its data is gone. */
void torrent_on_removed(struct service *service, lt_id id, enum err code);
void torrent_on_status(struct service *service, struct torrent *torrent,
                       const struct lt_status *status);
void torrent_pause(struct service *service, struct torrent *torrent);
/* Also tries again what was stopped; fails when that still makes no sense. */
enum err torrent_resume(struct service *service, struct torrent *torrent, struct error *error);
/* Verifies every byte on disk again. The metadata must be known. */
void torrent_recheck(struct service *service, struct torrent *torrent);
/* Opens, moves or renews a stream; file and position must exist if the metadata is known. */
enum err torrent_read(struct service *service, struct torrent *torrent,
                      const struct sched_reader *reader, struct error *error);
/* Stops it with a sentence that people see, until torrent_resume(). */
void torrent_stop(struct service *service, struct torrent *torrent, enum err code,
                  const char *text);
/* Publishes the state if it is another than before. */
void torrent_tell_state(struct service *service, struct torrent *torrent);
void torrent_used(struct service *service, struct torrent *torrent);
void torrent_save(struct service *service, struct torrent *torrent);
void torrent_save_resume(struct service *service, struct torrent *torrent);
/* Copies `waiter`. False: too many wait. */
bool torrent_wait(struct torrent *torrent, const struct waiter *waiter);
/* Answers those whose time has come; all of them when the metadata is here or it is stopped. */
void torrent_expire_waiters(struct service *service, struct torrent *torrent, uint64_t now_ms);
void torrent_free_all(struct service *service);
uint32_t torrent_reader_count(const struct torrent *torrent);

/* layout.c: what the metadata says, and the pieces */
/* Of `info`, which is set; on failure without it. */
enum err layout_make(struct service *service, struct torrent *torrent, struct error *error);
void layout_on_metadata(struct service *service, struct torrent *torrent);
void layout_clear(struct torrent *torrent);
void layout_on_checked(struct service *service, struct torrent *torrent);
void layout_on_piece(struct service *service, struct torrent *torrent, uint32_t piece,
                     bool is_ready);
void layout_flush_ready(struct service *service, struct torrent *torrent);
/* Every file id must exist; none wanted at all means all files. What was stopped for want of space
 * runs again if the choice fits; if it does not, ERR_NO_SPACE, and the choice stands. Which come
 * first is not kept for another life. */
struct layout_choice {
    const uint32_t *wanted, *first;
    size_t wanted_count, first_count;
};
enum err layout_select(struct service *service, struct torrent *torrent,
                       const struct layout_choice *choice, struct error *error);
void layout_replan(struct service *service, struct torrent *torrent, uint64_t now_ms);
bool layout_is_complete(const struct torrent *torrent);

/* upload.c: files that are being sent */
enum err upload_begin(struct service *service, const char *name, uint64_t size,
                      struct torrent **out, struct error *error);
/* So many bytes lie in the file at that place. It may have become a torrent after that, and be
 * known only as an alias. ERR_EXISTS: not the place that is expected. */
enum err upload_grow(struct service *service, struct torrent *torrent, uint64_t position,
                     uint64_t len, bool is_tail, struct error *error);
/* All is here. */
void upload_finish(struct service *service, struct torrent *torrent);
enum err upload_save(struct service *service, const struct torrent *torrent, struct error *error);
/* File and row; the torrent stays. */
void upload_delete(struct service *service, const struct torrent *torrent);
/* The torrent goes, and so do its other names. */
void upload_forget_names(struct service *service, const struct torrent *torrent);
struct alias *upload_alias(const struct service *service, const struct infohash *hash);
uint64_t upload_expires_ms(const struct service *service, const struct torrent *torrent);
void upload_free(struct upload **upload);
void uploads_tick(struct service *service);
/* After restore_all(). */
enum err uploads_restore(struct service *service, struct error *error);
void uploads_stop(struct service *service);

/* restore.c: what the last life left behind */
enum err restore_all(struct service *service, struct error *error);

/* alerts.c: what libtorrent reports */
void alerts_drain(void *service);

/* jobs.c: sources that take time */
enum err job_fetch(struct service *service, const Sharestream__Torrent__AddRequest *request,
                   struct bytes url, Sharestream__Torrent__AddReply_Closure closure, void *data,
                   struct error *error);
/* Looks for the metadata of a magnet at its xs= URL; nobody waits for that, nobody is told. */
void job_fetch_metadata(struct service *service, const struct torrent *torrent, const char *url);
/* Adds it once `hash`, which is leaving, is gone. */
enum err job_add_later(struct service *service, const Sharestream__Torrent__AddRequest *request,
                       struct bytes metainfo, const struct infohash *hash,
                       Sharestream__Torrent__AddReply_Closure closure, void *data,
                       struct error *error);
enum err job_hash(struct service *service, const Sharestream__Torrent__SeedRequest *request,
                  Sharestream__Torrent__SeedReply_Closure closure, void *data, struct error *error);
void job_hash_progress(struct service *service, const struct lt_alert *alert);
void job_hash_done(struct service *service, const struct lt_alert *alert);
void job_hash_failed(struct service *service, const struct lt_alert *alert);
void jobs_expire(struct service *service, uint64_t now_ms);
void jobs_stop(struct service *service);

/* space.c: disk budget */
/* Makes room for what the torrent will still fetch by evicting unused ones; ERR_NO_SPACE with a
 * sentence, and nobody evicted, when that would not be enough. */
enum err space_reserve(struct service *service, const struct torrent *torrent, struct error *error);
void space_clean(struct service *service, uint64_t now_ms);
/* Evicts unused torrents above max_torrents and says whether one more may come. */
bool space_has_place(struct service *service);
uint64_t space_free(const struct service *service); /* 0 also when nobody knows */
uint64_t space_used(const struct service *service);

/* info.c: a torrent as the bus shows it */
enum info_detail {
    INFO_BRIEF, /* for lists and events */
    INFO_FULL,  /* with files, comment and trackers */
};
/* Everything inside is owned by the torrent or by `*info` itself; free with info_clear(). Files
 * begin with `first_file` and end where the reply would become too large. */
void info_fill(struct service *service, const struct torrent *torrent, enum info_detail detail,
               uint32_t first_file, Info *info);
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
