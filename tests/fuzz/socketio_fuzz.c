/* SPDX-License-Identifier: MIT
 *
 * Input: a text message of a Socket.IO client. What is accepted comes out again as it was, and can
 * be told to clients of the other parser, who read the same.
 */
#include "wire/socketio_msgpack.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In revision 4 what is more is a query, which becomes JSON. */
static void check_v4(struct bytes in)
{
    struct socketio_packet packet;
    struct text auth = {0};

    if (socketio_parse_v4(in, 10, &auth, &packet))
        must(packet.nsp.len > 0 && socketio_look(&packet));
    text_fini(&auth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bytes some[SOCKETIO_ATTACHMENTS_MAX];
    struct socketio_packet packet, again;
    struct text out = {0}, binary = {0};

    check_v4(bytes_of(data, size));
    if (!socketio_parse(bytes_of(data, size), 10, &packet))
        return 0;
    must(packet.attachments <= 10 && packet.nsp.len > 0);
    socketio_write(&out, &packet);
    must(socketio_parse(bytes_of(out.data, out.len), 10, &again));
    must(again.type == packet.type && again.attachments == packet.attachments &&
         again.has_id == packet.has_id && again.id == packet.id &&
         bytes_equal(again.nsp, packet.nsp) && bytes_equal(again.data, packet.data) &&
         bytes_equal(again.name, packet.name) && bytes_equal(again.args, packet.args));
    must(socketio_msgpack_write(&binary, &packet, some));
    text_fini(&out);
    text_fini(&binary);
    return 0;
}
