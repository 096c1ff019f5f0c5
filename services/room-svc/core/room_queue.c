/* SPDX-License-Identifier: MIT
 *
 * The queue: its head is the film that plays. And what clients told of that film.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_private.h"

/* ---- items */

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 1;
}

static const char *put(char **at, const char *text)
{
    size_t len = text_bytes(text);
    char *put_at = *at;

    memcpy(put_at, text != NULL ? text : "", len);
    *at += len;
    return put_at;
}

struct room_item *room_copy_item(const struct room_item *item)
{
    struct room_item *copy = xcalloc(1, sizeof(*copy) + text_bytes(item->source) +
                                            text_bytes(item->file) + text_bytes(item->name));
    char *at = (char *)(copy + 1);

    *copy = *item;
    copy->source = put(&at, item->source);
    copy->file = put(&at, item->file);
    copy->name = put(&at, item->name);
    return copy;
}

static enum room_error check_item(const struct room_item *item)
{
    if ((item->source != NULL && !room_fits(item->source, ROOM_SOURCE_MAX)) ||
        (item->file != NULL && !room_fits(item->file, ROOM_FILE_MAX)) ||
        (item->name != NULL && !room_fits(item->name, ROOM_TITLE_MAX)))
        return ROOM_TOO_LONG;
    if (item->duration_ms < 0 || item->duration_ms > CLOCK_POSITION_MAX_MS)
        return ROOM_INVALID;
    return ROOM_OK;
}

static bool has_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static struct room_item *head_of(const struct room *room)
{
    return room->queue_count > 0 ? room->queue[0] : NULL;
}

/* `copy` is the queue's from now on. */
static void insert(struct room *room, size_t index, struct room_item *copy,
                   const struct room_member *by)
{
    must(room->queue_count < ROOM_QUEUE_MAX && index <= room->queue_count);
    copy->number = ++room->last_item;
    copy->added_by = by != NULL ? by->number : 0;
    memmove(&room->queue[index + 1], &room->queue[index],
            (room->queue_count - index) * sizeof(struct room_item *));
    room->queue[index] = copy;
    room->queue_count++;
}

static void take_out(struct room *room, size_t index)
{
    free(room->queue[index]);
    room->queue_count--;
    memmove(&room->queue[index], &room->queue[index + 1],
            (room->queue_count - index) * sizeof(struct room_item *));
}

static bool find_item(const struct room *room, uint64_t number, size_t *index_out)
{
    for (*index_out = 0; *index_out < room->queue_count; (*index_out)++)
        if (room->queue[*index_out]->number == number)
            return true;
    return false;
}

void room_clear_blob(struct room *room, enum room_blob blob)
{
    free(room->blobs[blob].data);
    room->blobs[blob] = (struct blob){NULL, 0};
}

/* ---- changes */

static void tell_queue(struct room *room, const struct room_member *by)
{
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){.kind = ROOM_QUEUED, .member = by});
}

/* Another film is the head, or none: what was voted, ready or told was about the last one. */
static void load_head(struct room *room, const struct room_member *by, bool plays, int64_t now_ms)
{
    const struct room_item *head = head_of(room);
    uint64_t epoch = room->clock.state.epoch;

    for (size_t i = 0; i < room->member_count; i++)
        room->members[i]->votes_to_skip = room->members[i]->is_ready = false;
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++)
        room_clear_blob(room, blob);
    room_touch(room, ROOM_PART_MEDIA);
    clock_load(&room->clock, head != NULL ? head->duration_ms : 0, head != NULL && plays, now_ms);
    tell_queue(room, by);
    room_played(room, epoch, ROOM_CAUSE_LOAD, by, NULL);
}

void room_advance(struct room *room, const struct room_member *by, bool plays, int64_t now_ms)
{
    take_out(room, 0);
    load_head(room, by, plays, now_ms);
}

static enum room_error admit(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_QUEUE, now_ms);

    return error == ROOM_OK && !room_may(room, by, ROOM_MAY_QUEUE) ? ROOM_NOT_ALLOWED : error;
}

enum room_error room_queue_add(struct room *room, struct room_member *by,
                               const struct room_item *item, int64_t now_ms, uint64_t *number_out)
{
    enum room_error error = admit(room, by, now_ms);

    *number_out = 0;
    if (error == ROOM_OK)
        error = check_item(item);
    if (error == ROOM_OK && (item->source == NULL || item->source[0] == '\0' ||
                             (item->kind != ROOM_SOURCE_TORRENT && item->kind != ROOM_SOURCE_URL)))
        error = ROOM_INVALID;
    if (error == ROOM_OK && room->queue_count == ROOM_QUEUE_MAX)
        error = ROOM_QUEUE_FULL;
    if (error != ROOM_OK)
        return error;
    insert(room, room->queue_count, room_copy_item(item), by);
    *number_out = room->last_item;
    if (room->queue_count == 1)
        load_head(room, by, false, now_ms);
    else
        tell_queue(room, by);
    return ROOM_OK;
}

void room_fetched(struct room *room, uint64_t number)
{
    size_t index;

    if (!find_item(room, number, &index) || !room->queue[index]->is_to_fetch)
        return;
    room->queue[index]->is_to_fetch = false;
    room_touch(room, ROOM_PART_STATE);
}

enum room_error room_queue_remove(struct room *room, struct room_member *by, uint64_t number,
                                  int64_t now_ms)
{
    enum room_error error = admit(room, by, now_ms);
    size_t index;

    if (error != ROOM_OK)
        return error;
    if (!find_item(room, number, &index))
        return ROOM_NO_ITEM;
    if (index == 0) {
        room_advance(room, by, room->clock.wants_play, now_ms);
    } else {
        take_out(room, index);
        tell_queue(room, by);
    }
    return ROOM_OK;
}

enum room_error room_queue_move(struct room *room, struct room_member *by, uint64_t number,
                                size_t index, int64_t now_ms)
{
    enum room_error error = admit(room, by, now_ms);
    struct room_item *head = head_of(room), *item;
    size_t from;

    if (error != ROOM_OK)
        return error;
    if (!find_item(room, number, &from))
        return ROOM_NO_ITEM;
    if (index >= room->queue_count)
        return ROOM_INVALID;
    item = room->queue[from];
    memmove(&room->queue[from], &room->queue[from + 1],
            (room->queue_count - 1 - from) * sizeof(item));
    memmove(&room->queue[index + 1], &room->queue[index],
            (room->queue_count - 1 - index) * sizeof(item));
    room->queue[index] = item;
    if (room->queue[0] != head)
        load_head(room, by, room->clock.wants_play, now_ms);
    else
        tell_queue(room, by);
    return ROOM_OK;
}

enum room_error room_queue_next(struct room *room, struct room_member *by, int64_t now_ms)
{
    enum room_error error = admit(room, by, now_ms);

    if (error != ROOM_OK)
        return error;
    if (room->queue_count == 0)
        return ROOM_NO_ITEM;
    room_advance(room, by, room->clock.wants_play, now_ms);
    return ROOM_OK;
}

/* ---- votes */

static unsigned count_votes(const struct room *room, unsigned *needed_out)
{
    unsigned here = room_count(room, ROOM_HERE), votes = 0;

    for (size_t i = 0; i < room->member_count; i++)
        votes += room->members[i]->votes_to_skip;
    *needed_out = MAX((here * room->choices.skip_percent + 99) / 100, 1);
    return votes;
}

void room_count_votes(struct room *room, int64_t now_ms)
{
    unsigned needed, votes = count_votes(room, &needed);

    if (room->queue_count > 0 && votes >= needed)
        room_advance(room, NULL, room->clock.wants_play, now_ms);
}

enum room_error room_vote_skip(struct room *room, struct room_member *by, bool wants,
                               int64_t now_ms)
{
    enum room_error error = room_admit(room, by, ROOM_VIEWER, ROOM_BUCKET_SMALL, now_ms);
    unsigned votes, needed;

    if (by == NULL)
        return ROOM_INVALID;
    if (error != ROOM_OK)
        return error;
    if (room->queue_count == 0)
        return ROOM_NO_ITEM;
    if (by->votes_to_skip == wants)
        return ROOM_OK;
    by->votes_to_skip = wants;
    votes = count_votes(room, &needed);
    room_touch(room, ROOM_PART_STATE);
    room_emit(room, (struct room_event){
                        .kind = ROOM_VOTED, .member = by, .count = votes, .needed = needed});
    room_count_votes(room, now_ms);
    return ROOM_OK;
}

/* ---- what was found out about the film */

/* What is told of the head takes the place of what was known; what is not, stays. */
static void describe(struct room *room, const struct room_item *told, int64_t now_ms)
{
    struct room_item item = *room->queue[0];

    if (has_text(told->source)) {
        item.source = told->source;
        item.kind = told->kind;
    }
    if (has_text(told->file))
        item.file = told->file;
    if (has_text(told->name))
        item.name = told->name;
    if (told->duration_ms > 0)
        item.duration_ms = told->duration_ms;
    struct room_item *copy = room_copy_item(&item);
    free(room->queue[0]);
    room->queue[0] = copy;
    clock_set_duration(&room->clock, copy->duration_ms, now_ms);
}

enum room_error room_describe(struct room *room, struct room_member *by, const char *name,
                              int64_t duration_ms, int64_t now_ms)
{
    struct room_item told = {.name = name, .duration_ms = duration_ms};
    enum room_error error = admit(room, by, now_ms);
    uint64_t epoch = room->clock.state.epoch;

    if (error == ROOM_OK)
        error = room->queue_count > 0 ? check_item(&told) : ROOM_NO_ITEM;
    if (error != ROOM_OK)
        return error;
    describe(room, &told, now_ms);
    tell_queue(room, by);
    room_played(room, epoch, ROOM_CAUSE_LOAD, by, NULL);
    return ROOM_OK;
}

/* True when the head is another film now. */
static bool announce_item(struct room *room, const struct room_item *told, struct room_member *by,
                          int64_t now_ms)
{
    struct room_item item = *told, *copy;
    const struct room_item *head = head_of(room);

    if (head != NULL && (!has_text(told->source) || head->source[0] == '\0' ||
                         strcmp(told->source, head->source) == 0)) {
        describe(room, told, now_ms);
        return false;
    }
    /* A message before this one may have told how long it is. */
    if (head != NULL && told->duration_ms == 0 && has_text(told->name) &&
        strcmp(told->name, head->name) == 0)
        item.duration_ms = head->duration_ms;
    copy = room_copy_item(&item);
    if (head != NULL)
        take_out(room, 0);
    insert(room, 0, copy, by);
    return true;
}

enum room_error room_announce(struct room *room, struct room_member *by, enum room_blob blob,
                              struct bytes data, const struct room_item *item, int64_t now_ms)
{
    enum room_error error = admit(room, by, now_ms);
    uint64_t epoch = room->clock.state.epoch;
    struct blob kept[ROOM_BLOBS];

    if (error == ROOM_OK &&
        data.len > (blob == ROOM_SUBTITLE_DATA ? ROOM_SUBTITLES_MAX : ROOM_BLOB_MAX))
        error = ROOM_TOO_LONG;
    if (error == ROOM_OK && (data.len == 0 || blob >= ROOM_BLOBS))
        error = ROOM_INVALID;
    if (error == ROOM_OK && item != NULL)
        error = check_item(item);
    if (error != ROOM_OK)
        return error;
    if (item != NULL && announce_item(room, item, by, now_ms)) {
        /* What was told just before may be about this film. */
        memcpy(kept, room->blobs, sizeof(kept));
        memset(room->blobs, 0, sizeof(room->blobs));
        load_head(room, by, false, now_ms);
        memcpy(room->blobs, kept, sizeof(kept));
    } else if (item != NULL) {
        tell_queue(room, by);
        room_played(room, epoch, ROOM_CAUSE_LOAD, by, NULL);
    }
    room_clear_blob(room, blob);
    room->blobs[blob].data = xcalloc(1, data.len);
    room->blobs[blob].len = data.len;
    memcpy(room->blobs[blob].data, data.data, data.len);
    room_touch(room, ROOM_PART_MEDIA);
    room_emit(room, (struct room_event){
                        .kind = ROOM_ANNOUNCED, .member = by, .blob = blob, .data = data});
    return ROOM_OK;
}
