/* SPDX-License-Identifier: MIT
 *
 * Input: a binary message of a client with socket.io-msgpack-parser. What is accepted is a packet
 * that clients of the other parser can be told, and comes back from msgpack as the same JSON.
 */
#include "wire/socketio_msgpack.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX], others[SOCKETIO_ATTACHMENTS_MAX];
    struct socketio_packet packet, again;
    struct text json = {0}, other = {0}, out = {0};

    if (socketio_msgpack_parse(bytes_of(data, size), 10, &json, attachments, &packet)) {
        socketio_write(&out, &packet);
        must(packet.nsp.data[0] != '/' || memchr(packet.nsp.data, ',', packet.nsp.len) != NULL ||
             socketio_parse(bytes_of(out.data, out.len), 10, &again));
        text_clear(&out);
        must(socketio_msgpack_write(&out, &packet, attachments));
        must(socketio_msgpack_parse(bytes_of(out.data, out.len), 10, &other, others, &again));
        must(again.type == packet.type && bytes_equal(again.nsp, packet.nsp) &&
             again.id == packet.id && bytes_equal(again.data, packet.data));
        for (unsigned i = 0; i < packet.attachments; i++)
            must(bytes_equal(attachments[i], others[i]));
    }
    text_fini(&json);
    text_fini(&other);
    text_fini(&out);
    return 0;
}
