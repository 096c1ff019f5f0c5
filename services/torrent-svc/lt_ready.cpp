// SPDX-License-Identifier: MIT
//
// lt_ready: when may another process pread a piece? Every byte it reads must be right, always.
//
// POSIX and DIRECT back ends: blocks are written before their completion is reported and before
// their piece is hashed, so a piece that passed is readable.
//
// MMAP back end: pieces are hashed from the queue of writes, so that "passed" may come while blocks
// are not in the file yet. There a piece is ready when it passed *and* each of its blocks was
// reported written. Where the block reports cannot be trusted (the piece failed once, reports were
// lost, or some never come) a flush decides: libtorrent runs it after all writes queued before, so
// what had passed when it was asked for is in the file when it is done.
//
//      unchecked --torrent_checked--> checked --(flush, MMAP only)--> told (LT_CHECKED)
//          ^                             |                               |
//          +------- ltp_ready_reset -----+---------- lt_recheck ---------+
//
// LT_PIECE_READY is only sent when told; what happens before is in `have` by then.
#include "lt_private.hpp"

#include <libtorrent/torrent_status.hpp>

namespace
{

// Of lt_post_updates(), about once a second.
enum {
    WAIT_ROUNDS = 2,  // until a flush settles a piece that passed
    FLUSH_ROUNDS = 10 // until the end of a flush is thought to be lost
};

void tell(lt_session &session, lt_torrent &torrent)
{
    torrent.ready.is_told = true;
    ltp_push(session, LT_CHECKED, torrent.id);
}

void set_ready(lt_session &session, lt_torrent &torrent, uint32_t piece)
{
    lt_ready &ready = torrent.ready;

    if (piece >= ready.have.size() || ready.have[piece] != 0)
        return;
    ready.have[piece] = 1;
    if (ready.is_told)
        ltp_push(session, LT_PIECE_READY, torrent.id).alert.piece = piece;
}

// Blocks that come from peers: those made of padding alone are never written.
uint32_t blocks_of(lt_torrent const &torrent, uint32_t piece)
{
    lt::file_storage const &files = torrent.info->files();
    lt::piece_index_t const index(static_cast<int>(piece));
    std::int64_t bytes = files.piece_size(index);

    if (torrent.has_pad_files) {
        std::vector<lt::file_slice> const slices =
            files.map_block(index, 0, static_cast<int>(bytes));
        for (auto i = slices.rbegin(); i != slices.rend() && files.pad_file_at(i->file_index); i++)
            bytes -= i->size;
    }
    return static_cast<uint32_t>((bytes + LT_BLOCK_BYTES - 1) / LT_BLOCK_BYTES);
}

lt_writing &writing_of(lt_torrent &torrent, uint32_t piece)
{
    auto const found = torrent.ready.writing.find(piece);
    if (found != torrent.ready.writing.end())
        return found->second;
    lt_writing &made = torrent.ready.writing[piece];
    made.missing = blocks_of(torrent, piece);
    made.is_written.assign(made.missing, false);
    made.has_passed = made.is_doubtful = false;
    made.waited = 0;
    return made;
}

std::vector<uint8_t> passed_now(lt_torrent const &torrent)
{
    lt::torrent_status const status = torrent.handle.status(lt::torrent_handle::query_pieces);
    std::vector<uint8_t> passed(torrent.ready.have.size(), 0);

    for (std::size_t i = 0; i < passed.size() && i < static_cast<std::size_t>(status.pieces.size());
         i++)
        passed[i] = status.pieces[lt::piece_index_t(static_cast<int>(i))] ? 1 : 0;
    return passed;
}

void flush(lt_torrent &torrent)
{
    lt_ready &ready = torrent.ready;

    if (ready.is_flushing) {
        ready.wants_flush = true;
        return;
    }
    ready.is_flushing = true;
    ready.wants_flush = false;
    ready.flush_rounds = 0;
    ready.passed = passed_now(torrent);
    torrent.handle.flush_cache();
}

} // namespace

void ltp_ready_reset(lt_torrent &torrent)
{
    lt_ready &ready = torrent.ready;

    ready.is_checked = ready.is_told = false;
    ready.have.assign(ready.have.size(), 0);
    ready.writing.clear();
    ready.passed.clear(); // a flush under way finds nothing to add
    ready.wants_flush = false;
}

void ltp_ready_checked(lt_session &session, lt_torrent &torrent)
{
    if (!torrent.info || !torrent.refusal.empty())
        return;
    ltp_ready_reset(torrent);
    torrent.ready.is_checked = true;
    if (session.disk != LT_DISK_MMAP) {
        torrent.ready.have = passed_now(torrent);
        tell(session, torrent);
        return;
    }
    flush(torrent);
}

void ltp_ready_passed(lt_session &session, lt_torrent &torrent, uint32_t piece)
{
    if (!torrent.ready.is_checked || piece >= torrent.ready.have.size())
        return; // found by the check: LT_CHECKED tells
    if (session.disk != LT_DISK_MMAP) {
        set_ready(session, torrent, piece);
        return;
    }
    lt_writing &writing = writing_of(torrent, piece);
    writing.has_passed = true;
    if (writing.is_doubtful) {
        flush(torrent);
    } else if (writing.missing == 0) {
        torrent.ready.writing.erase(piece);
        set_ready(session, torrent, piece);
    }
}

void ltp_ready_failed(lt_session &session, lt_torrent &torrent, uint32_t piece)
{
    if (session.disk != LT_DISK_MMAP || !torrent.ready.is_checked ||
        piece >= torrent.ready.have.size())
        return;
    lt_writing &writing = writing_of(torrent, piece);
    writing.is_doubtful = true; // some blocks will be fetched again, we do not know which
    writing.has_passed = false;
}

void ltp_ready_written(lt_session &session, lt_torrent &torrent, uint32_t piece, uint32_t block)
{
    if (session.disk != LT_DISK_MMAP || !torrent.ready.is_checked ||
        piece >= torrent.ready.have.size() || torrent.ready.have[piece] != 0)
        return;
    lt_writing &writing = writing_of(torrent, piece);
    if (block >= writing.is_written.size() || writing.is_written[block])
        return;
    writing.is_written[block] = true;
    writing.missing--;
    if (writing.missing == 0 && writing.has_passed && !writing.is_doubtful) {
        torrent.ready.writing.erase(piece);
        set_ready(session, torrent, piece);
    }
}

void ltp_ready_flushed(lt_session &session, lt_torrent &torrent)
{
    lt_ready &ready = torrent.ready;

    if (ready.foreign_flushes > 0) {
        ready.foreign_flushes--;
        return;
    }
    if (!ready.is_flushing)
        return;
    ready.is_flushing = false;
    std::vector<uint8_t> const passed = std::move(ready.passed);
    ready.passed.clear();
    for (uint32_t i = 0; i < passed.size(); i++) {
        if (passed[i] == 0)
            continue;
        ready.writing.erase(i);
        set_ready(session, torrent, i);
    }
    if (!ready.is_checked)
        return;
    if (!ready.is_told && !passed.empty())
        tell(session, torrent);
    if (ready.wants_flush || !ready.is_told)
        flush(torrent);
}

void ltp_ready_lost(lt_session &session, lt_torrent &torrent, bool lost_a_finish)
{
    lt_ready &ready = torrent.ready;

    if (!torrent.info || !torrent.refusal.empty())
        return;
    // The lost alerts may include the end of a check: start over from the status. They may include
    // the end of a flush or not: counting it as foreign errs towards waiting, and the tick ends it.
    lt::torrent_status const status = torrent.handle.status({});
    bool const is_checking = status.state == lt::torrent_status::checking_files ||
                             status.state == lt::torrent_status::checking_resume_data;
    if (ready.is_flushing)
        ready.foreign_flushes++;
    if (lost_a_finish)
        ready.foreign_flushes++;
    ready.is_flushing = false;
    if (is_checking)
        ltp_ready_reset(torrent);
    else
        ltp_ready_checked(session, torrent);
}

void ltp_ready_tick(lt_session &session, lt_torrent &torrent)
{
    lt_ready &ready = torrent.ready;
    bool is_late = false;

    if (session.disk != LT_DISK_MMAP || torrent.is_removing || !ready.is_checked)
        return;
    if (ready.is_flushing && ++ready.flush_rounds >= FLUSH_ROUNDS) {
        ready.is_flushing = false; // its alert was lost, or taken for a foreign one
        ready.foreign_flushes = 0;
        is_late = true;
    }
    for (auto &entry : ready.writing)
        if (entry.second.has_passed && ++entry.second.waited >= WAIT_ROUNDS)
            is_late = true;
    if (is_late)
        flush(torrent);
}
