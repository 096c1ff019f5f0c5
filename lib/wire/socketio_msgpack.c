/* SPDX-License-Identifier: MIT */
#include "wire/socketio_msgpack.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <msgpack.h>

#include "base/must.h"
#include "wire/json.h"

enum {
    JS_EXT = 0, /* type of the extensions of JavaScript's values */
    TIMESTAMP_EXT = -1,
    NS_PER_MS = 1000000,
    FIXEXT_1 = 0xd4,
    FIXEXT_8 = 0xd7,
    DATE_BYTES = 8,
};

/* ---- is it whole? */

/* Of the values from 0xc0 to 0xdf: bytes behind the first (of the length and what is fixed), how
 * many of these are the length, and whether it counts bytes, items or pairs. */
static const struct shape {
    uint8_t head, length;
    enum { NOTHING, BYTES, ITEMS, PAIRS } counts;
} shapes[32] = {
    [0xc4 - 0xc0] = {1, 1, BYTES}, [0xc5 - 0xc0] = {2, 2, BYTES}, [0xc6 - 0xc0] = {4, 4, BYTES},
    [0xc7 - 0xc0] = {2, 1, BYTES}, [0xc8 - 0xc0] = {3, 2, BYTES}, [0xc9 - 0xc0] = {5, 4, BYTES},
    [0xca - 0xc0] = {4, 0, 0},     [0xcb - 0xc0] = {8, 0, 0},     [0xcc - 0xc0] = {1, 0, 0},
    [0xcd - 0xc0] = {2, 0, 0},     [0xce - 0xc0] = {4, 0, 0},     [0xcf - 0xc0] = {8, 0, 0},
    [0xd0 - 0xc0] = {1, 0, 0},     [0xd1 - 0xc0] = {2, 0, 0},     [0xd2 - 0xc0] = {4, 0, 0},
    [0xd3 - 0xc0] = {8, 0, 0},     [0xd4 - 0xc0] = {2, 0, 0},     [0xd5 - 0xc0] = {3, 0, 0},
    [0xd6 - 0xc0] = {5, 0, 0},     [0xd7 - 0xc0] = {9, 0, 0},     [0xd8 - 0xc0] = {17, 0, 0},
    [0xd9 - 0xc0] = {1, 1, BYTES}, [0xda - 0xc0] = {2, 2, BYTES}, [0xdb - 0xc0] = {4, 4, BYTES},
    [0xdc - 0xc0] = {2, 2, ITEMS}, [0xdd - 0xc0] = {4, 4, ITEMS}, [0xde - 0xc0] = {2, 2, PAIRS},
    [0xdf - 0xc0] = {4, 4, PAIRS},
};

/* What stands behind the first byte of a value: so many bytes, so many values. */
static void measure(struct bytes at, uint64_t *bytes_out, uint64_t *values_out)
{
    uint8_t tag = at.data[0];
    struct shape shape;
    uint64_t count = 0;

    *bytes_out = *values_out = 0;
    if (tag >= 0x80 && tag <= 0x8f) {
        *values_out = UINT64_C(2) * (tag & 15U);
    } else if (tag >= 0x90 && tag <= 0x9f) {
        *values_out = tag & 15U;
    } else if (tag >= 0xa0 && tag <= 0xbf) {
        *bytes_out = tag & 31U;
    } else if (tag >= 0xc0 && tag <= 0xdf) {
        shape = shapes[tag - 0xc0];
        for (size_t i = 1; i <= shape.length && i < at.len; i++)
            count = count << 8 | at.data[i];
        *bytes_out = shape.head + (shape.counts == BYTES ? count : 0);
        *values_out = shape.counts == ITEMS ? count : shape.counts == PAIRS ? 2 * count : 0;
    }
}

size_t socketio_msgpack_length(struct bytes message)
{
    uint64_t wanted = 1, bytes, values;
    struct bytes left = message;

    while (wanted > 0) {
        if (wanted > left.len)
            return 0;
        measure(left, &bytes, &values);
        if (bytes >= left.len)
            return 0;
        left = bytes_of(left.data + 1 + bytes, left.len - 1 - (size_t)bytes);
        wanted = wanted - 1 + values;
    }
    return message.len - left.len;
}

/* ---- msgpack to JSON */

struct reader {
    struct text *json;
    struct bytes *attachments;
    unsigned count, max;
};

/* The tag says whether an extension is of fixed size, which msgpack-c does not: with `undefined`
 * as fixext 1 and dates as fixext 8, byte arrays of these lengths are ext 8. */
static bool is_fixed(const msgpack_object *object, uint8_t tag, uint32_t size)
{
    return object->type == MSGPACK_OBJECT_EXT && object->via.ext.type == JS_EXT &&
           object->via.ext.size == size && (uint8_t)object->via.ext.ptr[-2] == tag;
}

static bool is_undefined(const msgpack_object *object)
{
    return is_fixed(object, FIXEXT_1, 1);
}

static bool add_bytes(struct reader *reader, const char *data, size_t len)
{
    if (reader->count == reader->max)
        return false;
    reader->attachments[reader->count] = bytes_of(data, len);
    text_addf(reader->json, "{\"_placeholder\":true,\"num\":%u}", reader->count++);
    return true;
}

static uint64_t read_big_endian(const char *data, size_t len)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < len; i++)
        bits = bits << 8 | (uint8_t)data[i];
    return bits;
}

/* As Date.toJSON() writes it. */
static void add_date(struct text *json, int64_t s, unsigned ms)
{
    time_t time = (time_t)s;
    struct tm tm;

    if (gmtime_r(&time, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099) {
        text_add(json, "null");
        return;
    }
    text_addf(json, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
              tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

static void add_js_date(struct text *json, const char *data)
{
    int64_t ms = (int64_t)read_big_endian(data, DATE_BYTES), s = ms / 1000 - (ms % 1000 < 0);

    add_date(json, s, (unsigned)(ms - s * 1000));
}

/* msgpack's own, which later packers write: in 4, 8 or 12 bytes. */
static bool add_timestamp(struct text *json, const msgpack_object_ext *ext)
{
    uint64_t bits = read_big_endian(ext->ptr, MIN(ext->size, 8U));

    if (ext->size == 4)
        add_date(json, (int64_t)bits, 0);
    else if (ext->size == 8)
        add_date(json, (int64_t)(bits & ((UINT64_C(1) << 34) - 1)),
                 (unsigned)((bits >> 34) / NS_PER_MS % 1000));
    else if (ext->size == 12)
        add_date(json, (int64_t)read_big_endian(ext->ptr + 4, 8),
                 (unsigned)(read_big_endian(ext->ptr, 4) / NS_PER_MS % 1000));
    else
        return false;
    return true;
}

/* With as few digits as bring the same number back. */
static void add_float(struct text *json, double value)
{
    char digits[32];
    int precision = 15;

    if (!isfinite(value)) {
        text_add(json, "null");
        return;
    }
    do
        snprintf(digits, sizeof(digits), "%.*g", precision, value);
    while (strtod(digits, NULL) != value && ++precision <= 17);
    text_add(json, digits);
}

static bool add_value(struct reader *reader, const msgpack_object *object);

static bool add_array(struct reader *reader, const msgpack_object_array *array)
{
    text_add(reader->json, "[");
    for (uint32_t i = 0; i < array->size; i++) {
        if (i > 0)
            text_add(reader->json, ",");
        if (!add_value(reader, &array->ptr[i]))
            return false;
    }
    text_add(reader->json, "]");
    return true;
}

static struct bytes view(msgpack_object_str str)
{
    return bytes_of(str.ptr, str.size);
}

static bool add_map(struct reader *reader, const msgpack_object_map *map)
{
    bool is_first = true;

    text_add(reader->json, "{");
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object_kv *pair = &map->ptr[i];

        if (pair->key.type != MSGPACK_OBJECT_STR)
            return false;
        if (is_undefined(&pair->val))
            continue;
        if (!is_first)
            text_add(reader->json, ",");
        is_first = false;
        json_string_add(reader->json, view(pair->key.via.str));
        text_add(reader->json, ":");
        if (!add_value(reader, &pair->val))
            return false;
    }
    text_add(reader->json, "}");
    return true;
}

/* As deep as msgpack-c reads, which is 32. */
static bool add_value(struct reader *reader, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        text_add(reader->json, "null");
        return true;
    case MSGPACK_OBJECT_BOOLEAN:
        text_add(reader->json, object->via.boolean ? "true" : "false");
        return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        text_add_decimal(reader->json, object->via.u64);
        return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        text_addf(reader->json, "%lld", (long long)object->via.i64);
        return true;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        add_float(reader->json, object->via.f64);
        return true;
    case MSGPACK_OBJECT_STR:
        json_string_add(reader->json, view(object->via.str));
        return true;
    case MSGPACK_OBJECT_ARRAY:
        return add_array(reader, &object->via.array);
    case MSGPACK_OBJECT_MAP:
        return add_map(reader, &object->via.map);
    case MSGPACK_OBJECT_BIN:
        return add_bytes(reader, object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        if (is_undefined(object))
            text_add(reader->json, "null");
        else if (is_fixed(object, FIXEXT_8, DATE_BYTES))
            add_js_date(reader->json, object->via.ext.ptr);
        else if (object->via.ext.type == TIMESTAMP_EXT)
            return add_timestamp(reader->json, &object->via.ext);
        else
            return object->via.ext.type == JS_EXT &&
                   add_bytes(reader, object->via.ext.ptr, object->via.ext.size);
        return true;
    }
    return false;
}

/* One member of the packet's map; those that are not known are of no interest. */
static bool read_member(const msgpack_object_kv *pair, struct reader *reader,
                        struct socketio_packet *out)
{
    const msgpack_object *value = &pair->val;
    struct bytes key;

    if (pair->key.type != MSGPACK_OBJECT_STR)
        return false;
    key = view(pair->key.via.str);
    if (is_undefined(value))
        return !bytes_equal_text(key, "type") && !bytes_equal_text(key, "nsp");
    if (bytes_equal_text(key, "type")) {
        out->type = (enum socketio_type)value->via.u64;
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
               value->via.u64 <= SOCKETIO_CONNECT_ERROR;
    }
    if (bytes_equal_text(key, "nsp")) {
        if (value->type != MSGPACK_OBJECT_STR)
            return false;
        out->nsp = view(value->via.str);
        return out->nsp.len > 0 && out->nsp.len <= SOCKETIO_NAMESPACE_MAX && utf8_valid(out->nsp);
    }
    if (bytes_equal_text(key, "id")) {
        out->has_id = true;
        out->id = value->via.u64;
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
               value->via.u64 <= UINT64_C(999999999999999);
    }
    if (!bytes_equal_text(key, "data"))
        return true;
    text_clear(reader->json);
    reader->count = 0;
    return add_value(reader, value);
}

static bool read_packet(const msgpack_object *object, struct reader *reader,
                        struct socketio_packet *out)
{
    bool has_type = false;

    if (object->type != MSGPACK_OBJECT_MAP)
        return false;
    for (uint32_t i = 0; i < object->via.map.size; i++) {
        const msgpack_object_kv *pair = &object->via.map.ptr[i];

        if (!read_member(pair, reader, out))
            return false;
        has_type |= bytes_equal_text(view(pair->key.via.str), "type");
    }
    return has_type && out->nsp.len > 0;
}

bool socketio_msgpack_parse(struct bytes message, unsigned attachments_max, struct text *json,
                            struct bytes attachments[SOCKETIO_ATTACHMENTS_MAX],
                            struct socketio_packet *out)
{
    struct reader reader = {.json = json,
                            .attachments = attachments,
                            .max = MIN(attachments_max, SOCKETIO_ATTACHMENTS_MAX)};
    msgpack_unpacked unpacked;
    bool is_good;
    size_t at = 0;

    *out = (struct socketio_packet){0};
    text_clear(json);
    if (message.len == 0 || socketio_msgpack_length(message) != message.len)
        return false;
    msgpack_unpacked_init(&unpacked);
    is_good = msgpack_unpack_next(&unpacked, (const char *)message.data, message.len, &at) ==
                  MSGPACK_UNPACK_SUCCESS &&
              read_packet(&unpacked.data, &reader, out);
    msgpack_unpacked_destroy(&unpacked);
    if (!is_good)
        return false;
    out->attachments = reader.count;
    out->data = bytes_of(json->data, json->len);
    return socketio_look(out);
}

/* ---- JSON to msgpack */

struct writer {
    msgpack_packer packer;
    struct text *out;
    struct text string; /* decoded */
    const struct bytes *attachments;
    unsigned count;
};

static int add_packed(void *data, const char *more, size_t len)
{
    text_add_bytes(data, bytes_of(more, len));
    return 0;
}

/* How many members a container has is known behind them only: its head is written there, and then
 * put to the front. */
static void move_head(struct text *out, size_t at, size_t end)
{
    size_t len = out->len - end;
    char head[8];

    must(len <= sizeof(head));
    memcpy(head, out->data + end, len);
    memmove(out->data + at + len, out->data + at, end - at);
    memcpy(out->data + at, head, len);
}

static void pack_text(struct writer *writer, struct bytes text)
{
    msgpack_pack_str_with_body(&writer->packer, text.data, text.len);
}

static void pack_string(struct writer *writer, struct bytes escaped)
{
    if (memchr(escaped.data, '\\', escaped.len) == NULL) {
        pack_text(writer, escaped);
        return;
    }
    text_clear(&writer->string);
    json_string_decode(escaped, &writer->string);
    pack_text(writer, bytes_of(writer->string.data, writer->string.len));
}

/* Whole numbers as JavaScript's packers write them; the others are what they are to JavaScript. */
static void pack_number(struct writer *writer, struct bytes text)
{
    bool is_negative = text.len > 0 && text.data[0] == '-';
    struct bytes digits = bytes_of(text.data + is_negative, text.len - is_negative);
    uint64_t value;
    char *copy;

    if (bytes_decimal(digits, &value) == digits.len) {
        if (is_negative && value > 0 && value <= (uint64_t)INT64_MAX + 1) {
            msgpack_pack_int64(&writer->packer, -(int64_t)(value - 1) - 1);
            return;
        }
        /* One that is too large reads as the largest. */
        if (!is_negative &&
            (value < UINT64_MAX || bytes_equal_text(digits, "18446744073709551615"))) {
            msgpack_pack_uint64(&writer->packer, value);
            return;
        }
    }
    copy = xstrndup((const char *)text.data, text.len);
    msgpack_pack_double(&writer->packer, strtod(copy, NULL));
    free(copy);
}

static void pack_value(struct writer *writer, struct json *json);

static void pack_array(struct writer *writer, struct json *json)
{
    size_t at = writer->out->len, end, count = 0;

    json_open_array(json);
    for (; json_next_item(json); count++)
        pack_value(writer, json);
    end = writer->out->len;
    msgpack_pack_array(&writer->packer, count);
    move_head(writer->out, at, end);
}

static void pack_object(struct writer *writer, struct json *json)
{
    size_t at = writer->out->len, end, count = 0;
    struct json ahead = *json;
    struct bytes key;
    unsigned num;

    if (writer->count > 0 && socketio_placeholder(json_take(&ahead), &num) && num < writer->count) {
        struct bytes bytes = writer->attachments[num];

        *json = ahead;
        msgpack_pack_bin_with_body(&writer->packer, bytes.data, bytes.len);
        return;
    }
    json_open_object(json);
    for (; json_next_key(json, &key); count++) {
        pack_string(writer, key);
        pack_value(writer, json);
    }
    end = writer->out->len;
    msgpack_pack_map(&writer->packer, count);
    move_head(writer->out, at, end);
}

/* As deep as json_take() allows: the caller has seen that it takes all of it. */
static void pack_value(struct writer *writer, struct json *json)
{
    switch (json_peek(json)) {
    case JSON_KIND_OBJECT:
        pack_object(writer, json);
        break;
    case JSON_KIND_ARRAY:
        pack_array(writer, json);
        break;
    case JSON_KIND_STRING:
        pack_string(writer, json_take_string(json));
        break;
    case JSON_KIND_NUMBER:
        pack_number(writer, json_take(json));
        break;
    case JSON_KIND_TRUE:
        json_take(json);
        msgpack_pack_true(&writer->packer);
        break;
    case JSON_KIND_FALSE:
        json_take(json);
        msgpack_pack_false(&writer->packer);
        break;
    case JSON_KIND_NULL:
    case JSON_KIND_NONE:
        json_take(json);
        msgpack_pack_nil(&writer->packer);
        break;
    }
}

bool socketio_msgpack_write(struct text *out, const struct socketio_packet *packet,
                            const struct bytes *attachments)
{
    struct writer writer = {.out = out, .attachments = attachments, .count = packet->attachments};
    struct json json = json_of(packet->data), whole = json;
    bool has_data = packet->data.len > 0;

    json_take(&whole);
    if (has_data && !json_is_done(&whole))
        return false;
    msgpack_packer_init(&writer.packer, out, add_packed);
    msgpack_pack_map(&writer.packer, 2U + has_data + packet->has_id);
    pack_text(&writer, bytes_of_text("type"));
    msgpack_pack_int(&writer.packer, (int)packet->type);
    if (has_data) {
        pack_text(&writer, bytes_of_text("data"));
        pack_value(&writer, &json);
    }
    if (packet->has_id) {
        pack_text(&writer, bytes_of_text("id"));
        msgpack_pack_uint64(&writer.packer, packet->id);
    }
    pack_text(&writer, bytes_of_text("nsp"));
    pack_text(&writer, packet->nsp);
    text_fini(&writer.string);
    return true;
}
