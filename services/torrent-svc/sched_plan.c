/* SPDX-License-Identifier: MIT
 *
 * sched_plan: the policy. libtorrent serves pieces with a deadline first; then, when sequential,
 * strictly the lowest index whose priority is not 0, else the rarest. From these three we build
 * what follows.
 *
 * The sequence. One group of readers (heads within 64 MiB of the lowest) is in focus: nothing
 * before its head is wanted, so the picker goes in order from there. What other readers want at
 * higher indexes may stay wanted, it comes last anyway; what lies lower may not, the sequence would
 * go there first.
 *
 * Deadlines. Every other hungry reader gets its next two missing pieces by deadline, ordered by
 * when it runs dry. Only while hungry: any deadline makes libtorrent keep one ordinary request per
 * peer, and a reader that always had some would starve the focus. When others have deadlines a
 * hungry focus gets them too, to compete fairly.
 *
 * The focus moves when its group is rich, to the hungriest group. When all groups are rich the
 * sequence ends: rarest first is better for the swarm, until one is poor again.
 *
 * A probe (small range) has deadlines and no say in anything else; nor has a reader in the tail of
 * a media file that somebody plays from before it.
 */
#include "sched.h"

#include <string.h>

#include "base/must.h"
#include "sched_state.h"

enum {
    SHARE_BYTES = 64 << 20,        /* heads no further apart than this share a window */
    TAIL_BYTES = 16 << 20,         /* the tail of a media file: this much or 1 %, the larger */
    UNKNOWN_BYTES_PER_S = 1 << 20, /* to tell time from bytes while the bitrate is unknown */
    LOW_BYTES = 1 << 20,           /* wanted and missing: with less the windows are widened */
    LOW_PIECES = 2,                /* or with less than this */
    LOW_BYTES_MAX = 8 << 20,       /* or, up to here, with less than comes within two seconds */
    REST_MS = 3000,                /* so long a player may be away and come back elsewhere */
    REST_BYTES = 16 << 20,         /* fetched meanwhile, where only readers fetch anything */
};

static const struct {
    uint64_t seconds, bytes; /* less than this is not yet the next comfort; seconds if known */
    uint32_t pieces;         /* and so is less than this: what is late comes by whole pieces */
} comfort_limits[COMFORT_RICH] = {
    [COMFORT_HUNGRY] = {10, 8 << 20, 1},
    [COMFORT_POOR] = {20, 20 << 20, 3},
    [COMFORT_FAIR] = {60, 64 << 20, 6},
};

static enum sched_comfort comfort_of(uint64_t buffered_bytes, uint64_t bytes_per_s,
                                     uint32_t piece_bytes)
{
    for (enum sched_comfort comfort = COMFORT_HUNGRY; comfort < COMFORT_RICH; comfort++) {
        uint64_t limit = bytes_per_s ? comfort_limits[comfort].seconds * bytes_per_s
                                     : comfort_limits[comfort].bytes;

        if (buffered_bytes < MAX(limit, (uint64_t)comfort_limits[comfort].pieces * piece_bytes))
            return comfort;
    }
    return COMFORT_RICH;
}

static uint64_t lasts_ms(uint64_t bytes, uint64_t bytes_per_s)
{
    uint64_t rate = bytes_per_s ? bytes_per_s : UNKNOWN_BYTES_PER_S;

    /* Nothing that lasts an hour is urgent, and this way nothing overflows. */
    return bytes / rate >= 3600 ? 3600000 : bytes * 1000 / rate;
}

static struct sched_look look_at(struct sched *sched, struct sched_book_reader *reader,
                                 uint64_t now_ms)
{
    const struct sched_book_file *file = &sched->files[reader->says.file];
    uint64_t position = reader->says.position;
    struct sched_look look = {.reader = reader, .file = file};

    look.head = sched_piece_at(sched, file, position);
    reader->scan_from = MAX(reader->scan_from, look.head);
    look.missing = position < file->is.size
                       ? sched_next_missing(sched, reader->scan_from, file->span.last)
                       : file->span.last + 1;
    reader->scan_from = look.missing;
    look.buffered_bytes = sched_ready_bytes(sched, file, position, look.missing);
    if (look.missing > file->span.last) {
        look.comfort = COMFORT_RICH;
        return look;
    }
    look.role = sched_is_probe(reader) ? ROLE_PROBE : ROLE_PLAYS;
    look.comfort = comfort_of(look.buffered_bytes, reader->bytes_per_s, sched->layout.piece_bytes);
    if (reader->says.is_waiting && look.missing == look.head)
        look.dry_ms = reader->waiting_ms;
    else
        look.dry_ms = now_ms + lasts_ms(look.buffered_bytes, reader->bytes_per_s);
    return look;
}

static uint64_t tail_start(const struct sched_book_file *file)
{
    uint64_t tail = MAX(file->is.size / 100, (uint64_t)TAIL_BYTES);

    return file->is.size > tail ? file->is.size - tail : 0;
}

static void look_at_readers(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    thought->look_count = sched->reader_count;
    for (size_t i = 0; i < thought->look_count; i++)
        thought->looks[i] = look_at(sched, &sched->readers[i], thought->now_ms);

    for (size_t i = 0; i < thought->look_count; i++) {
        struct sched_look *look = &thought->looks[i];
        uint64_t tail = tail_start(look->file);

        if (look->role != ROLE_PLAYS || !look->file->is.is_media ||
            look->reader->says.position < tail)
            continue;
        for (size_t k = 0; k < thought->look_count; k++) {
            const struct sched_look *other = &thought->looks[k];

            if (other->file == look->file && other->role == ROLE_PLAYS &&
                other->reader->says.position < tail)
                look->role = ROLE_TAIL;
        }
    }
}

static bool plays_before(const struct sched_look *a, const struct sched_look *b)
{
    if (a->file != b->file)
        return a->file < b->file;
    return a->reader->says.position < b->reader->says.position;
}

static void form_groups(struct sched_thought *thought)
{
    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];
        size_t k = thought->playing_count;

        if (look->role != ROLE_PLAYS)
            continue;
        for (; k > 0 && plays_before(look, thought->playing[k - 1]); k--)
            thought->playing[k] = thought->playing[k - 1];
        thought->playing[k] = look;
        thought->playing_count++;
    }

    struct sched_group *group = NULL;

    for (size_t i = 0; i < thought->playing_count; i++) {
        const struct sched_look *look = thought->playing[i];
        const struct sched_look *lowest = group ? thought->playing[group->first] : NULL;

        if (!lowest || lowest->file != look->file ||
            look->reader->says.position - lowest->reader->says.position > SHARE_BYTES) {
            group = &thought->groups[thought->group_count++];
            *group = (struct sched_group){.first = i, .comfort = COMFORT_RICH};
        }
        group->count++;
        group->comfort = MIN(group->comfort, look->comfort);
    }
}

static const struct sched_look *lowest_of(const struct sched_thought *thought,
                                          const struct sched_group *group)
{
    return thought->playing[group->first];
}

static const struct sched_group *group_with(const struct sched_thought *thought, uint64_t reader_id)
{
    for (size_t i = 0; i < thought->group_count; i++) {
        const struct sched_group *group = &thought->groups[i];

        for (size_t k = 0; k < group->count; k++)
            if (thought->playing[group->first + k]->reader->says.id == reader_id)
                return group;
    }
    return NULL;
}

static const struct sched_group *neediest_group(const struct sched_thought *thought)
{
    const struct sched_group *best = &thought->groups[0];

    for (size_t i = 1; i < thought->group_count; i++) {
        const struct sched_group *group = &thought->groups[i];

        if (group->comfort < best->comfort ||
            (group->comfort == best->comfort && group->count > best->count))
            best = group;
    }
    return best;
}

/* Sequence or rarest first, and for whom. */
static void choose_focus(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;
    bool was_sequential = sched->wants_sequence;

    if (thought->group_count == 0) {
        sched->wants_sequence = true;
        return;
    }

    const struct sched_group *neediest = neediest_group(thought);

    if (neediest->comfort <= COMFORT_POOR)
        sched->wants_sequence = true;
    else if (neediest->comfort == COMFORT_RICH)
        sched->wants_sequence = false;
    if (!sched->wants_sequence)
        return;

    const struct sched_group *focus = was_sequential ? group_with(thought, sched->focus_id) : NULL;

    if (!focus || focus->comfort == COMFORT_RICH)
        focus = neediest;
    sched->focus_id = lowest_of(thought, focus)->reader->says.id;
    thought->focus = focus;
    thought->is_sequential = true;
}

static void add_span(struct sched_shape *shape, struct sched_span span)
{
    must(shape->span_count < COUNT_OF(shape->spans));
    shape->spans[shape->span_count++] = span;
}

/* Ready pieces right before the head are included: then plain playback changes no priority. */
static struct sched_span window_of(const struct sched *sched, const struct sched_look *lowest)
{
    uint32_t first = lowest->file->span.first;
    const uint8_t *hole = memrchr(sched->have + first, 0, lowest->head - first);

    return (struct sched_span){hole ? (uint32_t)(hole - sched->have) + 1 : first,
                               lowest->file->span.last};
}

static void add_background(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    thought->shape.has_background = sched->has_background;
    thought->shape.wanted_edition = sched->has_background ? sched->wanted_edition : 0;
}

static void add_windows(struct sched_thought *thought)
{
    const struct sched_book_file *covered = NULL;

    for (size_t i = 0; i < thought->group_count; i++) {
        const struct sched_group *group = &thought->groups[i];
        const struct sched_look *lowest = lowest_of(thought, group);

        if ((thought->focus && group < thought->focus) || lowest->file == covered)
            continue;
        add_span(&thought->shape, window_of(thought->sched, lowest));
        covered = lowest->file;
    }
}

static uint32_t pieces_of(const struct sched *sched, uint32_t bytes)
{
    return MAX(bytes / sched->layout.piece_bytes, (uint32_t)LOW_PIECES);
}

/* A second begins with its first piece. */
static void count_seconds(struct sched *sched, uint64_t now_ms)
{
    if (sched->came > 0 && now_ms - sched->second_ms < 1000)
        return;
    if (sched->came > 0)
        sched->came_before = sched->came;
    sched->came = 0;
    sched->second_ms = now_ms;
}

/* What comes within a second has been asked for, so its order is settled. Twice that, for peers
 * send in bursts. */
static uint32_t low_pieces(const struct sched *sched)
{
    uint32_t most = pieces_of(sched, LOW_BYTES_MAX);
    uint32_t soon = 2 * MAX(sched->came, sched->came_before);

    if (sched->came_before == 0)
        return most;
    return MAX(pieces_of(sched, LOW_BYTES), MIN(soon, most));
}

/* Hardly anything in these spans is missing. */
static bool is_low(const struct sched *sched, const struct sched_span *spans, size_t count)
{
    uint32_t left = low_pieces(sched);

    for (size_t i = 0; i < count; i++) {
        uint32_t last = spans[i].last, piece = sched_next_missing(sched, spans[i].first, last);

        for (; piece <= last; piece = sched_next_missing(sched, piece + 1, last))
            if (left-- == 0)
                return false;
    }
    return true;
}

/* When nothing is missing of what is wanted, libtorrent tells its peers that they no longer
 * interest it, and they give its place away: to be asked for a seek, they must first be willing
 * again, which most consider every ten seconds. So while somebody reads, what is wanted must not
 * run out. Before it does, the whole file is wanted too, then all wanted files; what was wanted
 * comes first by the top priority, which goes before the sequence but knows no order. So this must
 * not happen long before peers have been asked for all of it: after a seek near the end nothing
 * would come in order. Nor so late that a fast swarm delivers it meanwhile: while its speed is not
 * known it may be fast. */
static void widen(struct sched_thought *thought)
{
    struct sched_shape *shape = &thought->shape;
    const struct sched_book_file *covered = NULL;

    if (!is_low(thought->sched, shape->spans, shape->span_count))
        return;
    shape->first_count = shape->span_count;
    if (thought->is_resting)
        add_span(shape, thought->sched->rest.all);
    for (size_t i = 0; i < thought->group_count; i++) {
        const struct sched_look *lowest = lowest_of(thought, &thought->groups[i]);

        if (lowest->file != covered)
            add_span(shape, lowest->file->span);
        covered = lowest->file;
    }
    if (is_low(thought->sched, shape->spans + shape->first_count,
               shape->span_count - shape->first_count))
        add_background(thought);
}

/* Where only readers fetch anything, a rest is no reason to fetch much. */
static struct sched_span bounded(const struct sched *sched, struct sched_span span)
{
    if (!sched->has_background) {
        uint32_t missing = sched_next_missing(sched, span.first, span.last);

        span.last = MIN(span.last, missing + pieces_of(sched, REST_BYTES) - 1);
    }
    return span;
}

static void rest_after(struct sched *sched, const struct sched_book_file *file,
                       struct sched_span window)
{
    sched->rest = (struct sched_rest){.window = window, .all = file->span, .is_near = true};
}

static void note_players(struct sched_thought *thought)
{
    const struct sched_look *lowest =
        lowest_of(thought, thought->focus ? thought->focus : thought->groups);

    rest_after(thought->sched, lowest->file, window_of(thought->sched, lowest));
}

/* Nobody plays. Who looks somewhere will play soon. */
static void note_rest(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;
    struct sched_rest *rest = &sched->rest;

    for (size_t i = 0; i < thought->look_count; i++) {
        const struct sched_look *look = &thought->looks[i];
        uint64_t end = look->reader->says.end;

        if (look->role == ROLE_PROBE && end > look->reader->says.position)
            rest_after(sched, look->file,
                       (struct sched_span){look->head, sched_piece_at(sched, look->file, end - 1)});
    }
    if (!rest->is_near)
        return;
    *rest = (struct sched_rest){.window = bounded(sched, rest->window),
                                .all = bounded(sched, rest->all),
                                .until_ms = thought->now_ms + REST_MS};
}

/* Players seek by closing one connection and opening another, and before they play they look here
 * and there. For a moment after the last has left, its sequence goes on: blocks of anything else
 * would be in the way of what the next one wants. */
static void choose_windows(struct sched_thought *thought)
{
    struct sched *sched = thought->sched;

    if (thought->group_count > 0) {
        note_players(thought);
        add_windows(thought);
        widen(thought);
        return;
    }
    note_rest(thought);
    thought->is_resting = thought->now_ms < sched->rest.until_ms;
    if (!thought->is_resting) {
        add_background(thought);
        return;
    }
    thought->is_sequential = true;
    add_span(&thought->shape, sched->rest.window);
    widen(thought);
}

static bool background_wants(const struct sched *sched, uint32_t piece)
{
    for (size_t i = 0; i < sched->layout.file_count; i++) {
        const struct sched_book_file *file = &sched->files[i];

        if (file->is.is_wanted && file->is.size > 0 && file->span.first <= piece &&
            piece <= file->span.last)
            return true;
    }
    return false;
}

bool sched_shape_wants(const struct sched *sched, const struct sched_shape *shape, uint32_t piece)
{
    for (uint32_t i = 0; i < shape->span_count; i++)
        if (shape->spans[i].first <= piece && piece <= shape->spans[i].last)
            return true;
    return shape->has_background && background_wants(sched, piece);
}

bool sched_is_in_sequence(const struct sched_thought *thought, const struct sched_look *look)
{
    return thought->focus && thought->shape.first_count == 0 &&
           look->missing == lowest_of(thought, thought->focus)->missing;
}

static bool shapes_equal(const struct sched_shape *a, const struct sched_shape *b)
{
    return a->has_background == b->has_background && a->wanted_edition == b->wanted_edition &&
           a->first_count == b->first_count && a->span_count == b->span_count &&
           memcmp(a->spans, b->spans, a->span_count * sizeof(a->spans[0])) == 0;
}

static void paint(struct sched *sched, struct sched_span span, uint8_t priority)
{
    memset(sched->priorities + span.first, priority, span.last - span.first + 1);
}

/* Two files may share a piece: those that come first are painted last. */
static void paint_files(struct sched *sched, bool is_first)
{
    for (size_t i = 0; i < sched->layout.file_count; i++) {
        const struct sched_file *file = &sched->files[i].is;

        if (file->is_wanted && file->is_first == is_first && file->size > 0)
            paint(sched, sched->files[i].span, is_first ? SCHED_FIRST : SCHED_WANTED);
    }
}

static void paint_priorities(struct sched *sched)
{
    memset(sched->priorities, 0, sched->layout.piece_count);
    if (sched->shape.has_background) {
        paint_files(sched, false);
        paint_files(sched, true);
    }
    for (uint32_t i = sched->shape.span_count; i-- > 0;)
        paint(sched, sched->shape.spans[i],
              i < sched->shape.first_count ? SCHED_FIRST : SCHED_WANTED);
}

static bool watchdog_barks(const struct sched *sched, uint64_t now_ms)
{
    return sched->reader_count > 0 && now_ms >= sched->planned_ms + SCHED_WATCHDOG_MS;
}

static bool has_reason(const struct sched *sched, uint64_t now_ms)
{
    return sched->is_dirty || !sched->has_planned || watchdog_barks(sched, now_ms) ||
           (sched->is_resting && now_ms >= sched->rest.until_ms) ||
           sched_is_due_overdue(sched, now_ms);
}

static void fill_plan(const struct sched *sched, const struct sched_thought *thought,
                      struct sched_plan *plan)
{
    *plan = (struct sched_plan){
        .is_sequential = sched->is_sequential,
        .clears_deadlines = thought->clears,
        .priorities = sched->priorities,
        .deadline_count = sched->due_count,
    };
    /* Those overdue would all be "now": a millisecond each keeps the oldest first. */
    uint64_t earliest_ms = thought->now_ms;

    for (size_t i = 0; i < sched->due_count; i++) {
        uint64_t due_ms = MAX(sched->dues[i].due_ms, earliest_ms);

        plan->deadlines[i] = (struct sched_deadline){
            .piece = sched->dues[i].piece,
            .in_ms = (uint32_t)(due_ms - thought->now_ms),
        };
        earliest_ms = due_ms + 1;
    }
}

bool sched_plan(struct sched *sched, uint64_t now_ms, struct sched_plan *plan_out)
{
    sched_expire(sched, now_ms);
    count_seconds(sched, now_ms);
    if (!has_reason(sched, now_ms))
        return false;

    struct sched_thought thought = {.sched = sched, .now_ms = now_ms};
    bool is_forced = !sched->has_planned || watchdog_barks(sched, now_ms);

    look_at_readers(&thought);
    form_groups(&thought);
    choose_focus(&thought);
    choose_windows(&thought);
    sched_settle_dues(&thought);
    sched->is_resting = thought.is_resting;
    sched->is_dirty = false;

    bool has_new_shape = !sched->has_planned || !shapes_equal(&sched->shape, &thought.shape);

    if (has_new_shape) {
        sched->shape = thought.shape;
        paint_priorities(sched);
    }
    if (!has_new_shape && !is_forced && !thought.clears && !thought.has_new_dues &&
        sched->is_sequential == thought.is_sequential)
        return false;
    sched->is_sequential = thought.is_sequential;
    fill_plan(sched, &thought, plan_out);
    /* Clearing lowers priorities behind our back, and the watchdog exists to repeat everything. */
    plan_out->has_new_priorities = has_new_shape || thought.clears || watchdog_barks(sched, now_ms);
    sched->has_planned = true;
    sched->planned_ms = now_ms;
    return true;
}
