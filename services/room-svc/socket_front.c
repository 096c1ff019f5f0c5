/* SPDX-License-Identifier: MIT
 *
 * socket_front: those who come by Socket.IO. Several dialects share a namespace; an event belongs
 * to the first one that takes it.
 */
#include <string.h>

#include "base/must.h"
#include "room_svc.h"

static void on_connect(void *arg, struct sio_socket *socket, const struct sio_handshake *handshake)
{
    struct room_svc *room = arg;
    uint64_t connection = sio_connection_id(socket);
    struct guest *guest;

    /* One client is one guest: members are known by their connection. */
    if (guest_find(room, connection) != NULL) {
        sio_disconnect(socket, false);
        return;
    }
    guest = guest_new(room, connection, handshake->client->address);
    guest->socket = socket;
    guest->is_admin = handshake->client->is_admin;
    sio_set_state(socket, guest);
    if (handshake->how == SIO_RESUMED)
        guest_resumed(guest, handshake->kept);
}

static void on_event(void *arg, struct sio_socket *socket, const struct sio_event *event)
{
    struct room_svc *room = arg;
    struct guest *guest = sio_state(socket);

    for (size_t i = 0; guest != NULL && dialects[i] != NULL; i++)
        if (room->namespaces[dialects[i]->id] == sio_namespace(socket) &&
            dialects[i]->on_emitted(guest, event))
            return;
}

static void on_disconnect(void *arg, struct sio_socket *socket, const char *reason)
{
    struct guest *guest = sio_state(socket);

    (void)arg;
    (void)reason;
    if (guest != NULL)
        guest_gone(guest);
}

static struct sio_namespace *find_namespace(const struct room_svc *room, const char *name)
{
    for (size_t i = 0; dialects[i] != NULL; i++)
        if (dialects[i]->nsp != NULL && strcmp(dialects[i]->nsp, name) == 0 &&
            room->namespaces[dialects[i]->id] != NULL)
            return room->namespaces[dialects[i]->id];
    return NULL;
}

void socket_front_start(struct room_svc *room)
{
    struct sio_namespace_def def = {.on_connect = on_connect,
                                    .on_event = on_event,
                                    .on_disconnect = on_disconnect,
                                    .arg = room};

    for (size_t i = 0; dialects[i] != NULL; i++) {
        const struct dialect *dialect = dialects[i];

        if (dialect->nsp == NULL)
            continue;
        room->namespaces[dialect->id] = find_namespace(room, dialect->nsp);
        if (room->namespaces[dialect->id] == NULL) {
            def.name = dialect->nsp;
            room->namespaces[dialect->id] = sio_add_namespace(room->sio, &def);
        }
    }
}
