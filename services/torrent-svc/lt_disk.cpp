// SPDX-License-Identifier: MIT
//
// lt_disk: the interface libtorrent calls.
#include "lt_disk.hpp"

#include <algorithm>
#include <cstdlib>

#include <boost/asio/post.hpp>
#include <libtorrent/disk_buffer_holder.hpp>

namespace
{

// Has no state, so that buffers may outlive everything else.
struct block_allocator final : lt::buffer_allocator_interface {
    void free_disk_buffer(char *block) override
    {
        std::free(block);
    }
};

block_allocator allocator;

// Every job is done when its function returns; its handler is posted, never called from here.
class direct_disk final : public lt::disk_interface
{
  public:
    direct_disk(lt::io_context &context, lt::settings_interface const &settings)
        : context_(context), settings_(settings), descriptors_(limit())
    {
    }

    lt::storage_holder new_torrent(lt::storage_params const &params,
                                   std::shared_ptr<void> const &) override
    {
        auto made = std::make_unique<lt_store>(params, descriptors_);
        std::size_t i = 0;

        while (i < stores_.size() && stores_[i])
            i++;
        if (i == stores_.size())
            stores_.emplace_back();
        stores_[i] = std::move(made);
        return {lt::storage_index_t(static_cast<std::uint32_t>(i)), *this};
    }

    void remove_torrent(lt::storage_index_t storage) override
    {
        stores_[static_cast<std::uint32_t>(storage)].reset();
    }

    void async_read(lt::storage_index_t storage, lt::peer_request const &r,
                    std::function<void(lt::disk_buffer_holder, lt::storage_error const &)> handler,
                    lt::disk_job_flags_t) override
    {
        lt::storage_error error;
        auto *const block = static_cast<char *>(std::malloc(static_cast<std::size_t>(r.length)));
        lt::disk_buffer_holder buffer(allocator, block, r.length);

        if (block == nullptr)
            error = {lt::errors::no_memory, lt::operation_t::alloc_cache_piece};
        else
            at(storage).read({block, r.length}, r.piece, r.start, error);
        post([h = std::move(handler), b = std::move(buffer), error]() mutable {
            h(std::move(b), error);
        });
    }

    bool async_write(lt::storage_index_t storage, lt::peer_request const &r, char const *block,
                     std::shared_ptr<lt::disk_observer>,
                     std::function<void(lt::storage_error const &)> handler,
                     lt::disk_job_flags_t) override
    {
        lt::storage_error error;

        at(storage).write({block, r.length}, r.piece, r.start, error);
        post([h = std::move(handler), error] { h(error); });
        return false; // there is no queue that could be full
    }

    void async_hash(
        lt::storage_index_t storage, lt::piece_index_t piece, lt::span<lt::sha256_hash> v2,
        lt::disk_job_flags_t flags,
        std::function<void(lt::piece_index_t, lt::sha1_hash const &, lt::storage_error const &)>
            handler) override
    {
        lt::storage_error error;
        // Checks of what is on disk read in sequence; a piece that just arrived does not.
        bool const is_check = bool(flags & lt::disk_interface::sequential_access);
        lt::sha1_hash const hash =
            at(storage).hash(piece, bool(flags & lt::disk_interface::v1_hash), v2, is_check, error);

        post([h = std::move(handler), piece, hash, error] { h(piece, hash, error); });
    }

    void async_hash2(
        lt::storage_index_t storage, lt::piece_index_t piece, int start, lt::disk_job_flags_t,
        std::function<void(lt::piece_index_t, lt::sha256_hash const &, lt::storage_error const &)>
            handler) override
    {
        lt::storage_error error;
        lt::sha256_hash const hash = at(storage).hash_block(piece, start, error);

        post([h = std::move(handler), piece, hash, error] { h(piece, hash, error); });
    }

    void async_move_storage(
        lt::storage_index_t storage, std::string to, lt::move_flags_t flags,
        std::function<void(lt::status_t, std::string const &, lt::storage_error const &)> handler)
        override
    {
        lt::storage_error error;
        lt::status_t const status = at(storage).move(to, flags, error);

        post([h = std::move(handler), status, path = at(storage).path(), error] {
            h(status, path, error);
        });
    }

    void async_release_files(lt::storage_index_t storage, std::function<void()> handler) override
    {
        at(storage).release();
        if (handler)
            post(std::move(handler));
    }

    void async_stop_torrent(lt::storage_index_t storage, std::function<void()> handler) override
    {
        async_release_files(storage, std::move(handler));
    }

    void
    async_check_files(lt::storage_index_t storage, lt::add_torrent_params const *resume,
                      lt::aux::vector<std::string, lt::file_index_t>,
                      std::function<void(lt::status_t, lt::storage_error const &)> handler) override
    {
        lt::storage_error error;
        bool const trusts = settings_.get_bool(lt::settings_pack::no_recheck_incomplete_resume);
        lt::status_t const status = at(storage).check(resume, trusts, error);

        post([h = std::move(handler), status, error] { h(status, error); });
    }

    void async_rename_file(
        lt::storage_index_t storage, lt::file_index_t file, std::string name,
        std::function<void(std::string const &, lt::file_index_t, lt::storage_error const &)>
            handler) override
    {
        lt::storage_error error;

        at(storage).rename(file, name, error);
        post([h = std::move(handler), n = std::move(name), file, error] { h(n, file, error); });
    }

    void async_delete_files(lt::storage_index_t storage, lt::remove_flags_t options,
                            std::function<void(lt::storage_error const &)> handler) override
    {
        lt::storage_error error;

        at(storage).remove(options, error);
        post([h = std::move(handler), error] { h(error); });
    }

    void async_set_file_priority(
        lt::storage_index_t, lt::aux::vector<lt::download_priority_t, lt::file_index_t> priorities,
        std::function<void(lt::storage_error const &,
                           lt::aux::vector<lt::download_priority_t, lt::file_index_t>)>
            handler) override
    {
        post([h = std::move(handler), p = std::move(priorities)]() mutable {
            h(lt::storage_error(), std::move(p));
        });
    }

    void async_clear_piece(lt::storage_index_t storage, lt::piece_index_t piece,
                           std::function<void(lt::piece_index_t)> handler) override
    {
        at(storage).forget_piece(piece);
        post([h = std::move(handler), piece] { h(piece); });
    }

    void abort(bool) override
    {
        descriptors_.close_all();
    }
    void settings_updated() override
    {
        descriptors_.set_limit(limit());
    }
    void update_stats_counters(lt::counters &) const override
    {
    }
    std::vector<lt::open_file_state> get_status(lt::storage_index_t) const override
    {
        return {};
    }
    void submit_jobs() override
    {
    }

  private:
    lt_store &at(lt::storage_index_t storage)
    {
        return *stores_[static_cast<std::uint32_t>(storage)];
    }

    template <typename Handler> void post(Handler &&handler)
    {
        boost::asio::post(context_, std::forward<Handler>(handler));
    }

    std::size_t limit() const
    {
        return static_cast<std::size_t>(
            std::max(settings_.get_int(lt::settings_pack::file_pool_size), 1));
    }

    lt::io_context &context_;
    lt::settings_interface const &settings_;
    lt_descriptors descriptors_; // outlives the stores
    std::vector<std::unique_ptr<lt_store>> stores_;
};

} // namespace

std::unique_ptr<lt::disk_interface>
ltp_disk_new(lt::io_context &context, lt::settings_interface const &settings, lt::counters &)
{
    return std::make_unique<direct_disk>(context, settings);
}
