/* SPDX-License-Identifier: MIT */
#include "arrivals.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "house.h"
#include "room_svc.h"

enum {
    ARRIVAL_MS = 5000,
    KEPT_BYTES = 4 << 20, /* for all of a room; what is more is not kept, and counted */
};

/* What one who is on the way is to hear. */
struct kept_word {
    uint32_t number; /* of the member */
    char *name, *json;
    struct kept_word *next;
};

struct arrival {
    char code[CODE_MAX + 1];
    uint64_t until_ms;
    struct kept_word *words;
    size_t bytes;
    struct arrival *next;
};

static struct arrival *find(const struct room_svc *svc, const struct room *room)
{
    struct arrival *arrival;

    LL_FOREACH(svc->arrivals, arrival)
    if (strcmp(arrival->code, room_code(room)) == 0)
        return arrival;
    return NULL;
}

static void free_word(struct arrival *arrival, struct kept_word *word)
{
    LL_DELETE(arrival->words, word);
    free(word->name);
    free(word->json);
    free(word);
}

static void end(struct room_svc *svc, struct arrival *arrival)
{
    while (arrival->words != NULL)
        free_word(arrival, arrival->words);
    LL_DELETE(svc->arrivals, arrival);
    free(arrival);
}

static bool is_awaited(const struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (room_is_on_the_way(members[i]))
            return true;
    return false;
}

void arrivals_add(struct room_svc *svc, const struct room *room)
{
    struct arrival *arrival;

    if (!is_awaited(room))
        return;
    arrival = xcalloc(1, sizeof(*arrival));
    memcpy(arrival->code, room_code(room), strlen(room_code(room)));
    arrival->until_ms = clock_ms() + ARRIVAL_MS;
    LL_PREPEND(svc->arrivals, arrival);
}

bool arrivals_has(const struct room_svc *svc, const struct room *room)
{
    return find(svc, room) != NULL;
}

/* ---- what is kept */

static void keep(struct room_svc *svc, struct arrival *arrival, uint32_t number, const char *name,
                 const char *json)
{
    size_t bytes = strlen(json) + (name != NULL ? strlen(name) : 0);
    struct kept_word *word;

    if (arrival->bytes + bytes > KEPT_BYTES) {
        svc->metrics.arrivals_dropped_total++;
        return;
    }
    arrival->bytes += bytes;
    word = xcalloc(1, sizeof(*word));
    word->number = number;
    word->name = name != NULL ? xstrdup(name) : NULL;
    word->json = xstrdup(json);
    LL_APPEND(arrival->words, word);
}

static bool hears(const struct room_event *event, const struct room_member *member, bool echoes)
{
    if (event->to != NULL)
        return event->to == member;
    if (member == event->member && !echoes)
        return false;
    return event->is_for_moderators ? room_hears(event, member) : member->presence == ROOM_HERE;
}

void arrivals_tell(struct room_svc *svc, const struct dialect *dialect, const struct room *room,
                   const struct room_event *event, bool echoes, const char *name, const char *json)
{
    struct arrival *arrival = find(svc, room);
    struct room_member *const *members;
    size_t count;

    if (arrival == NULL)
        return;
    members = room_members(room, &count);
    for (size_t i = 0; i < count; i++)
        if (room_is_on_the_way(members[i]) && members[i]->dialect == dialect->id &&
            hears(event, members[i], echoes))
            keep(svc, arrival, members[i]->number, name, json);
}

void arrivals_here(struct guest *guest, const struct room *room)
{
    struct arrival *arrival = find(guest->svc, room);
    struct kept_word *word, *next;

    if (arrival == NULL)
        return;
    LL_FOREACH_SAFE(arrival->words, word, next)
    if (word->number == guest->number) {
        if (guest->socket != NULL)
            guest_emit(guest, word->name, word->json);
        else
            guest_send(guest, word->json);
        free_word(arrival, word);
    }
    if (!is_awaited(room))
        end(guest->svc, arrival);
}

/* ---- time */

static void lose_late(struct room_svc *svc, struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (room_is_on_the_way(members[i]))
            room_lose(room, members[i], house_now(svc));
}

void arrivals_tick(struct room_svc *svc, uint64_t now_ms)
{
    struct arrival *arrival, *next;

    LL_FOREACH_SAFE(svc->arrivals, arrival, next)
    {
        struct room *room = rooms_find(svc->rooms, arrival->code);

        if (room != NULL && now_ms < arrival->until_ms)
            continue;
        end(svc, arrival);
        if (room != NULL)
            lose_late(svc, room);
    }
}

void arrivals_stop(struct room_svc *svc)
{
    while (svc->arrivals != NULL)
        end(svc, svc->arrivals);
}
