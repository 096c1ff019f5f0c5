// SPDX-License-Identifier: MIT
//
// lt_torrent: everything one can tell a torrent that is in the session.
#include "lt_private.hpp"

#include <algorithm>
#include <cstring>

#include <libtorrent/announce_entry.hpp>
#include <libtorrent/torrent_flags.hpp>

lt_torrent *ltp_find(lt_session *session, lt_id id)
{
    auto const found = session->torrents.find(id);
    if (found == session->torrents.end() || found->second->is_removing)
        return nullptr;
    return found->second.get();
}

void ltp_set_info(lt_torrent &torrent, std::shared_ptr<lt::torrent_info const> info)
{
    lt::file_storage const &files = info->files();

    torrent.has_pad_files = false;
    for (lt::file_index_t const i : files.file_range())
        torrent.has_pad_files = torrent.has_pad_files || files.pad_file_at(i);
    struct lt_hashes const more = ltp_hashes(info->info_hashes());
    // A magnet link may name only one of a hybrid's two hashes. The key stays what it was.
    if (more.has_v1) {
        torrent.hashes.has_v1 = true;
        std::memcpy(torrent.hashes.v1, more.v1, sizeof(more.v1));
    }
    if (more.has_v2) {
        torrent.hashes.has_v2 = true;
        std::memcpy(torrent.hashes.v2, more.v2, sizeof(more.v2));
    }
    torrent.ready.have.assign(static_cast<std::size_t>(info->num_pieces()), 0);
    torrent.info = std::move(info);
}

enum err lt_hashes(struct lt_session *session, lt_id id, struct lt_hashes *out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        *out = torrent.hashes;
        return ERR_NONE;
    });
}

enum err lt_remove(struct lt_session *session, lt_id id, bool delete_data)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        session->session->remove_torrent(torrent.handle, delete_data ? lt::session::delete_files
                                                                     : lt::remove_flags_t{});
        torrent.is_removing = true;
        torrent.deletes_data = delete_data;
        return ERR_NONE;
    });
}

enum err lt_pause(struct lt_session *session, lt_id id, bool paused)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        if (paused) {
            torrent.handle.pause();
            return ERR_NONE;
        }
        if (!torrent.refusal.empty())
            return ERR_DENIED;
        torrent.trouble.clear();
        torrent.handle.clear_error();
        torrent.handle.unset_flags(lt::torrent_flags::upload_mode); // set by a full disk
        torrent.handle.resume();
        return ERR_NONE;
    });
}

enum err lt_recheck(struct lt_session *session, lt_id id)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        if (!torrent.info)
            return ERR_UNAVAILABLE;
        ltp_ready_reset(torrent);
        torrent.handle.force_recheck();
        return ERR_NONE;
    });
}

enum err lt_limits(struct lt_session *session, lt_id id, uint64_t download, uint64_t upload,
                   uint32_t max_connections)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        torrent.handle.set_download_limit(download == 0 ? -1 : ltp_limit(download));
        torrent.handle.set_upload_limit(upload == 0 ? -1 : ltp_limit(upload));
        ltp_limit_crowd(torrent, max_connections);
        return ERR_NONE;
    });
}

enum err lt_connect_peer(struct lt_session *session, lt_id id, const char *address, uint16_t port,
                         struct error *error)
{
    return ltp_with(session, id, error, [&](lt_torrent &torrent) {
        lt::error_code bad;
        auto const parsed = lt::make_address(address, bad);
        if (bad || port == 0)
            return error_set(error, ERR_INVALID, "%s port %u is no address of a peer", address,
                             port);
        torrent.handle.connect_peer({parsed, port});
        return ERR_NONE;
    });
}

enum err lt_add_tracker(struct lt_session *session, lt_id id, const char *url)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::string const text = url;
        std::vector<std::string> &ws = torrent.ws_trackers;
        if (ltp_is_ws(text)) {
            if (std::find(ws.begin(), ws.end(), text) == ws.end() && ws.size() < LT_TRACKERS_MAX)
                ws.push_back(text);
            return ERR_NONE;
        }
        if (text.compare(0, 7, "http://") != 0 && text.compare(0, 8, "https://") != 0 &&
            text.compare(0, 6, "udp://") != 0)
            return ERR_INVALID;
        auto const info = torrent.handle.torrent_file();
        if (info && info->priv())
            return ERR_DENIED;
        torrent.handle.add_tracker(lt::announce_entry(text));
        return ERR_NONE;
    });
}

// The whole plan makes sense.
static bool fits(lt_torrent const &torrent, struct lt_plan const &plan)
{
    auto const pieces = static_cast<uint32_t>(torrent.info->num_pieces());

    return (plan.priorities == nullptr || plan.piece_count == pieces) &&
           std::all_of(plan.deadlines, plan.deadlines + plan.deadline_count,
                       [&](struct lt_deadline const &deadline) { return deadline.piece < pieces; });
}

static void prioritize(lt_torrent const &torrent, uint8_t const *priorities, uint32_t count)
{
    std::vector<lt::download_priority_t> list;

    list.reserve(count);
    for (uint32_t i = 0; i < count; i++)
        list.emplace_back(std::min<std::uint8_t>(priorities[i], 7));
    torrent.handle.prioritize_pieces(list);
}

// Clients of which we know that they answer a cancel, with the block or a rejection (BEP 6).
static bool answers_cancels(lt::peer_info const &peer)
{
    static char const *const known[] = {"ShareStream", "libtorrent", "qBittorrent", "Deluge",
                                        "aria2"};

    for (char const *name : known)
        if (peer.client.compare(0, std::strlen(name), name) == 0)
            return true;
    return false;
}

// The first deadline on an empty list cancels all requests that are under way. A block so cancelled
// keeps its place in the queue of its peer until it comes or is rejected; with transmission 3.00
// that is for good, and a stream from nobody else stands still (docs/decisions/0005).
static bool may_cancel(lt_torrent const &torrent)
{
    std::vector<lt::peer_info> peers;

    torrent.handle.get_peer_info(peers);
    return std::all_of(peers.begin(), peers.end(), [](lt::peer_info const &peer) {
        return peer.download_queue_length == 0 || answers_cancels(peer);
    });
}

static void set_deadlines(lt_torrent const &torrent, struct lt_plan const &plan)
{
    bool const cancels = plan.deadline_count > 0 && may_cancel(torrent);

    for (size_t i = 0; i < plan.deadline_count; i++) {
        lt::piece_index_t const index(static_cast<int>(plan.deadlines[i].piece));
        if (cancels)
            torrent.handle.set_piece_deadline(index, ltp_limit(plan.deadlines[i].in_ms));
        else
            torrent.handle.piece_priority(index, lt::top_priority);
    }
}

// The order matters. Clearing lowers the priority of the pieces it frees; prioritising takes the
// top priority off pieces with a deadline, and drops the deadline of those at 0; and libtorrent
// cancels what it has asked for only when a deadline is set on an empty list.
enum err lt_apply(struct lt_session *session, lt_id id, const struct lt_plan *plan)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        if (!torrent.info)
            return ERR_UNAVAILABLE;
        if (!fits(torrent, *plan))
            return ERR_INVALID;
        if (plan->clears_deadlines)
            torrent.handle.clear_piece_deadlines();
        if (plan->priorities != nullptr)
            prioritize(torrent, plan->priorities, plan->piece_count);
        torrent.handle.set_flags(plan->is_sequential ? lt::torrent_flags::sequential_download
                                                     : lt::torrent_flags_t{},
                                 lt::torrent_flags::sequential_download);
        set_deadlines(torrent, *plan);
        return ERR_NONE;
    });
}

void lt_post_updates(struct lt_session *session)
{
    ltp_guard(nullptr, [&] {
        session->session->post_torrent_updates(
            lt::torrent_handle::query_accurate_download_counters);
        for (auto const &entry : session->torrents)
            ltp_ready_tick(*session, *entry.second);
        return ERR_NONE;
    });
}

enum err lt_save_resume(struct lt_session *session, lt_id id, bool always)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        torrent.handle.save_resume_data(
            lt::torrent_handle::save_info_dict |
            (always ? lt::resume_data_flags_t{} : lt::torrent_handle::only_if_modified));
        return ERR_NONE;
    });
}
