/* SPDX-License-Identifier: MIT */
#include "wire/socketio_adapter.h"

#include <msgpack.h>

#include "wire/socketio_msgpack.h"

enum { ARRAY_OF_3 = 0x93 };

void socketio_adapter_channel(struct text *out, struct bytes nsp, struct bytes room)
{
    text_add(out, "socket.io#");
    text_add_bytes(out, nsp);
    text_add(out, "#");
    if (room.len == 0)
        return;
    text_add_bytes(out, room);
    text_add(out, "#");
}

/* ---- reading */

/* The next value, as it stands there. */
static bool take_value(struct bytes *message, struct bytes *value)
{
    size_t len = message->len > 0 ? socketio_msgpack_length(*message) : 0;

    *value = bytes_of(message->data, len);
    *message = bytes_of(message->data + len, message->len - len);
    return len > 0;
}

static bool is_key(const msgpack_object *key, const char *name)
{
    return key->type == MSGPACK_OBJECT_STR &&
           bytes_equal_text(bytes_of(key->via.str.ptr, key->via.str.size), name);
}

static bool read_rooms(const msgpack_object *list, struct bytes rooms[], size_t *count)
{
    *count = 0;
    if (list->type != MSGPACK_OBJECT_ARRAY || list->via.array.size > SOCKETIO_ADAPTER_ROOMS_MAX)
        return false;
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *room = &list->via.array.ptr[i];

        rooms[(*count)++] = room->type == MSGPACK_OBJECT_STR
                                ? bytes_of(room->via.str.ptr, room->via.str.size)
                                : bytes_of(NULL, 0); /* in JavaScript anything may be one */
    }
    return true;
}

static bool read_options(const msgpack_object *object, struct socketio_relayed *out)
{
    if (object->type != MSGPACK_OBJECT_MAP)
        return false;
    for (uint32_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *pair = &object->via.map.ptr[i];

        if (is_key(&pair->key, "rooms") && !read_rooms(&pair->val, out->rooms, &out->room_count))
            return false;
        if (is_key(&pair->key, "except") &&
            !read_rooms(&pair->val, out->except, &out->except_count))
            return false;
    }
    return true;
}

static bool read_uid(const msgpack_object *object, struct socketio_relayed *out)
{
    out->uid = bytes_of(object->via.str.ptr, object->via.str.size);
    return object->type == MSGPACK_OBJECT_STR;
}

/* `value` is whole. What is read are views into it. */
static bool read_value(struct bytes value,
                       bool (*read)(const msgpack_object *, struct socketio_relayed *),
                       struct socketio_relayed *out)
{
    msgpack_unpacked unpacked;
    size_t at = 0;
    bool is_good;

    msgpack_unpacked_init(&unpacked);
    is_good = msgpack_unpack_next(&unpacked, (const char *)value.data, value.len, &at) ==
                  MSGPACK_UNPACK_SUCCESS &&
              read(&unpacked.data, out);
    msgpack_unpacked_destroy(&unpacked);
    return is_good;
}

bool socketio_adapter_parse(struct bytes message, struct text *json,
                            struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX],
                            struct socketio_relayed *out)
{
    struct bytes uid, packet, options;

    *out = (struct socketio_relayed){0};
    text_clear(json);
    if (message.len == 0 || message.data[0] != ARRAY_OF_3)
        return false;
    message = bytes_of(message.data + 1, message.len - 1);
    return take_value(&message, &uid) && take_value(&message, &packet) &&
           take_value(&message, &options) && message.len == 0 && read_value(uid, read_uid, out) &&
           read_value(options, read_options, out) &&
           socketio_msgpack_parse(packet, SOCKETIO_ATTACHMENTS_MAX, json, attachments,
                                  &out->packet) &&
           out->packet.type == SOCKETIO_EVENT;
}

/* ---- writing */

static int add_packed(void *data, const char *more, size_t len)
{
    text_add_bytes(data, bytes_of(more, len));
    return 0;
}

static void pack_text(msgpack_packer *packer, struct bytes text)
{
    msgpack_pack_str_with_body(packer, text.data, text.len);
}

bool socketio_adapter_write(struct text *out, struct bytes uid, struct bytes room,
                            const struct socketio_packet *packet, const struct bytes *attachments)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, add_packed);
    msgpack_pack_array(&packer, 3);
    pack_text(&packer, uid);
    if (!socketio_msgpack_write(out, packet, attachments))
        return false;
    msgpack_pack_map(&packer, 2);
    pack_text(&packer, bytes_of_text("rooms"));
    msgpack_pack_array(&packer, room.len > 0);
    if (room.len > 0)
        pack_text(&packer, room);
    pack_text(&packer, bytes_of_text("except"));
    msgpack_pack_array(&packer, 0);
    return true;
}
