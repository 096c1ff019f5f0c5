// SPDX-License-Identifier: MIT
//
// lt_private: what the lt_*.cpp files share. Nobody else includes it.
//
// Threads: everything here belongs to the service's one thread, with two exceptions: libtorrent's
// threads write lt_session::event_fd (set_alert_notify), and hashing threads use lt_hashing behind
// its mutex and write the same descriptor.
#ifndef TORRENT_LT_PRIVATE_HPP
#define TORRENT_LT_PRIVATE_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/ip_filter.hpp>
#include <libtorrent/peer_info.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_info.hpp>

extern "C" { // the C headers know nothing of C++
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
}
// In C a function may be named like the struct it fills (as stat is); C++ allows it, with a
// warning.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "lt.h"
#pragma GCC diagnostic pop

// Bounds on what comes from outside; the first three match wire/metainfo.h.
enum {
    LT_METAINFO_BYTES_MAX = 16 << 20,
    LT_METAINFO_DEPTH_MAX = 64,
    LT_METAINFO_ITEMS_MAX = 2000000,
    LT_RESUME_BYTES_MAX = 64 << 20, // holds the info dict and a peer list
    LT_PIECES_MAX = 1 << 20,
    LT_PIECE_BYTES_MAX = 256 << 20, // piece_picker::max_blocks_per_piece
    LT_MAGNET_BYTES_MAX = 64 << 10,
    LT_TRACKERS_MAX = 256, // per torrent, of one kind
    LT_HASH_JOBS_MAX = 4,
    LT_BLOCK_BYTES = 16 << 10,
};

// An alert on its way to lt_poll(), with the memory its `data` points to.
struct lt_event {
    struct lt_alert alert;
    std::vector<char> data;
};

// A piece between its first block and the moment another process may read it (LT_DISK_MMAP only).
struct lt_writing {
    std::vector<bool> is_written; // per block
    uint32_t missing;             // blocks not yet written
    bool has_passed;              // its hash matched
    bool is_doubtful;             // failed once: its blocks say nothing, only a flush does
    uint32_t waited;              // lt_post_updates() rounds since it passed
};

// See the top of lt_ready.cpp.
struct lt_ready {
    bool is_checked;           // libtorrent has finished checking
    bool is_told;              // LT_CHECKED was sent, `have` is the truth
    std::vector<uint8_t> have; // per piece: passed and written
    std::unordered_map<uint32_t, lt_writing> writing;
    std::vector<uint8_t> passed; // of the flush under way: what will be written when it is done
    bool is_flushing, wants_flush;
    uint32_t flush_rounds;    // lt_post_updates() since it began
    uint32_t foreign_flushes; // libtorrent's own; their alert looks like that of ours
};

// Connections of one torrent, or of all: lt_browsers.cpp.
struct lt_crowd {
    std::atomic<int> limit{0}; // of those who are no browsers; 0: none
    std::atomic<int> browsers{0};
    std::atomic<bool> is_strict{false}; // of all: who comes has to encrypt
    // On libtorrent's thread: what it was told last.
    int told = 0, told_limit = 0;

    // As libtorrent counts, which knows numbers of 24 bits.
    int allowed() const
    {
        return limit == 0 ? (1 << 24) - 1 : limit + browsers;
    }
};

struct lt_torrent {
    lt_id id;
    lt::torrent_handle handle;
    std::shared_ptr<lt_crowd> crowd = std::make_shared<lt_crowd>();
    struct lt_hashes hashes;
    std::shared_ptr<lt::torrent_info const> info; // empty until the metadata is here
    std::vector<std::string> ws_trackers;
    bool has_selection = false;     // the magnet had so=
    std::vector<uint8_t> selection; // per file, may be shorter than the list of files
    std::string refusal;            // why this torrent must never run; empty = it may
    std::string trouble;            // last file error, until resumed
    bool is_removing = false, deletes_data = false;
    bool has_pad_files = false;
    struct lt_ready ready = {};
};

// What lt_add and lt_peek understand of a struct lt_add.
struct lt_parsed {
    lt::add_torrent_params params;
    std::vector<std::string> ws_trackers;
    bool has_selection = false;
    std::vector<uint8_t> selection;
};

struct lt_hash_job {
    uint32_t id;
    std::string path;
    bool is_hybrid;
    std::vector<std::string> trackers;
    std::atomic<bool> is_cancelled{false};
    std::thread thread;
};

struct lt_hashing {
    std::map<uint32_t, std::unique_ptr<lt_hash_job>> jobs;
    uint32_t last_job = 0;
    std::mutex mutex;           // guards inbox
    std::deque<lt_event> inbox; // at most one progress and one end per job
};

struct lt_session {
    int event_fd = -1;
    enum lt_disk disk = LT_DISK_POSIX;
    bool has_pex = true;
    std::unique_ptr<lt::session> session;
    lt::ip_filter default_classes; // libtorrent's own: local addresses are exempt from limits
    lt::peer_class_t browser_class{};
    bool has_browser_class = false;
    std::shared_ptr<lt_crowd> crowd = std::make_shared<lt_crowd>();

    std::map<lt_id, std::unique_ptr<lt_torrent>> torrents;
    std::map<lt::torrent_handle, lt_id> ids; // ordered by owner, so it works for dead handles too
    lt_id last_id = 0;

    std::vector<lt::alert *> batch; // of libtorrent, valid until the next pop_alerts
    std::size_t batch_next = 0;
    std::deque<lt_event> events;
    std::vector<char> held; // memory of the alert handed out last
    struct lt_session_stats stats = {};

    lt_hashing hashing;

    ~lt_session();
};

// lt_error.cpp
enum err ltp_code(lt::error_code const &code);
enum err ltp_fail(struct error *error, lt::error_code const &code);
// Call inside a catch block only.
enum err ltp_caught(struct error *error) noexcept;
// Copies printable UTF-8, cut at a character; strangers wrote it.
void ltp_copy(char *out, std::size_t cap, std::string const &in);

// The one place where exceptions end: every function of lt.h that can throw has its body in here.
template <typename Body> enum err ltp_guard(struct error *error, Body &&body) noexcept
{
    try {
        return body();
    } catch (...) {
        return ltp_caught(error);
    }
}

// The torrent, or nullptr when there is none (any more).
lt_torrent *ltp_find(lt_session *session, lt_id id);

template <typename Body>
enum err ltp_with(lt_session *session, lt_id id, struct error *error, Body &&body) noexcept
{
    return ltp_guard(error, [&] {
        lt_torrent *torrent = ltp_find(session, id);
        if (torrent == nullptr)
            return error_set(error, ERR_NOT_FOUND, "there is no such torrent");
        return body(*torrent);
    });
}

// lt_add.cpp
enum err ltp_parse(struct lt_add const &add, lt_parsed &out, struct error *error);
enum err ltp_check_info(lt::torrent_info const &info, struct error *error);
struct lt_hashes ltp_hashes(lt::info_hash_t const &hashes);
bool ltp_is_ws(std::string const &url);

// lt_ready.cpp
void ltp_ready_checked(lt_session &session, lt_torrent &torrent);
void ltp_ready_passed(lt_session &session, lt_torrent &torrent, uint32_t piece);
void ltp_ready_failed(lt_session &session, lt_torrent &torrent, uint32_t piece);
void ltp_ready_written(lt_session &session, lt_torrent &torrent, uint32_t piece, uint32_t block);
void ltp_ready_flushed(lt_session &session, lt_torrent &torrent);
void ltp_ready_lost(lt_session &session, lt_torrent &torrent, bool lost_a_finish);
void ltp_ready_reset(lt_torrent &torrent);
void ltp_ready_tick(lt_session &session, lt_torrent &torrent);

// lt_browsers.cpp
bool ltp_is_browser(lt::address const &address);
bool ltp_is_encrypted(lt::peer_info const &peer);
// Of a torrent that is about to be added.
void ltp_count_browsers(lt_session const &session, lt::add_torrent_params &params,
                        std::shared_ptr<lt_crowd> const &crowd);
// 0: no limit.
void ltp_limit_crowd(lt_torrent &torrent, uint32_t max_connections);
// For whom the limits of the session hold, and its upload slots.
void ltp_set_classes(lt_session &session, bool limits_local);

// lt_hello.cpp: before the first torrent.
void ltp_hello_again(lt::session &session);

// lt_alerts.cpp
lt_event &ltp_push(lt_session &session, enum lt_alert_type type, lt_id id);
void ltp_wake(lt_session const &session) noexcept;

// lt_hash.cpp
void ltp_hash_stop(lt_hashing &hashing) noexcept;
// Moves what the hashing threads reported into session.events.
void ltp_hash_collect(lt_session &session);

// lt_torrent.cpp
void ltp_set_info(lt_torrent &torrent, std::shared_ptr<lt::torrent_info const> info);
int ltp_limit(uint64_t bytes_per_s);

#endif
