/* SPDX-License-Identifier: MIT
 *
 * pb_json: any protobuf-c message as JSON and back, by its descriptor. Names are lowerCamelCase;
 * numbers are numbers (64-bit values beyond 2^53 lose precision in JavaScript; ours are sizes and
 * times); enums are lower-case words; bytes are base64url; absent messages are left out, empty
 * lists are [], `is_`/`has_` prefixes stay.
 */
#ifndef BUS_PB_JSON_H
#define BUS_PB_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/error.h"

/* New reference. */
json_t *pb_to_json(const ProtobufCMessage *message);
/* Unknown keys, wrong types and values out of range are errors that name the field. Free with
 * protobuf_c_message_free_unpacked(). */
enum err pb_from_json(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                      ProtobufCMessage **out, struct error *error);

#endif
