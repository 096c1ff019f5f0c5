// SPDX-License-Identifier: MIT
//
// lt_browsers: what is different with peers that are browsers. rtc-svc brings them, by addresses
// that only it uses (wire/bridge_address.h).
//
//  * They are served besides the upload slots, of which whole rooms would else wait for a few, and
//    the rates of the session hold for them: they come from this machine, and are elsewhere.
//  * While they wait for these rates few are served at a time: turns.h.
//  * They count apart from the limits of connections: a full room must not keep a torrent from its
//    swarm, nor the swarm the room from its torrent.
//  * They cannot encrypt, and need not: what carries them does.
//  * They have no port. Who names one would make libtorrent tell others of an address of ours, and
//    connect to it.
//
// libtorrent limits connections without looking at who it is, so its limits follow the number of
// browsers. All plugins live on libtorrent's thread; struct lt_crowd is what they share with ours.
#include "lt_private.hpp"

#include <algorithm>

#include <libtorrent/bdecode.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/extensions.hpp>
#include <libtorrent/operations.hpp>
#include <libtorrent/peer_class.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/peer_info.hpp>
#include <libtorrent/settings_pack.hpp>

#include "wire/bridge_address.h"

extern "C" {
#include "turns.h"
}

namespace
{

// What libtorrent has to be told of a crowd. More at once; less not for each one who leaves: where
// others have filled the place already it sends somebody away, who may be a browser, and that would
// be one less again.
bool is_news(lt_crowd &crowd)
{
    constexpr int lag = 8;
    int const limit = crowd.limit, browsers = crowd.browsers, wanted = crowd.allowed();

    if ((limit == 0 && crowd.told_limit == 0) ||
        (limit == crowd.told_limit && wanted <= crowd.told && wanted > crowd.told - lag &&
         (browsers > 0 || wanted == crowd.told)))
        return false;
    crowd.told = wanted;
    crowd.told_limit = limit;
    return true;
}

class browser final : public lt::peer_plugin
{
  public:
    browser(lt::peer_connection_handle const &peer, std::shared_ptr<lt_crowd> torrent,
            std::shared_ptr<lt_crowd> session)
        : peer_(peer), torrent_(std::move(torrent)), session_(std::move(session))
    {
        torrent_->browsers++;
        session_->browsers++;
    }

    ~browser() override
    {
        torrent_->browsers--;
        session_->browsers--;
    }

    browser(browser const &) = delete;
    browser &operator=(browser const &) = delete;

    struct turn &look()
    {
        turn_.is_wanted = peer_.is_peer_interested();
        turn_.is_held = false;
        if (turn_.is_served) {
            lt::peer_info info;

            peer_.get_peer_info(info);
            turn_.is_held = bool(info.write_state & lt::peer_info::bw_limit);
        }
        return turn_;
    }

    // libtorrent itself serves whoever begins to want something: for a second at most.
    void obey()
    {
        if (turn_.is_served)
            peer_.maybe_unchoke_this_peer();
        else
            peer_.choke_this_peer();
    }

    bool on_extension_handshake(lt::bdecode_node const &handshake) override
    {
        if (handshake.type() == lt::bdecode_node::dict_t && handshake.dict_find_int_value("p") != 0)
            peer_.disconnect(lt::errors::invalid_port, lt::operation_t::bittorrent);
        return true;
    }

  private:
    lt::peer_connection_handle peer_;
    std::shared_ptr<lt_crowd> torrent_, session_;
    struct turn turn_ {
    };
};

// Somebody else who came to us, where encryption is required. libtorrent itself takes both kinds,
// for the sake of browsers.
class stranger final : public lt::peer_plugin
{
  public:
    explicit stranger(lt::peer_connection_handle const &peer) : peer_(peer)
    {
    }

    bool on_handshake(lt::span<char const>) override
    {
        lt::peer_info info;

        peer_.get_peer_info(info);
        if (!ltp_is_encrypted(info))
            peer_.disconnect(lt::errors::no_incoming_regular, lt::operation_t::bittorrent);
        return false; // it has been looked at
    }

  private:
    lt::peer_connection_handle peer_;
};

class counter final : public lt::torrent_plugin
{
  public:
    counter(lt::torrent_handle handle, std::shared_ptr<lt_crowd> torrent,
            lt::session_handle session, std::shared_ptr<lt_crowd> all)
        : handle_(std::move(handle)), session_(std::move(session)), torrent_(std::move(torrent)),
          all_(std::move(all))
    {
    }

    // Before libtorrent looks for somebody to make room.
    std::shared_ptr<lt::peer_plugin> new_connection(lt::peer_connection_handle const &peer) override
    {
        if (ltp_is_browser(peer.remote().address())) {
            auto made = std::make_shared<browser>(peer, torrent_, all_);
            browsers_.push_back(made);
            follow();
            return made;
        }
        if (all_->is_strict && !peer.is_outgoing())
            return std::make_shared<stranger>(peer);
        return nullptr;
    }

    // Once a second, before it connects to others.
    void tick() override
    {
        follow();
        take_turns();
    }

  private:
    void follow() noexcept
    {
        ltp_guard(nullptr, [&] {
            if (is_news(*torrent_))
                handle_.set_max_connections(torrent_->told);
            if (is_news(*all_)) {
                lt::settings_pack pack;

                pack.set_int(lt::settings_pack::connections_limit, all_->told);
                session_.apply_settings(std::move(pack));
            }
            return ERR_NONE;
        });
    }

    void take_turns() noexcept
    {
        ltp_guard(nullptr, [&] {
            std::vector<std::shared_ptr<browser>> here;
            std::vector<struct turn *> line;

            browsers_.erase(std::remove_if(browsers_.begin(), browsers_.end(),
                                           [](auto const &one) { return one.expired(); }),
                            browsers_.end());
            for (auto const &one : browsers_)
                here.push_back(one.lock());
            for (auto const &one : here)
                line.push_back(&one->look());
            turns_second(&turns_, line.data(), line.size());
            for (auto const &one : here)
                one->obey();
            return ERR_NONE;
        });
    }

    lt::torrent_handle handle_;
    lt::session_handle session_;
    std::shared_ptr<lt_crowd> torrent_, all_;
    std::vector<std::weak_ptr<browser>> browsers_;
    struct turns turns_ {
    };
};

template <typename Change>
void change_class(lt_session &session, lt::peer_class_t id, Change &&change)
{
    lt::peer_class_info info = session.session->get_peer_class(id);

    change(info);
    session.session->set_peer_class(id, info);
}

} // namespace

bool ltp_is_browser(lt::address const &address)
{
    return address.is_v4() && bridge_address_is(address.to_v4().to_uint());
}

bool ltp_is_encrypted(lt::peer_info const &peer)
{
    return bool(peer.flags & (lt::peer_info::rc4_encrypted | lt::peer_info::plaintext_encrypted));
}

void ltp_count_browsers(lt_session const &session, lt::add_torrent_params &params,
                        std::shared_ptr<lt_crowd> const &crowd)
{
    params.extensions.emplace_back(
        [crowd, all = session.crowd, handle = lt::session_handle(*session.session)](
            lt::torrent_handle const &torrent, lt::client_data_t) {
            return std::make_shared<counter>(torrent, crowd, handle, all);
        });
}

void ltp_limit_crowd(lt_torrent &torrent, uint32_t max_connections)
{
    torrent.crowd->limit = max_connections == 0 ? 0 : std::max(2, ltp_limit(max_connections));
}

void ltp_set_classes(lt_session &session, bool limits_local)
{
    auto const bit = [](lt::peer_class_t of) { return 1u << static_cast<std::uint32_t>(of); };
    std::uint32_t const global = bit(lt::session::global_peer_class_id);
    lt::ip_filter filter = session.default_classes;

    if (!session.has_browser_class) {
        session.browser_class = session.session->create_peer_class("browsers");
        session.has_browser_class = true;
        change_class(session, session.browser_class,
                     [](lt::peer_class_info &info) { info.ignore_unchoke_slots = true; });
        // Meant to let in half as many more, it lets in a third less.
        change_class(session, lt::session::local_peer_class_id,
                     [](lt::peer_class_info &info) { info.connection_limit_factor = 100; });
    }
    // libtorrent keeps loopback and private addresses out of the global peer class, so that the
    // session's limits do not hold for them.
    if (limits_local) {
        filter.add_rule(lt::make_address("0.0.0.0"), lt::make_address("255.255.255.255"), global);
        filter.add_rule(lt::make_address("::"),
                        lt::make_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), global);
    }
    filter.add_rule(lt::make_address(BRIDGE_NET_FIRST), lt::make_address(BRIDGE_NET_LAST),
                    global | bit(session.browser_class));
    session.session->set_peer_class_filter(filter);
}
