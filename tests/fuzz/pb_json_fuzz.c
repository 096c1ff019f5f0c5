/* SPDX-License-Identifier: MIT
 *
 * pb_json: what http-svc does with a request body, and with a message of a neighbour. The first
 * byte chooses the message; the rest is JSON when it parses as such, else a packed message.
 */
#include "bus/pb_json.h"

#include <stdlib.h>
#include <string.h>

#include <proto/control.pb-c.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const messages[] = {
    &sharestream__torrent__add_request__descriptor,
    &sharestream__torrent__list_reply__descriptor,
    &sharestream__torrent__event__descriptor,
    &sharestream__torrent__limits_request__descriptor,
    &sharestream__torrent__select_request__descriptor,
    &sharestream__torrent__read_request__descriptor,
    &sharestream__control__why_reply__descriptor,
    &sharestream__svc__hello_reply__descriptor,
};

/* What was read can be written and read again, and is the same message then. */
static void round_trip(const ProtobufCMessageDescriptor *descriptor,
                       const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = xcalloc(len, 1), *packed_again = xcalloc(len, 1);
    json_t *json = pb_to_json(message);
    ProtobufCMessage *again;

    must(pb_from_json(descriptor, json, &again, NULL) == ERR_NONE);
    must(protobuf_c_message_get_packed_size(again) == len);
    protobuf_c_message_pack(message, packed);
    protobuf_c_message_pack(again, packed_again);
    must(memcmp(packed, packed_again, len) == 0);
    protobuf_c_message_free_unpacked(again, NULL);
    json_decref(json);
    free(packed);
    free(packed_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor = messages[data[0] % COUNT_OF(messages)];
    json_t *json = json_loadb((const char *)data + 1, size - 1, JSON_ALLOW_NUL, NULL);
    ProtobufCMessage *message;
    struct error error;

    if (json != NULL) {
        if (pb_from_json(descriptor, json, &message, &error) == ERR_NONE) {
            round_trip(descriptor, message);
            protobuf_c_message_free_unpacked(message, NULL);
        } else {
            must(message == NULL && error.text[0] != '\0');
        }
    } else if ((message = protobuf_c_message_unpack(descriptor, NULL, size - 1, data + 1)) !=
               NULL) {
        json = pb_to_json(message);
        char *text = json_dumps(json, JSON_COMPACT);

        must(text != NULL);
        free(text);
        protobuf_c_message_free_unpacked(message, NULL);
    }
    json_decref(json);
    return 0;
}
