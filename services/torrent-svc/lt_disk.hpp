// SPDX-License-Identifier: MIT
//
// lt_disk: a disk back end of our own for libtorrent (LT_DISK_DIRECT). What its POSIX back end does
// with an open, a seek and a close for each block of 16 KiB, this one does with descriptors that
// stay open; and it hashes blocks as they come from the peers instead of reading them back.
//
// All of it runs in libtorrent's network thread. A block is in the file, readable by every other
// process, before its write is reported, and so before its piece is hashed.
//
// There are no part files (priorities are per piece, see lt_prioritize), and no hard links to files
// of other torrents that a stranger's metadata calls the same: both are left out, not forgotten.
#ifndef TORRENT_LT_DISK_HPP
#define TORRENT_LT_DISK_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/disk_interface.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/file_storage.hpp>
#include <libtorrent/hasher.hpp>
#include <libtorrent/io_context.hpp>
#include <libtorrent/performance_counters.hpp>
#include <libtorrent/session_types.hpp>
#include <libtorrent/settings_pack.hpp>
#include <libtorrent/storage_defs.hpp>

class lt_store;

// Open descriptors of all torrents, the least recently used is closed when there are too many.
class lt_descriptors
{
  public:
    explicit lt_descriptors(std::size_t limit) : limit_(limit)
    {
    }
    ~lt_descriptors();
    lt_descriptors(lt_descriptors const &) = delete;
    lt_descriptors &operator=(lt_descriptors const &) = delete;

    // -1 when it is not open, or not for writing.
    int find(lt_store const &store, lt::file_index_t file, bool writes);
    // Takes the descriptor over; an older one of the same file is closed.
    void keep(lt_store const &store, lt::file_index_t file, bool writes, int fd);
    void close_file(lt_store const &store, lt::file_index_t file);
    void close_store(lt_store const &store);
    void close_all();
    void set_limit(std::size_t limit);

  private:
    struct entry {
        lt_store const *store;
        lt::file_index_t file;
        bool writes;
        int fd;
        std::uint64_t used; // age: the value of uses_ then
    };
    void close_at(std::size_t i);

    std::vector<entry> entries_;
    std::size_t limit_;
    std::uint64_t uses_ = 0;
};

// The files of one torrent.
class lt_store
{
  public:
    lt_store(lt::storage_params const &params, lt_descriptors &descriptors);
    ~lt_store();
    lt_store(lt_store const &) = delete;
    lt_store &operator=(lt_store const &) = delete;

    // Whole ranges or an error; what is not there is file_too_short or ENOENT.
    void read(lt::span<char> to, lt::piece_index_t piece, int start, lt::storage_error &error);
    void write(lt::span<char const> from, lt::piece_index_t piece, int start,
               lt::storage_error &error);
    // SHA-1 of the piece (if wants_v1) and SHA-256 of its blocks (as many as v2 has). `forgets`
    // hashes from the file whatever was hashed on the way.
    lt::sha1_hash hash(lt::piece_index_t piece, bool wants_v1, lt::span<lt::sha256_hash> v2,
                       bool forgets, lt::storage_error &error);
    lt::sha256_hash hash_block(lt::piece_index_t piece, int start, lt::storage_error &error);
    void forget_piece(lt::piece_index_t piece);
    // Closes all descriptors.
    void release();

    // The rest is lt_disk_files.cpp: what happens between two downloads.
    lt::status_t check(lt::add_torrent_params const *resume, bool trusts_incomplete,
                       lt::storage_error &error);
    void rename(lt::file_index_t file, std::string const &name, lt::storage_error &error);
    lt::status_t move(std::string const &to, lt::move_flags_t flags, lt::storage_error &error);
    void remove(lt::remove_flags_t options, lt::storage_error &error);
    std::string const &path() const
    {
        return path_;
    }

  private:
    // A piece on its way: its first `hashed` bytes are in `hasher` (and in the file).
    struct running {
        lt::hasher hasher;
        int hashed = 0;
    };

    lt::file_storage const &files() const
    {
        return renamed_ ? *renamed_ : original_;
    }
    std::string path_of(lt::file_index_t file) const;
    int open(lt::file_index_t file, bool writes, lt::storage_error &error);
    template <typename Byte, typename Transfer>
    void each_slice(lt::span<Byte> bytes, lt::piece_index_t piece, int start,
                    lt::storage_error &error, Transfer transfer);
    void note(lt::span<char const> block, lt::piece_index_t piece, int start);
    bool is_in_place(lt::piece_index_t piece, int bytes);
    std::int64_t size_on_disk(lt::file_index_t file, lt::storage_error &error) const;
    bool prepare(lt::storage_error &error, bool &is_oversized, bool &has_any);
    bool verify(lt::add_torrent_params const &resume, lt::storage_error &error) const;

    lt::file_storage const &original_;
    std::unique_ptr<lt::file_storage> renamed_;
    std::string path_;
    lt_descriptors &descriptors_;
    std::unordered_map<int, running> running_;
    bool has_v1_ = true; // until a hash of v2 alone is asked for
};

// A disk_io_constructor for lt::session_params.
std::unique_ptr<lt::disk_interface>
ltp_disk_new(lt::io_context &context, lt::settings_interface const &settings, lt::counters &);

// lt_disk_files.cpp: the folders above a file. 0 or an errno.
int ltp_make_parents(std::string const &path);

#endif
