// SPDX-License-Identifier: MIT
//
// lt_session: the life of the libtorrent session and all of its settings. The values for streaming
// come from measurements; change them with bench/disk_backend and a stopwatch on the first byte.
#include "lt_disk.hpp"
#include "lt_private.hpp"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libtorrent/mmap_disk_io.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/session_stats.hpp>
#include <libtorrent/settings_pack.hpp>

using sp = lt::settings_pack;

namespace
{

// What never depends on configuration.
void set_fixed(sp &pack, enum lt_disk disk)
{
    // First byte and seeks: short queues, no whole pieces per peer, quick to give up on a slow one.
    pack.set_int(sp::request_queue_time, 1);
    pack.set_int(sp::whole_pieces_threshold, 0);
    pack.set_bool(sp::strict_end_game_mode, false);
    pack.set_bool(sp::auto_sequential, false);
    pack.set_int(sp::piece_timeout, 5);
    pack.set_int(sp::request_timeout, 10);
    pack.set_int(sp::peer_connect_timeout, 4);
    pack.set_int(sp::min_reconnect_time, 5);
    pack.set_int(sp::connection_speed, 100);
    pack.set_int(sp::torrent_connect_boost, 60);
    pack.set_bool(sp::smooth_connects, false);
    pack.set_int(sp::tick_interval, 100);
    pack.set_int(sp::mixed_mode_algorithm, sp::prefer_tcp);
    pack.set_bool(sp::announce_to_all_tiers, true); // a dead first tier must not cost its timeout
    // Several browsers are several peers behind one address.
    pack.set_bool(sp::allow_multiple_connections_per_ip, true);
    // A filtered torrent looks finished between two seeks; its seeds are needed again right after.
    pack.set_bool(sp::close_redundant_connections, false);

    // A room of browsers that comes at once: they count once they have said who they are.
    pack.set_int(sp::connections_slack, 50);

    // A port that is taken is told, not silently replaced: it was forwarded or announced elsewhere.
    pack.set_bool(sp::listen_system_port_fallback, false);
    pack.set_int(sp::max_retry_port_bind, 0);
    pack.set_int(sp::stop_tracker_timeout, 3);

    // Strangers' metadata.
    pack.set_int(sp::max_metadata_size, LT_METAINFO_BYTES_MAX);
    pack.set_int(sp::max_piece_count, LT_PIECES_MAX);
    pack.set_int(sp::metadata_token_limit, LT_METAINFO_ITEMS_MAX);

    // Memory: a few MiB are enough for hundreds of MB/s.
    pack.set_int(sp::max_queued_disk_bytes, 8 << 20);
    pack.set_int(sp::send_buffer_watermark, 256 << 10);
    pack.set_int(sp::file_pool_size, 40);
    pack.set_int(sp::aio_threads, 2);
    pack.set_int(sp::hashing_threads, 1);
    pack.set_int(sp::checking_mem_usage, 128); // blocks of 16 KiB
    pack.set_int(sp::max_peerlist_size, 1000);
    pack.set_int(sp::max_paused_peerlist_size, 200);
    pack.set_int(sp::alert_queue_size, 20000);

    lt::alert_category_t alerts = lt::alert_category::error | lt::alert_category::status |
                                  lt::alert_category::storage | lt::alert_category::piece_progress;
    if (disk == LT_DISK_MMAP) {
        // Written by pwrite, so that other processes see whole blocks; the block alerts tell when.
        pack.set_int(sp::disk_write_mode, sp::always_pwrite);
        alerts |= lt::alert_category::block_progress;
    }
    pack.set_int(sp::alert_mask, static_cast<int>(static_cast<std::uint32_t>(alerts)));
}

enum err set_encryption(sp &pack, lt_crowd &crowd, char const *word, struct error *error)
{
    int policy;

    if (word == nullptr || std::strcmp(word, "allow") == 0)
        policy = sp::pe_enabled;
    else if (std::strcmp(word, "off") == 0)
        policy = sp::pe_disabled;
    else if (std::strcmp(word, "require") == 0)
        policy = sp::pe_forced;
    else
        return error_set(error, ERR_CONFIG, "encryption is off, allow or require, not \"%s\"",
                         word);
    pack.set_int(sp::out_enc_policy, policy);
    // Browsers cannot; who else comes without is sent away by lt_browsers.cpp.
    crowd.is_strict = policy == sp::pe_forced;
    pack.set_int(sp::in_enc_policy, policy == sp::pe_forced ? sp::pe_enabled : policy);
    pack.set_int(sp::allowed_enc_level, sp::pe_both);
    return ERR_NONE;
}

// scheme://[user:pass@]host:port
enum err set_proxy(sp &pack, std::string const &text, struct error *error)
{
    if (text.empty()) {
        pack.set_int(sp::proxy_type, sp::none);
        return ERR_NONE;
    }
    std::size_t const scheme_end = text.find("://");
    if (scheme_end == std::string::npos)
        return error_set(error, ERR_CONFIG, "a proxy is written scheme://[user:pass@]host:port");
    std::string const scheme = text.substr(0, scheme_end);
    std::string rest = text.substr(scheme_end + 3);
    std::string user, password;
    std::size_t const at = rest.rfind('@');
    if (at != std::string::npos) {
        std::string const login = rest.substr(0, at);
        std::size_t const colon = login.find(':');
        std::string raw[2] = {login.substr(0, colon),
                              colon == std::string::npos ? "" : login.substr(colon + 1)};
        for (std::string &part : raw) {
            char plain[256];
            if (!percent_decode(bytes_of(part.data(), part.size()), plain, sizeof(plain), false))
                return error_set(error, ERR_CONFIG, "the proxy's user or password is malformed");
            part = plain;
        }
        user = raw[0];
        password = raw[1];
        rest.erase(0, at + 1);
    }
    if (!rest.empty() && rest.back() == '/')
        rest.pop_back();
    std::size_t const colon = rest.rfind(':');
    char *end = nullptr;
    long const port = colon == std::string::npos ? 0 : std::strtol(&rest[colon + 1], &end, 10);
    if (colon == 0 || colon == std::string::npos || *end != '\0' || port < 1 || port > 65535)
        return error_set(error, ERR_CONFIG, "the proxy needs a host and a port from 1 to 65535");
    std::string host = rest.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);

    int type;
    if (scheme == "socks5" || scheme == "socks5h")
        type = user.empty() ? sp::socks5 : sp::socks5_pw;
    else if (scheme == "http")
        type = user.empty() ? sp::http : sp::http_pw;
    else
        return error_set(error, ERR_CONFIG, "a proxy is socks5:// or http://, not %s://",
                         scheme.c_str());
    pack.set_int(sp::proxy_type, type);
    pack.set_str(sp::proxy_hostname, host);
    pack.set_int(sp::proxy_port, static_cast<int>(port));
    pack.set_str(sp::proxy_username, user);
    pack.set_str(sp::proxy_password, password);
    pack.set_bool(sp::proxy_hostnames, true);
    pack.set_bool(sp::proxy_peer_connections, true);
    pack.set_bool(sp::proxy_tracker_connections, true);
    return ERR_NONE;
}

char const *or_empty(char const *text)
{
    return text == nullptr ? "" : text;
}

enum err set_configured(sp &pack, lt_crowd &crowd, struct lt_config const &config,
                        struct error *error)
{
    enum err code;

    pack.set_str(sp::listen_interfaces, or_empty(config.listen));
    pack.set_str(sp::outgoing_interfaces, or_empty(config.outgoing));
    pack.set_str(sp::user_agent, or_empty(config.user_agent));
    pack.set_bool(sp::enable_dht, config.dht);
    pack.set_bool(sp::enable_lsd, config.lsd);
    pack.set_bool(sp::enable_upnp, config.upnp);
    pack.set_bool(sp::enable_natpmp, config.upnp);
    pack.set_bool(sp::enable_outgoing_utp, config.outgoing_utp);
    pack.set_int(sp::download_rate_limit, ltp_limit(config.download_limit));
    pack.set_int(sp::upload_rate_limit, ltp_limit(config.upload_limit));
    if (config.max_connections > 0) {
        crowd.limit = ltp_limit(config.max_connections);
        pack.set_int(sp::connections_limit, crowd.allowed());
    }
    if (config.upload_slots > 0)
        pack.set_int(sp::unchoke_slots_limit, ltp_limit(config.upload_slots));
    pack.set_bool(sp::ssrf_mitigation, !config.allow_private_urls);
    if (config.dht_bootstrap != nullptr)
        pack.set_str(sp::dht_bootstrap_nodes, config.dht_bootstrap);
    code = set_encryption(pack, crowd, config.encryption, error);
    return code != ERR_NONE ? code : set_proxy(pack, or_empty(config.proxy), error);
}

lt::session_params first_params(struct bytes state)
{
    if (state.len > 0 && state.len <= LT_METAINFO_BYTES_MAX) {
        try {
            return lt::read_session_params({reinterpret_cast<char const *>(state.data),
                                            static_cast<std::ptrdiff_t>(state.len)},
                                           lt::session_handle::save_dht_state);
        } catch (boost::system::system_error const &) {
            // The state of an earlier run only makes the DHT start faster.
        }
    }
    return {};
}

} // namespace

int ltp_limit(uint64_t bytes_per_s)
{
    return bytes_per_s > INT_MAX ? INT_MAX : static_cast<int>(bytes_per_s);
}

void ltp_wake(lt_session const &session) noexcept
{
    uint64_t const one = 1;
    ssize_t const n = write(session.event_fd, &one, sizeof(one));
    (void)n; // EAGAIN: the counter is full, so the reader will wake anyway
}

lt_session::~lt_session()
{
    ltp_hash_stop(hashing);
    if (session) {
        session->set_alert_notify({});
        session.reset(); // tells the trackers, for stop_tracker_timeout at most
    }
    if (event_fd >= 0)
        close(event_fd);
}

struct lt_session *lt_session_new(const struct lt_config *config, struct error *error)
{
    std::unique_ptr<lt_session> made;
    enum err const code = ltp_guard(error, [&] {
        // A receive buffer grows to whatever the kernel holds for its socket, many MiB for a fast
        // peer. By default glibc would keep such blocks on its heap for good.
        mallopt(M_MMAP_THRESHOLD, 256 << 10);
        auto session = std::make_unique<lt_session>();
        lt::session_params params = first_params(config->state);

        set_fixed(params.settings, config->disk);
        enum err const bad = set_configured(params.settings, *session->crowd, *config, error);
        if (bad != ERR_NONE)
            return bad;
        if (config->disk == LT_DISK_DIRECT)
            params.disk_io_constructor = ltp_disk_new;
        else if (config->disk == LT_DISK_POSIX)
            params.disk_io_constructor = lt::posix_disk_io_constructor;
        else
            params.disk_io_constructor = lt::mmap_disk_io_constructor;
        session->disk = config->disk;
        session->has_pex = config->pex;
        session->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (session->event_fd < 0)
            return error_set_errno(error, ERR_IO, "cannot make an eventfd");
        session->session = std::make_unique<lt::session>(std::move(params));
        ltp_hello_again(*session->session);
        session->default_classes = session->session->get_peer_class_filter();
        ltp_set_classes(*session, config->limit_local_peers);
        // On libtorrent's thread: this write is all that ever happens there.
        session->session->set_alert_notify([raw = session.get()] { ltp_wake(*raw); });
        made = std::move(session);
        return ERR_NONE;
    });
    return code == ERR_NONE ? made.release() : nullptr;
}

void lt_session_free(struct lt_session **session)
{
    delete *session;
    *session = nullptr;
}

enum err lt_session_apply(struct lt_session *session, const struct lt_config *config,
                          struct error *error)
{
    return ltp_guard(error, [&] {
        sp pack;
        enum err const bad = set_configured(pack, *session->crowd, *config, error);
        if (bad != ERR_NONE)
            return bad;
        session->session->apply_settings(std::move(pack));
        ltp_set_classes(*session, config->limit_local_peers);
        session->has_pex = config->pex;
        for (auto const &entry : session->torrents)
            if (!entry.second->is_removing)
                entry.second->handle.set_flags(config->pex ? lt::torrent_flags_t{}
                                                           : lt::torrent_flags::disable_pex,
                                               lt::torrent_flags::disable_pex);
        return ERR_NONE;
    });
}

enum err lt_session_state(struct lt_session *session, uint8_t **data_out, size_t *len_out)
{
    return ltp_guard(nullptr, [&] {
        std::vector<char> const buffer = lt::write_session_params_buf(
            session->session->session_state(lt::session_handle::save_dht_state),
            lt::session_handle::save_dht_state);
        *data_out = static_cast<uint8_t *>(std::malloc(buffer.size() + 1));
        if (*data_out == nullptr)
            return ERR_INTERNAL;
        std::memcpy(*data_out, buffer.data(), buffer.size());
        *len_out = buffer.size();
        return ERR_NONE;
    });
}

enum err lt_session_filter(struct lt_session *session, const struct lt_range *ranges, size_t count,
                           struct error *error)
{
    return ltp_guard(error, [&] {
        lt::ip_filter filter;
        for (size_t i = 0; i < count; i++) {
            lt::error_code first_error, last_error;
            auto const first = lt::make_address(ranges[i].first, first_error);
            auto const last = lt::make_address(ranges[i].last, last_error);
            if (first_error || last_error || first.is_v4() != last.is_v4() || last < first)
                return error_set(error, ERR_INVALID, "%s to %s is no range of addresses",
                                 ranges[i].first, ranges[i].last);
            filter.add_rule(first, last, lt::ip_filter::blocked);
        }
        session->session->set_ip_filter(filter);
        return ERR_NONE;
    });
}

uint16_t lt_session_port(struct lt_session *session)
{
    uint16_t port = 0;
    ltp_guard(nullptr, [&] {
        port = session->session->listen_port();
        return ERR_NONE;
    });
    return port;
}

void lt_session_stats(struct lt_session *session, struct lt_session_stats *out)
{
    *out = session->stats;
    ltp_guard(nullptr, [&] {
        session->session->post_session_stats();
        return ERR_NONE;
    });
}
