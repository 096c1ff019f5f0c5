// SPDX-License-Identifier: MIT
//
// lt_add: from what somebody hands us (magnet, .torrent, bare hash, resume data, list of pieces) to
// a torrent in the session. Everything that strangers wrote is bounded and checked here.
#include "lt_private.hpp"

#include <algorithm>
#include <sys/stat.h>

#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/read_resume_data.hpp>
#include <libtorrent/torrent_flags.hpp>

namespace
{

lt::span<char const> span_of(struct bytes in)
{
    return {reinterpret_cast<char const *>(in.data), static_cast<std::ptrdiff_t>(in.len)};
}

lt::load_torrent_limits limits()
{
    lt::load_torrent_limits limits;
    limits.max_buffer_size = LT_METAINFO_BYTES_MAX;
    limits.max_pieces = LT_PIECES_MAX;
    limits.max_decode_depth = LT_METAINFO_DEPTH_MAX;
    limits.max_decode_tokens = LT_METAINFO_ITEMS_MAX;
    return limits;
}

enum err parse_magnet(char const *uri, lt_parsed &out, struct error *error)
{
    lt::error_code code;

    if (std::strlen(uri) > LT_MAGNET_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the magnet link is longer than 64 KiB");
    lt::parse_magnet_uri(uri, out.params, code);
    if (code)
        return error_set(error, ERR_INVALID, "not a magnet link: %s", code.message().c_str());
    // The selection stays with us. Given to libtorrent as file priorities, it would put the other
    // files' bytes into a part file, where no reader finds them.
    out.has_selection = bool(out.params.flags & lt::torrent_flags::default_dont_download);
    for (lt::download_priority_t const priority : out.params.file_priorities)
        out.selection.push_back(priority == lt::dont_download ? 0 : 1);
    return ERR_NONE;
}

enum err parse_metainfo(struct bytes in, lt_parsed &out, struct error *error)
{
    if (in.len > LT_METAINFO_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the torrent file is larger than 16 MiB");
    try {
        out.params = lt::load_torrent_buffer(span_of(in), limits());
    } catch (boost::system::system_error const &e) {
        enum err const code = ltp_code(e.code()) == ERR_TOO_LARGE ? ERR_TOO_LARGE : ERR_INVALID;
        return error_set(error, code, "not a usable torrent file: %s", e.code().message().c_str());
    }
    return ltp_check_info(*out.params.ti, error);
}

// Takes ws:// and wss:// trackers out: libtorrent would announce to them, fail, and lose a tier's
// timeout on each.
void split_trackers(lt_parsed &parsed)
{
    lt::add_torrent_params &params = parsed.params;
    std::vector<std::string> urls;
    std::vector<int> tiers;
    int tier = 0;

    for (std::size_t i = 0; i < params.trackers.size(); i++) {
        if (i < params.tracker_tiers.size())
            tier = params.tracker_tiers[i];
        std::vector<std::string> &to = ltp_is_ws(params.trackers[i]) ? parsed.ws_trackers : urls;
        if (to.size() >= LT_TRACKERS_MAX ||
            std::find(to.begin(), to.end(), params.trackers[i]) != to.end())
            continue;
        to.push_back(params.trackers[i]);
        if (&to == &urls)
            tiers.push_back(tier);
    }
    params.trackers = std::move(urls);
    params.tracker_tiers = std::move(tiers);
}

void add_tracker(lt::add_torrent_params &params, std::string const &url)
{
    int const last = params.tracker_tiers.empty() ? -1 : params.tracker_tiers.back();

    params.tracker_tiers.resize(params.trackers.size(), std::max(last, 0));
    params.trackers.push_back(url);
    params.tracker_tiers.push_back(std::min(last + 1, 255));
}

bool is_same(lt::info_hash_t const &a, lt::info_hash_t const &b)
{
    return (a.has_v1() && b.has_v1() && a.v1 == b.v1) || (a.has_v2() && b.has_v2() && a.v2 == b.v2);
}

// What resume data may say: what is there, what was counted, whom we knew. Never priorities, flags
// or paths: those are the caller's.
void merge_resume(lt::add_torrent_params &params, struct bytes data, bool trusts_pieces,
                  bool trusts_blocks)
{
    lt::error_code code;

    if (data.len == 0 || data.len > LT_RESUME_BYTES_MAX)
        return;
    lt::add_torrent_params resume = lt::read_resume_data(span_of(data), code);
    if (code || !is_same(resume.info_hashes, params.info_hashes))
        return;
    if (!params.ti && resume.ti && is_same(resume.ti->info_hashes(), params.info_hashes) &&
        ltp_check_info(*resume.ti, nullptr) == ERR_NONE)
        params.ti = resume.ti;
    if (params.merkle_trees.empty()) {
        params.merkle_trees = std::move(resume.merkle_trees);
        params.merkle_tree_mask = std::move(resume.merkle_tree_mask);
        params.verified_leaf_hashes = std::move(resume.verified_leaf_hashes);
    }
    if (trusts_pieces) {
        params.have_pieces = std::move(resume.have_pieces);
        params.verified_pieces = std::move(resume.verified_pieces);
        if (trusts_blocks)
            params.unfinished_pieces = std::move(resume.unfinished_pieces);
    }
    params.total_uploaded = resume.total_uploaded;
    params.total_downloaded = resume.total_downloaded;
    params.active_time = resume.active_time;
    params.finished_time = resume.finished_time;
    params.seeding_time = resume.seeding_time;
    params.added_time = resume.added_time;
    params.completed_time = resume.completed_time;
    params.peers.insert(params.peers.end(), resume.peers.begin(), resume.peers.end());
    params.banned_peers = std::move(resume.banned_peers);
    for (std::string const &url : resume.trackers)
        if (std::find(params.trackers.begin(), params.trackers.end(), url) == params.trackers.end())
            add_tracker(params, url);
    for (std::string const &url : resume.url_seeds)
        if (std::find(params.url_seeds.begin(), params.url_seeds.end(), url) ==
            params.url_seeds.end())
            params.url_seeds.push_back(url);
}

// libtorrent believes have_pieces as long as the first file of each piece exists, and throws all of
// it away otherwise (a full check). So we take out the pieces whose bytes cannot be there, and only
// those.
void drop_missing(lt::add_torrent_params &params)
{
    lt::file_storage const &files = params.ti->files();
    auto const piece_bytes = static_cast<std::int64_t>(files.piece_length());

    for (lt::file_index_t const i : files.file_range()) {
        struct stat st;
        std::string const path = files.file_path(i, params.save_path);
        std::int64_t const size = files.file_size(i);
        std::int64_t there = 0;

        if (files.pad_file_at(i) || size == 0)
            continue;
        if (stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode))
            there = st.st_size;
        if (there >= size)
            continue;
        std::int64_t const first = (files.file_offset(i) + there) / piece_bytes;
        std::int64_t const last = (files.file_offset(i) + size - 1) / piece_bytes;
        for (std::int64_t p = first; p <= last && p < params.have_pieces.size(); p++) {
            params.have_pieces.clear_bit(lt::piece_index_t(static_cast<int>(p)));
            params.unfinished_pieces.erase(lt::piece_index_t(static_cast<int>(p)));
        }
    }
}

enum err set_have(lt::add_torrent_params &params, struct lt_add const &add, struct error *error)
{
    int const count = params.ti->num_pieces();

    if (add.seed) {
        params.have_pieces.resize(count, true);
        params.have_pieces.set_all();
    } else if (add.have != nullptr) {
        if (add.have_count != static_cast<uint32_t>(count))
            return error_set(error, ERR_INVALID, "%u pieces are said to be there, of %d",
                             add.have_count, count);
        params.have_pieces.clear();
        params.have_pieces.resize(count, false);
        params.unfinished_pieces.clear();
        for (int i = 0; i < count; i++)
            if (add.have[i] != 0)
                params.have_pieces.set_bit(lt::piece_index_t(i));
    }
    if (!params.have_pieces.empty())
        drop_missing(params);
    return ERR_NONE;
}

// Another lt_add of a torrent that is there: it can only know more.
enum err merge_known(lt_torrent &torrent, lt_parsed &parsed, struct lt_add const &add)
{
    for (std::string const &url : parsed.ws_trackers)
        if (std::find(torrent.ws_trackers.begin(), torrent.ws_trackers.end(), url) ==
                torrent.ws_trackers.end() &&
            torrent.ws_trackers.size() < LT_TRACKERS_MAX)
            torrent.ws_trackers.push_back(url);
    for (std::size_t i = 0; i < parsed.params.trackers.size(); i++) {
        lt::announce_entry entry(parsed.params.trackers[i]);
        entry.tier = static_cast<std::uint8_t>(parsed.params.tracker_tiers[i]);
        torrent.handle.add_tracker(entry);
    }
    for (lt::tcp::endpoint const &peer : parsed.params.peers)
        torrent.handle.connect_peer(peer);
    for (std::string const &url : parsed.params.url_seeds)
        torrent.handle.add_url_seed(url);
    if (!torrent.info && add.metainfo.len > 0 && parsed.params.ti)
        torrent.handle.set_metadata(parsed.params.ti->info_section());
    return ERR_NONE;
}

enum err set_params(lt_session &session, lt_parsed &parsed, struct lt_add const &add,
                    struct error *error)
{
    lt::add_torrent_params &params = parsed.params;
    struct stat st;

    if (add.save_path == nullptr || stat(add.save_path, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(error, ERR_INVALID, "the folder %s is not there",
                         add.save_path == nullptr ? "" : add.save_path);
    params.save_path = add.save_path;
    params.file_priorities.clear();
    params.piece_priorities.clear();
    params.renamed_files.clear();
    params.download_limit = add.download_limit == 0 ? -1 : ltp_limit(add.download_limit);
    params.upload_limit = add.upload_limit == 0 ? -1 : ltp_limit(add.upload_limit);
    // Never paused|auto_managed by default: libtorrent's queue would stop the fourth torrent.
    params.flags = lt::torrent_flags::update_subscribe | lt::torrent_flags::apply_ip_filter |
                   lt::torrent_flags::need_save_resume;
    if (add.paused)
        params.flags |= lt::torrent_flags::paused;
    if (add.sequential)
        params.flags |= lt::torrent_flags::sequential_download;
    if (!session.has_pex)
        params.flags |= lt::torrent_flags::disable_pex;
    if (!params.ti) {
        params.have_pieces.clear(); // cannot be compared with the disk yet: it will be checked
        params.unfinished_pieces.clear();
        return ERR_NONE;
    }
    return add.verify ? ERR_NONE : set_have(params, add, error);
}

lt_torrent *find_known(lt_session &session, lt::info_hash_t const &hashes)
{
    struct lt_hashes const wanted = ltp_hashes(hashes);

    for (auto const &entry : session.torrents) {
        struct lt_hashes const &known = entry.second->hashes;
        if ((wanted.has_v1 && known.has_v1 && std::memcmp(wanted.v1, known.v1, 20) == 0) ||
            (wanted.has_v2 && known.has_v2 && std::memcmp(wanted.v2, known.v2, 32) == 0))
            return entry.second.get();
    }
    return nullptr;
}

} // namespace

bool ltp_is_ws(std::string const &url)
{
    return url.compare(0, 5, "ws://") == 0 || url.compare(0, 6, "wss://") == 0;
}

struct lt_hashes ltp_hashes(lt::info_hash_t const &hashes)
{
    struct lt_hashes out = {};

    out.has_v1 = hashes.has_v1();
    out.has_v2 = hashes.has_v2();
    if (out.has_v1)
        std::memcpy(out.v1, hashes.v1.data(), sizeof(out.v1));
    if (out.has_v2)
        std::memcpy(out.v2, hashes.v2.data(), sizeof(out.v2));
    std::memcpy(out.key, out.has_v1 ? out.v1 : out.v2, sizeof(out.key));
    return out;
}

enum err ltp_check_info(lt::torrent_info const &info, struct error *error)
{
    lt::file_storage const &files = info.files();

    if (info.num_pieces() <= 0 || info.total_size() <= 0)
        return error_set(error, ERR_INVALID, "the torrent holds no data");
    if (info.num_pieces() > LT_PIECES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the torrent has more than %d pieces",
                         LT_PIECES_MAX);
    if (info.piece_length() > LT_PIECE_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the torrent's pieces are larger than 256 MiB");
    for (lt::file_index_t const i : files.file_range()) {
        // libtorrent creates links for these. It keeps their targets inside the torrent, but no
        // film needs one, and the next torrent with the same folder would write through it.
        if (files.file_flags(i) & lt::file_storage::flag_symlink)
            return error_set(error, ERR_DENIED, "the torrent holds symbolic links");
        // libtorrent removes ".." and leading slashes; this line holds should it ever forget.
        std::string const path = "/" + files.file_path(i) + "/";
        if (path.find("/../") != std::string::npos || path.compare(0, 2, "//") == 0)
            return error_set(error, ERR_DENIED, "the torrent has a path that leads out of it");
    }
    return ERR_NONE;
}

enum err ltp_parse(struct lt_add const &add, lt_parsed &out, struct error *error)
{
    enum err code = ERR_NONE;

    if ((add.magnet != nullptr) + (add.metainfo.len > 0) + (add.hash_v1 != nullptr) != 1)
        return error_set(error, ERR_INVALID, "one magnet link, torrent file or hash is needed");
    if (add.magnet != nullptr)
        code = parse_magnet(add.magnet, out, error);
    else if (add.metainfo.len > 0)
        code = parse_metainfo(add.metainfo, out, error);
    else
        out.params.info_hashes.v1.assign(reinterpret_cast<char const *>(add.hash_v1));
    if (code != ERR_NONE)
        return code;
    if (!out.params.info_hashes.has_v1() && !out.params.info_hashes.has_v2())
        return error_set(error, ERR_INVALID, "there is no info-hash in it");
    return ERR_NONE;
}

enum err lt_peek(const struct lt_add *add, struct lt_hashes *out, char *name_out, size_t name_cap,
                 struct error *error)
{
    return ltp_guard(error, [&] {
        lt_parsed parsed;
        enum err const code = ltp_parse(*add, parsed, error);
        if (code != ERR_NONE)
            return code;
        *out = ltp_hashes(parsed.params.info_hashes);
        if (name_cap > 0)
            ltp_copy(name_out, name_cap,
                     parsed.params.ti ? parsed.params.ti->name() : parsed.params.name);
        return ERR_NONE;
    });
}

enum err lt_add(struct lt_session *session, const struct lt_add *add, lt_id *id_out,
                bool *is_new_out, struct error *error)
{
    return ltp_guard(error, [&] {
        lt_parsed parsed;
        enum err code = ltp_parse(*add, parsed, error);
        if (code != ERR_NONE)
            return code;
        merge_resume(parsed.params, add->resume, !add->verify, session->disk != LT_DISK_MMAP);
        for (size_t i = 0; i < add->tracker_count; i++)
            add_tracker(parsed.params, add->trackers[i]);
        split_trackers(parsed);

        lt_torrent *known = find_known(*session, parsed.params.info_hashes);
        if (known != nullptr && known->is_removing)
            return error_set(error, ERR_BUSY, "the torrent is just being removed");
        if (known != nullptr) {
            *id_out = known->id;
            *is_new_out = false;
            return merge_known(*known, parsed, *add);
        }

        code = set_params(*session, parsed, *add, error);
        if (code != ERR_NONE)
            return code;
        auto torrent = std::make_unique<lt_torrent>();
        lt::error_code failed;
        std::shared_ptr<lt::torrent_info const> const info = parsed.params.ti;
        torrent->hashes = ltp_hashes(parsed.params.info_hashes);
        torrent->ws_trackers = std::move(parsed.ws_trackers);
        torrent->has_selection = parsed.has_selection;
        torrent->selection = std::move(parsed.selection);
        ltp_limit_crowd(*torrent, add->max_connections);
        parsed.params.max_connections = torrent->crowd->allowed();
        ltp_count_browsers(*session, parsed.params, torrent->crowd);
        // Added paused and resumed at once: only resuming connects to the peers that came with the
        // torrent (x.pe, resume data) right away; otherwise they wait for the tick of the second.
        parsed.params.flags |= lt::torrent_flags::paused;
        torrent->handle = session->session->add_torrent(std::move(parsed.params), failed);
        if (failed)
            return ltp_fail(error, failed);
        if (!add->paused)
            torrent->handle.resume();
        torrent->id = ++session->last_id;
        *id_out = torrent->id;
        *is_new_out = true;
        session->ids[torrent->handle] = torrent->id;
        if (info) {
            ltp_set_info(*torrent, info);
            ltp_push(*session, LT_METADATA, torrent->id);
            ltp_wake(*session);
        }
        session->torrents[torrent->id] = std::move(torrent);
        return ERR_NONE;
    });
}
