/* SPDX-License-Identifier: MIT */
#include "room_view.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/must.h"
#include "wire/magnet.h"

enum { WAITS_SHOWN = 16 };

/* Numbers in messages are those of the core. */
#define SAME(message, core) _Static_assert((int)(message) == (int)(core), #core)
SAME(SHARESTREAM__PAGE__ROLE__HOST, ROOM_HOST);
SAME(SHARESTREAM__PAGE__STRAGGLERS__SLOW, CLOCK_SLOW);
SAME(SHARESTREAM__PAGE__SOURCE__URL, ROOM_SOURCE_URL);

/* ---- memory */

struct view_block {
    struct view_block *next;
    max_align_t data[];
};

void view_fini(struct view *view)
{
    while (view->blocks != NULL) {
        struct view_block *block = view->blocks;

        view->blocks = block->next;
        free(block);
    }
}

void *view_alloc(struct view *view, size_t size)
{
    struct view_block *block = xcalloc(1, sizeof(*block) + size);

    block->next = view->blocks;
    view->blocks = block;
    return block->data;
}

char *view_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* A message and how many of them there are. */
#define MAKE(view, type, init)                                                                     \
    type *out = view_alloc(view, sizeof(type));                                                    \
    init(out)

/* ---- parts of a room */

Sharestream__Page__Member *view_member(struct view *view, const struct room_member *member)
{
    MAKE(view, Sharestream__Page__Member, sharestream__page__member__init);

    out->id = view_text(member->id);
    out->name = view_text(member->name);
    out->role = (Sharestream__Page__Role)member->role;
    out->is_here = member->presence == ROOM_HERE;
    out->is_muted = member->is_muted;
    out->is_ready = member->is_ready;
    out->wants_rtc = member->wants_rtc;
    out->votes_to_skip = member->votes_to_skip;
    out->joined_ms = member->joined_ms;
    if (member->capabilities != NULL)
        out->capabilities = member->capabilities;
    out->call = view_text(member->call);
    return out;
}

Sharestream__Page__Choices *view_choices(struct view *view, const struct room *room)
{
    const struct room_choices *choices = room_choices(room);
    MAKE(view, Sharestream__Page__Choices, sharestream__page__choices__init);

    out->title = view_text(choices->title);
    out->needs_approval = choices->needs_approval;
    out->may_play = (Sharestream__Page__Role)choices->may[ROOM_MAY_PLAY];
    out->may_seek = (Sharestream__Page__Role)choices->may[ROOM_MAY_SEEK];
    out->may_queue = (Sharestream__Page__Role)choices->may[ROOM_MAY_QUEUE];
    out->may_chat = (Sharestream__Page__Role)choices->may[ROOM_MAY_CHAT];
    out->stragglers = (Sharestream__Page__Stragglers)choices->policy;
    out->wait_ms = choices->wait_ms;
    out->skip_percent = choices->skip_percent;
    out->max_members = choices->max_members;
    return out;
}

Sharestream__Page__Clock *view_clock(struct view *view, const struct room *room)
{
    const struct clock *clock = room_clock(room);
    size_t count;
    struct room_member *const *members = room_members(room, &count);
    MAKE(view, Sharestream__Page__Clock, sharestream__page__clock__init);

    out->epoch = clock->state.epoch;
    out->at_ms = clock->state.at_ms;
    out->position_ms = clock->state.position_ms;
    out->rate = clock->state.rate_permille / 1000.0;
    out->is_playing = clock->state.is_playing;
    out->wants_play = clock->wants_play;
    out->wanted_rate = clock->rate_permille / 1000.0;
    out->duration_ms = clock->duration_ms;
    out->waits_for = view_alloc(view, WAITS_SHOWN * sizeof(char *));
    for (size_t i = 0; i < count && out->n_waits_for < WAITS_SHOWN; i++)
        if (members[i]->presence == ROOM_HERE &&
            clock_waits_for(clock, &members[i]->viewer, view->now_ms))
            out->waits_for[out->n_waits_for++] = members[i]->id;
    return out;
}

/* Whose number it is; nobody's, or not known any more: empty. */
static char *id_of(const struct room *room, uint32_t number)
{
    const struct room_member *member = number != 0 ? room_find_number(room, number) : NULL;

    return view_text(member != NULL ? member->id : "");
}

static Sharestream__Page__Item *view_item(struct view *view, const struct room *room,
                                          const struct room_item *item)
{
    struct infohash hash;
    MAKE(view, Sharestream__Page__Item, sharestream__page__item__init);

    out->number = item->number;
    out->kind = (Sharestream__Page__Source)item->kind;
    out->source = view_text(item->source);
    out->file = view_text(item->file);
    out->name = view_text(item->name);
    out->duration_ms = item->duration_ms;
    out->added_by = id_of(room, item->added_by);
    if (item->kind == ROOM_SOURCE_TORRENT && asked_torrent(item->source, &hash))
        out->info_hash = infohash_text(&hash, view_alloc(view, INFOHASH_TEXT));
    return out;
}

Sharestream__Page__Item **view_queue(struct view *view, const struct room *room, size_t *count_out)
{
    struct room_item *const *queue = room_queue(room, count_out);
    Sharestream__Page__Item **out = view_alloc(view, *count_out * sizeof(*out));

    for (size_t i = 0; i < *count_out; i++)
        out[i] = view_item(view, room, queue[i]);
    return out;
}

Sharestream__Page__Line *view_line(struct view *view, const struct room *room,
                                   const struct room_line *line)
{
    MAKE(view, Sharestream__Page__Line, sharestream__page__line__init);
    Sharestream__Page__Reaction *reactions =
        view_alloc(view, line->reaction_count * sizeof(*reactions));

    out->number = line->number;
    out->at_ms = line->at_ms;
    out->id = view_text(line->id);
    out->name = view_text(line->name);
    out->role = (Sharestream__Page__Role)line->role;
    out->key = view_text(line->key);
    out->text = line->text;
    out->n_reactions = line->reaction_count;
    out->reactions = view_alloc(view, line->reaction_count * sizeof(*out->reactions));
    for (size_t i = 0; i < line->reaction_count; i++) {
        sharestream__page__reaction__init(&reactions[i]);
        reactions[i].id = id_of(room, line->reactions[i].member);
        reactions[i].what = line->reactions[i].what;
        out->reactions[i] = &reactions[i];
    }
    return out;
}

/* ---- all of it */

typedef bool member_test(const struct room_member *member);

static bool is_waiting(const struct room_member *member)
{
    return member->presence == ROOM_KNOCKING;
}

static bool is_banned(const struct room_member *member)
{
    return member->is_banned;
}

static Sharestream__Page__Member **view_members(struct view *view, const struct room *room,
                                                member_test *test, size_t *count_out)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);
    Sharestream__Page__Member **out = view_alloc(view, count * sizeof(*out));

    *count_out = 0;
    for (size_t i = 0; i < count; i++)
        if (test(members[i]))
            out[(*count_out)++] = view_member(view, members[i]);
    return out;
}

Sharestream__Page__Room *view_room(struct view *view, const struct room *room,
                                   bool is_for_moderators)
{
    MAKE(view, Sharestream__Page__Room, sharestream__page__room__init);

    out->code = view_text(room_code(room));
    out->choices = view_choices(view, room);
    out->has_password = room_has_password(room);
    out->created_ms = room_created_ms(room);
    out->members = view_members(view, room, room_is_present, &out->n_members);
    if (is_for_moderators) {
        out->waiting = view_members(view, room, is_waiting, &out->n_waiting);
        out->banned = view_members(view, room, is_banned, &out->n_banned);
    }
    out->clock = view_clock(view, room);
    out->queue = view_queue(view, room, &out->n_queue);
    out->chat = view_alloc(view, ROOM_TAIL_MAX * sizeof(*out->chat));
    for (const struct room_line *line; (line = room_line(room, out->n_chat)) != NULL;)
        out->chat[out->n_chat++] = view_line(view, room, line);
    return out;
}

/* ---- what is asked for */

static bool is_link(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);

    return strncasecmp(text, scheme, len) == 0 && text[len] != '\0';
}

bool asked_torrent(const char *source, struct infohash *out)
{
    struct magnet magnet;

    if (infohash_parse(bytes_of_text(source), out))
        return true;
    if (magnet_parse(bytes_of_text(source), &magnet, NULL) != ERR_NONE)
        return false;
    *out = magnet.key;
    magnet_fini(&magnet);
    return true;
}

enum room_source asked_source(const char *source)
{
    struct infohash hash;

    if (is_link(source, "http://") || is_link(source, "https://"))
        return ROOM_SOURCE_URL;
    return asked_torrent(source, &hash) ? ROOM_SOURCE_TORRENT : ROOM_SOURCE_NONE;
}

uint32_t asked_rate(double rate)
{
    const double permille = rate * CLOCK_NORMAL_RATE;

    return permille >= 1 ? (uint32_t)lround(fmin(permille, CLOCK_RATE_MAX)) : 0;
}
