// SPDX-License-Identifier: MIT
//
// lt_info: everything one can ask about a torrent.
#include "lt_private.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include <libtorrent/announce_entry.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/peer_info.hpp>
#include <libtorrent/write_resume_data.hpp>

namespace
{

enum err give(std::string const &from, uint8_t **data_out, size_t *len_out)
{
    *data_out = static_cast<uint8_t *>(std::malloc(from.size() + 1));
    if (*data_out == nullptr)
        return ERR_INTERNAL;
    std::memcpy(*data_out, from.data(), from.size());
    (*data_out)[from.size()] = 0;
    *len_out = from.size();
    return ERR_NONE;
}

// Hands out the strings of one block of memory.
struct arena {
    char *next;
    char *add(std::string const &text)
    {
        char *const at = next;
        std::memcpy(at, text.c_str(), text.size() + 1);
        next += text.size() + 1;
        return at;
    }
};

bool is_selected(lt_torrent const &torrent, std::size_t file)
{
    return !torrent.has_selection ||
           (file < torrent.selection.size() && torrent.selection[file] != 0);
}

struct lt_info *build_info(lt_torrent const &torrent)
{
    lt::torrent_info const &from = *torrent.info;
    lt::file_storage const &files = from.files();
    std::size_t const file_count = static_cast<std::size_t>(files.num_files());
    std::vector<std::string> paths;
    std::size_t text_bytes = from.name().size() + from.comment().size() + from.creator().size() + 3;

    paths.reserve(file_count);
    for (lt::file_index_t const i : files.file_range()) {
        paths.push_back(files.file_path(i));
        text_bytes += paths.back().size() + 1;
    }

    std::size_t const bytes =
        sizeof(struct lt_info) + file_count * sizeof(struct lt_file) + text_bytes;
    void *const block = std::calloc(1, bytes);
    if (block == nullptr)
        throw std::bad_alloc();
    auto *const info = static_cast<struct lt_info *>(block);
    info->files = reinterpret_cast<struct lt_file *>(info + 1);
    arena texts = {reinterpret_cast<char *>(info->files + file_count)};

    info->hashes = torrent.hashes;
    info->name = texts.add(from.name());
    info->comment = texts.add(from.comment());
    info->creator = texts.add(from.creator());
    info->created_s = from.creation_date() > 0 ? static_cast<uint64_t>(from.creation_date()) : 0;
    info->piece_count = static_cast<uint32_t>(from.num_pieces());
    info->piece_bytes = static_cast<uint32_t>(from.piece_length());
    info->total_bytes = static_cast<uint64_t>(from.total_size());
    info->is_private = from.priv();
    info->file_count = file_count;
    for (std::size_t i = 0; i < file_count; i++) {
        lt::file_index_t const index(static_cast<int>(i));
        struct lt_file &file = info->files[i];
        file.path = texts.add(paths[i]);
        file.offset = static_cast<uint64_t>(files.file_offset(index));
        file.size = static_cast<uint64_t>(files.file_size(index));
        file.is_pad = files.pad_file_at(index);
        file.is_wanted = is_selected(torrent, i);
    }
    return info;
}

uint32_t flags_of(lt::peer_info const &peer)
{
    uint32_t flags = 0;

    if (peer.flags & lt::peer_info::seed)
        flags |= LT_PEER_SEED;
    if (peer.flags & lt::peer_info::utp_socket)
        flags |= LT_PEER_UTP;
    if (ltp_is_encrypted(peer))
        flags |= LT_PEER_ENCRYPTED;
    if (!(peer.flags & lt::peer_info::outgoing_connection))
        flags |= LT_PEER_INCOMING;
    if (peer.connection_type != lt::peer_info::standard_bittorrent)
        flags |= LT_PEER_WEB_SEED;
    if (peer.flags & lt::peer_info::remote_choked)
        flags |= LT_PEER_CHOKED_BY;
    if (peer.flags & (lt::peer_info::connecting | lt::peer_info::handshake))
        flags |= LT_PEER_CONNECTING;
    if (ltp_is_browser(peer.ip.address()))
        flags |= LT_PEER_BROWSER;
    return flags;
}

std::string text_of(lt::tcp::endpoint const &endpoint)
{
    std::string const address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
           std::to_string(endpoint.port());
}

void fill_peer(lt::peer_info const &from, struct lt_peer &to)
{
    to = {};
    ltp_copy(to.address, sizeof(to.address), text_of(from.ip));
    ltp_copy(to.client, sizeof(to.client), from.client);
    to.flags = flags_of(from);
    to.download_rate = static_cast<uint64_t>(std::max(from.payload_down_speed, 0));
    to.upload_rate = static_cast<uint64_t>(std::max(from.payload_up_speed, 0));
    to.downloaded = static_cast<uint64_t>(std::max<std::int64_t>(from.total_download, 0));
    to.uploaded = static_cast<uint64_t>(std::max<std::int64_t>(from.total_upload, 0));
    to.pieces = static_cast<uint32_t>(std::max(from.num_pieces, 0));
}

// One tracker is announced to from each local address, for each hash: the best of them counts.
void fill_tracker(lt::announce_entry const &from, struct lt_tracker &to)
{
    bool has_any = false;
    std::string message;

    to = {};
    ltp_copy(to.url, sizeof(to.url), from.url);
    for (lt::announce_endpoint const &endpoint : from.endpoints) {
        for (lt::protocol_version const version :
             {lt::protocol_version::V1, lt::protocol_version::V2}) {
            lt::announce_infohash const &hash = endpoint.info_hashes[version];
            bool const was_tried = hash.fails > 0 || hash.start_sent;
            if (!was_tried)
                continue;
            to.is_working = to.is_working || hash.fails == 0;
            to.fails = has_any ? std::min<uint32_t>(to.fails, hash.fails) : hash.fails;
            has_any = true;
            if (hash.scrape_complete > 0)
                to.seeds = std::max(to.seeds, static_cast<uint32_t>(hash.scrape_complete));
            if (hash.scrape_incomplete > 0)
                to.peers = std::max(to.peers, static_cast<uint32_t>(hash.scrape_incomplete));
            if (!hash.message.empty())
                message = hash.message;
            else if (hash.last_error)
                message = hash.last_error.message();
        }
    }
    ltp_copy(to.message, sizeof(to.message), message);
}

} // namespace

enum err lt_info(struct lt_session *session, lt_id id, struct lt_info **out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        if (!torrent.refusal.empty())
            return ERR_DENIED;
        if (!torrent.info)
            return ERR_UNAVAILABLE;
        *out = build_info(torrent);
        return ERR_NONE;
    });
}

void lt_info_free(struct lt_info **info)
{
    std::free(*info);
    *info = nullptr;
}

enum err lt_metainfo(struct lt_session *session, lt_id id, uint8_t **data_out, size_t *len_out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        if (!torrent.info)
            return ERR_UNAVAILABLE;
        // The copy with the piece layers (v2), which libtorrent keeps elsewhere.
        std::shared_ptr<lt::torrent_info const> const info =
            torrent.handle.torrent_file_with_hashes();
        if (!info)
            return ERR_UNAVAILABLE;
        lt::create_torrent made(*info);
        auto const known = info->trackers();
        int last = 0;
        for (lt::announce_entry const &tracker : torrent.handle.trackers()) {
            last = std::max<int>(last, tracker.tier);
            if (std::none_of(known.begin(), known.end(), [&](lt::announce_entry const &other) {
                    return other.url == tracker.url;
                }))
                made.add_tracker(tracker.url, tracker.tier);
        }
        for (std::string const &url : torrent.ws_trackers)
            made.add_tracker(url, ++last);
        std::vector<char> const buffer = made.generate_buf();
        return give(std::string(buffer.data(), buffer.size()), data_out, len_out);
    });
}

enum err lt_ws_trackers(struct lt_session *session, lt_id id, char ***urls_out, size_t *count_out)
{
    *urls_out = nullptr;
    *count_out = 0;
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::size_t const count = torrent.ws_trackers.size();
        std::size_t bytes = count * sizeof(char *);

        for (std::string const &url : torrent.ws_trackers)
            bytes += url.size() + 1;
        if (count == 0)
            return ERR_NONE;
        *urls_out = static_cast<char **>(std::malloc(bytes));
        if (*urls_out == nullptr)
            return ERR_INTERNAL;
        arena texts = {reinterpret_cast<char *>(*urls_out + count)};
        for (std::string const &url : torrent.ws_trackers)
            (*urls_out)[(*count_out)++] = texts.add(url);
        return ERR_NONE;
    });
}

enum err lt_magnet(struct lt_session *session, lt_id id, char **uri_out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        struct text text = {};
        std::string uri = lt::make_magnet_uri(torrent.handle);
        uint8_t *data = nullptr;
        size_t len;

        for (std::string const &url : torrent.ws_trackers) {
            text_clear(&text);
            text_add_percent(&text, bytes_of(url.data(), url.size()), "");
            uri += "&tr=";
            uri += text_str(&text);
        }
        text_fini(&text);
        enum err const code = give(uri, &data, &len);
        *uri_out = reinterpret_cast<char *>(data);
        return code;
    });
}

enum err lt_pieces(struct lt_session *session, lt_id id, uint8_t *have_out, uint32_t count)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::vector<uint8_t> const &have = torrent.ready.have;
        if (!torrent.ready.is_told)
            return ERR_UNAVAILABLE;
        if (count != have.size())
            return ERR_INVALID;
        std::copy(have.begin(), have.end(), have_out);
        return ERR_NONE;
    });
}

enum err lt_peers(struct lt_session *session, lt_id id, struct lt_peer *out, size_t cap,
                  size_t *count_out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::vector<lt::peer_info> peers;
        torrent.handle.get_peer_info(peers);
        for (size_t i = 0; i < peers.size() && i < cap; i++)
            fill_peer(peers[i], out[i]);
        *count_out = peers.size();
        return ERR_NONE;
    });
}

enum err lt_piece_peers(struct lt_session *session, lt_id id, uint32_t piece, uint32_t *count_out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::vector<lt::peer_info> peers;
        lt::piece_index_t const index(static_cast<int>(piece));
        torrent.handle.get_peer_info(peers);
        *count_out = 0;
        for (auto const &peer : peers)
            *count_out += index < peer.pieces.end_index() && peer.pieces[index];
        return ERR_NONE;
    });
}

enum err lt_swarm_pieces(struct lt_session *session, lt_id id, uint8_t *peers_out,
                         bool *is_coming_out, uint32_t count)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::vector<int> available;

        if (count != torrent.ready.have.size())
            return ERR_INVALID;
        std::fill(peers_out, peers_out + count, 0);
        std::fill(is_coming_out, is_coming_out + count, false);
        // A seed counts nothing, for it looks for nothing: libtorrent gives an empty list.
        torrent.handle.piece_availability(available);
        for (std::size_t i = 0; i < std::min<std::size_t>(available.size(), count); i++)
            peers_out[i] = static_cast<uint8_t>(std::clamp(available[i], 0, 255));
        for (lt::partial_piece_info const &piece : torrent.handle.get_download_queue())
            if (static_cast<uint32_t>(static_cast<int>(piece.piece_index)) < count)
                is_coming_out[static_cast<int>(piece.piece_index)] = true;
        return ERR_NONE;
    });
}

enum err lt_trackers(struct lt_session *session, lt_id id, struct lt_tracker *out, size_t cap,
                     size_t *count_out)
{
    return ltp_with(session, id, nullptr, [&](lt_torrent &torrent) {
        std::vector<lt::announce_entry> const trackers = torrent.handle.trackers();
        for (size_t i = 0; i < trackers.size() && i < cap; i++)
            fill_tracker(trackers[i], out[i]);
        *count_out = trackers.size();
        return ERR_NONE;
    });
}
