// SPDX-License-Identifier: MIT
//
// lt_disk_blocks: LT_DISK_DIRECT during a download: descriptors, blocks in and out, hashes.
#include "lt_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace
{

enum {
    BLOCK_BYTES = lt::default_block_size,
    READ_BYTES = 4 * BLOCK_BYTES, // at once, when hashing from the file
    RUNNING_MAX = 512             // pieces of a torrent that are hashed on the way
};

void set_errno(lt::storage_error &error, int value, lt::file_index_t file, lt::operation_t what)
{
    error.ec.assign(value, boost::system::generic_category());
    error.file(file);
    error.operation = what;
}

lt::sha256_hash sha256_of(char const *bytes, int count)
{
    return lt::hasher256(lt::span<char const>(bytes, count)).final();
}

} // namespace

lt_descriptors::~lt_descriptors()
{
    close_all();
}

void lt_descriptors::close_at(std::size_t i)
{
    ::close(entries_[i].fd);
    entries_[i] = entries_.back();
    entries_.pop_back();
}

int lt_descriptors::find(lt_store const &store, lt::file_index_t file, bool writes)
{
    for (entry &e : entries_) {
        if (e.store != &store || e.file != file)
            continue;
        if (writes && !e.writes)
            return -1;
        e.used = ++uses_;
        return e.fd;
    }
    return -1;
}

void lt_descriptors::keep(lt_store const &store, lt::file_index_t file, bool writes, int fd)
{
    close_file(store, file);
    entries_.push_back({&store, file, writes, fd, ++uses_});
    set_limit(limit_);
}

void lt_descriptors::close_file(lt_store const &store, lt::file_index_t file)
{
    for (std::size_t i = entries_.size(); i-- > 0;)
        if (entries_[i].store == &store && entries_[i].file == file)
            close_at(i);
}

void lt_descriptors::close_store(lt_store const &store)
{
    for (std::size_t i = entries_.size(); i-- > 0;)
        if (entries_[i].store == &store)
            close_at(i);
}

void lt_descriptors::close_all()
{
    while (!entries_.empty())
        close_at(entries_.size() - 1);
}

void lt_descriptors::set_limit(std::size_t limit)
{
    limit_ = std::max<std::size_t>(limit, 1);
    while (entries_.size() > limit_) {
        auto const oldest =
            std::min_element(entries_.begin(), entries_.end(),
                             [](entry const &a, entry const &b) { return a.used < b.used; });
        close_at(static_cast<std::size_t>(oldest - entries_.begin()));
    }
}

lt_store::lt_store(lt::storage_params const &params, lt_descriptors &descriptors)
    : original_(params.files), path_(params.path), descriptors_(descriptors)
{
    if (params.mapped_files != nullptr)
        renamed_ = std::make_unique<lt::file_storage>(*params.mapped_files);
}

lt_store::~lt_store()
{
    descriptors_.close_store(*this);
}

void lt_store::release()
{
    descriptors_.close_store(*this);
    running_.clear();
}

std::string lt_store::path_of(lt::file_index_t file) const
{
    return files().file_path(file, path_);
}

int lt_store::open(lt::file_index_t file, bool writes, lt::storage_error &error)
{
    int const known = descriptors_.find(*this, file, writes);
    if (known >= 0)
        return known;

    std::string const path = path_of(file);
    int const flags = (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC;
    int fd = ::open(path.c_str(), flags, 0666);
    if (fd < 0 && errno == ENOENT && writes) {
        int const failed = ltp_make_parents(path);
        if (failed != 0) {
            set_errno(error, failed, file, lt::operation_t::mkdir);
            return -1;
        }
        fd = ::open(path.c_str(), flags, 0666);
    }
    if (fd < 0) {
        set_errno(error, errno, file, lt::operation_t::file_open);
        return -1;
    }
    if (writes)
        running_.clear(); // it may be another file than the one by that name a moment ago
    descriptors_.keep(*this, file, writes, fd);
    return fd;
}

// transfer(file, offset in it, bytes) for each file the range lies in, until one sets the error.
template <typename Byte, typename Transfer>
void lt_store::each_slice(lt::span<Byte> bytes, lt::piece_index_t piece, int start,
                          lt::storage_error &error, Transfer transfer)
{
    lt::file_storage const &all = files();
    std::int64_t const offset =
        static_cast<int>(piece) * static_cast<std::int64_t>(all.piece_length()) + start;
    lt::file_index_t file = all.file_index_at_offset(offset);
    std::int64_t at = offset - all.file_offset(file);

    while (!bytes.empty() && file < all.end_file()) {
        std::int64_t const left = all.file_size(file) - at;
        auto const n = static_cast<std::ptrdiff_t>(std::min<std::int64_t>(left, bytes.size()));

        if (n > 0)
            transfer(file, at, bytes.first(n));
        if (error)
            return;
        bytes = bytes.subspan(std::max<std::ptrdiff_t>(n, 0));
        at = 0;
        ++file;
    }
    if (!bytes.empty()) { // beyond the torrent: libtorrent never asks for that
        error.ec = lt::errors::file_too_short;
        error.operation = lt::operation_t::file_read;
        error.file(lt::file_index_t(static_cast<int>(all.num_files()) - 1));
    }
}

void lt_store::read(lt::span<char> to, lt::piece_index_t piece, int start, lt::storage_error &error)
{
    each_slice(to, piece, start, error,
               [&](lt::file_index_t file, std::int64_t at, lt::span<char> part) {
                   if (files().pad_file_at(file)) {
                       std::memset(part.data(), 0, static_cast<std::size_t>(part.size()));
                       return;
                   }
                   int const fd = open(file, false, error);
                   while (fd >= 0 && !part.empty()) {
                       ssize_t const n =
                           ::pread(fd, part.data(), static_cast<std::size_t>(part.size()), at);
                       if (n < 0 && errno == EINTR)
                           continue;
                       if (n < 0)
                           return set_errno(error, errno, file, lt::operation_t::file_read);
                       if (n == 0) {
                           error.ec = lt::errors::file_too_short;
                           error.operation = lt::operation_t::file_read;
                           error.file(file);
                           return;
                       }
                       part = part.subspan(n);
                       at += n;
                   }
               });
}

void lt_store::write(lt::span<char const> from, lt::piece_index_t piece, int start,
                     lt::storage_error &error)
{
    each_slice(from, piece, start, error,
               [&](lt::file_index_t file, std::int64_t at, lt::span<char const> part) {
                   if (files().pad_file_at(file))
                       return;
                   int const fd = open(file, true, error);
                   while (fd >= 0 && !part.empty()) {
                       ssize_t const n =
                           ::pwrite(fd, part.data(), static_cast<std::size_t>(part.size()), at);
                       if (n < 0 && errno == EINTR)
                           continue;
                       if (n <= 0)
                           return set_errno(error, n < 0 ? errno : EIO, file,
                                            lt::operation_t::file_write);
                       part = part.subspan(n);
                       at += n;
                   }
               });
    if (error)
        forget_piece(piece);
    else
        note(from, piece, start);
}

// Only the block that follows what is hashed already can be hashed now; the others are read back
// when the piece is complete.
void lt_store::note(lt::span<char const> block, lt::piece_index_t piece, int start)
{
    int const key = static_cast<int>(piece);
    auto found = running_.find(key);

    if (!has_v1_)
        return;
    if (found != running_.end() && start < found->second.hashed) {
        running_.erase(found); // written again: what was hashed is not what is in the file
        found = running_.end();
    }
    if (found == running_.end()) {
        if (start != 0)
            return;
        if (running_.size() >= RUNNING_MAX)
            running_.erase(running_.begin()); // any one: it will be read back
        found = running_.emplace(key, running{}).first;
    }
    if (start != found->second.hashed)
        return;
    found->second.hasher.update(block);
    found->second.hashed += static_cast<int>(block.size());
}

void lt_store::forget_piece(lt::piece_index_t piece)
{
    running_.erase(static_cast<int>(piece));
}

// Are the first bytes of the piece still in the files they were written to? Somebody may have moved
// or deleted one while we held it open. Whatever is there by its name now has its say then.
bool lt_store::is_in_place(lt::piece_index_t piece, int bytes)
{
    lt::file_storage const &all = files();
    std::int64_t const begin =
        static_cast<int>(piece) * static_cast<std::int64_t>(all.piece_length());

    if (bytes == 0)
        return true;
    for (lt::file_index_t file = all.file_index_at_offset(begin);
         file < all.end_file() && all.file_offset(file) < begin + bytes; ++file) {
        struct stat held, named;
        if (all.pad_file_at(file) || all.file_size(file) == 0)
            continue;
        int const fd = descriptors_.find(*this, file, true);
        if (fd >= 0 && ::fstat(fd, &held) == 0 && ::stat(path_of(file).c_str(), &named) == 0 &&
            held.st_dev == named.st_dev && held.st_ino == named.st_ino)
            continue;
        descriptors_.close_file(*this, file);
        running_.clear(); // other pieces may have bytes in it
        return false;
    }
    return true;
}

lt::sha1_hash lt_store::hash(lt::piece_index_t piece, bool wants_v1, lt::span<lt::sha256_hash> v2,
                             bool forgets, lt::storage_error &error)
{
    char buffer[READ_BYTES];
    running sum;
    auto const found = running_.find(static_cast<int>(piece));

    has_v1_ = wants_v1;
    if (found != running_.end()) {
        if (wants_v1 && !forgets)
            sum = std::move(found->second);
        running_.erase(found);
    }
    if (!is_in_place(piece, sum.hashed))
        sum = running{};

    int const v1_end = wants_v1 ? files().piece_size(piece) : 0;
    int const v2_end = v2.empty() ? 0 : files().piece_size2(piece);
    int const end = std::max(v1_end, v2_end);
    int n = 0;
    // Both starts are multiples of BLOCK_BYTES, or the end of the piece.
    for (int at = v2.empty() ? sum.hashed : 0; at < end; at += n) {
        n = std::min<int>(READ_BYTES, end - at);
        read({buffer, n}, piece, at, error);
        if (error)
            return {};
        int const from = std::max(at, sum.hashed);
        int const to = std::min(at + n, v1_end);
        if (from < to) {
            sum.hasher.update({buffer + (from - at), to - from});
            sum.hashed = to;
        }
        for (int block = at; block < std::min(at + n, v2_end); block += BLOCK_BYTES)
            v2[block / BLOCK_BYTES] =
                sha256_of(buffer + (block - at), std::min<int>(BLOCK_BYTES, v2_end - block));
    }
    return wants_v1 ? sum.hasher.final() : lt::sha1_hash{};
}

lt::sha256_hash lt_store::hash_block(lt::piece_index_t piece, int start, lt::storage_error &error)
{
    char buffer[BLOCK_BYTES];
    int const n = std::min<int>(BLOCK_BYTES, files().piece_size2(piece) - start);

    if (n > 0)
        read({buffer, n}, piece, start, error);
    return error || n <= 0 ? lt::sha256_hash{} : sha256_of(buffer, n);
}
