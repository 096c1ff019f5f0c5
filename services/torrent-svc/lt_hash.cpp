// SPDX-License-Identifier: MIT
//
// lt_hash: makes a .torrent of a local file or folder. Each job has a thread of its own, which
// reads every byte once, in order, through one small buffer; it touches only its lt_hash_job, the
// inbox (behind the mutex) and the eventfd. libtorrent's set_piece_hashes() is not used: it cannot
// be stopped, and it maps the files.
#include "lt_private.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include <libtorrent/create_torrent.hpp>
#include <libtorrent/file_storage.hpp>
#include <libtorrent/hasher.hpp>
#include <libtorrent/load_torrent.hpp>

namespace fs = std::filesystem;

namespace
{

enum {
    FILES_MAX = 100000,
    DEPTH_MAX = 32,
    PIECES_WANTED = 2048,
    PIECE_MIN = 64 << 10,
    PIECE_MAX = 8 << 20,
    PROGRESS_MS = 200,
};

// Ends a job from anywhere inside it; caught in run().
struct failure {
    enum err code;
    std::string text;
};

struct found_file {
    std::string inside; // name of the torrent, then the path in it
    fs::path on_disk;
    std::uint64_t size;
};

// A file descriptor that closes itself.
struct descriptor {
    int fd;
    explicit descriptor(fs::path const &path) : fd(open(path.c_str(), O_RDONLY | O_CLOEXEC))
    {
        if (fd < 0)
            throw failure{ERR_IO, "cannot read " + path.string() + ": " + std::strerror(errno)};
    }
    ~descriptor()
    {
        close(fd);
    }
    descriptor(descriptor const &) = delete;
    descriptor &operator=(descriptor const &) = delete;
};

bool is_inside(fs::path const &path, fs::path const &root)
{
    auto const end = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
    return end.first == root.end();
}

class walker
{
  public:
    walker(lt_hash_job const &job_in, fs::path const &root_in)
        : job(job_in), root(root_in), real_root(fs::canonical(root_in))
    {
    }

    std::vector<found_file> walk()
    {
        if (fs::is_directory(root))
            enter(root, root.filename().string(), 0);
        else if (fs::is_regular_file(root))
            take(root, root.filename().string());
        else
            throw failure{ERR_INVALID, root.string() + " is neither a file nor a folder"};
        std::uint64_t total = 0;
        for (found_file const &file : files)
            total += file.size;
        if (total == 0)
            throw failure{ERR_INVALID, files.empty() ? "there is no file in " + root.string()
                                                     : root.string() + " holds no data"};
        return std::move(files);
    }

  private:
    lt_hash_job const &job;
    fs::path root, real_root;
    std::vector<found_file> files;

    void take(fs::path const &path, std::string const &inside)
    {
        if (files.size() >= FILES_MAX)
            throw failure{ERR_TOO_LARGE, "there are more than 100000 files"};
        if (!utf8_valid(bytes_of(inside.data(), inside.size())))
            throw failure{ERR_INVALID, "the name of a file is not UTF-8: " + inside};
        files.push_back({inside, path, fs::file_size(path)});
    }

    void enter(fs::path const &folder, std::string const &inside, int depth)
    {
        std::vector<fs::path> names;

        if (depth > DEPTH_MAX)
            throw failure{ERR_TOO_LARGE, "the folders are nested more than 32 deep"};
        if (job.is_cancelled)
            throw failure{ERR_CANCELLED, "cancelled"};
        for (fs::directory_entry const &entry : fs::directory_iterator(folder)) {
            names.push_back(entry.path().filename());
            if (names.size() > FILES_MAX)
                throw failure{ERR_TOO_LARGE, "there are more than 100000 files"};
        }
        std::sort(names.begin(), names.end()); // the same folder gives the same torrent
        for (fs::path const &name : names) {
            fs::path const path = folder / name;
            std::string const next = inside + "/" + name.string();
            fs::file_status const status = fs::symlink_status(path);
            if (fs::is_symlink(status))
                link(path, next);
            else if (fs::is_directory(status))
                enter(path, next, depth + 1);
            else if (fs::is_regular_file(status))
                take(path, next);
            // Sockets, pipes and devices have no content to share.
        }
    }

    // A link is shared as the file it leads to, if that is in the folder too.
    void link(fs::path const &path, std::string const &inside)
    {
        std::error_code broken;
        fs::path const target = fs::canonical(path, broken);

        if (broken || !is_inside(target, real_root))
            throw failure{ERR_DENIED, path.string() + " is a link that leads out of the folder"};
        if (!fs::is_regular_file(target))
            throw failure{ERR_INVALID, path.string() + " is a link to a folder"};
        take(path, inside);
    }
};

// A torrent with our name in it, and trackers.
lt::create_torrent begin_torrent(lt::file_storage &storage, bool is_hybrid,
                                 std::vector<std::string> const &trackers)
{
    auto const total = static_cast<std::uint64_t>(storage.total_size());
    lt::create_torrent made(storage, static_cast<int>(lt_piece_bytes(total)),
                            is_hybrid ? lt::create_flags_t{} : lt::create_torrent::v1_only);

    made.set_creator("ShareStream");
    for (std::size_t i = 0; i < trackers.size(); i++)
        made.add_tracker(trackers[i], static_cast<int>(i));
    return made;
}

// What we made must be what everybody reads: libtorrent changes names it finds unfit for a file.
void check_metainfo(std::vector<char> const &metainfo, lt::file_storage const &storage)
{
    if (metainfo.size() > LT_METAINFO_BYTES_MAX)
        throw failure{ERR_TOO_LARGE, "the torrent file would be larger than 16 MiB"};
    lt::add_torrent_params const loaded = lt::load_torrent_buffer(metainfo);
    lt::file_storage const &read = loaded.ti->files();
    for (lt::file_index_t const i : storage.file_range())
        if (!storage.pad_file_at(i) && storage.file_path(i) != read.file_path(i))
            throw failure{ERR_INVALID,
                          "a torrent cannot hold this file name: " + storage.file_path(i)};
}

void read_fully(int fd, char *out, std::size_t len, std::uint64_t position, std::string const &name)
{
    for (std::size_t got = 0; got < len;) {
        ssize_t const n = pread(fd, out + got, len - got, static_cast<off_t>(position + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            throw failure{ERR_IO, name + (n == 0 ? ": became shorter"
                                                 : std::string(": ") + std::strerror(errno))};
        got += static_cast<std::size_t>(n);
    }
}

// Root of the SHA-256 tree over `leaves` (hashes of 16 KiB blocks), filled up with zeros to
// `width`, a power of two (BEP 52).
lt::sha256_hash tree_root(std::vector<lt::sha256_hash> leaves, std::size_t width)
{
    leaves.resize(width);
    for (; width > 1; width /= 2)
        for (std::size_t i = 0; i < width / 2; i++) {
            lt::hasher256 pair;
            pair.update(leaves[2 * i]);
            pair.update(leaves[2 * i + 1]);
            leaves[i] = pair.final();
        }
    return leaves[0];
}

class hasher
{
  public:
    hasher(lt_session const &session_in, lt_hashing &hashing_in, lt_hash_job const &job_in)
        : session(session_in), hashing(hashing_in), job(job_in), block(LT_BLOCK_BYTES)
    {
    }

    std::vector<char> hash()
    {
        fs::path const root = fs::path(job.path);
        std::vector<found_file> const found = walker(job, root).walk();

        for (found_file const &file : found) {
            storage.add_file(file.inside, static_cast<std::int64_t>(file.size));
            on_disk[file.inside] = file.on_disk;
        }
        lt::create_torrent made = begin_torrent(storage, job.is_hybrid, job.trackers);
        for (lt::piece_index_t const piece : storage.piece_range())
            hash_piece(made, piece);
        std::vector<char> metainfo = made.generate_buf();
        check_metainfo(metainfo, storage);
        return metainfo;
    }

  private:
    lt_session const &session;
    lt_hashing &hashing;
    lt_hash_job const &job;
    lt::file_storage storage; // in the torrent's order
    std::map<std::string, fs::path> on_disk;
    std::vector<char> block;
    std::unique_ptr<descriptor> open_file; // of file `open_index`
    lt::file_index_t open_index{-1};
    std::chrono::steady_clock::time_point told{};

    void hash_piece(lt::create_torrent &made, lt::piece_index_t piece)
    {
        lt::hasher whole;

        for (lt::file_slice const &slice : storage.map_block(piece, 0, storage.piece_size(piece))) {
            std::vector<lt::sha256_hash> leaves;
            for (std::int64_t at = 0; at < slice.size; at += LT_BLOCK_BYTES) {
                auto const n = static_cast<std::size_t>(
                    std::min<std::int64_t>(LT_BLOCK_BYTES, slice.size - at));
                read_block(slice.file_index, slice.offset + at, n);
                lt::span<char const> const data(block.data(), static_cast<std::ptrdiff_t>(n));
                whole.update(data);
                if (job.is_hybrid)
                    leaves.push_back(lt::hasher256(data).final());
            }
            if (job.is_hybrid && slice.size > 0 && !storage.pad_file_at(slice.file_index))
                set_root(made, slice, std::move(leaves));
        }
        made.set_hash(piece, whole.final());
        progress(static_cast<std::uint64_t>(static_cast<int>(piece)) + 1);
    }

    // In a hybrid each file begins at a piece, so that a slice is that file's share of the piece.
    void set_root(lt::create_torrent &made, lt::file_slice const &slice,
                  std::vector<lt::sha256_hash> leaves)
    {
        std::size_t width = static_cast<std::size_t>(storage.piece_length()) / LT_BLOCK_BYTES;
        if (storage.file_size(slice.file_index) <= storage.piece_length()) {
            width = 1; // such a file is one tree, only as wide as it needs
            while (width < leaves.size())
                width *= 2;
        }
        made.set_hash2(
            slice.file_index,
            lt::piece_index_t::diff_type(static_cast<int>(slice.offset / storage.piece_length())),
            tree_root(std::move(leaves), width));
    }

    void read_block(lt::file_index_t file, std::int64_t offset, std::size_t len)
    {
        if (job.is_cancelled)
            throw failure{ERR_CANCELLED, "cancelled"};
        if (storage.pad_file_at(file)) {
            std::fill_n(block.begin(), len, '\0');
            return;
        }
        if (open_index != file) {
            open_file.reset();
            open_file = std::make_unique<descriptor>(on_disk.at(storage.file_path(file)));
            open_index = file;
            posix_fadvise(open_file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        }
        read_fully(open_file->fd, block.data(), len, static_cast<std::uint64_t>(offset),
                   storage.file_path(file));
    }

    void progress(std::uint64_t done)
    {
        auto const now = std::chrono::steady_clock::now();
        lt_event event = {};

        if (now - told < std::chrono::milliseconds(PROGRESS_MS))
            return;
        told = now;
        event.alert.type = LT_HASH_PROGRESS;
        event.alert.job = job.id;
        event.alert.a = done;
        event.alert.b = static_cast<std::uint64_t>(storage.num_pieces());
        std::lock_guard<std::mutex> const lock(hashing.mutex);
        for (lt_event &waiting : hashing.inbox)
            if (waiting.alert.job == job.id) {
                waiting = std::move(event); // nobody looked at the last one
                return;
            }
        hashing.inbox.push_back(std::move(event));
        ltp_wake(session);
    }
};

// The whole life of a job's thread.
void run(lt_session const &session, lt_hashing &hashing, lt_hash_job const &job) noexcept
{
    lt_event event = {};
    struct error error = {};

    event.alert.type = LT_HASH_FAILED;
    event.alert.job = job.id;
    try {
        event.data = hasher(session, hashing, job).hash();
        event.alert.type = LT_HASH_DONE;
    } catch (failure const &e) {
        event.alert.code = e.code;
        ltp_copy(event.alert.text, sizeof(event.alert.text), e.text);
    } catch (fs::filesystem_error const &e) {
        event.alert.code = ERR_IO;
        ltp_copy(event.alert.text, sizeof(event.alert.text), e.what());
    } catch (...) {
        event.alert.code = ltp_caught(&error);
        ltp_copy(event.alert.text, sizeof(event.alert.text), error.text);
    }
    std::lock_guard<std::mutex> const lock(hashing.mutex);
    hashing.inbox.push_back(std::move(event));
    ltp_wake(session);
}

} // namespace

void ltp_hash_stop(lt_hashing &hashing) noexcept
{
    for (auto const &entry : hashing.jobs)
        entry.second->is_cancelled = true;
    for (auto const &entry : hashing.jobs)
        entry.second->thread.join();
    hashing.jobs.clear();
}

void ltp_hash_collect(lt_session &session)
{
    std::deque<lt_event> inbox;

    {
        std::lock_guard<std::mutex> const lock(session.hashing.mutex);
        inbox.swap(session.hashing.inbox);
    }
    for (lt_event &event : inbox) {
        if (event.alert.type != LT_HASH_PROGRESS) {
            auto const job = session.hashing.jobs.find(event.alert.job);
            job->second->thread.join(); // reporting was the last thing it did
            session.hashing.jobs.erase(job);
        }
        session.events.push_back(std::move(event));
    }
}

// Small pieces are ready sooner (first byte, seek), large ones keep the .torrent small: the
// smallest power of two from 64 KiB to 8 MiB that needs at most 2048 pieces.
uint32_t lt_piece_bytes(uint64_t total)
{
    uint32_t bytes = PIECE_MIN;

    while (bytes < PIECE_MAX && total > static_cast<std::uint64_t>(bytes) * PIECES_WANTED)
        bytes *= 2;
    return bytes;
}

// `failure` and other exceptions as an error.
template <typename Body> static enum err guarded(struct error *error, Body &&body) noexcept
{
    return ltp_guard(error, [&] {
        try {
            body();
        } catch (failure const &e) {
            return error_set(error, e.code, "%s", e.text.c_str());
        }
        return ERR_NONE;
    });
}

enum err lt_hash_piece(int fd, uint64_t position, size_t len, uint8_t hash_out[20],
                       struct error *error)
{
    return guarded(error, [&] {
        std::vector<char> piece(len);
        read_fully(fd, piece.data(), len, position, "the upload");
        lt::sha1_hash const hash = lt::hasher(piece.data(), static_cast<int>(piece.size())).final();
        std::memcpy(hash_out, hash.data(), 20);
    });
}

enum err lt_make_metainfo(const struct lt_single *single, uint8_t **data_out, size_t *len_out,
                          struct error *error)
{
    return guarded(error, [&] {
        std::vector<std::string> const trackers(single->trackers,
                                                single->trackers + single->tracker_count);
        lt::file_storage storage;
        storage.add_file(single->name, static_cast<std::int64_t>(single->size));
        lt::create_torrent made = begin_torrent(storage, false, trackers);
        for (lt::piece_index_t const piece : storage.piece_range()) {
            lt::sha1_hash hash = lt::sha1_hash::max(); // zero would be none
            if (single->hashes != nullptr)
                hash.assign(reinterpret_cast<char const *>(single->hashes) +
                            static_cast<std::ptrdiff_t>(static_cast<int>(piece)) * 20);
            made.set_hash(piece, hash);
        }
        std::vector<char> const metainfo = made.generate_buf();
        check_metainfo(metainfo, storage);
        *data_out = static_cast<uint8_t *>(std::malloc(metainfo.size()));
        if (*data_out == nullptr)
            throw std::bad_alloc();
        std::memcpy(*data_out, metainfo.data(), metainfo.size());
        *len_out = metainfo.size();
    });
}

enum err lt_hash_start(struct lt_session *session, const char *path, bool hybrid,
                       const char *const *trackers, size_t tracker_count, uint32_t *job_out,
                       struct error *error)
{
    return ltp_guard(error, [&] {
        lt_hashing &hashing = session->hashing;
        std::error_code missing;
        fs::path clean = fs::absolute(path).lexically_normal();

        if (!clean.has_filename()) // "/films/"
            clean = clean.parent_path();
        if (!fs::exists(clean, missing))
            return error_set(error, ERR_NOT_FOUND, "%s is not there", path);
        if (clean == clean.root_path())
            return error_set(error, ERR_INVALID, "the root folder cannot be shared");
        if (hashing.jobs.size() >= LT_HASH_JOBS_MAX)
            return error_set(error, ERR_BUSY, "%d files are being hashed already",
                             LT_HASH_JOBS_MAX);
        auto job = std::make_unique<lt_hash_job>();
        job->id = hashing.last_job + 1;
        job->path = clean.string();
        job->is_hybrid = hybrid;
        for (size_t i = 0; i < tracker_count && i < LT_TRACKERS_MAX; i++)
            job->trackers.emplace_back(trackers[i]);
        lt_hash_job &made = *job;
        hashing.jobs[made.id] = std::move(job);
        try {
            made.thread = std::thread([session, &hashing, &made] { run(*session, hashing, made); });
        } catch (std::system_error const &) {
            hashing.jobs.erase(made.id);
            return error_set(error, ERR_BUSY, "no thread is left for hashing");
        }
        *job_out = ++hashing.last_job;
        return ERR_NONE;
    });
}

void lt_hash_cancel(struct lt_session *session, uint32_t job)
{
    auto const found = session->hashing.jobs.find(job);
    if (found != session->hashing.jobs.end())
        found->second->is_cancelled = true;
}
