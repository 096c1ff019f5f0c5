/* SPDX-License-Identifier: MIT
 *
 * room_rig: a room whose events are written down, a line each. For the tests of rooms.
 */
#ifndef ROOM_RIG_H
#define ROOM_RIG_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"
#include "room.h"

enum { RIG_BEGIN_MS = 1700000000 };

struct rig {
    struct room *room;
    struct text log; /* since the last look */
    uint64_t hash;   /* of all events ever */
    uint64_t random;
    int64_t now_ms;
    uint64_t connections; /* the last one given */
    uint64_t expelled;    /* the last one */
    unsigned played;      /* events about the clock */
};

static const struct room_rules rig_rules = {
    .max_members = 8,
    .host_grace_ms = 30000,
    .member_grace_ms = 60000,
    .knock_ms = 120000,
    .sync_check_ms = 15000,
};

static inline const char *rig_id(const struct room_member *member)
{
    return member != NULL ? member->id : "-";
}

static inline void rig_on_event(void *arg, const struct room *room, const struct room_event *event)
{
    static const char *const names[] = {
        [ROOM_JOINED] = "joined",
        [ROOM_BACK] = "back",
        [ROOM_LOST_TOUCH] = "lost",
        [ROOM_LEFT] = "left",
        [ROOM_MEMBER] = "member",
        [ROOM_NEW_HOST] = "host",
        [ROOM_KNOCK] = "knock",
        [ROOM_KNOCK_OVER] = "knock over",
        [ROOM_ANSWERED] = "answered",
        [ROOM_EXPELLED] = "expelled",
        [ROOM_CONFIGURED] = "configured",
        [ROOM_PLAYBACK] = "playback",
        [ROOM_CORRECTION] = "correction",
        [ROOM_SYNC_CHECK] = "sync check",
        [ROOM_QUEUED] = "queued",
        [ROOM_VOTED] = "voted",
        [ROOM_READY] = "ready",
        [ROOM_STARTED] = "started",
        [ROOM_SAID] = "said",
        [ROOM_REACTED] = "reacted",
        [ROOM_TYPING] = "typing",
        [ROOM_ANNOUNCED] = "announced",
        [ROOM_RELAYED] = "relayed",
        [ROOM_FOR_SERVER] = "for-server",
        [ROOM_RTC] = "rtc",
        [ROOM_PLACES] = "places",
        [ROOM_CLOSED] = "closed",
    };
    static const char *const whys[] = {"left", "expired", "kicked", "banned", "replaced", "closed"};
    static const char *const causes[] = {"play", "pause", "seek", "rate",
                                         "load", "end",   "hold", "choices"};
    struct rig *rig = arg;
    size_t at = rig->log.len;

    (void)room;
    if (event->to != NULL)
        text_addf(&rig->log, "[%s] ", event->to->id);
    else if (event->is_for_moderators)
        text_add(&rig->log, "[moderators] ");
    text_addf(&rig->log, "%s %s", names[event->kind], rig_id(event->member));
    if (event->kind == ROOM_LEFT || event->kind == ROOM_EXPELLED)
        text_addf(&rig->log, " %s", whys[event->why]);
    if (event->kind == ROOM_PLAYBACK)
        text_addf(&rig->log, " %s%s%s", causes[event->cause], event->key[0] ? " " : "", event->key);
    if (event->kind == ROOM_VOTED || event->kind == ROOM_READY)
        text_addf(&rig->log, " %u/%u", event->count, event->needed);
    if (event->is_on)
        text_add(&rig->log, " yes");
    if (event->line != NULL)
        text_addf(&rig->log, " #%" PRIu64, event->line->number);
    if (event->what != NULL)
        text_addf(&rig->log, " %s", event->what);
    if (event->data.len > 0)
        text_addf(&rig->log, " %zu bytes", event->data.len);
    text_add(&rig->log, "\n");
    if (event->kind == ROOM_PLACES)
        return; /* told anew after a restart, as nothing of it is stored */
    rig->hash = bytes_hash(bytes_of(rig->log.data + at, rig->log.len - at), rig->hash);
    rig->hash = bytes_hash(bytes_of(&event->connection, sizeof(event->connection)), rig->hash);
    if (event->kind == ROOM_EXPELLED)
        rig->expelled = event->connection;
    rig->played += event->kind == ROOM_PLAYBACK;
}

static inline void rig_random(void *arg, void *out, size_t len)
{
    struct rig *rig = arg;

    for (size_t i = 0; i < len; i++) {
        rig->random = rig->random * 6364136223846793005ULL + 1442695040888963407ULL;
        ((uint8_t *)out)[i] = (uint8_t)(rig->random >> 56);
    }
}

static inline struct room_outside rig_outside(struct rig *rig)
{
    return (struct room_outside){.on_event = rig_on_event, .random = rig_random, .arg = rig};
}

static inline void rig_begin(struct rig *rig, const struct room_rules *rules)
{
    struct room_outside outside = rig_outside(rig);

    rig->now_ms = RIG_BEGIN_MS;
    rig->room = room_new("ABCDEF", rules, &outside, rig->now_ms);
}

static inline void rig_end(struct rig *rig)
{
    room_free(&rig->room);
    text_fini(&rig->log);
}

/* What happened since the last look. */
#define assert_log(rig, expected)                                                                  \
    do {                                                                                           \
        assert_string_equal(text_str(&(rig)->log), expected);                                      \
        text_clear(&(rig)->log);                                                                   \
    } while (0)

static inline void rig_forget_log(struct rig *rig)
{
    text_clear(&rig->log);
}

/* With an address of its own, unless `join` says otherwise. */
static inline enum room_error rig_tries(struct rig *rig, const char *id, struct room_join join,
                                        bool knocks)
{
    struct room_member *member;

    join.id = id;
    join.name = join.name != NULL ? join.name : id;
    join.address = join.address != NULL ? join.address : id;
    if (join.connection == 0)
        join.connection = ++rig->connections;
    return (knocks ? room_knock : room_join)(rig->room, &join, rig->now_ms, &member);
}

static inline struct room_member *rig_joins(struct rig *rig, const char *id)
{
    assert_int_equal(rig_tries(rig, id, (struct room_join){.name = NULL}, false), ROOM_OK);
    return room_find(rig->room, id);
}

/* Time passes, with ticks as a service gives them. */
static inline void rig_passes(struct rig *rig, int64_t ms)
{
    for (int64_t end_ms = rig->now_ms + ms; rig->now_ms < end_ms;) {
        rig->now_ms += MIN(CLOCK_TICK_MS, end_ms - rig->now_ms);
        room_tick(rig->room, rig->now_ms);
    }
}

#endif
