/* SPDX-License-Identifier: MIT */
#include "wire/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/must.h"

/* LONG, LONGER: in place of a length that follows in two or eight bytes. */
enum { CONTROL_MAX = 125, LONG = 126, LONGER = 127 };

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool is_base64(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool is_key(struct bytes key)
{
    if (key.len != WEBSOCKET_KEY_LEN || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!is_base64(key.data[i]))
            return false;
    return true;
}

bool websocket_accept(struct bytes key, char out[WEBSOCKET_ACCEPT_TEXT])
{
    uint8_t text[WEBSOCKET_KEY_LEN + sizeof(GUID) - 1], digest[SHA_DIGEST_LENGTH];

    if (!is_key(key))
        return false;
    memcpy(text, key.data, WEBSOCKET_KEY_LEN);
    memcpy(text + WEBSOCKET_KEY_LEN, GUID, sizeof(GUID) - 1);
    SHA1(text, sizeof(text), digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
    return true;
}

bool websocket_code_is_sendable(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* ---- a client's handshake */

void websocket_key(const uint8_t random[WEBSOCKET_KEY_RANDOM], char out[WEBSOCKET_KEY_TEXT])
{
    EVP_EncodeBlock((unsigned char *)out, random, WEBSOCKET_KEY_RANDOM);
}

/* Up to the end of the line, which is taken from `rest`. */
static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = memmem(rest->data, rest->len, "\r\n", 2);
    struct bytes line = bytes_of(rest->data, (size_t)(end - rest->data));

    *rest = bytes_of(end + 2, rest->len - line.len - 2);
    return line;
}

static bool has_word(struct bytes list, const char *word)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;

        if (bytes_is_word(bytes_trim(bytes_of(list.data, len)), word))
            return true;
        len = MIN(len + 1, list.len);
        list = bytes_of(list.data + len, list.len - len);
    }
    return false;
}

/* "HTTP/1.1 101 Switching Protocols" */
static unsigned read_status(struct bytes line)
{
    uint64_t status;

    if (line.len < 12 || memcmp(line.data, "HTTP/1.1 ", 9) != 0 ||
        bytes_decimal(bytes_of(line.data + 9, line.len - 9), &status) != 3)
        return 0;
    return (unsigned)status;
}

enum websocket_shake websocket_answer_read(struct bytes in, const char key[WEBSOCKET_KEY_TEXT],
                                           size_t *used_out, unsigned *status_out)
{
    const uint8_t *end = in.len > 0 ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    bool is_upgrade = false, is_websocket = false, is_accepted = false, has_extras = false;
    char accept[WEBSOCKET_ACCEPT_TEXT];
    struct bytes rest, line;

    *status_out = 0;
    if (end == NULL)
        return WEBSOCKET_SHAKING;
    *used_out = (size_t)(end - in.data) + 4;
    rest = bytes_of(in.data, *used_out);
    *status_out = read_status(take_line(&rest));
    if (!websocket_accept(bytes_of(key, WEBSOCKET_KEY_LEN), accept) || *status_out != 101)
        return WEBSOCKET_REFUSED;
    while ((line = take_line(&rest)).len > 0) {
        const uint8_t *colon = memchr(line.data, ':', line.len);
        size_t len = colon != NULL ? (size_t)(colon - line.data) : line.len;
        struct bytes name = bytes_of(line.data, len), value = {0};

        if (colon != NULL)
            value = bytes_trim(bytes_of(colon + 1, line.len - len - 1));
        is_upgrade =
            is_upgrade || (bytes_is_word(name, "connection") && has_word(value, "upgrade"));
        is_websocket =
            is_websocket || (bytes_is_word(name, "upgrade") && bytes_is_word(value, "websocket"));
        is_accepted = is_accepted || (bytes_is_word(name, "sec-websocket-accept") &&
                                      bytes_equal_text(value, accept));
        /* Nothing of the kind was asked for. */
        has_extras = has_extras || bytes_is_word(name, "sec-websocket-extensions") ||
                     bytes_is_word(name, "sec-websocket-protocol");
    }
    return is_upgrade && is_websocket && is_accepted && !has_extras ? WEBSOCKET_SHAKEN
                                                                    : WEBSOCKET_REFUSED;
}

/* ---- what a client sends */

struct frame {
    bool is_last;
    enum websocket_opcode opcode;
    uint64_t len;
    size_t head; /* bytes in front of its payload */
};

static bool is_control(enum websocket_opcode opcode)
{
    return opcode >= WEBSOCKET_CLOSE;
}

static bool is_opcode(unsigned opcode)
{
    return opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);
}

static uint64_t read_number(const uint8_t *data, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | data[i];
    return number;
}

/* FAULT as early as the bytes show it. */
static enum websocket_read read_head(const struct websocket_reader *reader, struct bytes in,
                                     struct frame *out)
{
    enum { LAST = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80 };
    size_t more;

    if (in.len < 2)
        return WEBSOCKET_WAITS;
    if ((in.data[0] & RESERVED) != 0 || !is_opcode(in.data[0] & OPCODE) ||
        ((in.data[1] & MASKED) == 0) != reader->is_client)
        return WEBSOCKET_FAULT;
    out->is_last = (in.data[0] & LAST) != 0;
    out->opcode = (enum websocket_opcode)(in.data[0] & OPCODE);
    out->len = in.data[1] & ~MASKED;
    if (is_control(out->opcode)
            ? !out->is_last || out->len > CONTROL_MAX
            : (out->opcode == WEBSOCKET_PART) == (reader->begun == WEBSOCKET_PART))
        return WEBSOCKET_FAULT;
    more = out->len == LONGER ? sizeof(uint64_t) : out->len == LONG ? sizeof(uint16_t) : 0;
    out->head = 2 + more + (reader->is_client ? 0 : WEBSOCKET_MASK);
    if (in.len < out->head)
        return WEBSOCKET_WAITS;
    if (more > 0)
        out->len = read_number(in.data + 2, more);
    return more > 0 && out->len < (more == sizeof(uint16_t) ? LONG : 1 << 16) ? WEBSOCKET_FAULT
                                                                              : WEBSOCKET_READ;
}

/* And takes it off again. */
static void apply_mask(uint8_t *data, size_t len, const uint8_t *mask)
{
    uint8_t twice[2 * WEBSOCKET_MASK];
    uint64_t wide, word;
    size_t i = 0;

    memcpy(twice, mask, WEBSOCKET_MASK);
    memcpy(twice + WEBSOCKET_MASK, mask, WEBSOCKET_MASK);
    memcpy(&wide, twice, sizeof(wide));
    for (; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        word ^= wide;
        memcpy(data + i, &word, sizeof(word));
    }
    for (; i < len; i++)
        data[i] ^= mask[i % WEBSOCKET_MASK];
}

/* Here NUL is a character like any other. */
static bool is_text(struct bytes in)
{
    uint32_t code;
    size_t len;

    for (size_t i = 0; i < in.len; i += len) {
        len = in.data[i] < 0x80 ? 1 : utf8_next(bytes_of(in.data + i, in.len - i), &code);
        if (len == 0)
            return false;
    }
    return true;
}

static bool is_close(struct bytes payload, enum websocket_code *fault_out)
{
    if (payload.len == 0)
        return true;
    if (payload.len < 2 || !websocket_code_is_sendable((unsigned)read_number(payload.data, 2)))
        return false;
    *fault_out = WEBSOCKET_NO_TEXT;
    return is_text(bytes_of(payload.data + 2, payload.len - 2));
}

/* One frame is a part of a message, or all of it. */
static enum websocket_read take_frame(struct websocket_reader *reader, const struct frame *frame,
                                      struct bytes payload, struct websocket_message *out)
{
    out->opcode = frame->opcode;
    out->payload = payload;
    if (is_control(frame->opcode))
        return frame->opcode != WEBSOCKET_CLOSE || is_close(payload, &out->fault) ? WEBSOCKET_READ
                                                                                  : WEBSOCKET_FAULT;
    if (frame->opcode == WEBSOCKET_PART || !frame->is_last) {
        if (frame->opcode != WEBSOCKET_PART)
            reader->begun = frame->opcode;
        text_add_bytes(&reader->parts, payload);
        if (!frame->is_last)
            return WEBSOCKET_WAITS;
        out->opcode = reader->begun;
        out->payload = bytes_of(reader->parts.data, reader->parts.len);
        reader->begun = WEBSOCKET_PART;
    }
    out->fault = WEBSOCKET_NO_TEXT;
    return out->opcode != WEBSOCKET_TEXT || is_text(out->payload) ? WEBSOCKET_READ
                                                                  : WEBSOCKET_FAULT;
}

enum websocket_read websocket_read(struct websocket_reader *reader, uint8_t *data, size_t len,
                                   struct websocket_message *out)
{
    enum websocket_read read = WEBSOCKET_WAITS;
    struct frame frame;

    if (reader->begun == WEBSOCKET_PART)
        websocket_reader_fini(reader);
    *out = (struct websocket_message){.fault = WEBSOCKET_BROKEN};
    while (read == WEBSOCKET_WAITS) {
        uint8_t *at = data + out->used;
        size_t left = len - out->used;

        read = read_head(reader, bytes_of(at, left), &frame);
        if (read != WEBSOCKET_READ)
            return read;
        if (!is_control(frame.opcode) && frame.len > reader->max_message - reader->parts.len) {
            out->fault = WEBSOCKET_TOO_LARGE;
            return WEBSOCKET_FAULT;
        }
        if (left - frame.head < frame.len)
            return WEBSOCKET_WAITS;
        if (!reader->is_client)
            apply_mask(at + frame.head, frame.len, at + frame.head - WEBSOCKET_MASK);
        out->used += frame.head + frame.len;
        read = take_frame(reader, &frame, bytes_of(at + frame.head, frame.len), out);
    }
    return read;
}

void websocket_reader_fini(struct websocket_reader *reader)
{
    text_fini(&reader->parts);
    reader->begun = WEBSOCKET_PART;
}

/* ---- what goes */

static void add_head(struct text *out, enum websocket_opcode opcode, size_t len, bool is_masked)
{
    uint8_t head[2 + sizeof(uint64_t)] = {0x80 | (uint8_t)opcode};
    size_t more = len >= 1 << 16 ? sizeof(uint64_t) : len >= LONG ? sizeof(uint16_t) : 0;

    head[1] = (uint8_t)((is_masked ? 0x80 : 0) | (more == 0                  ? len
                                                  : more == sizeof(uint64_t) ? LONGER
                                                                             : LONG));
    for (size_t i = 0; i < more; i++)
        head[2 + i] = (uint8_t)(len >> 8 * (more - 1 - i));
    text_add_bytes(out, bytes_of(head, 2 + more));
}

void websocket_add(struct text *out, enum websocket_opcode opcode, struct bytes payload)
{
    add_head(out, opcode, payload.len, false);
    text_add_bytes(out, payload);
}

void websocket_add_masked(struct text *out, enum websocket_opcode opcode, struct bytes payload,
                          const uint8_t mask[WEBSOCKET_MASK])
{
    add_head(out, opcode, payload.len, true);
    text_add_bytes(out, bytes_of(mask, WEBSOCKET_MASK));
    text_add_bytes(out, payload);
    apply_mask((uint8_t *)out->data + out->len - payload.len, payload.len, mask);
}

void websocket_add_close(struct text *out, unsigned code, struct bytes reason)
{
    uint8_t payload[2 + WEBSOCKET_REASON_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t len = utf8_valid(reason) ? utf8_cut(reason, WEBSOCKET_REASON_MAX) : 0;

    if (len > 0)
        memcpy(payload + 2, reason.data, len);
    websocket_add(out, WEBSOCKET_CLOSE, bytes_of(payload, code == 0 ? 0 : 2 + len));
}
