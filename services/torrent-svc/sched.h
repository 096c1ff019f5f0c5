/* SPDX-License-Identifier: MIT
 *
 * sched: which pieces of one torrent to fetch next, given who reads what.
 *
 * Pure: no libtorrent, no clock, no I/O. Callers report readers (leases), finished pieces and time;
 * sched answers with a plan: a priority per piece, whether picking is sequential, and a few
 * deadlines. torrent.c hands the plan to lt.h.
 *
 * The policy stands on measurements (docs/decisions/0002-piece-scheduler.md): libtorrent ignores
 * priorities 1..6 under sequential picking and takes priority-7 pieces in random order, so a window
 * is expressed by *filtering*: priority 0 before the lowest head, 4 from there on, sequential on,
 * and 7 only for the end of a window, where order matters less than that peers stay unchoked;
 * deadlines only for the first two pieces after a seek, and for readers the sequence does not
 * serve. sched.c keeps the books, sched_plan.c decides.
 */
#ifndef TORRENT_SCHED_H
#define TORRENT_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCHED_READERS_MAX = 64,   /* per torrent; one more is refused */
    SCHED_DEADLINES_MAX = 16, /* in one plan */
    SCHED_LEASE_MS = 10000,   /* a reader that is not renewed for this long is gone */
    SCHED_PROBE_BYTES =
        1 << 20, /* a range no longer than this does not move the head (players probe tails) */
    SCHED_WATCHDOG_MS = 5000, /* with readers present a plan is given again this often */
    SCHED_WANTED = 4,         /* the priority of what is wanted */
    SCHED_FIRST = 7,          /* and of what comes before that, in any order */
};

/* A real file inside the torrent, in torrent order (pad files are not listed but do occupy
 * offsets). */
struct sched_file {
    uint64_t offset; /* of its first byte inside the torrent */
    uint64_t size;   /* bytes */
    bool is_wanted; /* chosen by the user (so=, file selection); background fill only fetches wanted
                       files */
    bool is_first;  /* before the other wanted ones, while nobody reads */
    bool is_media;  /* head and tail are fetched early: mp4 may keep its index at the end */
};

struct sched_layout {
    uint32_t piece_count;
    uint32_t piece_bytes; /* length of all pieces but the last */
    uint64_t total_bytes; /* including pad files */
    size_t file_count;
    const struct sched_file *files; /* copied */
};

/* One open stream: somebody reads `file` at `position`. All offsets are bytes inside the file. */
struct sched_reader {
    uint64_t id;       /* chosen by the reader, unique in the torrent */
    uint32_t file;     /* index into sched_layout.files */
    uint64_t position; /* next byte it will consume; the file's size = it has read everything */
    uint64_t end;      /* one past the last byte it asked for; clamped to position..size */
    bool is_waiting;   /* blocked right now for the byte at `position` */
};

struct sched_deadline {
    uint32_t piece;
    uint32_t in_ms; /* 0 = at once */
};

/* What lt_apply() is told. Deadlines come again in each plan, all that stand. */
struct sched_plan {
    bool is_sequential;
    bool clears_deadlines;   /* earlier deadlines are void (a seek, or one that nobody can meet) */
    bool has_new_priorities; /* false: same as in the last plan, the costly call can be skipped */
    const uint8_t *priorities; /* piece_count entries of 0, SCHED_WANTED or SCHED_FIRST; owned by
                                  sched, valid until the next call. What it says of a ready piece
                                  means nothing */
    size_t deadline_count;
    struct sched_deadline
        deadlines[SCHED_DEADLINES_MAX]; /* missing pieces, in_ms strictly rising */
};

struct sched;

/* `have` is one byte per piece (0 or 1), NULL for none. Returns NULL when the layout makes no sense
 * (piece_count 0 or more than 2^24, total_bytes that do not fill that many pieces, files outside
 * total_bytes). */
struct sched *sched_new(const struct sched_layout *layout, const uint8_t *have);
void sched_free(struct sched **sched);

/* Adds or renews a reader. False: file or position out of range, or SCHED_READERS_MAX reached by a
 * new one. A position that runs ahead over missing pieces, or back, is a seek. */
bool sched_read(struct sched *sched, const struct sched_reader *reader, uint64_t now_ms);
/* The file's bitrate, from who knows what is in it; until then it is measured from how positions
 * move. The file must be one of the torrent. */
void sched_describe(struct sched *sched, uint32_t file, uint64_t bytes_per_s);
void sched_close(struct sched *sched, uint64_t reader_id); /* unknown id: nothing happens */

/* The piece must be one of the torrent. Telling what is known already changes nothing. */
void sched_piece_ready(struct sched *sched, uint32_t piece); /* on disk and verified */
void sched_piece_lost(struct sched *sched, uint32_t piece);  /* a recheck found it bad */

/* Whether to fetch what nobody reads (wanted files, rarest first). On by default. */
void sched_set_background(struct sched *sched, bool on);
/* A file out of range is ignored. */
void sched_set_wanted(struct sched *sched, uint32_t file, bool is_wanted, bool is_first);

/* True when there is a plan that differs from the last one returned, or SCHED_WATCHDOG_MS have gone
 * by with readers present (the watchdog re-applies everything). The first call always gives one.
 * Call after every change and about twice a second: leases and stuck readers depend on time. When
 * false, *plan_out is untouched. Allocates nothing; costs O(readers), plus one pass over the
 * pieces when priorities change. */
bool sched_plan(struct sched *sched, uint64_t now_ms, struct sched_plan *plan_out);

/* For people: buffered bytes ahead of each reader and the piece under its head. Writes at most
 * `cap`, returns how many readers there are. */
struct sched_view {
    uint64_t id;
    uint32_t file;
    uint64_t position;
    uint64_t buffered_bytes; /* contiguous ready bytes from position */
    uint64_t bytes_per_s;    /* known or measured, 0 when neither */
    uint32_t head_piece;     /* at the end of the file: its last piece */
    bool is_waiting;
};
size_t sched_readers(const struct sched *sched, struct sched_view *out, size_t cap);

/* Contiguous ready bytes of `file` from `position`; 0 when either is out of range. */
uint64_t sched_buffered(const struct sched *sched, uint32_t file, uint64_t position);

#endif
