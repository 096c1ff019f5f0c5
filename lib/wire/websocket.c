/* SPDX-License-Identifier: MIT */
#include "wire/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

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
