/* SPDX-License-Identifier: MIT */
#include "wire/socketio.h"

#include <limits.h>

#include "base/must.h"
#include "wire/json.h"

enum {
    BINARY_EVENT = 5, /* digits on the wire */
    BINARY_ACK = 6,
    NUM_DIGITS = 4,
};

/* JavaScript clients and servers tell themselves of connections by events of these names. */
static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener"};

/* ---- placeholders */

static bool read_num(struct bytes text, unsigned *out)
{
    uint64_t value;

    /* Only plain digits: 0.0 or 0e1 would be 0 in JavaScript, but nobody writes that. */
    if (text.len > NUM_DIGITS || bytes_decimal(text, &value) != text.len)
        return false;
    *out = (unsigned)value;
    return true;
}

/* Takes the object. */
static bool take_placeholder(struct json *json, unsigned *num_out)
{
    bool is_placeholder = false;
    struct bytes key;

    *num_out = UINT_MAX;
    json_open_object(json);
    while (json_next_key(json, &key)) {
        struct bytes value = json_take(json);

        /* Of keys that come twice the last counts. */
        if (json_string_is(key, "_placeholder"))
            is_placeholder = bytes_equal_text(value, "true");
        else if (json_string_is(key, "num") && !read_num(value, num_out))
            *num_out = UINT_MAX;
    }
    return is_placeholder;
}

bool socketio_placeholder(struct bytes object, unsigned *num_out)
{
    struct json json = json_of(object);

    return take_placeholder(&json, num_out);
}

/* A placeholder of nothing makes the decoders of other clients give up, so none may be passed on.
 * As deep as json_take() allowed. */
static bool check_placeholders(struct json *json, unsigned attachments)
{
    struct json ahead;
    struct bytes key;
    unsigned num;
    bool is_good = true;

    switch (json_peek(json)) {
    case JSON_KIND_OBJECT:
        ahead = *json;
        if (take_placeholder(&ahead, &num)) {
            *json = ahead;
            return num < attachments;
        }
        json_open_object(json);
        while (is_good && json_next_key(json, &key))
            is_good = check_placeholders(json, attachments);
        return is_good;
    case JSON_KIND_ARRAY:
        json_open_array(json);
        while (is_good && json_next_item(json))
            is_good = check_placeholders(json, attachments);
        return is_good;
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
    case JSON_KIND_FALSE:
    case JSON_KIND_TRUE:
    case JSON_KIND_NUMBER:
    case JSON_KIND_STRING:
        json_take(json);
        return true;
    }
    return false;
}

/* ---- reading */

static bool look_at_name(struct json *json, struct socketio_packet *packet)
{
    if (!json_next_item(json))
        return false;
    packet->is_number = json_peek(json) == JSON_KIND_NUMBER;
    if (packet->is_number) {
        packet->name = json_take(json);
        return true;
    }
    packet->name = json_take_string(json);
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (json_string_is(packet->name, reserved[i]))
            return false;
    return true;
}

static bool look_at_items(struct socketio_packet *packet)
{
    struct json json = json_of(packet->data);
    const uint8_t *first = NULL, *end = NULL;

    json_open_array(&json);
    if (json.is_broken || (packet->type == SOCKETIO_EVENT && !look_at_name(&json, packet)))
        return false;
    while (json_next_item(&json)) {
        struct bytes item = json_take_within(&json, SOCKETIO_DEPTH_MAX - 1);

        if (first == NULL)
            first = item.data;
        end = item.data + item.len;
    }
    if (!json_is_done(&json))
        return false;
    if (first != NULL)
        packet->args = bytes_of(first, (size_t)(end - first));
    json = json_of(packet->data);
    return packet->attachments == 0 || check_placeholders(&json, packet->attachments);
}

bool socketio_look(struct socketio_packet *packet)
{
    struct json json = json_of(packet->data);
    enum json_kind kind = json_peek(&json);

    packet->name = packet->args = bytes_of(NULL, 0);
    packet->is_number = false;
    if (packet->attachments > 0 && packet->type != SOCKETIO_EVENT && packet->type != SOCKETIO_ACK)
        return false;
    switch (packet->type) {
    case SOCKETIO_CONNECT:
        if (packet->data.len == 0)
            return true;
        if (kind != JSON_KIND_OBJECT)
            return false;
        break;
    case SOCKETIO_DISCONNECT:
        return packet->data.len == 0;
    case SOCKETIO_EVENT:
        return look_at_items(packet);
    case SOCKETIO_ACK:
        return packet->has_id && look_at_items(packet);
    case SOCKETIO_CONNECT_ERROR:
        if (kind != JSON_KIND_OBJECT && kind != JSON_KIND_STRING)
            return false;
        break;
    }
    json_take_within(&json, SOCKETIO_DEPTH_MAX);
    return json_is_done(&json);
}

static void skip(struct bytes *text, size_t len)
{
    *text = bytes_of(text->data + len, text->len - len);
}

static bool take_type(struct bytes *text, unsigned attachments_max, struct socketio_packet *out)
{
    unsigned digit = text->len > 0 ? (unsigned)text->data[0] - '0' : UINT_MAX;
    uint64_t attachments;
    size_t digits;

    if (digit > BINARY_ACK)
        return false;
    skip(text, 1);
    if (digit != BINARY_EVENT && digit != BINARY_ACK) {
        out->type = (enum socketio_type)digit;
        return true;
    }
    out->type = digit == BINARY_EVENT ? SOCKETIO_EVENT : SOCKETIO_ACK;
    digits = bytes_decimal(*text, &attachments);
    if (digits == 0 || digits == text->len || text->data[digits] != '-' ||
        attachments > MIN(attachments_max, SOCKETIO_ATTACHMENTS_MAX))
        return false;
    out->attachments = (unsigned)attachments;
    skip(text, digits + 1);
    return true;
}

/* `query`: what is behind it, in revision 4; NULL: nothing can be. */
static bool take_namespace(struct bytes *text, struct bytes *query, struct socketio_packet *out)
{
    const uint8_t *comma, *mark;
    size_t len;

    out->nsp = bytes_of_text("/");
    if (text->len == 0 || text->data[0] != '/')
        return true;
    comma = memchr(text->data, ',', text->len);
    len = comma != NULL ? (size_t)(comma - text->data) : text->len;
    mark = query != NULL ? memchr(text->data, '?', len) : NULL;
    if (mark != NULL)
        *query = bytes_of(mark + 1, len - (size_t)(mark + 1 - text->data));
    out->nsp = bytes_of(text->data, mark != NULL ? (size_t)(mark - text->data) : len);
    skip(text, comma != NULL ? len + 1 : len);
    return out->nsp.len <= SOCKETIO_NAMESPACE_MAX;
}

static bool take_id(struct bytes *text, struct socketio_packet *out)
{
    size_t digits = bytes_decimal(*text, &out->id);

    out->has_id = digits > 0;
    skip(text, digits);
    return digits <= SOCKETIO_ID_DIGITS;
}

static bool parse(struct bytes text, unsigned attachments_max, struct bytes *query,
                  struct socketio_packet *out)
{
    *out = (struct socketio_packet){0};
    if (!utf8_valid(text) || !take_type(&text, attachments_max, out) ||
        !take_namespace(&text, query, out) || !take_id(&text, out))
        return false;
    out->data = text;
    return socketio_look(out);
}

bool socketio_parse(struct bytes text, unsigned attachments_max, struct socketio_packet *out)
{
    return parse(text, attachments_max, NULL, out);
}

/* ---- revision 4 */

static bool add_decoded(struct text *json, struct bytes encoded)
{
    char decoded[SOCKETIO_QUERY_MAX + 1];

    if (!percent_decode(encoded, decoded, sizeof(decoded), true))
        return false;
    json_string_add(json, bytes_of_text(decoded));
    return true;
}

static bool add_pair(struct text *json, struct bytes pair)
{
    const uint8_t *equals = memchr(pair.data, '=', pair.len);
    size_t len = equals != NULL ? (size_t)(equals - pair.data) : pair.len;

    if (json->len > 1)
        text_add(json, ",");
    if (!add_decoded(json, bytes_of(pair.data, len)))
        return false;
    text_add(json, ":");
    return add_decoded(json, equals != NULL ? bytes_of(equals + 1, pair.len - len - 1)
                                            : bytes_of(NULL, 0));
}

static bool json_of_query(struct bytes query, struct text *json)
{
    text_clear(json);
    text_add(json, "{");
    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end != NULL ? (size_t)(end - query.data) : query.len;

        if (len > 0 && !add_pair(json, bytes_of(query.data, len)))
            return false;
        skip(&query, end != NULL ? len + 1 : len);
    }
    text_add(json, "}");
    return true;
}

bool socketio_parse_v4(struct bytes text, unsigned attachments_max, struct text *auth,
                       struct socketio_packet *out)
{
    struct bytes query = {NULL, 0};

    if (!parse(text, attachments_max, &query, out) || query.len > SOCKETIO_QUERY_MAX)
        return false;
    if (out->type != SOCKETIO_CONNECT || query.len == 0)
        return true;
    if (!json_of_query(query, auth))
        return false;
    out->data = bytes_of(auth->data, auth->len);
    return true;
}

/* ---- writing */

void socketio_write(struct text *out, const struct socketio_packet *packet)
{
    char type = (char)('0' + packet->type);

    if (packet->attachments > 0)
        type = packet->type == SOCKETIO_EVENT ? '0' + BINARY_EVENT : '0' + BINARY_ACK;
    text_add_bytes(out, bytes_of(&type, 1));
    if (packet->attachments > 0) {
        text_add_decimal(out, packet->attachments);
        text_add(out, "-");
    }
    if (!bytes_equal_text(packet->nsp, "/")) {
        text_add_bytes(out, packet->nsp);
        text_add(out, ",");
    }
    if (packet->has_id)
        text_add_decimal(out, packet->id);
    text_add_bytes(out, packet->data);
}
