/* SPDX-License-Identifier: MIT */
#include "store.h"

void store_close(struct store **store)
{
    if (*store != NULL)
        (*store)->back->close(*store);
    *store = NULL;
}

enum err store_take(struct store *store, struct store_seat *out, struct error *error)
{
    return store->back->take(store, out, error);
}

enum err store_renew(struct store *store, struct error *error)
{
    return store->back->renew(store, error);
}

enum err store_look(struct store *store, struct store_look *out, struct error *error)
{
    return store->back->look(store, out, error);
}

enum err store_find(struct store *store, const char *code, unsigned *seat_out, struct error *error)
{
    return store->back->find != NULL ? store->back->find(store, code, seat_out, error)
                                     : ERR_NOT_FOUND;
}

void store_give_part(struct store *store, unsigned seat, const char *code, unsigned part,
                     struct bytes data)
{
    store->back->give_part(store, seat, code, part, data);
}

enum err store_accept(struct store *store, store_room_fn *on_room, void *arg, struct error *error)
{
    return store->back->accept != NULL ? store->back->accept(store, on_room, arg, error) : ERR_NONE;
}

void store_begin(struct store *store)
{
    store->back->begin(store);
}

enum err store_commit(struct store *store, struct error *error)
{
    return store->back->commit(store, error);
}

void store_put_part(struct store *store, const char *code, unsigned part, struct bytes data)
{
    store->back->put_part(store, code, part, data);
}

void store_delete_room(struct store *store, const char *code)
{
    store->back->delete_room(store, code);
}

void store_put_gateway(struct store *store, uint64_t place, struct bytes data)
{
    store->back->put_gateway(store, place, data);
}

enum err store_each_room(struct store *store, store_room_fn *on_room, void *arg,
                         struct error *error)
{
    return store->back->each_room(store, on_room, arg, error);
}

enum err store_each_gateway(struct store *store, store_gateway_fn *on_gateway, void *arg,
                            struct error *error)
{
    return store->back->each_gateway(store, on_gateway, arg, error);
}
