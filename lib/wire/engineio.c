/* SPDX-License-Identifier: MIT */
#include "wire/engineio.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

enum { SEPARATOR = 0x1e, BASE64_IN = 3, BASE64_OUT = 4 };

const char *engineio_fault_text(enum engineio_fault fault)
{
    static const char *const texts[] = {
#define X(id, code, text) [ENGINEIO_##id] = (text),
        ENGINEIO_FAULTS(X)
#undef X
    };

    return texts[fault];
}

/* ---- one packet */

bool engineio_parse(bool is_v3, struct bytes in, bool is_binary, struct engineio_packet *out)
{
    size_t head = is_binary && !is_v3 ? 0 : 1;

    *out = (struct engineio_packet){.type = ENGINEIO_MESSAGE, .is_binary = is_binary};
    if (in.len < head)
        return false;
    if (is_binary) {
        if (is_v3 && in.data[0] != ENGINEIO_MESSAGE - ENGINEIO_OPEN)
            return false;
    } else if (in.data[0] == 'b') {
        out->is_binary = out->is_base64 = true;
        head = is_v3 ? 2 : 1;
        if (is_v3 && (in.len < head || in.data[1] != ENGINEIO_MESSAGE))
            return false;
    } else {
        out->type = (enum engineio_type)in.data[0];
    }
    out->payload = bytes_of(in.data + head, in.len - head);
    return out->type >= ENGINEIO_OPEN && out->type <= ENGINEIO_NOOP;
}

static size_t base64_len(size_t len)
{
    return (len + BASE64_IN - 1) / BASE64_IN * BASE64_OUT;
}

static void add_base64(struct text *text, struct bytes data)
{
    uint8_t *out = xcalloc(1, base64_len(data.len) + 1);
    int len = EVP_EncodeBlock(out, data.data, (int)data.len);

    text_add_bytes(text, bytes_of(out, (size_t)len));
    free(out);
}

bool engineio_write(struct text *out, const struct engineio_dialect *dialect,
                    const struct engineio_packet *packet)
{
    const uint8_t type = (uint8_t)packet->type, number = (uint8_t)(packet->type - ENGINEIO_OPEN);
    bool is_base64 = packet->is_binary && dialect->wants_base64;

    if (is_base64)
        text_add(out, dialect->is_v3 ? "b4" : "b");
    else if (!packet->is_binary)
        text_add_bytes(out, bytes_of(&type, 1));
    else if (dialect->is_v3)
        text_add_bytes(out, bytes_of(&number, 1));
    if (is_base64)
        add_base64(out, packet->payload);
    else
        text_add_bytes(out, packet->payload);
    return packet->is_binary && !is_base64;
}

/* ---- bodies */

/* As JavaScript counts: what is beyond 16 bits has two. */
static size_t utf16_units(struct bytes utf8)
{
    size_t units = 0;

    for (size_t i = 0; i < utf8.len; i++)
        units += ((utf8.data[i] & 0xc0) != 0x80) + (utf8.data[i] >= 0xf0);
    return units;
}

/* Bytes of the first characters that have so many units together; more than there are: too few, or
 * they are no text. */
static size_t len_of_units(struct bytes utf8, uint64_t units)
{
    size_t at = 0;

    while (units > 0 && at < utf8.len) {
        uint32_t code;
        size_t len = utf8_next(bytes_of(utf8.data + at, utf8.len - at), &code);

        if (len == 0 || (code > UINT16_MAX && units < 2))
            break;
        at += len;
        units -= code > UINT16_MAX ? 2 : 1;
    }
    return units > 0 ? utf8.len + 1 : at;
}

/* What is before a packet; false: it is broken. */
static bool read_count(struct bytes body, size_t *head_out, size_t *len_out)
{
    uint64_t units;
    size_t digits = bytes_decimal(body, &units);

    if (digits == 0 || digits == body.len || body.data[digits] != ':')
        return false;
    *head_out = digits + 1;
    *len_out = len_of_units(bytes_of(body.data + digits + 1, body.len - digits - 1), units);
    return true;
}

static bool read_frame(struct bytes body, size_t *head_out, size_t *len_out, bool *is_binary_out)
{
    enum { DIGITS_MAX = 9, END = 255 };
    size_t at = 1;

    *is_binary_out = body.data[0] != 0;
    *len_out = 0;
    for (; at < body.len && body.data[at] <= 9; at++) {
        if (at > DIGITS_MAX)
            return false;
        *len_out = *len_out * 10 + body.data[at];
    }
    *head_out = at + 1;
    return at > 1 && at < body.len && body.data[at] == END;
}

static bool next_separated(struct bytes *body, struct bytes *out)
{
    const uint8_t *end;

    if (body->data == NULL)
        return false;
    end = body->len > 0 ? memchr(body->data, SEPARATOR, body->len) : NULL;
    *out = bytes_of(body->data, end != NULL ? (size_t)(end - body->data) : body->len);
    *body = end != NULL ? bytes_of(end + 1, body->len - out->len - 1) : bytes_of(NULL, 0);
    return true;
}

bool engineio_next(enum engineio_body form, struct bytes *body, struct bytes *out,
                   bool *is_binary_out)
{
    size_t head = 0, len = 0;
    bool is_good;

    *is_binary_out = false;
    if (form == ENGINEIO_SEPARATED)
        return next_separated(body, out);
    if (body->data == NULL)
        return false;
    if (body->len == 0)
        is_good = false;
    else if (form == ENGINEIO_COUNTED)
        is_good = read_count(*body, &head, &len);
    else
        is_good = read_frame(*body, &head, &len, is_binary_out);
    if (!is_good || len > body->len - head) {
        *out = *body = bytes_of(NULL, 0);
        return true;
    }
    *out = bytes_of(body->data + head, len);
    len += head;
    *body = len < body->len ? bytes_of(body->data + len, body->len - len) : bytes_of(NULL, 0);
    return true;
}

static void add_frame_head(struct text *body, bool is_binary, size_t len)
{
    char digits[24];
    uint8_t head[sizeof(digits) + 2] = {is_binary};
    size_t count = (size_t)snprintf(digits, sizeof(digits), "%zu", len);

    for (size_t i = 0; i < count; i++)
        head[1 + i] = (uint8_t)(digits[i] - '0');
    head[1 + count] = UINT8_MAX;
    text_add_bytes(body, bytes_of(head, count + 2));
}

void engineio_add(struct text *body, enum engineio_body form, const struct engineio_packet *packet)
{
    static const char separator = SEPARATOR;
    const struct engineio_dialect dialect = {.is_v3 = form != ENGINEIO_SEPARATED,
                                             .wants_base64 = form != ENGINEIO_FRAMED};

    if (form == ENGINEIO_FRAMED) {
        add_frame_head(body, packet->is_binary, 1 + packet->payload.len);
    } else if (form == ENGINEIO_COUNTED) {
        text_add_decimal(body, packet->is_binary ? 2 + base64_len(packet->payload.len)
                                                 : 1 + utf16_units(packet->payload));
        text_add(body, ":");
    } else if (body->len > 0) {
        text_add_bytes(body, bytes_of(&separator, 1));
    }
    engineio_write(body, &dialect, packet);
}

/* ---- its words */

bool engineio_base64(struct bytes in, uint8_t *out, size_t *len_out)
{
    uint8_t last[BASE64_OUT] = "====", three[BASE64_IN];
    size_t whole, rest;
    int len;

    while (in.len > 0 && in.data[in.len - 1] == '=')
        in.len--;
    whole = in.len / BASE64_OUT * BASE64_OUT;
    rest = in.len - whole;
    if (rest == 1 || whole > INT32_MAX || (in.len > 0 && memchr(in.data, '=', in.len) != NULL) ||
        (len = whole > 0 ? EVP_DecodeBlock(out, in.data, (int)whole) : 0) < 0)
        return false;
    *len_out = (size_t)len;
    if (rest == 0)
        return true;
    memcpy(last, in.data + whole, rest);
    if (EVP_DecodeBlock(three, last, BASE64_OUT) < 0)
        return false;
    memcpy(out + *len_out, three, rest - 1);
    *len_out += rest - 1;
    return true;
}

bool engineio_sid_parse(struct bytes in, uint8_t out[ENGINEIO_SID_BYTES])
{
    size_t len;

    return in.len == ENGINEIO_SID_TEXT - 1 && base64url_decode(in, out, ENGINEIO_SID_BYTES, &len) &&
           len == ENGINEIO_SID_BYTES;
}
