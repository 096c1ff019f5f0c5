/* SPDX-License-Identifier: MIT */
#include "keep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "house.h"
#include "room_svc.h"
#include "seats.h"

enum { SETTLE_MS = 5000 }; /* a gateway of the life before that says nothing for so long is gone */

/* Which state of a room is in the store. */
struct kept {
    char code[CODE_MAX + 1];
    uint64_t versions[ROOM_PARTS];
    bool is_touched;
    struct kept *next; /* of those touched */
    UT_hash_handle hh;
};

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN */
static struct kept *find(const struct room_svc *svc, const char *code)
{
    struct kept *kept;

    HASH_FIND_STR(svc->kept, code, kept);
    return kept;
}

static struct kept *add(struct room_svc *svc, const char *code)
{
    struct kept *kept = xcalloc(1, sizeof(*kept));

    memcpy(kept->code, code, strlen(code) + 1);
    HASH_ADD_STR(svc->kept, code, kept);
    return kept;
}

static void forget(struct room_svc *svc, struct kept *kept)
{
    HASH_DEL(svc->kept, kept);
    free(kept);
}
/* NOLINTEND */

static void touch(struct room_svc *svc, struct kept *kept)
{
    if (kept->is_touched)
        return;
    kept->is_touched = true;
    kept->next = svc->touched;
    svc->touched = kept;
}

void keep_touch(struct room_svc *svc, const char *code)
{
    struct kept *kept = find(svc, code);

    touch(svc, kept != NULL ? kept : add(svc, code));
}

static bool is_current(const struct kept *kept, const struct room *room)
{
    for (unsigned part = 0; part < ROOM_PARTS; part++)
        if (kept->versions[part] != room_version(room, (enum room_part)part))
            return false;
    return true;
}

void keep_tick(struct room_svc *svc)
{
    for (struct room *room = rooms_next(svc->rooms, NULL); room != NULL;
         room = rooms_next(svc->rooms, room)) {
        struct kept *kept = find(svc, room_code(room));

        if (kept == NULL || !is_current(kept, room))
            keep_touch(svc, room_code(room));
    }
}

/* ---- writing */

static void save(struct room_svc *svc, struct kept *kept, const struct room *room)
{
    for (unsigned i = 0; i < ROOM_PARTS; i++) {
        enum room_part part = (enum room_part)i;
        uint8_t *data;
        size_t len;

        if (!svc->is_rewriting && kept->versions[part] == room_version(room, part))
            continue;
        data = room_save(room, part, &len);
        store_put_part(svc->store, kept->code, part, bytes_of(data, len));
        free(data);
        svc->metrics.saved_bytes_total += len;
    }
}

/* Only when that is in the file. */
static void note(struct room_svc *svc, struct kept *kept)
{
    const struct room *room = rooms_find(svc->rooms, kept->code);

    kept->is_touched = false;
    for (unsigned part = 0; room != NULL && part < ROOM_PARTS; part++)
        kept->versions[part] = room_version(room, (enum room_part)part);
    if (room == NULL)
        forget(svc, kept);
}

static void write_all(struct room_svc *svc, const struct gateway_memory *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_put_gateway(svc->store, rows[i].place, rows[i].bytes);
    for (struct kept *kept = svc->touched; kept != NULL; kept = kept->next) {
        const struct room *room = rooms_find(svc->rooms, kept->code);

        if (room != NULL)
            save(svc, kept, room);
        else
            store_delete_room(svc->store, kept->code);
    }
}

/* Forgets those that were touched for nothing: most of what clients say changes nothing that is
 * stored. What could not be written is tried again, be it rows of gateways alone. */
static bool has_changed(void *arg)
{
    struct room_svc *svc = arg;
    struct kept **at = &svc->touched;

    while (!svc->is_rewriting && *at != NULL) {
        struct kept *kept = *at;
        const struct room *room = rooms_find(svc->rooms, kept->code);

        if (room == NULL || !is_current(kept, room)) {
            at = &kept->next;
            continue;
        }
        kept->is_touched = false;
        *at = kept->next;
    }
    return svc->touched != NULL || svc->is_store_failing;
}

/* The next transaction puts everything, and takes the place of what the store has. */
static void rewrite(struct room_svc *svc)
{
    for (struct room *room = NULL; (room = rooms_next(svc->rooms, room)) != NULL;)
        keep_touch(svc, room_code(room));
    gateways_rewrite(svc->gateways);
    svc->is_rewriting = true;
}

/* What cannot be written is said all the same: better a room that a crash sets back than none. But
 * when another process has the rooms nothing is said: it is there that they go on. */
static void failed(struct room_svc *svc, const struct error *error)
{
    if (error->code == ERR_CANCELLED)
        svc_give_up(svc->svc, error->text);
    if (error->code == ERR_NOT_FOUND)
        rewrite(svc);
    if (!svc->is_store_failing)
        log_error("rooms are not stored", "error=%s", error->text);
    svc->is_store_failing = true;
}

static bool write_and_note(struct room_svc *svc, const struct gateway_memory *rows, size_t count)
{
    struct error error;

    store_begin(svc->store);
    write_all(svc, rows, count);
    svc->metrics.commits_total++;
    if (store_commit(svc->store, &error) != ERR_NONE) {
        svc->metrics.commits_failed_total++;
        failed(svc, &error);
        return false;
    }
    svc->is_store_failing = svc->is_rewriting = false;
    while (svc->touched != NULL) {
        struct kept *kept = svc->touched;

        svc->touched = kept->next;
        note(svc, kept);
    }
    return true;
}

static bool commit(void *arg, const struct gateway_memory *rows, size_t count)
{
    bool is_written = write_and_note(arg, rows, count);

    relay_flush(arg); /* others hear of it after it was written, as clients do */
    return is_written;
}

/* ---- reading */

static void take_room(void *arg, const char *code, struct bytes parts)
{
    struct room_svc *svc = arg;
    struct error error;
    struct room *room;

    if (house_restore(svc, parts, &room, &error) != ERR_NONE) {
        log_error("a stored room cannot be used", "code=%s error=%s", code, error.text);
        return;
    }
    keep_touch(svc, room_code(room)); /* note() has its versions after the first write */
    arrivals_add(svc, room);
}

/* Somebody may have made one of that name meanwhile; it is not the one that people are in. */
static void take_given(void *arg, const char *code, struct bytes parts)
{
    struct room_svc *svc = arg;
    struct room *room = rooms_find(svc->rooms, code);

    if (room != NULL)
        rooms_close(svc->rooms, room, NULL, house_now(svc));
    take_room(svc, code, parts);
    svc->metrics.rooms_accepted_total++;
}

void keep_renew(struct room_svc *svc)
{
    struct error error;

    if (store_renew(svc->store, &error) != ERR_NONE) {
        failed(svc, &error);
        return;
    }
    seats_look(svc);
}

void keep_accept(struct room_svc *svc)
{
    struct error error;

    if (store_accept(svc->store, take_given, svc, &error) != ERR_NONE)
        failed(svc, &error);
}

void keep_forget(struct room_svc *svc, const char *code)
{
    struct kept *kept = find(svc, code);

    if (kept != NULL && !kept->is_touched)
        forget(svc, kept);
}

/* ---- a life */

static void take_gateway(void *arg, uint64_t place, struct bytes data)
{
    struct room_svc *svc = arg;

    if (!gateways_recall(svc->gateways, &(struct gateway_memory){.place = place, .bytes = data}))
        log_error("a stored gateway cannot be used", "place=%" PRIu64, place);
}

/* Another one for each process, mostly. */
static unsigned first_seat(const struct room_svc *svc)
{
    return (unsigned)(bytes_hash(bytes_of_text(svc_name(svc->svc)), 0) % svc->settings->seats);
}

enum err keep_open(struct room_svc *svc, struct error *error)
{
    const struct room_settings *settings = svc->settings;
    const struct store_redis_config redis = {.url = settings->redis_url,
                                             .password = settings->redis_password,
                                             .lease_ms = (uint32_t)settings->redis_lease,
                                             .seats = (unsigned)settings->seats,
                                             .first = first_seat(svc)};
    enum err err;
    char *path;

    if (settings->redis_url[0] != '\0')
        return store_redis_open(&redis, &svc->store, error);
    if (settings->seats > 1)
        return error_set(error, ERR_CONFIG,
                         "several processes share their rooms by Redis: with room.seats=%u "
                         "room.redis_url is missing",
                         redis.seats);
    path = xasprintf("%s/rooms.db", svc_common(svc->svc)->data_dir);
    err = store_sqlite_open(path, &svc->store, error);
    free(path);
    return err;
}

enum err keep_take(struct room_svc *svc, struct store_seat *out, struct error *error)
{
    return store_take(svc->store, out, error);
}

static void pass_over(void *arg, const char *code, struct bytes parts)
{
    (void)arg;
    (void)code;
    (void)parts;
}

enum err keep_start(struct room_svc *svc, struct error *error)
{
    const struct gateway_journal journal = {
        .has_changed = has_changed, .commit = commit, .arg = svc};
    enum err err;

    /* What was given while nobody was here is among the others then. */
    if ((err = store_accept(svc->store, pass_over, NULL, error)) != ERR_NONE ||
        (err = store_each_room(svc->store, take_room, svc, error)) != ERR_NONE ||
        (err = store_each_gateway(svc->store, take_gateway, svc, error)) != ERR_NONE)
        return err;
    gateways_remember(svc->gateways, &journal);
    svc->settle_until_ms = clock_ms() + SETTLE_MS;
    log_info("rooms opened again", "rooms=%zu seat=%u seats=%u", rooms_count(svc->rooms), svc->seat,
             svc->seats);
    return ERR_NONE;
}

void keep_stop(struct room_svc *svc)
{
    store_close(&svc->store);
    svc->touched = NULL;
    while (svc->kept != NULL)
        forget(svc, svc->kept);
}

/* ---- who is still there */

static void lose_strangers(struct room_svc *svc, struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (members[i]->connection != 0 && !room_is_on_the_way(members[i]) &&
            guest_find(svc, members[i]->connection) == NULL)
            room_lose(room, members[i], house_now(svc));
}

bool keep_is_settling(struct room_svc *svc)
{
    if (svc->settle_until_ms == 0)
        return false;
    if (clock_ms() < svc->settle_until_ms && !gateways_are_settled(svc->gateways))
        return true;
    svc->settle_until_ms = 0;
    for (struct room *room = rooms_next(svc->rooms, NULL); room != NULL;
         room = rooms_next(svc->rooms, room))
        lose_strangers(svc, room);
    return false;
}
