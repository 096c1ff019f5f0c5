// SPDX-License-Identifier: MIT
//
// lt_error: libtorrent's and the system's errors as ours, and strangers' text made harmless.
#include "lt_private.hpp"

#include <cerrno>
#include <exception>
#include <new>

#include <libtorrent/bdecode.hpp>

namespace
{

enum err of_system(int value)
{
    switch (value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EADDRINUSE:
        return ERR_BUSY;
    case ENOMEM:
        return ERR_INTERNAL;
    case ECANCELED:
        return ERR_CANCELLED;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_IO;
    }
}

enum err of_libtorrent(int value)
{
    switch (value) {
    case lt::errors::invalid_torrent_handle:
        return ERR_NOT_FOUND;
    case lt::errors::duplicate_torrent:
        return ERR_EXISTS;
    case lt::errors::no_metadata:
        return ERR_UNAVAILABLE;
    case lt::errors::metadata_too_large:
    case lt::errors::too_many_pieces_in_torrent:
        return ERR_TOO_LARGE;
    case lt::errors::no_memory:
        return ERR_INTERNAL;
    default:
        return ERR_INVALID;
    }
}

} // namespace

enum err ltp_code(lt::error_code const &code)
{
    if (!code)
        return ERR_NONE;
    if (code.category() == boost::system::system_category() ||
        code.category() == boost::system::generic_category())
        return of_system(code.value());
    if (code.category() == lt::libtorrent_category())
        return of_libtorrent(code.value());
    if (code.category() == lt::bdecode_category())
        return code == lt::bdecode_errors::depth_exceeded ||
                       code == lt::bdecode_errors::limit_exceeded
                   ? ERR_TOO_LARGE
                   : ERR_INVALID;
    return ERR_IO;
}

enum err ltp_fail(struct error *error, lt::error_code const &code)
{
    return error_set(error, ltp_code(code), "%s", code.message().c_str());
}

enum err ltp_caught(struct error *error) noexcept
{
    try {
        throw;
    } catch (boost::system::system_error const &e) {
        return ltp_fail(error, e.code());
    } catch (std::bad_alloc const &) {
        return error_set(error, ERR_INTERNAL, "out of memory");
    } catch (std::exception const &e) {
        return error_set(error, ERR_INTERNAL, "%s", e.what());
    } catch (...) {
        return error_set(error, ERR_INTERNAL, "an unknown exception");
    }
}

void ltp_copy(char *out, std::size_t cap, std::string const &in)
{
    std::size_t len = in.size() < cap ? in.size() : cap - 1;
    if (len < in.size())
        while (len > 0 && (static_cast<unsigned char>(in[len]) & 0xc0) == 0x80)
            len--; // not in the middle of a character
    bool const is_utf8 = utf8_valid(bytes_of(in.data(), len));
    for (std::size_t i = 0; i < len; i++) {
        unsigned char const c = static_cast<unsigned char>(in[i]);
        out[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : in[i];
    }
    out[len] = '\0';
}
