// SPDX-License-Identifier: MIT
//
// lt_alerts: libtorrent's alerts become struct lt_alert. Everything is copied: libtorrent's memory
// is gone at the next pop_alerts(). What an alert means for the pieces is decided in lt_ready.cpp.
#include "lt_private.hpp"

#include <algorithm>
#include <unistd.h>

#include <libtorrent/alert_types.hpp>
#include <libtorrent/session_stats.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_status.hpp>
#include <libtorrent/write_resume_data.hpp>

namespace
{

// The torrent of a handle, also when it is being removed; nullptr when we no longer know it.
lt_torrent *torrent_of(lt_session &session, lt::torrent_handle const &handle)
{
    auto const id = session.ids.find(handle);
    if (id == session.ids.end())
        return nullptr;
    auto const found = session.torrents.find(id->second);
    return found == session.torrents.end() ? nullptr : found->second.get();
}

uint64_t positive(std::int64_t value)
{
    return value < 0 ? 0 : static_cast<uint64_t>(value);
}

enum lt_state state_of(lt_torrent const &torrent, lt::torrent_status const &status)
{
    if (!torrent.refusal.empty() || status.errc ||
        (status.flags & lt::torrent_flags::upload_mode)) // set by a full disk
        return LT_STATE_ERROR;
    if (status.flags & lt::torrent_flags::paused)
        return LT_STATE_PAUSED;
    if (!status.has_metadata)
        return LT_STATE_METADATA;
    switch (status.state) {
    case lt::torrent_status::checking_files:
    case lt::torrent_status::checking_resume_data:
        return LT_STATE_CHECKING;
    case lt::torrent_status::finished:
        return LT_STATE_FINISHED;
    case lt::torrent_status::seeding:
        return LT_STATE_SEEDING;
    default:
        return LT_STATE_DOWNLOADING;
    }
}

void fill_status(lt_torrent const &torrent, lt::torrent_status const &from, struct lt_status &to)
{
    to.state = state_of(torrent, from);
    to.has_metadata = from.has_metadata;
    to.is_paused = bool(from.flags & lt::torrent_flags::paused);
    to.download_rate = positive(from.download_payload_rate);
    to.upload_rate = positive(from.upload_payload_rate);
    to.downloaded = positive(from.all_time_download);
    to.uploaded = positive(from.all_time_upload);
    to.wanted_bytes = positive(from.total_wanted);
    to.wanted_done_bytes = positive(from.total_wanted_done);
    to.peers = static_cast<uint32_t>(from.num_peers);
    to.seeds = static_cast<uint32_t>(from.num_seeds);
    to.known_peers = static_cast<uint32_t>(from.list_peers);
    to.browsers = static_cast<uint32_t>(torrent.crowd->browsers);
    to.pieces_done = static_cast<uint32_t>(from.num_pieces);
    to.checking_progress = to.state == LT_STATE_CHECKING ? from.progress : 0.0f;
    if (to.state == LT_STATE_ERROR)
        ltp_copy(to.error, sizeof(to.error),
                 !torrent.refusal.empty()   ? torrent.refusal
                 : !torrent.trouble.empty() ? torrent.trouble
                                            : from.errc.message());
}

void on_status(lt_session &session, lt::state_update_alert const &alert)
{
    for (lt::torrent_status const &status : alert.status) {
        auto const id = session.ids.find(status.handle);
        lt_torrent *torrent = id == session.ids.end() ? nullptr : ltp_find(&session, id->second);
        if (torrent != nullptr)
            fill_status(*torrent, status, ltp_push(session, LT_STATUS, torrent->id).alert.status);
    }
}

// Once per torrent until it is resumed: a full disk fails every block.
void on_trouble(lt_session &session, lt_torrent &torrent, lt::error_code const &code,
                char const *file)
{
    if (!torrent.trouble.empty())
        return;
    torrent.trouble = code.message();
    if (file != nullptr && file[0] != '\0')
        torrent.trouble += std::string(": ") + file;
    struct lt_alert &out = ltp_push(session, LT_FILE_ERROR, torrent.id).alert;
    out.code = ltp_code(code);
    ltp_copy(out.text, sizeof(out.text), torrent.trouble);
}

void on_metadata(lt_session &session, lt_torrent &torrent)
{
    struct error error = {};
    std::shared_ptr<lt::torrent_info const> const info = torrent.handle.torrent_file();

    if (!info || torrent.info)
        return;
    if (ltp_check_info(*info, &error) != ERR_NONE) {
        torrent.refusal = error.text;
        torrent.handle.pause();
        struct lt_alert &out = ltp_push(session, LT_FILE_ERROR, torrent.id).alert;
        out.code = error.code;
        ltp_copy(out.text, sizeof(out.text), torrent.refusal);
        return;
    }
    ltp_set_info(torrent, info);
    ltp_push(session, LT_METADATA, torrent.id);
}

void on_gone(lt_session &session, lt_torrent &torrent, lt::error_code const &code)
{
    struct lt_alert &out = ltp_push(session, LT_REMOVED, torrent.id).alert;
    lt_id const id = torrent.id;

    out.code = ltp_code(code);
    if (code)
        ltp_copy(out.text, sizeof(out.text), code.message());
    session.ids.erase(torrent.handle);
    session.torrents.erase(id); // `torrent` ends here
}

void on_resume(lt_session &session, lt_torrent &torrent, lt::save_resume_data_alert const &alert)
{
    lt_event &event = ltp_push(session, LT_RESUME, torrent.id);

    event.data = lt::write_resume_data_buf(alert.params);
}

void on_resume_failed(lt_session &session, lt_torrent &torrent, lt::error_code const &code)
{
    struct lt_alert &out = ltp_push(session, LT_RESUME_FAILED, torrent.id).alert;

    if (code == lt::errors::resume_data_not_modified)
        return; // code stays ERR_NONE
    out.code = ltp_code(code);
    ltp_copy(out.text, sizeof(out.text), code.message());
}

void on_dropped(lt_session &session, lt::alerts_dropped_alert const &alert)
{
    ltp_push(session, LT_DROPPED, 0);
    for (auto const &entry : session.torrents) {
        lt_torrent &torrent = *entry.second;
        if (torrent.is_removing)
            continue;
        if (alert.dropped_alerts[lt::metadata_received_alert::alert_type] && !torrent.info)
            on_metadata(session, torrent);
        ltp_ready_lost(session, torrent,
                       alert.dropped_alerts[lt::torrent_finished_alert::alert_type]);
    }
}

void on_stats(lt_session &session, lt::session_stats_alert const &alert)
{
    static int const received = lt::find_metric_idx("net.recv_payload_bytes");
    static int const sent = lt::find_metric_idx("net.sent_payload_bytes");
    static int const peers = lt::find_metric_idx("peer.num_peers_connected");
    static int const half_open = lt::find_metric_idx("peer.num_peers_half_open");
    static int const nodes = lt::find_metric_idx("dht.dht_nodes");
    static int const queued = lt::find_metric_idx("disk.queued_write_bytes");
    static int const incoming = lt::find_metric_idx("net.has_incoming_connections");
    auto const counters = alert.counters();
    auto const value = [&](int index) { return index < 0 ? 0 : positive(counters[index]); };

    session.stats.downloaded = value(received);
    session.stats.uploaded = value(sent);
    session.stats.peers = static_cast<uint32_t>(value(peers));
    session.stats.half_open = static_cast<uint32_t>(value(half_open));
    session.stats.dht_nodes = static_cast<uint32_t>(value(nodes));
    session.stats.queued_disk_bytes = value(queued);
    session.stats.has_incoming = value(incoming) != 0;
}

void on_session_alert(lt_session &session, lt::alert *alert)
{
    switch (alert->type()) {
    case lt::state_update_alert::alert_type:
        on_status(session, *static_cast<lt::state_update_alert *>(alert));
        break;
    case lt::session_stats_alert::alert_type:
        on_stats(session, *static_cast<lt::session_stats_alert *>(alert));
        break;
    case lt::alerts_dropped_alert::alert_type:
        on_dropped(session, *static_cast<lt::alerts_dropped_alert *>(alert));
        break;
    case lt::listen_succeeded_alert::alert_type: {
        auto const *listening = static_cast<lt::listen_succeeded_alert *>(alert);
        if (listening->socket_type == lt::socket_type_t::tcp)
            ltp_push(session, LT_LISTENING, 0).alert.a = static_cast<uint64_t>(listening->port);
        break;
    }
    case lt::listen_failed_alert::alert_type: {
        struct lt_alert &out = ltp_push(session, LT_LISTEN_FAILED, 0).alert;
        out.code = ltp_code(static_cast<lt::listen_failed_alert *>(alert)->error);
        ltp_copy(out.text, sizeof(out.text), alert->message());
        break;
    }
    default:
        break;
    }
}

uint32_t index_of(lt::piece_index_t piece)
{
    return static_cast<uint32_t>(static_cast<int>(piece));
}

void on_torrent_alert(lt_session &session, lt_torrent &torrent, lt::alert *alert)
{
    switch (alert->type()) {
    case lt::block_finished_alert::alert_type: {
        auto const *block = static_cast<lt::block_finished_alert *>(alert);
        ltp_ready_written(session, torrent, index_of(block->piece_index),
                          static_cast<uint32_t>(block->block_index));
        break;
    }
    case lt::piece_finished_alert::alert_type:
        ltp_ready_passed(session, torrent,
                         index_of(static_cast<lt::piece_finished_alert *>(alert)->piece_index));
        break;
    case lt::hash_failed_alert::alert_type: {
        uint32_t const piece = index_of(static_cast<lt::hash_failed_alert *>(alert)->piece_index);
        ltp_ready_failed(session, torrent, piece);
        ltp_push(session, LT_PIECE_FAILED, torrent.id).alert.piece = piece;
        break;
    }
    case lt::metadata_received_alert::alert_type:
        on_metadata(session, torrent);
        break;
    case lt::torrent_checked_alert::alert_type:
        ltp_ready_checked(session, torrent);
        break;
    case lt::cache_flushed_alert::alert_type:
        ltp_ready_flushed(session, torrent);
        break;
    case lt::torrent_finished_alert::alert_type:
        torrent.ready.foreign_flushes++; // libtorrent closes the files now, with the same alert
        ltp_push(session, LT_FINISHED, torrent.id);
        break;
    case lt::save_resume_data_alert::alert_type:
        on_resume(session, torrent, *static_cast<lt::save_resume_data_alert *>(alert));
        break;
    case lt::save_resume_data_failed_alert::alert_type:
        on_resume_failed(session, torrent,
                         static_cast<lt::save_resume_data_failed_alert *>(alert)->error);
        break;
    case lt::file_error_alert::alert_type: {
        auto const *failed = static_cast<lt::file_error_alert *>(alert);
        on_trouble(session, torrent, failed->error, failed->filename());
        break;
    }
    case lt::torrent_error_alert::alert_type: {
        auto const *failed = static_cast<lt::torrent_error_alert *>(alert);
        on_trouble(session, torrent, failed->error, failed->filename());
        break;
    }
    case lt::tracker_error_alert::alert_type: {
        auto const *failed = static_cast<lt::tracker_error_alert *>(alert);
        struct lt_alert &out = ltp_push(session, LT_TRACKER_ERROR, torrent.id).alert;
        out.code = ltp_code(failed->error);
        ltp_copy(out.text, sizeof(out.text),
                 std::string(failed->tracker_url()) + ": " + failed->failure_reason());
        break;
    }
    default:
        break;
    }
}

// What still comes for a torrent whose id is gone already.
void on_last_alert(lt_session &session, lt_torrent &torrent, lt::alert *alert)
{
    switch (alert->type()) {
    case lt::torrent_removed_alert::alert_type:
        if (!torrent.deletes_data)
            on_gone(session, torrent, {});
        break;
    case lt::torrent_deleted_alert::alert_type:
        on_gone(session, torrent, {});
        break;
    case lt::torrent_delete_failed_alert::alert_type: // without a code: there was nothing to delete
        on_gone(session, torrent, static_cast<lt::torrent_delete_failed_alert *>(alert)->error);
        break;
    default:
        break;
    }
}

void translate(lt_session &session, lt::alert &alert)
{
    auto const *of_torrent = dynamic_cast<lt::torrent_alert const *>(&alert);
    if (of_torrent == nullptr) {
        on_session_alert(session, &alert);
        return;
    }
    lt_torrent *torrent = torrent_of(session, of_torrent->handle);
    if (torrent == nullptr)
        return;
    if (torrent->is_removing)
        on_last_alert(session, *torrent, &alert);
    else
        on_torrent_alert(session, *torrent, &alert);
}

// Makes session.events non-empty unless there is nothing to tell.
void refill(lt_session &session)
{
    while (session.events.empty()) {
        if (session.batch_next < session.batch.size()) {
            translate(session, *session.batch[session.batch_next++]);
            continue;
        }
        session.batch.clear();
        session.batch_next = 0;
        ltp_hash_collect(session);
        session.session->pop_alerts(&session.batch);
        if (!session.batch.empty() || !session.events.empty())
            continue;
        // Emptied before the last look, so that lt_fd() stays readable until all is drained, and a
        // wake-up between the look and the read is not lost.
        uint64_t count;
        if (read(session.event_fd, &count, sizeof(count)) < 0)
            return;
    }
}

} // namespace

lt_event &ltp_push(lt_session &session, enum lt_alert_type type, lt_id id)
{
    session.events.emplace_back();
    lt_event &event = session.events.back();
    event.alert = {};
    event.alert.type = type;
    event.alert.id = id;
    return event;
}

int lt_fd(const struct lt_session *session)
{
    return session->event_fd;
}

bool lt_poll(struct lt_session *session, struct lt_alert *out)
{
    bool has_one = false;

    ltp_guard(nullptr, [&] {
        refill(*session);
        if (session->events.empty())
            return ERR_NONE;
        lt_event &event = session->events.front();
        *out = event.alert;
        session->held = std::move(event.data);
        out->data = reinterpret_cast<uint8_t const *>(session->held.data());
        out->len = session->held.size();
        session->events.pop_front();
        has_one = true;
        return ERR_NONE;
    });
    return has_one;
}
