/* SPDX-License-Identifier: MIT */
#include "seats.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "room_svc.h"
#include "svc/svc.h"

enum {
    LACK_LEASES = 4, /* a seat that nobody has for so long is not just being taken over */
    GIVE_ROUNDS = 8,
    GIVE_AT_ONCE = 32,      /* rooms in one transaction */
    GIVE_BYTES = 512 << 10, /* there, but for the last one: it has to be written in time */
    LEAVE_MS = 5000, /* a seat that is none any more has nothing for so long: nobody turns there */
};
_Static_assert((int)BUS_SEATS_MAX == (int)CODE_SEATS_MAX, "both name the same seats");

static void set_seats(struct room_svc *svc, unsigned seats)
{
    svc->seats = seats;
    svc->is_parting = true;
    svc_hold_seat(svc->svc, svc->seat, seats);
}

void seats_start(struct room_svc *svc, unsigned seat, unsigned seats)
{
    svc->seat = seat;
    svc->held = UINT64_MAX; /* until it is known better */
    gateways_hold_seat(svc->gateways, seat);
    set_seats(svc, seats);
}

/* ---- which */

unsigned seats_lacking(const struct room_svc *svc, uint64_t now_ms)
{
    if (svc->lacks_since_ms == 0 ||
        now_ms - svc->lacks_since_ms <= LACK_LEASES * svc->settings->redis_lease)
        return 0;
    return svc->seats - (unsigned)__builtin_popcountll(svc->held);
}

bool seats_is_held(const struct room_svc *svc, unsigned seat)
{
    return (svc->held >> seat & 1) != 0 || seats_lacking(svc, clock_ms()) == 0;
}

bool seats_is_elsewhere(struct room_svc *svc, const char *typed, unsigned *seat_out)
{
    char code[CODE_MAX + 1];
    struct error error;

    *seat_out = svc->seat;
    /* While it has not gone it is still here. */
    if (!code_read(typed, code) || rooms_find(svc->rooms, code) != NULL)
        return false;
    *seat_out = code_seat(code, svc->seats);
    if (*seat_out != svc->seat)
        return true;
    /* It may not have come yet. */
    if (store_find(svc->store, code, seat_out, &error) == ERR_NONE && *seat_out == svc->seat)
        keep_accept(svc);
    return *seat_out != svc->seat;
}

/* ---- giving */

/* An answer to one who is in it is on its way here. */
static bool is_waited_for(const struct room_svc *svc, const struct room *room)
{
    for (const struct guest *guest = svc->guests; guest != NULL; guest = guest->hh.next)
        if (guest->is_adding && strcmp(guest->code, room_code(room)) == 0)
            return true;
    return false;
}

/* A room, and the seat that is to have it. */
struct gift {
    struct room *room;
    unsigned seat;
};

/* Rooms of other seats that can go now, at most so many. Notes whether there are any at all. */
static size_t find_gifts(struct room_svc *svc, struct gift gifts[GIVE_AT_ONCE])
{
    size_t count = 0;

    svc->is_parting = false;
    for (struct room *room = NULL; (room = rooms_next(svc->rooms, room)) != NULL;) {
        unsigned seat = code_seat(room_code(room), svc->seats);

        if (seat == svc->seat)
            continue;
        svc->is_parting = true;
        if ((svc->held >> seat & 1) != 0 && count < GIVE_AT_ONCE && !is_waited_for(svc, room))
            gifts[count++] = (struct gift){room, seat};
    }
    return count;
}

/* Returns how much it is. */
static size_t put(struct room_svc *svc, const struct gift *gift)
{
    struct room *room = gift->room;
    size_t bytes = 0;

    room_send_away(room);
    for (unsigned i = 0; i < ROOM_PARTS; i++) {
        enum room_part part = (enum room_part)i;
        uint8_t *data;
        size_t len;

        if (room_version(room, part) == 0)
            continue;
        data = room_save(room, part, &len);
        store_give_part(svc->store, gift->seat, room_code(room), part, bytes_of(data, len));
        free(data);
        bytes += len;
    }
    store_delete_room(svc->store, room_code(room));
    return bytes;
}

static void drop(struct room_svc *svc, struct room *room)
{
    char code[CODE_MAX + 1];

    memcpy(code, room_code(room), strlen(room_code(room)) + 1);
    rooms_remove(svc->rooms, room);
    keep_forget(svc, code);
    svc->metrics.rooms_given_total++;
}

/* The rooms are other seats' from here on; what they have said before is in the journal. Where it
 * cannot be known whether that was written, what is in the store decides. */
static void give(struct room_svc *svc, const struct gift *gifts, size_t count)
{
    size_t bytes = 0, given = 0;
    struct error error;

    store_begin(svc->store);
    while (given < count && bytes < GIVE_BYTES)
        bytes += put(svc, &gifts[given++]);
    if (store_commit(svc->store, &error) != ERR_NONE)
        svc_give_up(svc->svc, error.text);
    for (size_t i = 0; i < given; i++)
        drop(svc, gifts[i].room);
}

/* Of a guest that is to follow its room, or has none and is where nobody is to be any more. */
static bool is_to_follow(struct room_svc *svc, const struct guest *guest, unsigned *seat_out)
{
    if (guest->code[0] == '\0') {
        *seat_out = (unsigned)(guest->connection % svc->seats);
        return svc->seat >= svc->seats;
    }
    return rooms_find(svc->rooms, guest->code) == NULL &&
           seats_is_elsewhere(svc, guest->code, seat_out);
}

static void let_follow(struct room_svc *svc)
{
    struct guest *guest, *next;
    unsigned seat;

    HASH_ITER(hh, svc->guests, guest, next) /* NOLINT */
    if (is_to_follow(svc, guest, &seat))
        gateway_move(svc->gateways, guest->connection, seat);
}

static void part(struct room_svc *svc)
{
    struct gift gifts[GIVE_AT_ONCE];
    size_t count;

    house_flush(svc);
    for (unsigned i = 0; i < GIVE_ROUNDS && !svc->is_store_failing; i++) {
        count = find_gifts(svc, gifts);
        if (count == 0)
            break;
        give(svc, gifts, count);
    }
    let_follow(svc);
    house_flush(svc);
}

/* ---- a seat that is none any more */

static void leave_when_empty(struct room_svc *svc)
{
    bool is_empty = svc->seat >= svc->seats && rooms_count(svc->rooms) == 0 &&
                    gateways_connections(svc->gateways) == 0 && gateways_are_heard(svc->gateways);
    uint64_t now_ms = clock_ms();

    if (!is_empty)
        svc->empty_since_ms = 0;
    else if (svc->empty_since_ms == 0)
        svc->empty_since_ms = now_ms;
    else if (now_ms - svc->empty_since_ms > LEAVE_MS) {
        gateways_forget(svc->gateways);
        svc_give_up(svc->svc, "its seat is none any more, and nothing is left there");
    }
}

/* ---- looking */

static void note_lack(struct room_svc *svc)
{
    uint64_t all = UINT64_MAX >> (CODE_SEATS_MAX - svc->seats);

    if ((svc->held & all) == all)
        svc->lacks_since_ms = 0;
    else if (svc->lacks_since_ms == 0)
        svc->lacks_since_ms = clock_ms();
}

void seats_look(struct room_svc *svc)
{
    struct store_look look;
    struct error error;

    if (store_look(svc->store, &look, &error) != ERR_NONE)
        return;
    svc->is_parting |= svc->held != look.held && look.seats > 1;
    svc->held = look.held;
    if (look.seats != svc->seats) {
        log_info("rooms are parted anew", "seats=%u before=%u", look.seats, svc->seats);
        set_seats(svc, look.seats);
        rooms_set_seat(svc->rooms, svc->seat, look.seats);
    }
    note_lack(svc);
    if (look.is_given)
        keep_accept(svc);
    if ((svc->is_parting || svc->seat >= svc->seats) && !keep_is_settling(svc))
        part(svc);
    leave_when_empty(svc);
}
