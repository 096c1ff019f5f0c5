/* SPDX-License-Identifier: MIT
 *
 * Input: a polling payload of Engine.IO. What can be read is written again, and read from there.
 */
#include "wire/engineio.h"

#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(struct bytes in, struct text *again)
{
    struct engineio_packet packet;
    uint8_t *binary;
    size_t len = 0;

    if (!engineio_parse(in, &packet))
        return;
    must(packet.payload.len == in.len - 1);
    if (!packet.is_binary) {
        engineio_add(again, packet.type, packet.payload, false);
        return;
    }
    binary = xcalloc(1, packet.payload.len + 1);
    if (engineio_base64(packet.payload, binary, &len)) {
        must(len <= packet.payload.len);
        engineio_add(again, ENGINEIO_MESSAGE, bytes_of(binary, len), true);
    }
    free(binary);
}

/* What was written says the same once more. */
static void check_written(struct bytes payload)
{
    struct text again = {0};
    struct bytes rest = payload, packet;

    while (engineio_next(&rest, &packet))
        check_packet(packet, &again);
    must(bytes_equal(bytes_of(again.data, again.len), payload));
    text_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), packet;
    uint8_t sid[ENGINEIO_SID_BYTES];
    struct text again = {0};

    (void)engineio_sid_parse(rest, sid);
    while (engineio_next(&rest, &packet))
        check_packet(packet, &again);
    if (again.len > 0)
        check_written(bytes_of(again.data, again.len));
    text_fini(&again);
    return 0;
}
