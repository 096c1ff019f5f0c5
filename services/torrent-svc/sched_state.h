/* SPDX-License-Identifier: MIT
 *
 * sched_state: what sched.c writes down, and what sched_plan.c and sched_due.c make of it. Private
 * to the three.
 */
#ifndef TORRENT_SCHED_STATE_H
#define TORRENT_SCHED_STATE_H

#include "sched.h"

struct sched_span {
    uint32_t first, last; /* pieces, inclusive */
};

struct sched_book_file {
    struct sched_file is;
    struct sched_span span;    /* for an empty file: the piece its offset lies in */
    bool is_pinned;            /* head and tail had their early deadline */
    uint64_t told_bytes_per_s; /* sched_describe(); 0 none */
    uint64_t
        bytes_per_s; /* the same, or what was measured last; inherited by new readers; 0 none */
    uint64_t small_range_end; /* where the last small range ended: one that goes on there is play */
};

struct sched_book_reader {
    struct sched_reader says; /* the last report, `end` clamped */
    uint64_t renewed_ms;
    uint64_t asked_from;    /* position when this range was asked for */
    uint64_t waiting_ms;    /* since when it waits for the byte at position */
    bool is_continued;      /* small range, but the next of a chain: a player in disguise */
    bool has_jumped;        /* new, or moved by a seek, since the last plan */
    uint32_t scan_from;     /* no piece is missing between the head and this one */
    uint64_t measured_ms;   /* start of the running sample */
    uint64_t measured_move; /* bytes consumed since then */
    bool was_starved;       /* it waited within the running sample */
    uint64_t bytes_per_s;   /* given, else measured, else of its file, else 0 */
};

struct sched_due {
    uint32_t piece;
    bool is_pin; /* for nobody yet: void as soon as somebody reads */
    uint64_t due_ms;
};

/* Which pieces are wanted: the wanted files or none, and on top of them some spans. Two equal
 * shapes give equal priorities, so comparing shapes saves comparing arrays. */
struct sched_shape {
    bool has_background;
    uint32_t wanted_edition; /* counts changes of is_wanted; 0 without background */
    uint32_t first_count;    /* so many spans come before everything else, see widen() */
    uint32_t span_count;
    struct sched_span spans[2 * SCHED_READERS_MAX + SCHED_DEADLINES_MAX];
};

/* What stays wanted for a moment when nobody plays any more. */
struct sched_rest {
    struct sched_span window, all; /* what was played last, and its file */
    bool is_near;                  /* somebody plays: it begins when they leave */
    uint64_t until_ms;
};

struct sched {
    struct sched_layout layout; /* .files is NULL: see `files` */
    struct sched_book_file *files;
    uint8_t *have;       /* one byte per piece, 0 or 1 */
    uint8_t *priorities; /* of the last plan */

    size_t reader_count;
    struct sched_book_reader readers[SCHED_READERS_MAX];

    bool has_background;
    bool has_pins_due; /* some wanted media file may lack its early deadlines */
    uint32_t wanted_edition;
    bool is_dirty; /* something was reported since the last look */

    /* The last plan. */
    bool has_planned;
    bool is_sequential;
    bool wants_sequence; /* hysteresis of the buffer-aware switch */
    uint64_t focus_id;   /* a reader of the group that the sequence serves */
    uint64_t planned_ms, rescued_ms;
    struct sched_rest rest;
    bool is_resting;
    /* How fast the swarm is: pieces that came in the running second, and in the last one in which
     * any came (0: not known yet). */
    uint64_t second_ms; /* when it began */
    uint32_t came, came_before;
    struct sched_shape shape;
    size_t due_count; /* deadlines that stand; libtorrent knows no others */
    struct sched_due dues[SCHED_DEADLINES_MAX]; /* soonest first */
    uint64_t due_met_ms; /* when one was met last, or the table became full */
};

/* How much a reader has ahead of it. In seconds of media when the bitrate is known. */
enum sched_comfort { COMFORT_HUNGRY, COMFORT_POOR, COMFORT_FAIR, COMFORT_RICH };

enum sched_role {
    ROLE_DONE,  /* nothing is missing from its head to the end of the file */
    ROLE_PROBE, /* only its own range */
    ROLE_TAIL,  /* only what it runs out of */
    ROLE_PLAYS,
};

struct sched_look {
    struct sched_book_reader *reader;
    const struct sched_book_file *file;
    uint32_t head;    /* piece under its position */
    uint32_t missing; /* first missing one from head on */
    uint64_t buffered_bytes;
    uint64_t dry_ms; /* when it will have to wait; in the past when it does */
    enum sched_comfort comfort;
    enum sched_role role;
};

struct sched_group {
    size_t first, count; /* into thought.playing */
    enum sched_comfort comfort;
};

/* Everything that one call of sched_plan() works out; on the stack. */
struct sched_thought {
    struct sched *sched;
    uint64_t now_ms;
    size_t look_count;
    struct sched_look looks[SCHED_READERS_MAX];
    size_t playing_count;
    const struct sched_look *playing[SCHED_READERS_MAX]; /* by file and position */
    size_t group_count;
    struct sched_group groups[SCHED_READERS_MAX];
    const struct sched_group *focus; /* NULL when there is no sequence */
    struct sched_shape shape;
    size_t want_count;
    struct sched_due wants[SCHED_DEADLINES_MAX]; /* soonest first, each piece once */
    bool is_sequential, is_resting, is_seek, clears, has_new_dues;
};

/* First missing piece in from..last, last + 1 when there is none. */
uint32_t sched_next_missing(const struct sched *sched, uint32_t from, uint32_t last);
/* The piece under `position`; for position == size the last of the file. */
uint32_t sched_piece_at(const struct sched *sched, const struct sched_book_file *file,
                        uint64_t position);
/* Bytes from `position` to the start of piece `missing`, or to the end of the file. */
uint64_t sched_ready_bytes(const struct sched *sched, const struct sched_book_file *file,
                           uint64_t position, uint32_t missing);
/* A small range that does not go on where another ended: looking, not playing. */
bool sched_is_probe(const struct sched_book_reader *reader);
/* Readers whose lease has run out are forgotten. */
void sched_expire(struct sched *sched, uint64_t now_ms);
/* Whether priorities of this shape fetch the piece. */
bool sched_shape_wants(const struct sched *sched, const struct sched_shape *shape, uint32_t piece);
/* The reader's next missing piece is the one that the sequence fetches anyway. */
bool sched_is_in_sequence(const struct sched_thought *thought, const struct sched_look *look);

/* sched_due.c: works out the deadlines once looks, groups and windows are known; adds to the shape
 * the pieces that only a deadline wants. */
void sched_settle_dues(struct sched_thought *thought);
/* Time alone calls for a change of deadlines. */
bool sched_is_due_overdue(const struct sched *sched, uint64_t now_ms);

#endif
