/* SPDX-License-Identifier: MIT
 *
 * store: rooms and what gateways are remembered by, in one SQLite file (WAL). Written in
 * transactions of a fraction of a millisecond, each time before what happened is told to anybody,
 * so that whoever kills the process finds everything as its clients know it. After a power cut the
 * last seconds may be missing.
 */
#ifndef ROOM_STORE_H
#define ROOM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct store;

/* ERR_CONFIG: the file is damaged, or of a newer version. */
enum err store_open(const char *path, struct store **out, struct error *error);
void store_close(struct store **store);

/* What is put in between comes into the file as a whole, or not at all. */
void store_begin(struct store *store);
enum err store_commit(struct store *store, struct error *error);

/* One part of a room, as room_save() made it. */
void store_put_part(struct store *store, const char *code, unsigned part, struct bytes data);
void store_delete_room(struct store *store, const char *code);
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

#endif
