/* SPDX-License-Identifier: MIT
 *
 * What a gateway keeps for a connection: a version, the kind of parser, and for each socket its
 * namespace, ids, what the program keeps, and rooms. Texts have their length before them, in two
 * bytes.
 */
#include <stdlib.h>

#include "sio/sio_private.h"

enum { VERSION = 1 };

static void add_text(struct text *out, struct bytes text)
{
    text_add_bytes(out, bytes_of((uint8_t[]){(uint8_t)(text.len >> 8), (uint8_t)text.len}, 2));
    text_add_bytes(out, text);
}

static void add_socket(struct text *out, const struct sio_socket *socket)
{
    add_text(out, bytes_of_text(socket->nsp->name));
    add_text(out, bytes_of_text(socket->id));
    add_text(out, bytes_of_text(socket->pid));
    add_text(out, bytes_of(socket->kept, socket->kept_len));
    for (unsigned i = 1; i < socket->membership_count; i++)
        add_text(out, bytes_of_text(socket->memberships[i].room->name));
    add_text(out, bytes_of(NULL, 0)); /* no room has such a name */
}

void tag_write(const struct sio_connection *connection, struct text *out)
{
    const struct sio_socket *socket;

    text_add_bytes(out, bytes_of((uint8_t[]){VERSION, (uint8_t)connection->kind}, 2));
    LL_FOREACH(connection->sockets, socket)
    add_socket(out, socket);
}

static bool take_text(struct bytes *tag, struct bytes *out)
{
    size_t len;

    if (tag->len < 2)
        return false;
    len = (size_t)tag->data[0] << 8 | tag->data[1];
    if (tag->len - 2 < len)
        return false;
    *out = bytes_of(tag->data + 2, len);
    *tag = bytes_of(tag->data + 2 + len, tag->len - 2 - len);
    return true;
}

static bool take_id(struct bytes *tag, char out[SIO_ID_CHARS + 1])
{
    struct bytes id;

    if (!take_text(tag, &id) || (id.len != SIO_ID_CHARS && id.len != 0))
        return false;
    if (id.len > 0)
        memcpy(out, id.data, id.len);
    out[id.len] = '\0';
    return true;
}

static bool take_rooms(struct bytes *tag, struct sio_socket *socket)
{
    struct bytes room;

    while (take_text(tag, &room)) {
        if (room.len == 0)
            return true;
        socket_join(socket, room, socket->first_event);
    }
    return false;
}

static bool take_socket(struct sio_connection *connection, struct bytes *tag)
{
    struct sio_namespace *nsp;
    struct sio_socket *socket;
    struct bytes name, kept;

    if (!take_text(tag, &name) || (nsp = namespace_of(connection->sio, name)) == NULL)
        return false;
    socket = socket_new(connection, nsp);
    socket->is_resumed = true;
    if (!take_id(tag, socket->id) || socket->id[0] == '\0' || !take_id(tag, socket->pid) ||
        (socket->pid[0] != '\0') != (nsp->recovery != NULL) || !take_text(tag, &kept) ||
        !socket_enter(socket)) {
        socket_free(socket);
        return false;
    }
    sio_keep(socket, kept);
    return take_rooms(tag, socket);
}

bool tag_read(struct sio_connection *connection, struct bytes tag)
{
    if (tag.len < 2 || tag.data[0] != VERSION || tag.data[1] >= KINDS)
        return false;
    connection->kind = (enum kind)tag.data[1];
    connection->sio->metrics.connections_msgpack += connection->kind == KIND_MSGPACK;
    tag = bytes_of(tag.data + 2, tag.len - 2);
    while (tag.len > 0)
        if (!take_socket(connection, &tag))
            return false;
    return true;
}
