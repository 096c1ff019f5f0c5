/* SPDX-License-Identifier: MIT */
#include "wire/engineio.h"

#include <openssl/evp.h>
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

bool engineio_parse(struct bytes in, struct engineio_packet *out)
{
    if (in.len == 0)
        return false;
    *out = (struct engineio_packet){.is_binary = in.data[0] == 'b',
                                    .payload = bytes_of(in.data + 1, in.len - 1)};
    out->type = out->is_binary ? ENGINEIO_MESSAGE : (enum engineio_type)in.data[0];
    return out->type >= ENGINEIO_OPEN && out->type <= ENGINEIO_NOOP;
}

bool engineio_next(struct bytes *payload, struct bytes *out)
{
    const uint8_t *end;

    if (payload->data == NULL)
        return false;
    end = payload->len > 0 ? memchr(payload->data, SEPARATOR, payload->len) : NULL;
    *out = bytes_of(payload->data, end != NULL ? (size_t)(end - payload->data) : payload->len);
    *payload = end != NULL ? bytes_of(end + 1, payload->len - out->len - 1) : bytes_of(NULL, 0);
    return true;
}

static void add_base64(struct text *text, struct bytes data)
{
    uint8_t *out = xcalloc(1, (data.len + BASE64_IN - 1) / BASE64_IN * BASE64_OUT + 1);
    int len = EVP_EncodeBlock(out, data.data, (int)data.len);

    text_add_bytes(text, bytes_of(out, (size_t)len));
    free(out);
}

void engineio_add(struct text *payload, enum engineio_type type, struct bytes data, bool is_binary)
{
    const char separator = SEPARATOR, first = is_binary ? 'b' : (char)type;

    if (payload->len > 0)
        text_add_bytes(payload, bytes_of(&separator, 1));
    text_add_bytes(payload, bytes_of(&first, 1));
    if (is_binary)
        add_base64(payload, data);
    else
        text_add_bytes(payload, data);
}

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
