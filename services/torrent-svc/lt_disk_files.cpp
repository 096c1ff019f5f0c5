// SPDX-License-Identifier: MIT
//
// lt_disk_files: LT_DISK_DIRECT between two downloads: what is there, rename, move, delete.
#include "lt_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <libtorrent/session_handle.hpp>
#include <libtorrent/torrent_flags.hpp>

namespace fs = std::filesystem;

namespace
{

lt::file_index_t const NO_FILE(-1);

void fail(lt::storage_error &error, int value, lt::file_index_t file, lt::operation_t what)
{
    error.ec.assign(value, boost::system::generic_category());
    error.file(file);
    error.operation = what;
}

bool exists(std::string const &path)
{
    struct stat st;

    return ::lstat(path.c_str(), &st) == 0;
}

// All folders inside a torrent that lead to its files, relative to the save path.
std::set<std::string> folders_of(lt::file_storage const &files)
{
    std::set<std::string> folders;

    for (lt::file_index_t const i : files.file_range()) {
        if (files.file_absolute_path(i))
            continue;
        fs::path folder = fs::path(files.file_path(i)).parent_path();
        while (!folder.empty() && folders.insert(folder.string()).second)
            folder = folder.parent_path();
    }
    return folders;
}

// Renames, or copies to another file system; is_copy_out: the source is still there.
int move_file(std::string const &from, std::string const &to, bool &is_copy_out)
{
    std::error_code code;

    is_copy_out = false;
    int const failed = ltp_make_parents(to);
    if (failed != 0)
        return failed;
    if (::rename(from.c_str(), to.c_str()) == 0)
        return 0;
    if (errno != EXDEV)
        return errno;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, code);
    if (code)
        return code.value();
    is_copy_out = true;
    return 0;
}

} // namespace

int ltp_make_parents(std::string const &path)
{
    std::error_code code;

    fs::create_directories(fs::path(path).parent_path(), code);
    return code.value();
}

// -1 when there is no such file; any other trouble is an error.
std::int64_t lt_store::size_on_disk(lt::file_index_t file, lt::storage_error &error) const
{
    struct stat st;

    if (::stat(path_of(file).c_str(), &st) == 0)
        return st.st_size;
    if (errno != ENOENT)
        fail(error, errno, file, lt::operation_t::file_stat);
    return -1;
}

// Looks at all files; makes the empty ones, which no block will ever make. False on an error.
bool lt_store::prepare(lt::storage_error &error, bool &is_oversized, bool &has_any)
{
    lt::file_storage const &all = files();

    is_oversized = has_any = false;
    for (lt::file_index_t const i : all.file_range()) {
        // Links are refused by ltp_check_info(); one that comes this far must not be made.
        if (all.pad_file_at(i) || (all.file_flags(i) & lt::file_storage::flag_symlink))
            continue;
        std::int64_t const size = size_on_disk(i, error);
        if (error)
            return false;
        is_oversized = is_oversized || size > all.file_size(i);
        has_any = has_any || size > 0;
        if (all.file_size(i) > 0 || size >= 0)
            continue;
        if (open(i, true, error) < 0)
            return false;
        descriptors_.close_file(*this, i);
    }
    return true;
}

// Is each file as long as the pieces make it that are said to be there?
bool lt_store::verify(lt::add_torrent_params const &resume, lt::storage_error &error) const
{
    lt::file_storage const &all = files();
    auto const piece_bytes = static_cast<std::int64_t>(all.piece_length());
    bool const is_seed = bool(resume.flags & lt::torrent_flags::seed_mode);

    for (lt::file_index_t const i : all.file_range()) {
        std::int64_t const begin = all.file_offset(i);
        std::int64_t const size = all.file_size(i);
        if (all.pad_file_at(i) || size == 0)
            continue;
        std::int64_t needed = is_seed ? size : 0;
        std::int64_t const first = begin / piece_bytes;
        std::int64_t piece =
            std::min<std::int64_t>((begin + size - 1) / piece_bytes, resume.have_pieces.size() - 1);
        for (; needed == 0 && piece >= first; piece--)
            if (resume.have_pieces.get_bit(lt::piece_index_t(static_cast<int>(piece))))
                needed = std::min(size, (piece + 1) * piece_bytes - begin);
        if (needed == 0)
            continue;
        std::int64_t const there = size_on_disk(i, error);
        if (error)
            return false;
        if (there < needed) {
            error.ec = lt::errors::mismatching_file_size;
            error.file(i);
            error.operation = lt::operation_t::check_resume;
            return false;
        }
    }
    return true;
}

lt::status_t lt_store::check(lt::add_torrent_params const *resume, bool trusts_incomplete,
                             lt::storage_error &error)
{
    bool is_oversized, has_any;

    release(); // what is on disk counts, not what we remember of it
    if (!prepare(error, is_oversized, has_any))
        return lt::status_t::fatal_disk_error;
    lt::status_t const flag = is_oversized ? lt::status_t::oversized_file : lt::status_t{};
    bool const knows = resume != nullptr && (!resume->have_pieces.empty() ||
                                             (resume->flags & lt::torrent_flags::seed_mode));
    bool const is_right = knows ? verify(*resume, error) : !has_any;
    if (is_right || trusts_incomplete)
        return lt::status_t::no_error | flag;
    return lt::status_t::need_full_check | flag;
}

void lt_store::rename(lt::file_index_t file, std::string const &name, lt::storage_error &error)
{
    if (file < lt::file_index_t(0) || file >= files().end_file())
        return;
    std::string const from = path_of(file);
    std::string const to = (fs::path(path_) / name).string(); // `name` itself when it is absolute
    descriptors_.close_file(*this, file);
    if (exists(from)) {
        int failed = ltp_make_parents(to);
        if (failed == 0 && ::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
            failed = errno;
        if (failed != 0)
            return fail(error, failed, file, lt::operation_t::file_rename);
    }
    if (!renamed_)
        renamed_ = std::make_unique<lt::file_storage>(original_);
    renamed_->rename_file(file, name);
}

// All files or none, as far as that can be had.
lt::status_t lt_store::move(std::string const &to, lt::move_flags_t flags, lt::storage_error &error)
{
    lt::file_storage const &all = files();
    std::error_code code;
    std::string const target = fs::absolute(to, code).lexically_normal().string();
    std::vector<std::pair<std::string, std::string>> moved;
    std::vector<std::string> copied;
    lt::status_t status = lt::status_t::no_error;

    release();
    for (lt::file_index_t const i : all.file_range())
        if (flags == lt::move_flags_t::fail_if_exist && !all.file_absolute_path(i) &&
            exists(all.file_path(i, target))) {
            fail(error, EEXIST, i, lt::operation_t::file_stat);
            return lt::status_t::file_exist;
        }
    fs::create_directories(target, code);
    if (code) {
        fail(error, code.value(), NO_FILE, lt::operation_t::mkdir);
        return lt::status_t::fatal_disk_error;
    }
    for (lt::file_index_t const i : all.file_range()) {
        std::string const from = path_of(i);
        std::string const into = all.file_path(i, target);
        bool is_copy = false;

        if (all.file_absolute_path(i) || all.pad_file_at(i) || !exists(from))
            continue;
        if (flags == lt::move_flags_t::dont_replace && exists(into)) {
            status = lt::status_t::need_full_check;
            continue;
        }
        int const failed = move_file(from, into, is_copy);
        if (failed != 0) {
            for (auto pair = moved.rbegin(); pair != moved.rend(); ++pair)
                move_file(pair->second, pair->first, is_copy);
            fail(error, failed, i, lt::operation_t::file_rename);
            return lt::status_t::fatal_disk_error;
        }
        if (is_copy)
            copied.push_back(from);
        else
            moved.emplace_back(from, into);
    }
    for (std::string const &from : copied)
        ::unlink(from.c_str());
    std::set<std::string> const folders = folders_of(all);
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
        ::rmdir((fs::path(path_) / *folder).c_str()); // stays when there is anything in it
    path_ = target;
    return status;
}

void lt_store::remove(lt::remove_flags_t options, lt::storage_error &error)
{
    lt::file_storage const &all = files();

    release();
    if (!(options & lt::session_handle::delete_files))
        return; // there is no part file
    for (lt::file_index_t const i : all.file_range())
        if (::remove(path_of(i).c_str()) != 0 && errno != ENOENT)
            fail(error, errno, i, lt::operation_t::file_remove);
    std::set<std::string> const folders = folders_of(all);
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) // the deepest first
        if (::rmdir((fs::path(path_) / *folder).c_str()) != 0 && errno != ENOENT && !error)
            fail(error, errno, NO_FILE, lt::operation_t::file_remove);
}
