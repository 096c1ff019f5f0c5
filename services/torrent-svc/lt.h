/* SPDX-License-Identifier: MIT
 *
 * lt: libtorrent-rasterbar 2.0 as plain C. The only C++ of the project stands behind this header
 * (lt_*.cpp).
 *
 * Every function may be called from the service's one thread only. No exception leaves; failures
 * come back as enum err with a sentence. Torrents are small ids, never pointers: an id of a torrent
 * that is gone is ERR_NOT_FOUND, a normal answer. libtorrent's own threads touch nothing here but
 * one eventfd (lt_fd). Policy lives elsewhere (sched.c, torrent.c).
 */
#ifndef TORRENT_LT_H
#define TORRENT_LT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lt_session;
typedef uint32_t lt_id; /* 0 is no torrent */

/* The two hashes of a torrent; a missing one is all zero. `key` is v1 if present, else the first 20
 * bytes of v2: the name under which everybody knows the torrent. For one lt_id it never changes,
 * even when the metadata of a v2 magnet reveals a v1 hash as well. */
struct lt_hashes {
    bool has_v1, has_v2;
    uint8_t v1[20], v2[32], key[20];
};

enum lt_disk { LT_DISK_POSIX, LT_DISK_MMAP, LT_DISK_DIRECT }; /* docs/decisions/0003 */

struct lt_config {
    const char *listen; /* libtorrent listen_interfaces, e.g. "0.0.0.0:6881,[::]:6881"; a port that
                           is taken is LT_LISTEN_FAILED, never another port */
    const char *outgoing; /* interface or address to bind outgoing sockets to; "" = any (VPN) */
    const char *user_agent;
    bool dht, lsd, upnp, pex; /* upnp covers NAT-PMP too */
    bool outgoing_utp;      /* off by default: trying uTP first costs seconds with TCP-only peers */
    const char *encryption; /* "off", "allow", "require" */
    uint64_t download_limit; /* bytes/s of the session, 0 = none */
    uint64_t upload_limit;
    bool limit_local_peers;   /* limits also hold for loopback and private addresses (connections
                                 made from then on) */
    uint32_t max_connections; /* of the session, besides browsers; see lt_browsers.cpp */
    uint32_t upload_slots;
    const char *proxy;       /* "", or socks5://[user:pass@]host:port, http://... ; covers peers,
                                trackers, names */
    bool allow_private_urls; /* switches ssrf_mitigation off: web seeds and trackers in the LAN */
    enum lt_disk disk;
    const char *dht_bootstrap; /* "host:port,..."; NULL = libtorrent's default */
    struct bytes state;        /* of lt_session_state() of an earlier run; may be empty */
};

/* NULL on failure: ERR_CONFIG for a value that makes no sense. */
struct lt_session *lt_session_new(const struct lt_config *config, struct error *error);
/* Aborts trackers and peers, waits at most about 5 s. Clears the pointer. */
void lt_session_free(struct lt_session **session);
/* Re-applies everything but `disk` and `state` of a changed configuration. */
enum err lt_session_apply(struct lt_session *session, const struct lt_config *config,
                          struct error *error);
/* DHT state and such; caller frees *data_out. */
enum err lt_session_state(struct lt_session *session, uint8_t **data_out, size_t *len_out);
/* Inclusive ranges of addresses in text, blocked for peers. Replaces the previous filter. */
struct lt_range {
    const char *first, *last;
};
enum err lt_session_filter(struct lt_session *session, const struct lt_range *ranges, size_t count,
                           struct error *error);
uint16_t lt_session_port(struct lt_session *session); /* TCP listen port, 0 when none */

struct lt_session_stats {
    uint64_t downloaded, uploaded; /* payload bytes since start */
    uint32_t peers, half_open;
    uint32_t dht_nodes;
    uint64_t queued_disk_bytes;
    bool has_incoming; /* somebody beyond the local network has connected to us */
};
/* Non-blocking: the figures of the last call's request; asks for fresh ones. */
void lt_session_stats(struct lt_session *session, struct lt_session_stats *out);

/* What to add. Exactly one of magnet, metainfo, hash. ws:// and wss:// trackers are split off
 * (lt_ws_trackers).
 *
 * Which pieces are on disk: `verify` checks all; else `seed`, `have`, `resume` are believed, in
 * this order, less the pieces whose files are missing or too short; with none of them, files that
 * exist are checked. Believing needs the metadata, in metainfo or resume: without it, files that
 * exist are checked when it arrives. A paused torrent is only checked once it runs. */
struct lt_add {
    const char *magnet;     /* whole URI */
    struct bytes metainfo;  /* bytes of a .torrent */
    const uint8_t *hash_v1; /* 20 bytes: a bare info-hash */
    const char *save_path;  /* folder that will hold the data; must exist */
    struct bytes
        resume; /* of lt_resume alert; may be empty. Ignored when it is for another torrent */
    const uint8_t *have; /* with have_count bytes of 0/1: pieces known to be on disk; overrides
                            resume. NULL = ask resume */
    uint32_t have_count; /* another than the number of pieces is ERR_INVALID */
    bool verify;         /* check every piece on disk against its hash first */
    bool seed; /* data is complete at save_path (just hashed): start as a seed without checking */
    bool paused;
    bool sequential; /* start in order until the scheduler has its say (first byte sooner) */
    const char *const *trackers; /* added as further tiers */
    size_t tracker_count;
    uint64_t download_limit, upload_limit; /* bytes/s, 0 = none; hold for local peers too */
    uint32_t max_connections;              /* besides browsers; 0 = no limit */
};
/* Adding what is already there gives the same id with *is_new_out = false (trackers, peers, web
 * seeds and metadata are merged in). ERR_BUSY: it is being removed, try after LT_REMOVED. */
enum err lt_add(struct lt_session *session, const struct lt_add *add, lt_id *id_out,
                bool *is_new_out, struct error *error);
enum err lt_hashes(struct lt_session *session, lt_id id, struct lt_hashes *out);
/* Parses only: what would lt_add add? Also the guard against hostile metainfo: depth, sizes, number
 * of pieces (ERR_TOO_LARGE), symbolic links (ERR_DENIED). Paths that lead out of the torrent are
 * made harmless by libtorrent: such elements vanish. */
enum err lt_peek(const struct lt_add *add, struct lt_hashes *out, char *name_out, size_t name_cap,
                 struct error *error);
/* The id is gone at once; LT_REMOVED comes when it is done. */
enum err lt_remove(struct lt_session *session, lt_id id, bool delete_data);
/* Resuming also forgets an earlier file error. */
enum err lt_pause(struct lt_session *session, lt_id id, bool paused);
/* Every piece is unknown until the next LT_CHECKED. */
enum err lt_recheck(struct lt_session *session, lt_id id);
enum err lt_limits(struct lt_session *session, lt_id id, uint64_t download, uint64_t upload,
                   uint32_t max_connections);
enum err lt_connect_peer(struct lt_session *session, lt_id id, const char *address, uint16_t port,
                         struct error *error);
/* ERR_DENIED: it is private (BEP 27), and has its own only. */
enum err lt_add_tracker(struct lt_session *session, lt_id id, const char *url);

/* The scheduler's hands. A deadline raises its piece to the top priority; where a peer would leave
 * the cancel that comes with it unanswered, it does only that. ERR_UNAVAILABLE without metadata;
 * with ERR_INVALID (another number of pieces, a deadline for none of them) nothing has changed. */
struct lt_deadline {
    uint32_t piece, in_ms;
};
struct lt_plan {
    bool is_sequential;
    bool clears_deadlines;     /* those of earlier plans */
    const uint8_t *priorities; /* one byte (0..7) per piece; NULL: as they are */
    uint32_t piece_count;
    const struct lt_deadline *deadlines;
    size_t deadline_count;
};
enum err lt_apply(struct lt_session *session, lt_id id, const struct lt_plan *plan);

/* Everything metadata tells. One block of memory; caller lt_info_free()s it. */
struct lt_file {
    const char
        *path; /* inside the torrent, '/' separated, already sanitised (never absolute, no "..") */
    uint64_t offset, size;
    bool is_pad;
    bool is_wanted; /* false when the magnet's so= left it out. Told, not done: libtorrent fetches
                       it all the same until lt_apply() says otherwise. Only known in the run
                       that added the magnet */
};
struct lt_info {
    struct lt_hashes hashes;
    const char *name;
    const char *comment, *creator;
    uint64_t created_s; /* unix time, 0 unknown */
    uint32_t piece_count, piece_bytes;
    uint64_t total_bytes;
    bool is_private;
    size_t file_count; /* including pad files */
    struct lt_file *files;
};
/* ERR_UNAVAILABLE while the metadata has not arrived, ERR_DENIED when it was refused. */
enum err lt_info(struct lt_session *session, lt_id id, struct lt_info **out);
void lt_info_free(struct lt_info **info);
/* ws and wss trackers that were added so far, also before the metadata. One block of memory, which
 * the caller frees; NULL: none. */
enum err lt_ws_trackers(struct lt_session *session, lt_id id, char ***urls_out, size_t *count_out);
/* The .torrent file and the magnet link, with all trackers; caller frees. */
enum err lt_metainfo(struct lt_session *session, lt_id id, uint8_t **data_out, size_t *len_out);
enum err lt_magnet(struct lt_session *session, lt_id id, char **uri_out);
/* One byte per piece: passed its check *and* readable by pread from another process. `count` must
 * be piece_count. ERR_UNAVAILABLE before LT_CHECKED, the truth at any time after it. Does not
 * block. */
enum err lt_pieces(struct lt_session *session, lt_id id, uint8_t *have_out, uint32_t count);

enum lt_peer_flags {
    LT_PEER_SEED = 1,
    LT_PEER_UTP = 2,
    LT_PEER_ENCRYPTED = 4,
    LT_PEER_INCOMING = 8,
    LT_PEER_WEB_SEED = 16,
    LT_PEER_CHOKED_BY = 32,
    LT_PEER_CONNECTING = 64,
    LT_PEER_BROWSER = 128 /* brought by rtc-svc */
};
struct lt_peer {
    char address[64]; /* "1.2.3.4:6881" or "[::1]:6881" */
    char client[64];
    uint32_t flags;
    uint64_t download_rate, upload_rate; /* payload bytes/s */
    uint64_t downloaded, uploaded;
    uint32_t pieces; /* it has this many */
};
/* Writes at most `cap`; returns how many there are in *count_out. Blocks for a round trip to
 * libtorrent: for people only. */
enum err lt_peers(struct lt_session *session, lt_id id, struct lt_peer *out, size_t cap,
                  size_t *count_out);
/* How many connected peers have the piece. Blocks as lt_peers() does. */
enum err lt_piece_peers(struct lt_session *session, lt_id id, uint32_t piece, uint32_t *count_out);
/* Of each piece, how many connected peers have it (255: that many or more), and whether part of it
 * is here or asked for. `count` must be piece_count. Blocks as lt_peers() does. */
enum err lt_swarm_pieces(struct lt_session *session, lt_id id, uint8_t *peers_out,
                         bool *is_coming_out, uint32_t count);
struct lt_tracker {
    char url[256];
    char message[128]; /* last error or warning */
    uint32_t fails;
    bool is_working;
    uint32_t seeds, peers; /* of the last scrape or announce */
};
enum err lt_trackers(struct lt_session *session, lt_id id, struct lt_tracker *out, size_t cap,
                     size_t *count_out);

/* Hashes a local file or folder for seeding, on a thread of its own. Progress and end arrive as
 * LT_HASH_* alerts carrying `job`. `trackers` are written into the metainfo. v1 unless `hybrid`;
 * never v2 alone (npm webtorrent knows only v1). All regular files are taken, hidden ones too;
 * links only to files inside the folder. Pieces are as small as a count of 2048 allows, 64 KiB to 8
 * MiB: a piece is the least that can be streamed. To seed it: lt_add with .seed and the folder
 * *above* `path` as save_path. ERR_BUSY: four are running. */
enum err lt_hash_start(struct lt_session *session, const char *path, bool hybrid,
                       const char *const *trackers, size_t tracker_count, uint32_t *job_out,
                       struct error *error);
/* LT_HASH_FAILED with ERR_CANCELLED follows, unless it just ended otherwise. */
void lt_hash_cancel(struct lt_session *session, uint32_t job);

/* One file whose bytes arrive bit by bit, for seeding: in pieces of which size, what a piece hashes
 * to, and in the end the metainfo (v1), of `hashes` (20 bytes a piece). ERR_INVALID: a torrent
 * cannot hold that name. The caller frees *data_out. */
uint32_t lt_piece_bytes(uint64_t total);
enum err lt_hash_piece(int fd, uint64_t position, size_t len, uint8_t hash_out[20],
                       struct error *error);
struct lt_single {
    const char *name;
    uint64_t size;
    const uint8_t *hashes; /* NULL: only to see whether it can be made */
    const char *const *trackers;
    size_t tracker_count;
};
enum err lt_make_metainfo(const struct lt_single *single, uint8_t **data_out, size_t *len_out,
                          struct error *error);

enum lt_state {
    LT_STATE_METADATA,
    LT_STATE_CHECKING,
    LT_STATE_DOWNLOADING,
    LT_STATE_FINISHED,
    LT_STATE_SEEDING,
    LT_STATE_PAUSED,
    LT_STATE_ERROR
};

enum lt_alert_type {
    LT_METADATA = 1, /* lt_info() works from now on. Once for each torrent, also when lt_add already
                        had the metadata */
    LT_CHECKED, /* resume data or files are checked: lt_pieces() tells the truth now. Again after
                   lt_recheck() and LT_DROPPED */
    LT_PIECE_READY,   /* piece: verified and readable by pread from another process. Only after
                         LT_CHECKED, never twice for a piece */
    LT_PIECE_FAILED,  /* piece: hash did not match */
    LT_FINISHED,      /* all wanted pieces passed; the last LT_PIECE_READY may still follow */
    LT_STATUS,        /* status: once a second for torrents that changed, after lt_post_updates() */
    LT_RESUME,        /* data, len: resume data to keep. Valid until the next lt_poll() */
    LT_RESUME_FAILED, /* code, text; ERR_NONE: nothing changed since the last */
    LT_FILE_ERROR, /* code, text: disk full, permission ...; the torrent is in LT_STATE_ERROR until
                      lt_pause(false). Once until then. ERR_DENIED or ERR_TOO_LARGE: its metadata
                      was refused, it never runs */
    LT_TRACKER_ERROR, /* text: url and message */
    LT_REMOVED,       /* data deleted if so asked; else code, text */
    LT_LISTEN_FAILED, /* text */
    LT_LISTENING,     /* a = port */
    LT_HASH_PROGRESS, /* job; a of b pieces */
    LT_HASH_DONE,     /* job; data, len: the metainfo */
    LT_HASH_FAILED,   /* job; code, text */
    LT_DROPPED,       /* alerts were lost. LT_CHECKED follows for each torrent that is checked: read
                         lt_pieces() then, and the rest from LT_STATUS */
};

struct lt_status {
    enum lt_state state;
    bool has_metadata, is_paused;
    uint64_t download_rate, upload_rate; /* payload bytes/s */
    uint64_t downloaded, uploaded;       /* payload, since added */
    uint64_t wanted_bytes, wanted_done_bytes;
    uint32_t peers, seeds, known_peers; /* connected, connected seeds, known addresses */
    uint32_t browsers;                  /* of the connected */
    uint32_t pieces_done;
    float checking_progress; /* 0..1 while checking */
    char error[128];
};

struct lt_alert {
    enum lt_alert_type type;
    lt_id id;
    uint32_t piece, job;
    enum err code;
    uint64_t a, b;
    const uint8_t *data;
    size_t len;
    struct lt_status status;
    char text[256];
};

/* Readable when lt_poll() has something. */
int lt_fd(const struct lt_session *session);
/* Next alert, false when there is none. Drain until false. */
bool lt_poll(struct lt_session *session, struct lt_alert *out);
/* Asks for LT_STATUS of all torrents that changed. Call about once a second: it is also the clock
 * by which LT_DISK_MMAP settles pieces whose write was never confirmed. */
void lt_post_updates(struct lt_session *session);
/* Asks for LT_RESUME; `always` even when nothing changed since the last. */
enum err lt_save_resume(struct lt_session *session, lt_id id, bool always);

#ifdef __cplusplus
}
#endif
#endif
