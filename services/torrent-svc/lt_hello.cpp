// SPDX-License-Identifier: MIT
//
// lt_hello: once the metadata of a torrent is here, those are told who connected before. libtorrent
// names its size in the first message only (BEP 10), and webtorrent takes that for the last word:
// who was told of none would ask us for nothing, ever. So we say hello again, as BEP 10 allows.
//
// All of this lives on libtorrent's thread.
#include "lt_private.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <iterator>

#include <libtorrent/bencode.hpp>
#include <libtorrent/extensions.hpp>
#include <libtorrent/peer_connection_handle.hpp>

namespace
{

constexpr char extended = 20, hello = 0; // message and sub-id, BEP 10

class listener final : public lt::peer_plugin
{
  public:
    explicit listener(lt::peer_connection_handle const &peer) : peer_(peer)
    {
    }

    // Called after the plugin that hands out metadata has put its number there.
    void add_handshake(lt::entry &handshake) override
    {
        lt::entry const *const messages = handshake.find_key("m");
        lt::entry const *const number =
            messages != nullptr ? messages->find_key("ut_metadata") : nullptr;

        if (number != nullptr && handshake.find_key("metadata_size") == nullptr)
            number_ = number->integer();
    }

    void tell(std::int64_t metadata_size)
    {
        if (number_ == 0)
            return; // it knows, or has not been greeted yet
        lt::entry handshake;
        handshake["m"]["ut_metadata"] = number_;
        handshake["metadata_size"] = metadata_size;
        std::string message{0, 0, 0, 0, extended, hello};
        lt::bencode(std::back_inserter(message), handshake);
        std::uint32_t const len = htonl(static_cast<std::uint32_t>(message.size() - sizeof(len)));
        std::memcpy(&message[0], &len, sizeof(len));
        peer_.send_buffer(message.data(), static_cast<int>(message.size()));
        number_ = 0;
    }

  private:
    lt::peer_connection_handle peer_;
    std::int64_t number_ = 0; // of ut_metadata, for who was told of no metadata
};

class teller final : public lt::torrent_plugin
{
  public:
    explicit teller(lt::torrent_handle handle) : handle_(std::move(handle))
    {
    }

    std::shared_ptr<lt::peer_plugin> new_connection(lt::peer_connection_handle const &peer) override
    {
        if (has_told_)
            return nullptr;
        auto const is_gone = [](std::weak_ptr<listener> const &one) { return one.expired(); };
        listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(), is_gone),
                         listeners_.end());
        auto made = std::make_shared<listener>(peer);
        listeners_.push_back(made);
        return made;
    }

    // The metadata is there by then; again after each check.
    void on_files_checked() override
    {
        ltp_guard(nullptr, [&] {
            auto const info = handle_.torrent_file();

            if (info == nullptr)
                return ERR_NONE;
            for (auto const &weak : listeners_)
                if (auto const listener = weak.lock())
                    listener->tell(static_cast<std::int64_t>(info->info_section().size()));
            listeners_.clear();
            has_told_ = true;
            return ERR_NONE;
        });
    }

  private:
    lt::torrent_handle handle_;
    std::vector<std::weak_ptr<listener>> listeners_;
    bool has_told_ = false;
};

} // namespace

void ltp_hello_again(lt::session &session)
{
    struct plugin final : lt::plugin {
        std::shared_ptr<lt::torrent_plugin> new_torrent(lt::torrent_handle const &torrent,
                                                        lt::client_data_t) override
        {
            return std::make_shared<teller>(torrent);
        }
    };

    session.add_extension(std::make_shared<plugin>());
}
