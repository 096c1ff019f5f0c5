/* SPDX-License-Identifier: MIT
 *
 * Input: a message of another server of Socket.IO, as Redis brings it. What is accepted comes back
 * as the same when it is written.
 */
#include "wire/socketio_adapter.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX], others[SOCKETIO_ATTACHMENTS_MAX];
    static struct socketio_relayed relayed, again;
    struct text json = {0}, other = {0}, out = {0};

    if (socketio_adapter_parse(bytes_of(data, size), &json, attachments, &relayed)) {
        struct bytes room = relayed.room_count > 0 ? relayed.rooms[0] : bytes_of(NULL, 0);

        must(socketio_adapter_write(&out, relayed.uid, room, &relayed.packet, attachments));
        must(socketio_adapter_parse(bytes_of(out.data, out.len), &other, others, &again));
        must(bytes_equal(again.uid, relayed.uid) && again.room_count == (room.len > 0));
        must(bytes_equal(again.packet.data, relayed.packet.data));
    }
    text_fini(&json);
    text_fini(&other);
    text_fini(&out);
    return 0;
}
