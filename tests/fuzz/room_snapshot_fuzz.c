/* SPDX-License-Identifier: MIT
 *
 * Input: a stored room. One that is believed must be one that can go on, and be stored as it is.
 */
#include <stdlib.h>

#include "base/must.h"
#include "room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t begin_ms = 1800000000000;

static const struct room_rules rules = {
    .max_members = 100,
    .host_grace_ms = 1000,
    .member_grace_ms = 2000,
    .knock_ms = 3000,
    .sync_check_ms = 15000,
};

static void on_event(void *arg, const struct room *room, const struct room_event *event)
{
    size_t *count = arg, members;
    struct room_member *const *list = room_members(room, &members);

    for (size_t i = 0; i < members; i++)
        *count += room_hears(event, list[i]);
}

static void no_random(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, 7, len);
}

/* What it is stored as is what it was read from. */
static void check_store(const struct room *room, const struct room_outside *outside, int64_t now_ms)
{
    uint8_t *parts[ROOM_PARTS], *all = NULL;
    size_t lens[ROOM_PARTS], len = 0;
    struct room *again;

    for (enum room_part part = 0; part < ROOM_PARTS; part++) {
        parts[part] = room_save(room, part, &lens[part]);
        all = xrealloc(all, len + lens[part] + 1);
        memcpy(all + len, parts[part], lens[part]);
        len += lens[part];
    }
    must(room_restore(bytes_of(all, len), &rules, outside, now_ms, &again, NULL) == ERR_NONE);
    for (enum room_part part = 0; part < ROOM_PARTS; part++) {
        size_t again_len;
        uint8_t *again_part = room_save(again, part, &again_len);

        must(again_len == lens[part] && memcmp(again_part, parts[part], again_len) == 0);
        free(again_part);
        free(parts[part]);
    }
    room_free(&again);
    free(all);
}

/* Returns the time afterwards. */
static int64_t go_on(struct room *room)
{
    struct room_member *member;
    struct room_join join = {.id = "fuzz", .name = "fuzz", .address = "a", .connection = 1};
    uint64_t number;
    int64_t now_ms = begin_ms;

    room_tick(room, now_ms);
    room_knock(room, &join, now_ms, &member);
    if (room_join(room, &join, now_ms, &member) == ROOM_OK) {
        room_command(room, member, &(struct room_command){.kind = ROOM_PLAY}, now_ms);
        room_say(room, member, "hello", NULL, now_ms, &number);
        room_report(room, member, &(struct clock_report){.position_ms = 5}, now_ms);
    }
    room_command(room, NULL, &(struct room_command){.kind = ROOM_UNDO_SEEK}, now_ms);
    room_command(room, NULL, &(struct room_command){.kind = ROOM_SEEK, .position_ms = 7}, now_ms);
    room_queue_next(room, NULL, now_ms);
    for (unsigned i = 0; i < 20; i++)
        room_tick(room, now_ms += 500);
    must((room_host(room) != NULL) ==
         (room_count(room, ROOM_HERE) + room_count(room, ROOM_LOST) > 0));
    must(room_clock(room)->state.at_ms <= now_ms + CLOCK_LEAD_MAX_MS);
    return now_ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t heard = 0;
    struct room_outside outside = {.on_event = on_event, .random = no_random, .arg = &heard};
    struct room *room;

    if (room_restore(bytes_of(data, size), &rules, &outside, begin_ms, &room, NULL) != ERR_NONE)
        return 0;
    check_store(room, &outside, begin_ms);
    check_store(room, &outside, go_on(room));
    room_free(&room);
    return 0;
}
