/* SPDX-License-Identifier: MIT
 *
 * sched: the books of the scheduler: files, pieces on disk, readers and how fast they consume.
 * What follows from them is decided in sched_plan.c.
 */
#include "sched.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "sched_state.h"

enum {
    PIECES_MAX = 1 << 24,
    SAMPLE_MS = 1000,  /* shorter than this is too noisy to tell a bitrate */
    PAUSE_MS = 10000,  /* a player that did not move for this long was not playing */
    SMOOTH_MS = 8000,  /* time constant of the average */
    OUTLIER_TIMES = 4, /* one sample counts at most this many times the average */
};
/* No film is faster; what moves faster is a jump inside ready data or a download tool. */
static const uint64_t FILM_BYTES_PER_S_MAX = 32 << 20;
/* Given bitrates are cut here so that "60 s of it" cannot overflow. */
static const uint64_t GIVEN_BYTES_PER_S_MAX = 1ULL << 40;

static bool layout_makes_sense(const struct sched_layout *layout)
{
    uint64_t room = (uint64_t)layout->piece_count * layout->piece_bytes;

    if (layout->piece_count == 0 || layout->piece_count > PIECES_MAX || layout->piece_bytes == 0)
        return false;
    if (layout->total_bytes > room || room - layout->total_bytes >= layout->piece_bytes)
        return false;
    for (size_t i = 0; i < layout->file_count; i++) {
        const struct sched_file *file = &layout->files[i];

        if (file->offset > layout->total_bytes || file->size > layout->total_bytes - file->offset)
            return false;
    }
    return true;
}

static struct sched_span file_span(const struct sched_layout *layout, const struct sched_file *file)
{
    uint32_t first = (uint32_t)MIN(file->offset / layout->piece_bytes, layout->piece_count - 1);

    if (file->size == 0)
        return (struct sched_span){first, first};
    return (struct sched_span){first,
                               (uint32_t)((file->offset + file->size - 1) / layout->piece_bytes)};
}

struct sched *sched_new(const struct sched_layout *layout, const uint8_t *have)
{
    if (!layout_makes_sense(layout))
        return NULL;
    struct sched *sched = xcalloc(1, sizeof(*sched));

    sched->layout = *layout;
    sched->layout.files = NULL;
    sched->files = xcalloc(layout->file_count, sizeof(*sched->files));
    for (size_t i = 0; i < layout->file_count; i++) {
        sched->files[i].is = layout->files[i];
        sched->files[i].span = file_span(layout, &layout->files[i]);
    }
    sched->have = xcalloc(layout->piece_count, 1);
    for (uint32_t i = 0; have && i < layout->piece_count; i++)
        sched->have[i] = have[i] != 0;
    sched->priorities = xcalloc(layout->piece_count, 1);
    sched->has_background = true;
    sched->has_pins_due = true;
    sched->wants_sequence = true;
    sched->is_dirty = true;
    return sched;
}

void sched_free(struct sched **sched)
{
    if (!*sched)
        return;
    free((*sched)->files);
    free((*sched)->have);
    free((*sched)->priorities);
    free(*sched);
    *sched = NULL;
}

uint32_t sched_next_missing(const struct sched *sched, uint32_t from, uint32_t last)
{
    if (from > last)
        return last + 1;
    const uint8_t *hole = memchr(sched->have + from, 0, (size_t)last - from + 1);

    return hole ? (uint32_t)(hole - sched->have) : last + 1;
}

uint32_t sched_piece_at(const struct sched *sched, const struct sched_book_file *file,
                        uint64_t position)
{
    uint64_t piece = (file->is.offset + position) / sched->layout.piece_bytes;

    return (uint32_t)MIN(piece, file->span.last);
}

uint64_t sched_ready_bytes(const struct sched *sched, const struct sched_book_file *file,
                           uint64_t position, uint32_t missing)
{
    uint64_t from = file->is.offset + position;
    uint64_t to = missing > file->span.last ? file->is.offset + file->is.size
                                            : (uint64_t)missing * sched->layout.piece_bytes;

    return to > from ? to - from : 0;
}

uint64_t sched_buffered(const struct sched *sched, uint32_t file_index, uint64_t position)
{
    if (file_index >= sched->layout.file_count || position > sched->files[file_index].is.size)
        return 0;
    const struct sched_book_file *file = &sched->files[file_index];
    uint32_t head = sched_piece_at(sched, file, position);

    return sched_ready_bytes(sched, file, position,
                             sched_next_missing(sched, head, file->span.last));
}

static struct sched_book_reader *find_reader(struct sched *sched, uint64_t id)
{
    for (size_t i = 0; i < sched->reader_count; i++)
        if (sched->readers[i].says.id == id)
            return &sched->readers[i];
    return NULL;
}

static void drop_reader(struct sched *sched, struct sched_book_reader *reader)
{
    *reader = sched->readers[--sched->reader_count];
    sched->is_dirty = true;
}

void sched_expire(struct sched *sched, uint64_t now_ms)
{
    for (size_t i = sched->reader_count; i-- > 0;) {
        struct sched_book_reader *reader = &sched->readers[i];

        if (now_ms > reader->renewed_ms && now_ms - reader->renewed_ms > SCHED_LEASE_MS)
            drop_reader(sched, reader);
    }
}

void sched_close(struct sched *sched, uint64_t reader_id)
{
    struct sched_book_reader *reader = find_reader(sched, reader_id);

    if (reader)
        drop_reader(sched, reader);
}

static void restart_sample(struct sched_book_reader *reader, uint64_t now_ms)
{
    reader->measured_ms = now_ms;
    reader->measured_move = 0;
    reader->was_starved = reader->says.is_waiting;
}

/* The reader consumed `moved` bytes since its last report. Silence within PAUSE_MS counts (players
 * read in bursts), longer silence is a pause and says nothing. */
static void measure(struct sched_book_reader *reader, uint64_t moved, uint64_t now_ms)
{
    uint64_t elapsed = now_ms > reader->measured_ms ? now_ms - reader->measured_ms : 0;

    reader->measured_move += moved;
    reader->was_starved |= reader->says.is_waiting;
    if (elapsed > PAUSE_MS) {
        restart_sample(reader, now_ms);
        return;
    }
    if (elapsed < SAMPLE_MS || reader->measured_move == 0)
        return;

    uint64_t known = reader->bytes_per_s;
    uint64_t sample =
        reader->measured_move / elapsed * 1000 + reader->measured_move % elapsed * 1000 / elapsed;
    bool was_starved = reader->was_starved;

    restart_sample(reader, now_ms);
    /* A starved reader shows what the swarm gives, not what the film needs. */
    if (sample > FILM_BYTES_PER_S_MAX || (was_starved && sample < known))
        return;
    if (known == 0) {
        reader->bytes_per_s = sample;
        return;
    }
    sample = MIN(sample, known * OUTLIER_TIMES);
    reader->bytes_per_s = (known * SMOOTH_MS + sample * elapsed) / (SMOOTH_MS + elapsed);
}

bool sched_is_probe(const struct sched_book_reader *reader)
{
    return !reader->is_continued && reader->says.end - reader->asked_from <= SCHED_PROBE_BYTES;
}

static void begin_range(struct sched_book_file *file, struct sched_book_reader *reader)
{
    reader->asked_from = reader->says.position;
    reader->is_continued = false;
    if (!sched_is_probe(reader))
        return;
    reader->is_continued =
        file->small_range_end > 0 && file->small_range_end == reader->says.position;
    file->small_range_end = reader->says.end;
}

static void add_reader(struct sched *sched, const struct sched_reader *says, uint64_t now_ms)
{
    struct sched_book_file *file = &sched->files[says->file];
    struct sched_book_reader *reader = &sched->readers[sched->reader_count++];

    *reader = (struct sched_book_reader){
        .says = *says,
        .renewed_ms = now_ms,
        .waiting_ms = now_ms,
        .has_jumped = true,
        .bytes_per_s = file->bytes_per_s,
    };
    restart_sample(reader, now_ms);
    begin_range(file, reader);
    sched->is_dirty = true;
}

static void renew_reader(struct sched *sched, struct sched_book_reader *reader,
                         const struct sched_reader *says, uint64_t now_ms)
{
    struct sched_book_file *file = &sched->files[says->file];
    struct sched_reader before = reader->says;
    /* Nobody consumes what is not there: a position beyond the ready bytes was jumped to. */
    bool has_jumped =
        says->position < before.position ||
        says->position - before.position > sched_buffered(sched, before.file, before.position);

    reader->renewed_ms = now_ms;
    reader->says = *says;
    if (says->position != before.position || says->end != before.end ||
        says->is_waiting != before.is_waiting)
        sched->is_dirty = true;
    if (says->position != before.position || !before.is_waiting)
        reader->waiting_ms = now_ms;
    if (has_jumped) {
        reader->has_jumped = true;
        reader->scan_from = 0;
        restart_sample(reader, now_ms);
    } else if (!sched_is_probe(reader)) {
        reader->was_starved |= before.is_waiting;
        measure(reader, says->position - before.position, now_ms);
    }
    if (has_jumped || says->end != before.end)
        begin_range(file, reader);
    if (file->told_bytes_per_s > 0)
        reader->bytes_per_s = file->told_bytes_per_s;
    if (reader->bytes_per_s > 0)
        file->bytes_per_s = reader->bytes_per_s;
}

void sched_describe(struct sched *sched, uint32_t file, uint64_t bytes_per_s)
{
    struct sched_book_file *known = &sched->files[file];

    known->told_bytes_per_s = MIN(bytes_per_s, GIVEN_BYTES_PER_S_MAX);
    if (bytes_per_s == 0)
        return;
    known->bytes_per_s = known->told_bytes_per_s;
    for (size_t i = 0; i < sched->reader_count; i++)
        if (sched->readers[i].says.file == file)
            sched->readers[i].bytes_per_s = known->bytes_per_s;
    sched->is_dirty = true;
}

bool sched_read(struct sched *sched, const struct sched_reader *reader, uint64_t now_ms)
{
    struct sched_reader says = *reader;

    if (says.file >= sched->layout.file_count || says.position > sched->files[says.file].is.size)
        return false;
    says.end = MIN(MAX(says.end, says.position), sched->files[says.file].is.size);

    struct sched_book_reader *known = find_reader(sched, says.id);

    if (known && known->says.file == says.file) {
        renew_reader(sched, known, &says, now_ms);
        return true;
    }
    if (known)
        drop_reader(sched, known);
    if (sched->reader_count == SCHED_READERS_MAX)
        sched_expire(sched, now_ms);
    if (sched->reader_count == SCHED_READERS_MAX)
        return false;
    add_reader(sched, &says, now_ms);
    return true;
}

void sched_piece_ready(struct sched *sched, uint32_t piece)
{
    must(piece < sched->layout.piece_count);
    if (sched->have[piece])
        return;
    sched->have[piece] = 1;
    sched->came++;
    sched->is_dirty = true;
}

void sched_piece_lost(struct sched *sched, uint32_t piece)
{
    must(piece < sched->layout.piece_count);
    if (!sched->have[piece])
        return;
    sched->have[piece] = 0;
    sched->is_dirty = true;
    for (size_t i = 0; i < sched->reader_count; i++)
        sched->readers[i].scan_from = 0;
}

void sched_set_background(struct sched *sched, bool on)
{
    sched->is_dirty |= sched->has_background != on;
    sched->has_background = on;
}

void sched_set_wanted(struct sched *sched, uint32_t file, bool is_wanted, bool is_first)
{
    if (file >= sched->layout.file_count)
        return;
    struct sched_file *is = &sched->files[file].is;

    if (is->is_wanted == is_wanted && is->is_first == is_first)
        return;
    sched->has_pins_due |= is_wanted && !is->is_wanted;
    is->is_wanted = is_wanted;
    is->is_first = is_first;
    sched->wanted_edition++;
    sched->is_dirty = true;
}

size_t sched_readers(const struct sched *sched, struct sched_view *out, size_t cap)
{
    for (size_t i = 0; i < MIN(cap, sched->reader_count); i++) {
        const struct sched_book_reader *reader = &sched->readers[i];
        const struct sched_reader *says = &reader->says;

        out[i] = (struct sched_view){
            .id = says->id,
            .file = says->file,
            .position = says->position,
            .buffered_bytes = sched_buffered(sched, says->file, says->position),
            .bytes_per_s = reader->bytes_per_s,
            .head_piece = sched_piece_at(sched, &sched->files[says->file], says->position),
            .is_waiting = says->is_waiting,
        };
    }
    return sched->reader_count;
}
