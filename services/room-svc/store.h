/* SPDX-License-Identifier: MIT
 *
 * store: rooms and what gateways are remembered by. Written each time before what happened is told
 * to anybody, so that whoever kills the process finds everything as its clients know it.
 *
 * Two back ends: a file, for one process (store_sqlite.c), and Redis, where rooms are parted among
 * seats, each of which one process holds, and others stand by (store_redis.c).
 */
#ifndef ROOM_STORE_H
#define ROOM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct store;

/* ERR_CONFIG: the file is damaged, or of a newer version. */
enum err store_sqlite_open(const char *path, struct store **out, struct error *error);

struct store_redis_config {
    const char *url;      /* redis://[user@]host[:port][/database] */
    const char *password; /* "": none */
    uint32_t lease_ms;
    unsigned seats; /* there are so many from now on, whoever said otherwise before */
    unsigned first; /* the seat to ask for first */
};

/* What others do. */
struct store_look {
    unsigned seats;
    uint64_t held; /* seats that somebody holds, one bit for each */
    bool is_given; /* rooms were given to this seat: store_accept() */
};

/* What this process holds. */
struct store_seat {
    unsigned seat, seats; /* which, from 0, and of how many */
    int64_t unix_ms; /* the time as the store has it, the same for all who hold it one after the
                        other */
};

/* ERR_CONFIG: the URL is none. Does not connect. */
enum err store_redis_open(const struct store_redis_config *config, struct store **out,
                          struct error *error);
/* Lets go of the rooms. Clears the pointer, accepts NULL. */
void store_close(struct store **store);

/* Makes this process the one that holds one of the seats. ERR_BUSY: others do, or may; ask again,
 * several times in a lease. ERR_UNAVAILABLE: the store is away; likewise. ERR_CONFIG: what is there
 * is of a newer version. One that is not a seat any more is taken while there is something left. */
enum err store_take(struct store *store, struct store_seat *out, struct error *error);
/* Holds them for another lease. Fails as store_commit() does. */
enum err store_renew(struct store *store, struct error *error);

enum err store_look(struct store *store, struct store_look *out, struct error *error);

/* Which other seat has the room, though by its code it is of this one; this one: it was given to
 * it. ERR_NOT_FOUND: none. */
enum err store_find(struct store *store, const char *code, unsigned *seat_out, struct error *error);

/* What is put in between comes into the store as a whole, or not at all. */
void store_begin(struct store *store);
/* ERR_CANCELLED: another process has taken the rooms; nothing may be said any more.
 * ERR_NOT_FOUND: what was written before is not there: the next transaction has to put everything,
 * and takes the place of what is there. Others: nothing was written. */
enum err store_commit(struct store *store, struct error *error);

/* One part of a room, as room_save() made it. */
void store_put_part(struct store *store, const char *code, unsigned part, struct bytes data);
void store_delete_room(struct store *store, const char *code);
/* Of a room that another seat is to have, and that is deleted here: the same, all of it. */
void store_give_part(struct store *store, unsigned seat, const char *code, unsigned part,
                     struct bytes data);
/* Empty: there is nothing any more. */
void store_put_gateway(struct store *store, uint64_t place, struct bytes data);

/* Views. */
typedef void store_room_fn(void *arg, const char *code, struct bytes parts);
typedef void store_gateway_fn(void *arg, uint64_t place, struct bytes data);
/* All parts of a room one behind the other. The callback must not change the store. */
enum err store_each_room(struct store *store, store_room_fn *on_room, void *arg,
                         struct error *error);
enum err store_each_gateway(struct store *store, store_gateway_fn *on_gateway, void *arg,
                            struct error *error);
/* Those that were given to this seat, which are its own then. */
enum err store_accept(struct store *store, store_room_fn *on_room, void *arg, struct error *error);

/* ---- for back ends: each begins with a struct store, and does what the functions above say */

struct store_back {
    void (*close)(struct store *store);
    enum err (*take)(struct store *store, struct store_seat *out, struct error *error);
    enum err (*renew)(struct store *store, struct error *error);
    enum err (*look)(struct store *store, struct store_look *out, struct error *error);
    void (*begin)(struct store *store);
    enum err (*commit)(struct store *store, struct error *error);
    void (*put_part)(struct store *store, const char *code, unsigned part, struct bytes data);
    void (*delete_room)(struct store *store, const char *code);
    void (*give_part)(struct store *store, unsigned seat, const char *code, unsigned part,
                      struct bytes data); /* NULL: there is one seat; likewise the next two */
    enum err (*find)(struct store *store, const char *code, unsigned *seat_out,
                     struct error *error);
    enum err (*accept)(struct store *store, store_room_fn *on_room, void *arg, struct error *error);
    void (*put_gateway)(struct store *store, uint64_t place, struct bytes data);
    enum err (*each_room)(struct store *store, store_room_fn *on_room, void *arg,
                          struct error *error);
    enum err (*each_gateway)(struct store *store, store_gateway_fn *on_gateway, void *arg,
                             struct error *error);
};

struct store {
    const struct store_back *back;
};

#endif
