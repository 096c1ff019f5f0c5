/* SPDX-License-Identifier: MIT */
#include "rooms.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "door.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>

/* Of one address: rooms at once, and then in 1000 s. */
static const struct bucket_rule create_rule = {.burst = 50, .per_1000s = 200};
enum { CODE_TRIES = 100 }; /* for each seat */

struct entry {
    struct room *room;
    UT_hash_handle hh; /* by the room's own code */
};

struct rooms {
    struct rooms_rules rules;
    struct room_outside outside;
    struct door door;
    struct entry *entries;
};

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN */
static struct entry *find(const struct rooms *rooms, const char *code)
{
    struct entry *entry;

    HASH_FIND_STR(rooms->entries, code, entry);
    return entry;
}

static void add(struct rooms *rooms, struct room *room)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    const char *code = room_code(room);

    entry->room = room;
    HASH_ADD_KEYPTR(hh, rooms->entries, code, strlen(code), entry);
}

static void remove_entry(struct rooms *rooms, struct entry *entry)
{
    HASH_DEL(rooms->entries, entry);
    room_free(&entry->room);
    free(entry);
}

size_t rooms_count(const struct rooms *rooms)
{
    return HASH_COUNT(rooms->entries);
}
/* NOLINTEND */

struct rooms *rooms_new(const struct rooms_rules *rules, const struct room_outside *outside)
{
    struct rooms *rooms = xcalloc(1, sizeof(*rooms));

    rooms->rules = *rules;
    rooms->outside = *outside;
    return rooms;
}

void rooms_free(struct rooms **rooms_p)
{
    struct rooms *rooms = *rooms_p;

    if (rooms == NULL)
        return;
    while (rooms->entries != NULL)
        remove_entry(rooms, rooms->entries);
    free(rooms);
    *rooms_p = NULL;
}

void rooms_set_seat(struct rooms *rooms, unsigned seat, unsigned seats)
{
    rooms->rules.seat = seat;
    rooms->rules.seats = seats;
}

struct room *rooms_find(const struct rooms *rooms, const char *typed)
{
    char code[CODE_MAX + 1];
    struct entry *entry = code_read(typed, code) ? find(rooms, code) : NULL;

    return entry != NULL ? entry->room : NULL;
}

/* False when chance gives none that is free. */
static bool make_code(struct rooms *rooms, char code[CODE_MAX + 1])
{
    unsigned seats = MAX(rooms->rules.seats, 1);

    for (unsigned tries = 0; tries < CODE_TRIES * seats; tries++) {
        code_make(rooms->outside.random, rooms->outside.arg, code);
        if (code_seat(code, seats) == rooms->rules.seat && find(rooms, code) == NULL)
            return true;
    }
    return false;
}

static bool is_owned_by(const struct room *room, const char *id)
{
    const struct room_member *owner = room_owner(room);

    return owner != NULL && id != NULL && strcmp(owner->id, id) == 0;
}

enum room_error rooms_create(struct rooms *rooms, const char *wanted, const char *id,
                             const char *address, int64_t now_ms, struct room **room_out)
{
    bool is_wanted = wanted != NULL && wanted[0] != '\0';
    struct entry *taken = NULL;
    char code[CODE_MAX + 1];

    *room_out = NULL;
    if (is_wanted && !code_read(wanted, code))
        return ROOM_BAD_CODE;
    if (is_wanted)
        taken = find(rooms, code);
    if (taken != NULL && is_owned_by(taken->room, id)) {
        *room_out = taken->room;
        return ROOM_OK;
    }
    if (rooms_count(rooms) >= rooms->rules.max_rooms)
        return ROOM_TOO_MANY;
    if (!door_takes(&rooms->door, address, &create_rule, 1, now_ms))
        return ROOM_TOO_FAST;
    if ((!is_wanted || taken != NULL) && !make_code(rooms, code))
        return ROOM_TOO_MANY;
    *room_out = room_new(code, &rooms->rules.room, &rooms->outside, now_ms);
    add(rooms, *room_out);
    return ROOM_OK;
}

enum room_error rooms_take(struct rooms *rooms, struct room **room)
{
    if (find(rooms, room_code(*room)) != NULL)
        return ROOM_BAD_CODE;
    add(rooms, *room);
    *room = NULL;
    return ROOM_OK;
}

void rooms_remove(struct rooms *rooms, struct room *room)
{
    struct entry *entry = find(rooms, room_code(room));

    must(entry != NULL && entry->room == room);
    remove_entry(rooms, entry);
}

enum room_error rooms_close(struct rooms *rooms, struct room *room, struct room_member *by,
                            int64_t now_ms)
{
    enum room_error error = room_close(room, by, now_ms);

    if (error == ROOM_OK)
        rooms_remove(rooms, room);
    return error;
}

struct room *rooms_next(const struct rooms *rooms, const struct room *before)
{
    struct entry *entry = rooms->entries;

    if (before != NULL) {
        entry = find(rooms, room_code(before));
        must(entry != NULL);
        entry = entry->hh.next;
    }
    return entry != NULL ? entry->room : NULL;
}

void rooms_tick(struct rooms *rooms, int64_t now_ms)
{
    struct entry *entry, *next;

    for (entry = rooms->entries; entry != NULL; entry = next) {
        int64_t empty_ms = room_empty_since_ms(entry->room);

        next = entry->hh.next;
        if (room_is_busy(entry->room))
            room_tick(entry->room, now_ms);
        if (empty_ms == 0 || now_ms - empty_ms < rooms->rules.empty_ms)
            continue;
        room_close(entry->room, NULL, now_ms);
        remove_entry(rooms, entry);
    }
}
