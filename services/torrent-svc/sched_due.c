/* SPDX-License-Identifier: MIT
 *
 * sched_due: which pieces have a deadline. The table in struct sched mirrors what libtorrent holds:
 * a deadline enters when somebody needs it and leaves when it is met, when its piece is no longer
 * wanted at all, or when everything is cleared. Why deadlines are few is told in sched_plan.c.
 */
#include "sched_state.h"

#include <string.h>

#include "base/must.h"

enum {
    PROBE_PIECES = 8, /* deadlines of one probe at a time */
    NEXT_PIECES = 2,  /* deadlines of one hungry reader at a time */
    NEXT_MS = 50,     /* between the two */
    STUCK_MS = 1000,
    HOPELESS_MS = 10000, /* a full table of which none is met for this long is jammed */
    LET_GO_MS = 15000,   /* overdue by this much and nobody comes to it next: given up */
};

static struct sched_due *find_due(struct sched_due *dues, size_t count, uint32_t piece)
{
    for (size_t i = 0; i < count; i++)
        if (dues[i].piece == piece)
            return &dues[i];
    return NULL;
}

/* Keeps the soonest SCHED_DEADLINES_MAX, each piece at its soonest. */
static void want(struct sched_thought *thought, uint32_t piece, uint64_t due_ms)
{
    size_t k = 0;

    for (; k < thought->want_count && thought->wants[k].piece != piece; k++)
        ;
    if (k < thought->want_count) {
        if (thought->wants[k].due_ms <= due_ms)
            return;
    } else if (thought->want_count < SCHED_DEADLINES_MAX) {
        thought->want_count++;
    } else if (thought->wants[--k].due_ms <= due_ms) {
        return;
    }
    for (; k > 0 && thought->wants[k - 1].due_ms > due_ms; k--)
        thought->wants[k] = thought->wants[k - 1];
    thought->wants[k] = (struct sched_due){.piece = piece, .due_ms = due_ms};
}

/* The next missing pieces of a reader up to `last`. */
static void want_next(struct sched_thought *thought, const struct sched_look *look, uint32_t last,
                      int count, uint64_t due_ms)
{
    uint32_t piece = look->missing;

    for (; count > 0 && piece <= last; count--) {
        want(thought, piece, due_ms);
        due_ms += NEXT_MS;
        piece = sched_next_missing(thought->sched, piece + 1, last);
    }
}

static void want_for_player(struct sched_thought *thought, const struct sched_look *look)
{
    want_next(thought, look, look->file->span.last, NEXT_PIECES, look->dry_ms);
}

/* A probe is not paced by the bitrate: whoever looks into a file wants to see it now. */
static void want_for_probe(struct sched_thought *thought, const struct sched_look *look)
{
    const struct sched_reader *says = &look->reader->says;

    if (says->end > says->position)
        want_next(thought, look, sched_piece_at(thought->sched, look->file, says->end - 1),
                  PROBE_PIECES, MIN(look->dry_ms, thought->now_ms));
}

/* The deadlines that readers need now. A seek voids all others: libtorrent cancels the requests
 * that stand in the way only when the first deadline comes after none. */
static void collect_wants(struct sched_thought *thought)
{
    bool has_rivals = false; /* of the sequence */

    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];
        bool is_sought = look->reader->has_jumped && look->missing == look->head;

        look->reader->has_jumped = false;
        if (look->role == ROLE_DONE)
            continue;
        /* A probe clears only where nobody plays. */
        thought->is_seek |= is_sought && (look->role == ROLE_PLAYS || thought->playing_count == 0);
        if (look->role == ROLE_PROBE)
            want_for_probe(thought, look);
        else if (is_sought ||
                 (look->comfort == COMFORT_HUNGRY && !sched_is_in_sequence(thought, look)))
            want_for_player(thought, look);
        has_rivals |= thought->want_count > 0 && !sched_is_in_sequence(thought, look);
    }
    for (size_t i = 0; has_rivals && i < thought->playing_count; i++) {
        const struct sched_look *look = thought->playing[i];

        if (look->comfort == COMFORT_HUNGRY && sched_is_in_sequence(thought, look))
            want_for_player(thought, look);
    }
}

/* The index of a film is at its head (mp4 for the web, mkv) or its tail (other mp4, mkv cues): a
 * player asks for both before anything else. Once per file, while nobody reads; as many files as
 * one plan holds, for a thousand songs must not become a thousand deadlines. */
static void collect_pins(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    if (!sched->has_pins_due || sched->reader_count > 0 || thought->is_resting ||
        !sched->has_background)
        return;
    sched->has_pins_due = false;
    for (size_t i = 0; i < sched->layout.file_count; i++) {
        struct sched_book_file *file = &sched->files[i];

        if (file->is_pinned || !file->is.is_wanted || !file->is.is_media || file->is.size == 0)
            continue;
        file->is_pinned = true;
        if (!sched->have[file->span.first])
            want(thought, file->span.first, thought->now_ms);
        if (!sched->have[file->span.last])
            want(thought, file->span.last, thought->now_ms + NEXT_MS);
    }
}

static bool is_stuck(const struct sched_book_reader *reader, uint64_t now_ms)
{
    return reader->says.is_waiting && now_ms > reader->waiting_ms + STUCK_MS;
}

static bool may_rescue(const struct sched *sched, uint64_t now_ms)
{
    return sched->rescued_ms == 0 || now_ms >= sched->rescued_ms + STUCK_MS;
}

/* A deadline set again makes libtorrent ask a second, faster peer for what is late. */
static void collect_rescues(struct sched_thought *thought)
{
    if (!may_rescue(thought->sched, thought->now_ms))
        return;
    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];

        if (look->role == ROLE_DONE || look->missing != look->head ||
            !is_stuck(look->reader, thought->now_ms))
            continue;
        want(thought, look->head, look->dry_ms);
        thought->sched->rescued_ms = thought->now_ms;
        thought->has_new_dues = true;
    }
}

/* Whether some reader still heads for this piece. */
static bool lies_ahead(const struct sched_thought *thought, uint32_t piece)
{
    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];

        if (look->role != ROLE_DONE && look->head <= piece && piece <= look->file->span.last)
            return true;
    }
    return false;
}

/* Whether a hungry reader comes to this piece next. */
static bool is_needed_next(const struct sched_thought *thought, uint32_t piece)
{
    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];

        if (look->role != ROLE_DONE && look->comfort == COMFORT_HUNGRY && look->missing <= piece &&
            piece - look->missing < NEXT_PIECES)
            return true;
    }
    return false;
}

/* Drops the deadlines that are met or have lost their meaning. libtorrent drops those whose
 * priority becomes 0 by itself; the others stand until they are cleared. */
static void review_dues(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;
    size_t kept = 0;

    if (thought->is_seek) {
        sched->due_count = 0;
        thought->clears = true;
        return;
    }
    for (size_t i = 0; i < sched->due_count; i++) {
        struct sched_due due = sched->dues[i];

        if (sched->have[due.piece]) {
            sched->due_met_ms = thought->now_ms;
            continue;
        }
        if (!find_due(thought->wants, thought->want_count, due.piece)) {
            if (due.is_pin && sched->reader_count > 0) {
                thought->clears = true;
                continue;
            }
            if (thought->now_ms > due.due_ms + LET_GO_MS && !is_needed_next(thought, due.piece)) {
                thought->clears = true;
                continue;
            }
            if (!lies_ahead(thought, due.piece) &&
                !sched_shape_wants(sched, &thought->shape, due.piece))
                continue;
        }
        sched->dues[kept++] = due;
    }
    sched->due_count = kept;
}

static void sort_dues(struct sched *sched)
{
    for (size_t i = 1; i < sched->due_count; i++) {
        struct sched_due due = sched->dues[i];
        size_t k = i;

        for (; k > 0 && sched->dues[k - 1].due_ms > due.due_ms; k--)
            sched->dues[k] = sched->dues[k - 1];
        sched->dues[k] = due;
    }
}

static bool is_jammed(const struct sched *sched, uint64_t now_ms)
{
    return sched->due_count == SCHED_DEADLINES_MAX && now_ms > sched->due_met_ms + HOPELESS_MS;
}

/* New deadlines wait while the table is full. When it stays full because none is met, those overdue
 * leave it and whoever waits for them goes to the end of the queue. */
static void unjam(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;
    size_t kept = 0;

    if (!is_jammed(sched, thought->now_ms))
        return;
    for (size_t i = 0; i < sched->due_count; i++) {
        if (thought->now_ms <= sched->dues[i].due_ms) {
            sched->dues[kept++] = sched->dues[i];
            continue;
        }
        for (size_t k = 0; k < thought->look_count; k++) {
            struct sched_look *look = &thought->looks[k];

            if (look->missing == sched->dues[i].piece && look->dry_ms <= thought->now_ms)
                look->dry_ms = look->reader->waiting_ms = thought->now_ms;
        }
    }
    sched->due_count = kept;
    sched->due_met_ms = thought->now_ms;
    thought->clears = true;
}

static void enter_wants(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    for (size_t i = 0; i < thought->want_count; i++) {
        uint64_t due_ms = MAX(thought->wants[i].due_ms, thought->now_ms);
        struct sched_due *known = find_due(sched->dues, sched->due_count, thought->wants[i].piece);

        if (known) {
            known->is_pin = sched->reader_count == 0;
            known->due_ms = known->is_pin ? due_ms : MIN(known->due_ms, due_ms);
        } else if (sched->due_count < SCHED_DEADLINES_MAX) {
            if (sched->due_count == SCHED_DEADLINES_MAX - 1)
                sched->due_met_ms = thought->now_ms; /* full from now on */
            sched->dues[sched->due_count++] = (struct sched_due){.piece = thought->wants[i].piece,
                                                                 .is_pin = sched->reader_count == 0,
                                                                 .due_ms = due_ms};
            thought->has_new_dues = true;
        }
    }
    sort_dues(sched);
}

void sched_settle_dues(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    unjam(thought);
    collect_wants(thought);
    collect_pins(thought);
    collect_rescues(thought);
    review_dues(thought);
    enter_wants(thought);
    for (size_t i = 0; i < sched->due_count; i++) {
        uint32_t piece = sched->dues[i].piece;

        if (!sched_shape_wants(sched, &thought->shape, piece))
            thought->shape.spans[thought->shape.span_count++] = (struct sched_span){piece, piece};
    }
}

bool sched_is_due_overdue(const struct sched *sched, uint64_t now_ms)
{
    for (size_t i = 0; i < sched->reader_count; i++)
        if (is_stuck(&sched->readers[i], now_ms) && may_rescue(sched, now_ms))
            return true;
    return is_jammed(sched, now_ms) ||
           (sched->due_count > 0 && now_ms > sched->dues[0].due_ms + LET_GO_MS);
}
