/* SPDX-License-Identifier: MIT
 *
 * Input: what a client sends on a WebSocket; how much comes at a time is its first byte. What is
 * read does not depend on that. The same as a server's answer to a handshake.
 */
#include "wire/websocket.h"

#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_MESSAGE = 4096 };

/* Adds what it reads to `out`, and why it ended. */
static void read_all(const uint8_t *data, size_t size, size_t step, struct text *out)
{
    struct websocket_reader reader = {.max_message = MAX_MESSAGE};
    struct websocket_message message;
    enum websocket_read read = WEBSOCKET_WAITS;
    uint8_t *copy = xcalloc(1, size + 1);
    size_t begin = 0, end = 0;

    memcpy(copy, data, size);
    while (read != WEBSOCKET_FAULT && (read == WEBSOCKET_READ || end < size)) {
        if (read == WEBSOCKET_WAITS)
            end = MIN(end + step, size);
        read = websocket_read(&reader, copy + begin, end - begin, &message);
        must(message.used <= end - begin && reader.parts.len <= MAX_MESSAGE);
        begin += message.used;
        if (read == WEBSOCKET_FAULT)
            text_addf(out, "fault %u", (unsigned)message.fault);
        if (read != WEBSOCKET_READ)
            continue;
        must(message.opcode != WEBSOCKET_PART && message.payload.len <= MAX_MESSAGE);
        websocket_add(out, message.opcode, message.payload);
    }
    websocket_reader_fini(&reader);
    free(copy);
}

static void read_answer(const uint8_t *data, size_t size)
{
    uint8_t *copy = xcalloc(1, size); /* of just that size, for who reads past its end */
    unsigned status;
    size_t used = 0;

    memcpy(copy, data, size);
    if (websocket_answer_read(bytes_of(copy, size), "dGhlIHNhbXBsZSBub25jZQ==", &used, &status) !=
        WEBSOCKET_SHAKING)
        must(used <= size && status <= 999);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text whole = {0}, stepwise = {0};

    if (size == 0)
        return 0;
    read_all(data + 1, size - 1, SIZE_MAX / 2, &whole);
    read_all(data + 1, size - 1, (size_t)data[0] % 32 + 1, &stepwise);
    read_answer(data, size);
    must(bytes_equal(bytes_of(whole.data, whole.len), bytes_of(stepwise.data, stepwise.len)));
    text_fini(&whole);
    text_fini(&stepwise);
    return 0;
}
