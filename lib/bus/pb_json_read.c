/* SPDX-License-Identifier: MIT
 *
 * pb_json_read: the way back, from JSON to a message. What it builds is always a whole message, so
 * that one free ends every failure; what it refuses, it names: "files[2].path must be a text".
 */
#include "bus/pb_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "bus/pb_json_names.h"

enum { PATH_TEXT = 160, NEAR = 4 /* edits between a wrong name and what was meant */ };

/* The names from the outermost message to the value at hand; lives on the stack. */
struct path {
    const struct path *up;
    const char *name; /* NULL in the outermost */
    long index;       /* in a list, else -1 */
    unsigned depth;
};

static void *at_offset(void *base, unsigned offset)
{
    return (uint8_t *)base + offset;
}

/* "files[2].path"; a path too long for the sentence loses its end. */
static size_t path_write(const struct path *path, char *out, size_t used)
{
    char name[PB_JSON_NAME], index[UNITS_TEXT] = "";

    if (path->name == NULL)
        return used;
    used = path_write(path->up, out, used);
    if (path->index >= 0)
        snprintf(index, sizeof(index), "[%ld]", path->index);
    int more = snprintf(out + used, PATH_TEXT - used, "%s%s%s", used > 0 ? "." : "",
                        pb_json_camel(path->name, name), index);
    return MIN(used + (size_t)more, (size_t)PATH_TEXT - 1);
}

static enum err refuse(const struct path *path, struct error *error, const char *what)
{
    char text[PATH_TEXT] = "";

    path_write(path, text, 0);
    return error_set(error, ERR_INVALID, "%s %s", text[0] != '\0' ? text : "the message", what);
}

static enum err read_signed(const json_t *json, int64_t min, int64_t max, int64_t *out,
                            const struct path *path, struct error *error)
{
    const char *text = json_string_value(json);
    char *end;

    if (json_is_integer(json)) {
        *out = json_integer_value(json);
    } else if (text != NULL && min == INT64_MIN && text[strspn(text, "-0123456789")] == '\0') {
        errno = 0;
        *out = strtoll(text, &end, 10);
        if (end == text || *end != '\0')
            return refuse(path, error, "must be a whole number");
        if (errno == ERANGE)
            return refuse(path, error, "is out of range");
    } else {
        return refuse(path, error, "must be a whole number");
    }
    return *out >= min && *out <= max ? ERR_NONE : refuse(path, error, "is out of range");
}

static enum err read_unsigned(const json_t *json, uint64_t max, uint64_t *out,
                              const struct path *path, struct error *error)
{
    if (json_is_integer(json)) {
        if (json_integer_value(json) < 0)
            return refuse(path, error, "must not be negative");
        *out = (uint64_t)json_integer_value(json);
    } else if (!json_is_string(json) || max != UINT64_MAX ||
               !parse_count(json_string_value(json), out)) {
        return refuse(path, error, "must be a whole number");
    }
    return *out <= max ? ERR_NONE : refuse(path, error, "is out of range");
}

static enum err read_string(const json_t *json, char **out, const struct path *path,
                            struct error *error)
{
    if (!json_is_string(json))
        return refuse(path, error, "must be a text");
    if (strlen(json_string_value(json)) != json_string_length(json))
        return refuse(path, error, "must not hold a NUL character");
    *out = xstrdup(json_string_value(json));
    return ERR_NONE;
}

static enum err read_bytes(const json_t *json, ProtobufCBinaryData *out, const struct path *path,
                           struct error *error)
{
    if (!json_is_string(json))
        return refuse(path, error, "must be base64url text");
    size_t len = json_string_length(json);
    uint8_t *data = xcalloc(len + 1, 1);

    if (!base64url_decode(bytes_of(json_string_value(json), len), data, len, &out->len)) {
        free(data);
        out->len = 0;
        return refuse(path, error, "must be base64url text");
    }
    out->data = data;
    return ERR_NONE;
}

static enum err read_enum(const json_t *json, const ProtobufCEnumDescriptor *descriptor,
                          int32_t *out, const struct path *path, struct error *error)
{
    struct text words = {0};
    enum err code;

    text_add(&words, "must be one of ");
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        char word[PB_JSON_NAME];

        pb_json_lower(descriptor->values[i].name, word);
        if (json_is_string(json) && strcmp(word, json_string_value(json)) == 0) {
            *out = descriptor->values[i].value;
            text_fini(&words);
            return ERR_NONE;
        }
        text_addf(&words, "%s%s", i > 0 ? ", " : "", word);
    }
    code = refuse(path, error, text_str(&words));
    text_fini(&words);
    return code;
}

static enum err message_from_json(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                                  ProtobufCMessage **out, const struct path *path,
                                  struct error *error);

/* Writes into `value` only when it succeeds (but for nested messages, which the outer message then
 * owns), so that the caller can free the message at any time. */
static enum err value_from_json(const ProtobufCFieldDescriptor *field, const json_t *json,
                                void *value, const struct path *path, struct error *error)
{
    enum err code = ERR_NONE;
    int64_t number = 0;
    uint64_t positive = 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        code = read_signed(json, INT32_MIN, INT32_MAX, &number, path, error);
        *(int32_t *)value = (int32_t)number;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        code = read_unsigned(json, UINT32_MAX, &positive, path, error);
        *(uint32_t *)value = (uint32_t)positive;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(json, INT64_MIN, INT64_MAX, value, path, error);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(json, UINT64_MAX, value, path, error);
    case PROTOBUF_C_TYPE_FLOAT:
        if (!json_is_number(json))
            return refuse(path, error, "must be a number");
        *(float *)value = (float)json_number_value(json);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        if (!json_is_number(json))
            return refuse(path, error, "must be a number");
        *(double *)value = json_number_value(json);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json))
            return refuse(path, error, "must be true or false");
        *(protobuf_c_boolean *)value = json_is_true(json);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(json, field->descriptor, value, path, error);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(json, value, path, error);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(json, value, path, error);
    case PROTOBUF_C_TYPE_MESSAGE:
        return message_from_json(field->descriptor, json, value, path, error);
    }
    return code;
}

static enum err list_from_json(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                               const json_t *json, struct path *path, struct error *error)
{
    size_t *count = at_offset(message, field->quantifier_offset);
    size_t size = pb_json_size(field->type);

    if (!json_is_array(json))
        return refuse(path, error, "must be a list");
    if (json_array_size(json) == 0)
        return ERR_NONE;
    uint8_t *elements = xcalloc(json_array_size(json), size);

    *(void **)at_offset(message, field->offset) = elements;
    for (size_t i = 0; i < json_array_size(json); i++) {
        path->index = (long)i;
        enum err code =
            value_from_json(field, json_array_get(json, i), elements + i * size, path, error);
        if (code != ERR_NONE)
            return code;
        *count = i + 1; /* what the message owns if the next one fails */
    }
    return ERR_NONE;
}

static enum err field_from_json(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                                const json_t *json, const struct path *up, struct error *error)
{
    struct path path = {up, field->name, -1, up->depth + 1};
    void *quantifier = at_offset(message, field->quantifier_offset);
    bool is_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;

    if (json_is_null(json))
        return ERR_NONE;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return list_from_json(message, field, json, &path, error);
    if (is_oneof && *(uint32_t *)quantifier != 0)
        return refuse(&path, error, "excludes another field that is also given");
    enum err code = value_from_json(field, json, at_offset(message, field->offset), &path, error);

    if (code != ERR_NONE)
        return code;
    if (is_oneof)
        *(uint32_t *)quantifier = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
             field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)quantifier = 1;
    return ERR_NONE;
}

/* NULL when there is none; then `near_out` is the camel name that looks most like it, or "". */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor,
                                                  const char *key, char near_out[PB_JSON_NAME])
{
    unsigned best = NEAR;
    char name[PB_JSON_NAME];

    near_out[0] = '\0';
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (strcmp(pb_json_camel(descriptor->fields[i].name, name), key) == 0)
            return &descriptor->fields[i];
        unsigned distance = text_distance(name, key);

        if (distance < best && distance < strlen(name)) {
            best = distance;
            snprintf(near_out, PB_JSON_NAME, "%s", name);
        }
    }
    return NULL;
}

static enum err message_from_json(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                                  ProtobufCMessage **out, const struct path *path,
                                  struct error *error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json))
        return refuse(path, error, "must be an object");
    if (path->depth > PB_JSON_DEPTH_MAX)
        return refuse(path, error, "is nested too deeply");
    ProtobufCMessage *message = xcalloc(1, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);

    /* jansson's iterator takes the object without const; it is not changed. */
    void *iterator = json_object_iter((json_t *)(uintptr_t)json);
    for (; iterator != NULL;
         iterator = json_object_iter_next((json_t *)(uintptr_t)json, iterator)) {
        char near[PB_JSON_NAME];
        enum err code;

        key = json_object_iter_key(iterator);
        value = json_object_iter_value(iterator);
        const ProtobufCFieldDescriptor *field = find_field(descriptor, key, near);

        if (field != NULL) {
            code = field_from_json(message, field, value, path, error);
        } else {
            char sentence[2 * PATH_TEXT];

            snprintf(sentence, sizeof(sentence), "has no field \"%.40s\"%s%s%s", key,
                     near[0] != '\0' ? "; did you mean \"" : "", near, near[0] != '\0' ? "\"" : "");
            code = refuse(path, error, sentence);
        }
        if (code != ERR_NONE) {
            protobuf_c_message_free_unpacked(message, NULL);
            return code;
        }
    }
    *out = message;
    return ERR_NONE;
}

enum err pb_from_json(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                      ProtobufCMessage **out, struct error *error)
{
    const struct path outermost = {.index = -1};

    *out = NULL;
    return message_from_json(descriptor, json, out, &outermost, error);
}
