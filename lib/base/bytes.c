/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <strings.h>

bool bytes_equal_ignoring_case(struct bytes a, struct bytes b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

char *hex_encode(struct bytes in, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    out[2 * in.len] = '\0';
    return out;
}

size_t bytes_decimal(struct bytes in, uint64_t *out)
{
    size_t i = 0;

    *out = 0;
    for (; i < in.len && in.data[i] >= '0' && in.data[i] <= '9'; i++) {
        uint64_t digit = in.data[i] - (uint64_t)'0';

        *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
    }
    return i;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct bytes in, uint8_t *out, size_t len)
{
    if (in.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(in.data[2 * i]), low = hex_digit(in.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int base32_digit(uint8_t c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

bool base32_decode(struct bytes in, uint8_t *out, size_t len)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t used = 0;

    if (in.len != (len * 8 + 4) / 5)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        int digit = base32_digit(in.data[i]);

        if (digit < 0)
            return false;
        held = (held << 5 | (uint32_t)digit) & 0xfff;
        bits += 5;
        if (bits >= 8 && used < len) {
            bits -= 8;
            out[used++] = (uint8_t)(held >> bits);
        }
    }
    return used == len;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_encode(struct bytes in, char *out)
{
    uint32_t held = 0;
    unsigned bits = 0;
    char *at = out;

    for (size_t i = 0; i < in.len; i++) {
        held = held << 8 | in.data[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            *at++ = base64url[held >> bits & 63];
        }
    }
    if (bits > 0)
        *at++ = base64url[held << (6 - bits) & 63];
    *at = '\0';
    return out;
}

bool base64url_decode(struct bytes in, uint8_t *out, size_t cap, size_t *len_out)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t used = 0;

    for (size_t i = 0; i < in.len; i++) {
        const char *digit = in.data[i] ? strchr(base64url, in.data[i]) : NULL;

        if (digit == NULL)
            return false;
        held = held << 6 | (uint32_t)(digit - base64url);
        bits += 6;
        if (bits >= 8) {
            if (used == cap)
                return false;
            bits -= 8;
            out[used++] = (uint8_t)(held >> bits);
        }
    }
    *len_out = used;
    return true;
}

uint64_t bytes_hash(struct bytes in, uint64_t seed)
{
    uint64_t hash = seed ? seed : 0xcbf29ce484222325u;

    for (size_t i = 0; i < in.len; i++)
        hash = (hash ^ in.data[i]) * 0x100000001b3u;
    return hash;
}

/* The finaliser spreads FNV's weak high bits. */
uint64_t bytes_weight(uint64_t name_hash, uint64_t key_hash)
{
    uint64_t hash = name_hash ^ key_hash;

    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}
