/* SPDX-License-Identifier: MIT
 *
 * pb_json walks a message by its descriptor, so a new field of a .proto needs no line here.
 *
 * JSON has no place for some values; these keep a round trip exact: 64-bit integers beyond
 * INT64_MAX (generations, fingerprints) are decimal strings, and every 64-bit field may be given as
 * one; doubles that are not finite are null. Reading, null means "left out", as in proto3's own
 * mapping.
 */
#include "bus/pb_json.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "bus/pb_json_names.h"

const char *pb_json_camel(const char *name, char out[PB_JSON_NAME])
{
    size_t used = 0;

    for (const char *at = name; *at != '\0' && used + 1 < PB_JSON_NAME; at++) {
        if (*at == '_' && islower((unsigned char)at[1]))
            out[used++] = (char)toupper((unsigned char)*++at);
        else
            out[used++] = *at;
    }
    out[used] = '\0';
    return out;
}

const char *pb_json_lower(const char *word, char out[PB_JSON_NAME])
{
    size_t used = 0;

    for (; word[used] != '\0' && used + 1 < PB_JSON_NAME; used++)
        out[used] = (char)tolower((unsigned char)word[used]);
    out[used] = '\0';
    return out;
}

size_t pb_json_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return sizeof(void *);
}

static const void *const_at(const void *base, unsigned offset)
{
    return (const uint8_t *)base + offset;
}

/* A string that came over the network: what is not UTF-8 becomes U+FFFD, so that it stays JSON. */
static json_t *json_of_string(const char *string)
{
    struct text clean = {0};
    json_t *json;

    if (utf8_valid(bytes_of_text(string)))
        return json_string(string);
    for (size_t left = strlen(string); left > 0;) {
        size_t len = 1;

        while (len <= MIN(left, 4) && !utf8_valid(bytes_of(string, len)))
            len++;
        if (len > MIN(left, 4)) {
            text_add(&clean, "\xef\xbf\xbd");
            len = 1;
        } else {
            text_add_bytes(&clean, bytes_of(string, len));
        }
        string += len;
        left -= len;
    }
    json = json_string(text_str(&clean));
    text_fini(&clean);
    return json;
}

static json_t *json_of_unsigned(uint64_t value)
{
    char decimal[UNITS_TEXT];

    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(decimal, sizeof(decimal), "%" PRIu64, value);
    return json_string(decimal);
}

static json_t *json_of_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_bytes(const ProtobufCBinaryData *data)
{
    char *encoded = xcalloc((data->len * 4 + 2) / 3 + 1, 1);
    json_t *json = json_string(base64url_encode(bytes_of(data->data, data->len), encoded));

    free(encoded);
    return json;
}

/* A value that this build does not know, from a newer neighbour, stays a number. */
static json_t *json_of_enum(const ProtobufCEnumDescriptor *descriptor, int32_t value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(descriptor, value);
    char word[PB_JSON_NAME];

    return known != NULL ? json_string(pb_json_lower(known->name, word)) : json_integer(value);
}

static json_t *message_to_json(const ProtobufCMessage *message, unsigned depth);

/* NULL for what is absent. */
static json_t *value_to_json(const ProtobufCFieldDescriptor *field, const void *value,
                             unsigned depth)
{
    const ProtobufCMessage *message;
    const char *string;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)value);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_integer(*(const int64_t *)value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return json_of_unsigned(*(const uint64_t *)value);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_of_real((double)*(const float *)value);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_of_real(*(const double *)value);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)value);
    case PROTOBUF_C_TYPE_ENUM:
        return json_of_enum(field->descriptor, *(const int32_t *)value);
    case PROTOBUF_C_TYPE_STRING:
        string = *(char *const *)value;
        return json_of_string(string != NULL ? string : "");
    case PROTOBUF_C_TYPE_BYTES:
        return json_of_bytes(value);
    case PROTOBUF_C_TYPE_MESSAGE:
        message = *(ProtobufCMessage *const *)value;
        return message != NULL ? message_to_json(message, depth + 1) : NULL;
    }
    return NULL;
}

static json_t *list_to_json(const ProtobufCFieldDescriptor *field, const void *elements,
                            size_t count, unsigned depth)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list,
            value_to_json(field, (const uint8_t *)elements + i * pb_json_size(field->type), depth));
    return list;
}

static json_t *field_to_json(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                             unsigned depth)
{
    const void *quantifier = const_at(message, field->quantifier_offset);
    const void *value = const_at(message, field->offset);

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return list_to_json(field, *(void *const *)value, *(const size_t *)quantifier, depth);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(const uint32_t *)quantifier != field->id)
            return NULL;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL) {
        bool is_there =
            field->type == PROTOBUF_C_TYPE_STRING
                ? *(char *const *)value != NULL &&
                      *(char *const *)value != (const char *)field->default_value
                : field->type == PROTOBUF_C_TYPE_MESSAGE || *(const protobuf_c_boolean *)quantifier;

        if (!is_there)
            return NULL;
    }
    return value_to_json(field, value, depth);
}

static json_t *message_to_json(const ProtobufCMessage *message, unsigned depth)
{
    json_t *object = json_object();

    if (depth > PB_JSON_DEPTH_MAX)
        return object;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        json_t *value = field_to_json(message, field, depth);
        char name[PB_JSON_NAME];

        if (value != NULL)
            json_object_set_new_nocheck(object, pb_json_camel(field->name, name), value);
    }
    return object;
}

json_t *pb_to_json(const ProtobufCMessage *message)
{
    return message_to_json(message, 0);
}
