/* SPDX-License-Identifier: MIT
 *
 * Input: a polling body of Engine.IO, in each of its forms. What can be read is written again, and
 * read from there.
 */
#include "wire/engineio.h"

#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(enum engineio_body form, struct bytes in, bool is_binary,
                         struct text *again)
{
    struct engineio_packet packet;
    uint8_t *bytes;
    size_t len = 0;

    if (!engineio_parse(form != ENGINEIO_SEPARATED, in, is_binary, &packet))
        return;
    must(packet.payload.len < in.len);
    bytes = xcalloc(1, packet.payload.len + 1);
    if (packet.is_base64) {
        if (!engineio_base64(packet.payload, bytes, &len)) {
            free(bytes);
            return;
        }
        must(len <= packet.payload.len);
        packet.payload = bytes_of(bytes, len);
        packet.is_base64 = false;
    }
    engineio_add(again, form, &packet);
    free(bytes);
}

static void check_body(enum engineio_body form, struct bytes body, struct text *again)
{
    struct bytes packet;
    bool is_binary;

    while (engineio_next(form, &body, &packet, &is_binary))
        check_packet(form, packet, is_binary, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sid[ENGINEIO_SID_BYTES];

    (void)engineio_sid_parse(bytes_of(data, size), sid);
    for (enum engineio_body form = ENGINEIO_SEPARATED; form <= ENGINEIO_FRAMED; form++) {
        struct text once = {0}, twice = {0};

        check_body(form, bytes_of(data, size), &once);
        /* What was written says the same once more. */
        if (once.len > 0)
            check_body(form, bytes_of(once.data, once.len), &twice);
        must(bytes_equal(bytes_of(once.data, once.len), bytes_of(twice.data, twice.len)));
        text_fini(&once);
        text_fini(&twice);
    }
    return 0;
}
